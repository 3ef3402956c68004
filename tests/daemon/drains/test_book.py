"""Drains as the controller performs them: what is announced, to whom, and that nothing stays behind."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import Adjustment, Group, Quota, Sharing
from rhi.daemon.drains.book import ALL, EVERYTHING, Flush
from rhi.daemon.drains.machine import Drain, Kind, Pace, State, Target
from rhi.daemon.state import Saved, StateFile
from rhi.model.attributes import PathAttributes
from rhi.model.parameters import Parameters
from tests.daemon.decision.build import DOWN, UP, address, service
from tests.daemon.test_controller import Desk, setup

MARKED = PathAttributes(graceful_shutdown=True)
PLAIN = PathAttributes()
PEER = "192.0.2.1"
PACE = Pace(wait=30.0, acknowledge=5.0, age=2.0)
DNS, WEB, OF_PEER = Target(Kind.SERVICE, "dns"), Target(Kind.SERVICE, "web"), Target(Kind.PEER, PEER)


class Memory(StateFile):
    """A state file that costs no disk."""

    def __init__(self) -> None:
        super().__init__("nowhere")
        self._text = ""

    def load(self) -> Saved:
        return Saved(**json.loads(self._text)) if self._text else Saved()

    def save(self, saved: Saved) -> None:
        self._text = json.dumps({"sections": dict(saved.sections), "boot": saved.boot})


def two_services(state: Memory | None = None) -> Desk:
    two = setup(service("dns", address(1)), service("web", address(2)))
    return Desk(replace(two, peers={PEER: Parameters(as_number=65001)}), state)


@dataclass
class Scene:
    """A controller with one peer that acknowledges everything, and the routes that it ends up with."""

    desk: Desk = field(default_factory=two_services)
    routes: dict[str, PathAttributes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.desk.controller.reconciler.specs.services:
            self.desk.controller.set_verdict(name, UP, "")
        self.desk.controller.drains.sessions.established.add(PEER)
        self.decide()

    def decide(self, after: float = 0.0, *, behind: dict[str, str] | None = None) -> None:
        """Time passes, the peer acknowledges, and all that follows is done."""
        self.desk.now += after
        for _ in range(3):
            self.desk.controller.decide()
            for name, prefix, *attributes in (call for call in self.desk.take() if len(call) > 1):
                if name == "announce":
                    self.routes[prefix] = attributes[0]
                else:
                    del self.routes[prefix]
            self.desk.controller.drains.sessions.flush = Flush(self.desk.now, behind or {})

    def drain(self, target: Target, pace: Pace = PACE, **fields: Any) -> None:
        self.order(target, pace, **fields)
        self.decide()

    def order(self, target: Target, pace: Pace, **fields: Any) -> None:
        if target.kind is Kind.SERVICE:
            self.desk.controller.override(
                target.name, Action.DRAIN, reason="kernel", by="ann", pace=pace, **fields
            )
        else:
            self.desk.controller.drain(Drain(target=target, pace=pace, reason="kernel", by="ann", **fields))

    def state(self, target: Target) -> State | None:
        found = self.desk.controller.drains.get(target)
        return None if found is None else found.state

    def undrain(self, target: Target) -> None:
        self.desk.controller.undrain(target, "bob")
        self.decide()

    @property
    def peer(self) -> Parameters:
        usual = Parameters(as_number=65001, accept=["203.0.113.0/24"], reject=["0.0.0.0/0"])
        return self.desk.controller.drains.parameters({PEER: usual})[PEER]


def test_drain_of_a_service_marks_waits_withdraws_and_ages() -> None:
    scene = Scene()

    scene.drain(DNS)
    assert scene.routes == {address(1): MARKED, address(2): PLAIN}
    assert scene.state(DNS) is State.WAITING
    scene.decide(29.9)
    assert scene.routes[address(1)] == MARKED
    scene.decide(0.2)
    assert scene.routes == {address(2): PLAIN}
    assert scene.state(DNS) is State.AGING
    scene.decide(2.0)

    assert scene.state(DNS) is State.DONE
    assert [text.partition(" (")[0] for text in scene.desk.texts("drain")] == [
        f"service/dns: {state}"
        for state in ("marked", "waiting", "withdrawing", "acknowledging", "aging", "done")
    ]


def test_lesson_08_drained_service_is_undrained_while_sessions_stay() -> None:
    """Withdrawn without an end of any session, and announced again as it was."""
    scene = Scene()
    before = dict(scene.routes)
    scene.drain(DNS)
    scene.decide(100.0)
    assert address(1) not in scene.routes

    scene.undrain(DNS)

    assert scene.routes == before
    assert scene.desk.controller.drains.closed_peers == {}
    assert scene.state(DNS) is None


def test_lesson_10_address_may_go_only_after_the_withdrawal_has_aged() -> None:
    """Order: mark, withdraw, acknowledged, aged; each instant is not before the last."""
    scene = Scene()
    scene.drain(DNS)
    scene.desk.now += 30.0
    scene.decide(0.1, behind={PEER: "has yet to be told"})
    assert scene.state(DNS) is State.ACKNOWLEDGING

    scene.decide(1.0)
    assert scene.state(DNS) is State.AGING
    scene.decide(1.9)
    assert scene.state(DNS) is State.AGING
    scene.decide(0.1)

    assert scene.state(DNS) is State.DONE


def test_lesson_11_drain_goes_on_while_checks_fail_and_never_comes_back_by_them() -> None:
    scene = Scene()
    scene.drain(DNS)

    scene.desk.controller.set_verdict("dns", DOWN, "")
    scene.decide()
    assert address(1) not in scene.routes
    scene.decide(100.0)
    scene.desk.controller.set_verdict("dns", UP, "")
    scene.decide()

    assert address(1) not in scene.routes


def test_drain_of_all_takes_in_what_comes_later_and_leaves_out_what_is_said_after_it() -> None:
    scene = Scene()
    scene.desk.controller.set_verdict("web", DOWN, "")
    scene.decide()
    scene.drain(ALL)

    scene.desk.controller.set_verdict("web", UP, "")
    scene.decide(1.0)
    assert scene.routes == {address(1): MARKED, address(2): MARKED}
    scene.desk.controller.override("web", Action.ANNOUNCE, reason="needed", by="ann")
    scene.decide(100.0)
    scene.decide(100.0)

    assert scene.routes == {address(2): PLAIN}
    assert scene.state(ALL) is State.DONE
    scene.undrain(ALL)
    assert scene.routes == {address(1): PLAIN, address(2): PLAIN}


def test_drain_of_all_does_not_bring_back_what_is_drained() -> None:
    scene = Scene()
    scene.drain(DNS)
    scene.decide(100.0)

    scene.drain(ALL)
    assert scene.routes == {address(2): MARKED}
    scene.decide(100.0)
    scene.undrain(ALL)

    assert scene.routes == {address(2): PLAIN}


def test_drain_of_all_marks_what_is_announced_by_an_order_of_before() -> None:
    scene = Scene()
    scene.desk.controller.override("dns", Action.ANNOUNCE, reason="needed", by="ann")
    scene.desk.controller.set_verdict("dns", DOWN, "")
    scene.decide(1.0)

    scene.drain(ALL)
    assert scene.routes[address(1)] == MARKED
    scene.decide(100.0)

    assert scene.routes == {}


def test_second_drain_of_the_same_goes_on_from_where_the_first_is() -> None:
    scene = Scene()
    scene.drain(DNS)
    scene.decide(100.0)
    scene.decide(100.0)
    assert scene.state(DNS) is State.DONE

    scene.drain(DNS)

    assert address(1) not in scene.routes


def test_drain_ends_by_itself() -> None:
    scene = Scene()
    scene.drain(DNS, lasts=60.0)
    scene.decide(59.0)
    assert address(1) not in scene.routes

    scene.decide(1.0)

    assert scene.routes[address(1)] == PLAIN
    assert scene.desk.texts("drain")[-1] == "service/dns: cancelled (has run out)"


def test_drain_of_a_peer_changes_what_that_peer_is_told_and_nothing_else() -> None:
    scene = Scene()
    before, peer = dict(scene.routes), scene.peer

    scene.drain(OF_PEER)
    assert scene.peer.graceful_shutdown
    assert (scene.peer.accept, scene.peer.reject) == (peer.accept, peer.reject)
    scene.decide(30.0)
    assert (scene.peer.accept, scene.peer.reject) == ((), EVERYTHING)
    assert scene.routes == before
    scene.decide(30.0)
    assert scene.state(OF_PEER) is State.DONE
    scene.undrain(OF_PEER)

    assert scene.peer == peer


def test_drain_of_a_peer_closes_its_session_at_the_end_only() -> None:
    scene = Scene()
    scene.drain(OF_PEER, closes=True, message="line card")
    scene.decide(30.0)
    assert scene.desk.controller.drains.closed_peers == {}

    scene.decide(30.0)

    assert scene.desk.controller.drains.closed_peers == {PEER: "line card"}


def test_drain_that_a_guard_holds_says_so_and_ends_at_its_deadline() -> None:
    group = Group(name="default", floor=Quota(count=1))
    scene = Scene(Desk(setup(service("dns", address(1)), groups=(group,))))

    scene.drain(DNS, Pace(wait=1.0, deadline=20.0))
    scene.decide(10.0)
    assert scene.state(DNS) is State.WITHDRAWING
    scene.decide(10.0)

    assert scene.state(DNS) is State.OVERDUE
    assert "1 routes left: kept by floor" in scene.desk.texts("drain")[-1]
    (alarm,) = [each for each in scene.desk.alarms.all if each.subject.startswith("drain")]
    assert "kept by floor" in alarm.text
    scene.undrain(DNS)
    assert not [each for each in scene.desk.alarms.all if each.subject.startswith("drain")]


def test_drain_that_no_session_hears_waits_for_nobody() -> None:
    scene = Scene()
    scene.desk.controller.drains.sessions.established.clear()

    scene.drain(DNS)

    assert scene.routes == {address(2): PLAIN}
    assert "nobody is told anything that could move" in " ".join(scene.desk.texts("drain"))


@pytest.mark.parametrize("target", [DNS, OF_PEER])
def test_drain_begins_with_its_marks_until_it_is_known_that_nobody_hears(target: Target) -> None:
    """No event tells of a session: one may be on its way."""
    scene = Scene()
    sessions = scene.desk.controller.drains.sessions
    sessions.established.clear()
    sessions.flush = None
    scene.order(target, PACE)

    scene.desk.controller.decide()
    assert scene.state(target) is State.MARKED
    sessions.flush = Flush(scene.desk.now, {}, frozenset({PEER}))
    scene.desk.controller.decide()
    assert scene.state(target) is State.WAITING
    sessions.has_ended(PEER)
    scene.desk.controller.decide()

    assert State.WITHDRAWING in [step.state for step in scene.desk.controller.drains.all[0].steps]


def test_drain_of_one_of_two_services_on_an_address_leaves_it_to_the_other() -> None:
    both = setup(service("dns", address(1)), service("web", address(1)), sharing={address(1): Sharing.ANY})
    scene = Scene(Desk(both))

    scene.drain(DNS)
    scene.decide(10.0)

    assert scene.routes == {address(1): PLAIN}
    assert scene.state(DNS) is State.DONE


def test_drain_makes_attributes_worse_as_the_service_says() -> None:
    worse = Adjustment(prepend_add=3, graceful_shutdown=True)
    scene = Scene(Desk(setup(service("dns", address(1), draining=worse))))

    scene.drain(DNS)

    assert scene.routes == {address(1): PathAttributes(prepend=3, graceful_shutdown=True)}


def test_drain_is_over_with_its_service_and_its_peer() -> None:
    scene = Scene()
    scene.drain(DNS)
    scene.drain(OF_PEER)

    scene.desk.controller.configure(setup(service("web", address(2))))

    assert scene.desk.controller.drains.all == []


def restarted(scene: Scene, state: Memory) -> Scene:
    """The next daemon decides the same."""
    desk = two_services(state)
    desk.now = scene.desk.now
    desk.controller.restore()
    found = Scene(desk)
    assert found.routes == scene.routes
    assert [(str(each.target), each.state) for each in desk.controller.drains.all] == [
        (str(each.target), each.state) for each in scene.desk.controller.drains.all
    ]
    return found


TARGETS = [DNS, WEB, ALL, OF_PEER]
orders = st.one_of(
    st.tuples(st.just("drain"), st.sampled_from(TARGETS)),
    st.tuples(st.just("undrain"), st.sampled_from(TARGETS)),
    st.tuples(st.just("pass"), st.floats(0.1, 40)),
    st.tuples(st.just("restart"), st.just(None)),
    st.tuples(st.just("announce"), st.sampled_from(["dns", "web"])),
    st.tuples(st.just("withdraw"), st.sampled_from(["dns", "web"])),
    st.tuples(st.just("clear"), st.sampled_from(["dns", "web"])),
)


@given(st.lists(orders, max_size=14))
def test_whatever_is_said_the_last_word_wins_and_what_is_taken_back_leaves_nothing(
    said: list[tuple[str, Any]],
) -> None:
    """Also over restarts of the daemon."""
    state = Memory()
    scene = Scene(two_services(state))
    scene.desk.controller.restore()
    before, peer = dict(scene.routes), scene.peer
    for what, about in said:
        scene.desk.now += 0.01  # of two words one is the later
        if what == "restart":
            scene = restarted(scene, state)
        elif what == "drain":
            scene.drain(about)
        elif what == "undrain":
            scene.undrain(about)
        elif what == "pass":
            scene.decide(about)
        elif what == "clear":
            scene.desk.controller.clear_override(about, "bob")
            scene.decide()
        else:
            scene.desk.controller.override(about, Action(what), reason="", by="ann")
            scene.decide()
            prefix = scene.desk.controller.reconciler.specs.services[about].prefixes[0]
            assert scene.routes.get(str(prefix)) == (PLAIN if what == "announce" else None)
            assert scene.state(Target(Kind.SERVICE, about)) is None

    for target in TARGETS:
        scene.undrain(target)
    for name in ("dns", "web"):
        scene.desk.controller.clear_override(name, "bob")
    scene.decide()

    assert scene.routes == before
    assert scene.peer == peer
    assert scene.desk.controller.drains.all == []

"""The chain from checks to UPDATEs: every stage, in order, with its reason and its time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from rhi.core.export import NO_NEXT_HOP
from rhi.core.quarantine import QUARANTINED, SUSPECTED
from rhi.core.sent import FILTERED
from rhi.daemon.addresses.plan import State as PlaceState
from rhi.daemon.addresses.spec import Mode
from rhi.daemon.addresses.telling import Finding
from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import Band, Damping, Group, Presence, Quota, Sharing
from rhi.daemon.explain import MAX_CHECKS, Facts, Link, explain, lines
from rhi.health.base import Check, Result
from rhi.health.checker import Report
from rhi.health.context import Context
from rhi.health.hysteresis import Standing, Verdict
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix, to_prefix
from rhi.model.sent import SentRoute, SentRoutes
from rhi.model.status import State, Status
from tests.daemon.decision.build import DOWN, UP, World, address, override, service

STAGES = ["check", "policy", "damping", "dwell", "override", "sharing", "guard", "route"]


class SomeCheck(Check):
    type: Literal["some"] = "some"

    async def probe(self, context: Context) -> Result:
        raise AssertionError


def report(name: str, ok: bool | None, at: float, *, streak: int = 0, since: float = 0.0) -> Report:
    standing = Standing(verdict=Verdict.UP, since=since, streak=streak)
    return Report(
        key=name,
        check=SomeCheck(),
        before=standing,
        after=standing,
        result=None if ok is None else Result(ok, "connected" if ok else "refused"),
        alarm="no route to host" if ok is None else "",
        scheduled=at,
        started=at,
        finished=at,
    )


class Sent(SentRoutes):
    """Has one route, or one obstacle."""

    def __init__(self, route: str = "", obstacle: str = "", attributes: Any = None) -> None:
        self._route, self._obstacle, self._attributes = route, obstacle, attributes

    def find(self, prefix: Prefix) -> SentRoute | None:
        is_it = str(prefix) == self._route
        return SentRoute(prefix=prefix, attributes=self._attributes) if is_it else None

    def obstacle(self, prefix: Prefix, attributes: PathAttributes) -> str:
        return self._obstacle


def peer(sent: SentRoutes, state: State = State.ESTABLISHED, error: str = "") -> Status:
    return Status(
        state=state, when=datetime(2024, 1, 1, tzinfo=UTC), duration_s=60, sent=sent, last_error=error
    )


def chain(
    world: World,
    *,
    peers: Mapping[str, Status] | None = None,
    reports: Mapping[str, Report] | None = None,
    place: Finding | None = None,
) -> list[Link]:
    facts = Facts(
        reconciler=world.reconciler,
        verdicts=world.verdicts,
        overrides=world.overrides,
        reports=reports or {},
        statuses=peers or {},
        now=world.now,
        place=place,
    )
    return explain(to_prefix(address(1)), facts)


def link(links: list[Link], stage: str) -> Link:
    (found,) = [each for each in links if each.stage == stage]
    return found


def test_explain_has_every_stage_in_order() -> None:
    world = World(service("dns", address(1)))
    world.decide(10.0, dns=UP)

    links = chain(world, peers={"192.0.2.1": peer(Sent(address(1), attributes={"origin": "igp", "med": 5}))})

    assert [each.stage for each in links] == [*STAGES, "update"]
    assert link(links, "route") == Link(
        stage="route", subject=address(1), text="announced", since=10.0, data={"is_announced": True}
    )
    assert link(links, "update").text == "sent with origin igp med 5"
    assert link(links, "update").since == 10.0


def test_explain_counts_what_a_later_session_was_sent_from_its_beginning() -> None:
    world = World(service("dns", address(1)))
    world.decide(10.0, dns=UP)
    world.now = 500.0

    links = chain(world, peers={"192.0.2.1": peer(Sent(address(1), attributes={"med": 5}))})

    assert link(links, "update").since == 500.0 - 60


def test_explain_says_where_an_address_is_on_this_host_when_that_is_minded() -> None:
    world = World(service("dns", address(1)))
    world.presence[to_prefix(address(1))] = Presence.ABSENT
    world.decide(10.0, dns=UP)
    place = Finding(
        prefix=to_prefix(address(1)),
        mode=Mode.CHECK,
        interface="lo",
        state=PlaceState.MISSING,
        text="is not on lo",
        since=4.0,
    )

    links = chain(world, place=place)

    assert [each.stage for each in links] == [*STAGES[:-1], "address", "route"]
    assert link(links, "address") == Link(
        stage="address",
        subject=address(1),
        text="is not on lo",
        since=4.0,
        data={"state": "missing", "mode": "check", "interface": "lo"},
    )
    assert link(links, "route").text == "not announced"


def test_explain_before_the_first_decision_says_so() -> None:
    links = chain(World(service("dns", address(1))))

    assert link(links, "check").text == "unknown: not probed yet"
    assert link(links, "policy").text == "not asked yet"
    assert link(links, "route").since is None


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (report("dns", True, 9.0), "up; last probe 1.0 s ago passed: connected"),
        (report("dns", False, 9.5, streak=-2), "up; last probe 0.5 s ago failed: refused (2 of 3 in a row)"),
        (report("dns", None, 8.0), "up; last probe 2.0 s ago could not tell: no route to host"),
    ],
)
def test_explain_check_shows_the_last_probe_and_since_when(last: Report, text: str) -> None:
    world = World(service("dns", address(1)))
    world.decide(10.0, dns=UP)

    check = link(chain(world, reports={"dns": last}), "check")

    assert (check.text, check.since) == (text, 0.0)


def test_explain_shows_checks_that_do_not_pass_first_and_not_all() -> None:
    names = tuple(f"c{number}" for number in range(MAX_CHECKS + 5))
    world = World(service("dns", address(1), checks=names))
    world.decide(1.0, **{name: DOWN if name == "c24" else UP for name in names})

    checks = [each for each in chain(world) if each.stage == "check"]

    assert checks[0].subject == "c24"
    assert len(checks) == MAX_CHECKS + 1
    assert checks[-1].text == "and 5 more"


def test_explain_policy_damping_and_dwell_say_what_holds_a_service() -> None:
    dns = service(
        "dns",
        address(1),
        bands=(Band(name="healthy", at_least=Quota(count=1)),),
        damping=Damping(penalty=1000, suppress=1500, reuse=500, half_life=60),
        min_down=30.0,
    )
    world = World(dns)
    world.decide(0.0, dns=UP)
    world.decide(1.0, dns=DOWN)
    world.decide(1.0, dns=UP)

    dwelling = chain(world)
    world.now += 9.0
    later = chain(world)
    world.decide(22.0)
    world.decide(1.0, dns=DOWN)
    world.decide(1.0, dns=UP)
    damped = chain(world)

    assert link(dwelling, "policy").text == "healthy (1 of 1 pass)"
    assert link(dwelling, "policy").data == {"level": "healthy", "policy": "healthy: at least 1"}
    assert link(dwelling, "dwell").text == "stays unhealthy for 29.0 s more"
    assert link(later, "dwell").text == "stays unhealthy for 20.0 s more"
    assert link(damped, "damping").data["is_suppressed"] is True
    assert link(damped, "damping").text.startswith("held at unhealthy: penalty ")


def test_explain_override_and_guard_say_who_decides() -> None:
    world = World(
        service("dns", address(1)),
        service("web", address(2)),
        groups=(Group(name="default", floor=Quota(count=2)),),
    )
    world.decide(1.0, dns=UP, web=UP)
    world.overrides["dns"] = override(Action.WITHDRAW, at=2.0, until=62.0)
    world.decide(1.0)

    links = chain(world)

    assert link(links, "override").text == "withdraw by ann: a test, for 1 min more"
    assert link(links, "override").since == 2.0
    assert link(links, "guard").text.startswith("keeps this address (floor); floor: 1 of 2 addresses")
    assert link(links, "route").text == "announced"


def test_explain_sharing_names_the_services_and_who_decided() -> None:
    world = World(service("dns", address(1)), service("web", address(1)), sharing={address(1): Sharing.ANY})
    world.decide(1.0, dns=DOWN, web=UP)

    links = chain(world)

    assert link(links, "sharing").text == "any of dns, web must want it; decided by web"
    assert [each.subject for each in links if each.stage == "policy"] == ["dns", "web"]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (peer(Sent(obstacle=FILTERED)), "filtered: reject of this peer has it, and accept does not"),
        (
            peer(Sent(obstacle=QUARANTINED)),
            "held back: the peer has answered it with an UPDATE error, until it changes (quarantine)",
        ),
        (
            peer(Sent(obstacle=SUSPECTED)),
            "held back: the peer has answered it or another route with an UPDATE error; it is being tried",
        ),
        (
            peer(Sent(obstacle=NO_NEXT_HOP)),
            "held back: there is no next hop of its family (next_hop_4, next_hop_6)",
        ),
        (peer(Sent()), "is about to be sent"),
        (peer(Sent(address(1))), "sent, and asked for again"),
        (peer(Sent(), State.ACTIVE), "nothing sent, the session is ACTIVE"),
        (peer(Sent(), State.IDLE, "bye"), "nothing sent, the session is IDLE: bye"),
    ],
)
def test_explain_update_says_what_each_peer_was_told(status: Status, text: str) -> None:
    world = World(service("dns", address(1)))
    world.decide(1.0, dns=UP)

    assert link(chain(world, peers={"192.0.2.1": status}), "update").text == text


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (Sent(), "nothing to send"),
        (Sent(address(1), attributes={}), "withdrawal is under way; the peer still has the route"),
    ],
)
def test_explain_update_of_an_address_that_is_not_announced(sent: Sent, text: str) -> None:
    world = World(service("dns", address(1)))
    world.decide(1.0, dns=DOWN)

    assert link(chain(world, peers={"192.0.2.1": peer(sent)}), "update").text == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1.0, "0.0 s"),
        (4.23, "4.2 s"),
        (60.0, "1 min"),
        (200.0, "3 min 20 s"),
        (3600.0, "1 h"),
        (1e5, "1 d 3 h"),
    ],
)
def test_explain_lines_are_made_from_the_links(seconds: float, text: str) -> None:
    links = [Link(stage="route", subject=address(1), text="announced", since=100.0)]

    assert lines(links, 100.0 + seconds) == [f"route     203.0.113.1: announced (for {text})"]

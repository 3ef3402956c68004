from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon.alarms import Alarms
from rhi.daemon.config.build import Setup
from rhi.daemon.controller import Controller, UnknownService
from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import Group, Quota, Service
from rhi.daemon.history import Entry, History
from rhi.daemon.keeper import Sections
from rhi.daemon.state import Clocks, StateError, StateFile
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix, to_prefix
from tests.daemon.decision.build import DOWN, STALE, UP, address, service, specs


def setup(*services: Service, **fields: Any) -> Setup:
    return Setup(
        router_id=IPv4Address("192.0.2.1"),
        listen=(),
        peers={},
        dynamic_peers={},
        specs=specs(*services, **fields),
        checks={},
    )


class FakeRoutes:
    """Takes what a pool would take."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def announce(self, route: Prefix, attributes: PathAttributes | None = None) -> None:
        self.calls.append(("announce", str(route), attributes))

    def withdraw(self, route: Prefix) -> None:
        self.calls.append(("withdraw", str(route)))

    def mark_complete(self) -> None:
        self.calls.append(("complete",))


class Instant(Sections):
    """Writes at once, and lets the next life of a daemon have the file, which begins in the same process."""

    def __init__(self, file: Path | StateFile, clocks: Callable[[], Clocks], alarms: Alarms) -> None:
        self._alarms = alarms
        of_path = file if isinstance(file, StateFile) else StateFile(str(file))
        super().__init__(of_path, clocks, lambda text: alarms.set("state file", text))

    def changed(self) -> None:
        try:
            self.prepare()()
        except StateError as error:
            self._alarms.set("state file", str(error))
        finally:
            self.file.release()


class Desk:
    """A controller on fakes, and a clock that tests move."""

    def __init__(self, first: Setup, state: Path | StateFile | None = None) -> None:
        self.now = 100.0
        self.logged: list[Entry] = []
        self.routes = FakeRoutes()
        history = History(lambda: datetime(2024, 1, 1, tzinfo=UTC), self.logged.append)
        self.alarms = Alarms(history)
        store = None if state is None else Instant(state, self.clocks, self.alarms)
        self.controller = Controller(first, self.routes, history, self.alarms, self.clocks, store)

    def clocks(self) -> Clocks:
        return Clocks(self.now, 1e9 + self.now)

    def take(self) -> list[tuple[Any, ...]]:
        calls, self.routes.calls = self.routes.calls, []
        return calls

    def texts(self, kind: str) -> list[str]:
        return [f"{entry.subject}: {entry.text}" for entry in self.logged if entry.kind == kind]


def test_controller_acts_on_verdicts_and_tells_why() -> None:
    desk = Desk(setup(service("dns", address(1))))

    desk.controller.set_verdict("dns", UP, "connected")
    desk.controller.decide()
    desk.controller.set_verdict("dns", DOWN, "refused")
    desk.controller.decide()

    assert desk.take() == [
        ("announce", "203.0.113.1", PathAttributes()),
        ("complete",),
        ("withdraw", "203.0.113.1"),
    ]
    assert desk.texts("check") == ["dns: unknown -> up: connected", "dns: up -> down: refused"]
    assert desk.texts("service") == [
        "dns: healthy (checks: 1 of 1 pass; policy: healthy)",
        "dns: unhealthy (checks: 0 of 1 pass; fails: dns; policy: unhealthy)",
    ]
    assert desk.texts("route") == [
        "203.0.113.1: announced (service dns)",
        "203.0.113.1: withdrawn (service dns)",
    ]


def test_controller_lets_end_of_rib_go_once_and_not_before_all_is_decided() -> None:
    desk = Desk(setup(service("a", address(1)), service("b", address(2))))
    desk.controller.set_verdict("a", DOWN, "")
    desk.controller.decide()
    assert desk.take() == []

    desk.controller.set_verdict("b", DOWN, "")
    desk.controller.decide()
    desk.controller.decide()

    assert desk.take() == [("complete",)]


def test_controller_raises_an_alarm_for_a_check_that_died_until_it_is_back() -> None:
    desk = Desk(setup(service("dns", address(1))))
    desk.controller.set_verdict("dns", UP, "")

    desk.controller.set_verdict("dns", STALE, "the probe broke")
    assert [alarm.text for alarm in desk.alarms.all] == ["has died: the probe broke"]
    desk.controller.set_verdict("dns", UP, "")

    assert desk.alarms.all == []


def test_controller_raises_an_alarm_for_a_tripped_guard() -> None:
    group = Group(name="default", floor=Quota(count=1))
    desk = Desk(setup(service("dns", address(1)), groups=(group,)))
    desk.controller.set_verdict("dns", UP, "")
    desk.controller.decide()

    desk.controller.set_verdict("dns", DOWN, "")
    desk.controller.decide()

    assert [alarm.text for alarm in desk.alarms.all] == [
        "floor: 0 of 1 addresses would be left, and the floor is 1"
    ]


def test_controller_obeys_operators_until_their_word_runs_out() -> None:
    desk = Desk(setup(service("dns", address(1))))
    desk.controller.set_verdict("dns", UP, "")
    desk.controller.decide()
    desk.take()

    desk.controller.override("dns", Action.WITHDRAW, reason="kernel", by="ann", lasts=60.0)
    decided = desk.controller.decide()
    assert desk.take() == [("withdraw", "203.0.113.1")]
    assert decided.next_at == 160.0
    desk.now = 160.0
    desk.controller.decide()

    assert desk.take() == [("announce", "203.0.113.1", PathAttributes())]
    assert desk.texts("override") == [
        "dns: withdraw by ann: kernel, until 2001-09-09 01:49:20 UTC",
        "dns: has run out: withdraw by ann: kernel",
    ]


def test_controller_tells_when_what_was_said_ends_by_itself() -> None:
    desk = Desk(setup(service("dns", address(1))))

    desk.controller.override("dns", Action.DRAIN, reason="", by="ann", lasts=60.0, drain_time=30.0)
    desk.controller.override("dns", Action.ANNOUNCE, reason="", by="ann")

    assert desk.texts("override") == [
        "dns: drain by ann, until 2001-09-09 01:49:20 UTC",
        "dns: announce by ann",
    ]
    assert [each.data["until"] for each in desk.logged if each.kind == "override"] == [
        "2001-09-09T01:49:20.000+00:00",
        None,
    ]
    assert desk.texts("drain")[0] == "service/dns: marked (by ann, until 2001-09-09 01:49:20 UTC)"
    assert "until" not in desk.texts("drain")[-1]


def test_controller_drains_in_two_steps() -> None:
    desk = Desk(setup(service("dns", address(1))))
    desk.controller.set_verdict("dns", UP, "")
    desk.controller.decide()
    desk.take()

    desk.controller.drains.sessions.established.add("192.0.2.1")
    desk.controller.override("dns", Action.DRAIN, reason="kernel", by="ann", drain_time=30.0)
    decided = desk.controller.decide()
    assert desk.take() == [("announce", "203.0.113.1", PathAttributes(graceful_shutdown=True))]
    while not (calls := desk.take()):
        desk.now = decided.next_at or 0.0
        decided = desk.controller.decide()
    assert calls == [("withdraw", "203.0.113.1")]
    assert desk.now == 100.0 + desk.controller.pace.acknowledge + 30.0
    assert desk.controller.clear_override("dns", "ann")
    desk.controller.decide()

    assert desk.take() == [("announce", "203.0.113.1", PathAttributes())]
    assert not desk.controller.clear_override("dns", "ann")


def test_controller_names_the_services_there_are() -> None:
    desk = Desk(setup(service("dns", address(1))))

    with pytest.raises(UnknownService, match="service 'dsn': there is no such service; did you mean dns\\?"):
        desk.controller.override("dsn", Action.DRAIN, reason="", by="ann")
    with pytest.raises(UnknownService):
        desk.controller.clear_override("dsn", "ann")


def test_controller_keeps_overrides_over_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    first = Desk(setup(service("dns", address(1))), state)
    first.controller.restore()
    first.controller.override("dns", Action.WITHDRAW, reason="kernel", by="ann", lasts=60.0)

    second = Desk(setup(service("dns", address(1))), state)
    second.now = 130.0
    second.controller.restore()
    second.controller.set_verdict("dns", UP, "")
    decided = second.controller.decide()

    assert second.texts("override") == [
        "dns: still in force: withdraw by ann: kernel, until 2001-09-09 01:49:20 UTC"
    ]
    assert second.take() == [("complete",)]
    assert decided.next_at == pytest.approx(160.0)


def test_controller_goes_on_without_a_state_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    desk = Desk(setup(service("dns", address(1))), tmp_path / "file" / "state.json")

    desk.controller.override("dns", Action.WITHDRAW, reason="kernel", by="ann")

    assert "cannot be" in desk.alarms.all[0].text
    assert "dns" in desk.controller.overrides


def test_controller_starts_with_a_state_file_that_cannot_be_used_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    desk = Desk(setup(service("dns", address(1))), tmp_path / "state.json")

    desk.controller.restore()

    (alarm,) = desk.alarms.all
    assert "put aside as state.json.bad" in alarm.text


def test_controller_goes_on_with_drains_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    first = Desk(setup(service("dns", address(1))), state)
    first.controller.restore()
    first.controller.set_verdict("dns", UP, "")
    first.controller.drains.sessions.established.add("192.0.2.1")
    first.controller.decide()
    first.controller.override("dns", Action.DRAIN, reason="kernel", by="ann", drain_time=30.0)
    first.controller.decide()
    first.now = 106.0
    first.controller.decide()

    second = Desk(setup(service("dns", address(1))), state)
    second.now = 120.0
    second.controller.restore()
    second.controller.set_verdict("dns", UP, "")
    second.controller.drains.sessions.established.add("192.0.2.1")
    second.controller.decide()
    (drain,) = second.controller.drains.all

    assert second.take()[0] == ("announce", "203.0.113.1", PathAttributes(graceful_shutdown=True))
    assert [(step.state.value, step.at) for step in drain.steps] == [("marked", 100.0), ("waiting", 106.0)]
    second.now = 136.0
    second.controller.decide()
    assert second.take() == [("withdraw", "203.0.113.1")]


def test_drain_that_is_done_stays_done_over_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    first = Desk(setup(service("dns", address(1))), state)
    first.controller.restore()
    first.controller.override("dns", Action.DRAIN, reason="kernel", by="ann")
    for first.now in (100.0, 110.0, 120.0, 130.0):
        first.controller.decide()
    assert first.controller.drains.all[0].state.value == "done"

    second = Desk(setup(service("dns", address(1))), state)
    second.controller.restore()
    second.controller.set_verdict("dns", UP, "")
    second.controller.decide()

    assert second.take() == [("complete",)]
    assert second.controller.drains.all[0].state.value == "done"


def test_what_was_said_of_services_that_are_gone_is_over_at_the_start(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    first = Desk(setup(service("dns", address(1))), state)
    first.controller.restore()
    first.controller.override("dns", Action.DRAIN, reason="kernel", by="ann")

    second = Desk(setup(service("web", address(1))), state)
    second.controller.restore()

    assert second.controller.overrides == {}
    assert second.controller.drains.all == []


def test_controller_drops_overrides_with_their_services() -> None:
    desk = Desk(setup(service("a", address(1)), service("b", address(2))))
    desk.controller.override("a", Action.WITHDRAW, reason="x", by="ann")

    desk.controller.configure(setup(service("b", address(2))))

    assert desk.controller.overrides == {}
    assert desk.texts("override")[-1] == "a: over, with its service: withdraw by ann: x"


def test_controller_names_no_service_for_what_the_configuration_takes_away() -> None:
    desk = Desk(setup(service("a", address(1)), service("b", address(2))))
    desk.controller.set_verdict("a", UP, "")
    desk.controller.decide()

    desk.controller.configure(setup(service("b", address(2))))
    desk.controller.decide()

    assert desk.texts("route")[-1] == "203.0.113.1: withdrawn (configuration)"


def test_controller_forgets_the_verdicts_of_checks_that_are_gone() -> None:
    desk = Desk(setup(service("dns", address(1))))
    desk.controller.set_verdict("dns", STALE, "broke")

    desk.controller.forget_checks({"dns"})

    assert desk.controller.verdicts == {}
    assert desk.alarms.all == []


def test_controller_clears_the_alarm_of_a_guard_that_a_reload_takes_away() -> None:
    group = Group(name="dns", floor=Quota(count=1))
    desk = Desk(setup(service("dns", address(1), group="dns"), groups=(group,)))
    for verdict in (UP, DOWN):
        desk.controller.set_verdict("dns", verdict, "")
        desk.controller.decide()
    assert [alarm.subject for alarm in desk.alarms.all] == ["guard dns"]

    desk.controller.configure(setup(service("dns", address(1))))
    desk.controller.decide()

    assert desk.alarms.all == []


def test_controller_hears_of_other_origins() -> None:
    desk = Desk(setup(service("dns", address(1), never_last=True)))
    for verdict in (UP, DOWN):
        desk.controller.set_verdict("dns", verdict, "")
        desk.controller.decide()
    desk.take()

    desk.controller.set_origin(to_prefix(address(1)), is_elsewhere=True)
    desk.controller.decide()

    assert desk.take() == [("withdraw", "203.0.113.1")]
    assert desk.controller.inputs.other_origins == {to_prefix(address(1))}

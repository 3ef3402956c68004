"""What comes back after a restart, and what does not."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.daemon import keeper, warm
from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import Group, Quota
from rhi.daemon.policies import OnCrash
from rhi.daemon.warm import Announced
from rhi.model.attributes import Origin, PathAttributes
from rhi.model.parameters import Parameters
from rhi.model.prefix import to_prefix
from tests.daemon.decision.build import DOWN, UP, address, service
from tests.daemon.test_controller import Desk, setup

DNS = service("dns", address(1), on_crash=OnCrash.WARM)
COLD = service("web", address(2), on_crash=OnCrash.FAIL_STATIC)
PLAIN = PathAttributes()
attributes = st.builds(
    PathAttributes,
    origin=st.sampled_from(Origin),
    next_hop=st.none() | st.sampled_from(["192.0.2.1"]),
    med=st.none() | st.integers(0, 2**32 - 1),
    local_pref=st.none() | st.integers(0, 2**32 - 1),
    prepend=st.none() | st.integers(0, 254),
    communities=st.none() | st.lists(st.sampled_from(["65001:7", "no-export"]), unique=True),
    large_communities=st.none() | st.just(["65001:1:2"]),
    extended_communities=st.none() | st.just(["rt:65001:100", "lb:65001:125000000"]),
    graceful_shutdown=st.booleans(),
)


@given(st.lists(st.tuples(st.integers(0, 255), attributes, st.sampled_from(["a", "b"])), max_size=6))
def test_announced_routes_come_back_as_they_were(said: list[tuple[int, PathAttributes, str]]) -> None:
    routes = [Announced(to_prefix(address(number)), each, name) for number, each, name in said]

    found = warm.decode(json.loads(json.dumps(warm.encode(routes))))

    assert sorted(found, key=str) == sorted(routes, key=str)


@pytest.mark.parametrize(
    "document",
    [
        5,
        [5],
        [{}],
        [{"service": "dns", "attributes": {"origin": "igp", "colour": 1}, "routes": []}],
        [{"service": "dns", "attributes": {"origin": "igp", "med": -1}, "routes": []}],
        [{"service": "dns", "attributes": {"origin": "none"}, "routes": []}],
        [{"service": "dns", "attributes": {"origin": "igp"}, "routes": ["nonsense"]}],
    ],
)
def test_nonsense_is_refused_with_errors_that_are_expected(document: object) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        warm.decode(document)


def died(state: Path) -> None:
    """A daemon with both services up, which ends without a word."""
    desk = Desk(setup(DNS, COLD), state)
    desk.controller.restore()
    desk.controller.set_verdict("dns", UP, "")
    desk.controller.set_verdict("web", UP, "")
    desk.controller.decide()


def started(state: Path, *services: object) -> Desk:
    desk = Desk(setup(*(services or (DNS, COLD))), state)  # type: ignore[arg-type]
    desk.now = 500.0
    desk.controller.restore()
    desk.controller.adopt()
    desk.controller.decide()
    return desk


def test_lesson_05_warm_service_is_announced_at_once_and_stays_when_confirmed(tmp_path: Path) -> None:
    """A restart never withdraws what is healthy, and End-of-RIB waits for all."""
    died(tmp_path / "state")

    desk = started(tmp_path / "state")
    assert desk.take() == [("announce", address(1), PLAIN)]
    desk.controller.set_verdict("dns", UP, "")
    desk.controller.decide()
    assert desk.take() == []
    desk.controller.set_verdict("web", UP, "")
    desk.controller.decide()

    assert desk.take() == [("announce", address(2), PLAIN), ("complete",)]


def test_warm_service_that_has_failed_meanwhile_leaves_with_its_verdict(tmp_path: Path) -> None:
    died(tmp_path / "state")
    desk = started(tmp_path / "state")
    desk.take()

    desk.controller.set_verdict("dns", DOWN, "")
    desk.controller.decide()

    assert desk.take() == [("withdraw", address(1))]


def test_lesson_01_end_of_rib_waits_for_verdicts_and_what_nobody_confirms_goes_before_it(
    tmp_path: Path,
) -> None:
    died(tmp_path / "state")
    desk = started(tmp_path / "state")
    desk.controller.set_verdict("web", UP, "")
    desk.controller.decide()
    desk.take()

    desk.controller.disown()
    desk.controller.decide()

    assert desk.take() == [("withdraw", address(1))]
    desk.controller.set_verdict("dns", UP, "")
    desk.controller.decide()
    assert desk.take() == [("announce", address(1), PLAIN), ("complete",)]


def test_confirmed_route_is_not_given_up(tmp_path: Path) -> None:
    died(tmp_path / "state")
    desk = started(tmp_path / "state")
    desk.controller.set_verdict("dns", UP, "")
    desk.controller.decide()
    desk.take()

    desk.controller.disown()
    desk.controller.decide()

    assert desk.take() == []


def test_lesson_18_nothing_is_warm_after_a_new_start_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    died(tmp_path / "state")
    monkeypatch.setattr(keeper, "boot_id", lambda: "another")

    assert started(tmp_path / "state").take() == []


@dataclass
class Remembered:
    is_known: bool
    is_same_boot: bool


@pytest.mark.parametrize(
    ("keeper", "uptime", "is_kept"),
    [
        (Remembered(is_known=True, is_same_boot=True), 5.0, True),
        (Remembered(is_known=True, is_same_boot=False), 1e6, False),
        (Remembered(is_known=False, is_same_boot=False), 5.0, False),
        (None, 5.0, False),
        (None, 61.0, True),
    ],
)
def test_lesson_07_forwarding_is_kept_over_a_restart_and_not_over_a_new_start_of_the_host(
    monkeypatch: pytest.MonkeyPatch, keeper: Remembered | None, uptime: float, is_kept: bool
) -> None:
    monkeypatch.setattr(time, "clock_gettime", lambda clock: uptime)

    assert warm.is_forwarding_kept(keeper, [Parameters(as_number=65001, graceful_restart=60)]) is is_kept


def test_service_that_is_not_warm_any_more_or_has_lost_the_address_does_not_come_back(tmp_path: Path) -> None:
    died(tmp_path / "state")

    assert started(tmp_path / "state", service("dns", address(1))).take() == []
    assert started(tmp_path / "state", service("dns", address(3), on_crash=OnCrash.WARM)).take() == []


def test_override_of_before_counts_before_anything_is_announced_for_good(tmp_path: Path) -> None:
    died(tmp_path / "state")
    desk = started(tmp_path / "state")
    desk.controller.override("dns", Action.WITHDRAW, reason="", by="ann")
    desk.controller.decide()
    desk.take()

    assert started(tmp_path / "state").take() == []


def test_guard_counts_what_is_warm_as_announced(tmp_path: Path) -> None:
    """All checks failing after a restart is what guards are for."""
    died(tmp_path / "state")
    guarded = setup(DNS, COLD, groups=(Group(name="default", floor=Quota(count=1)),))
    desk = Desk(guarded, tmp_path / "state")
    desk.controller.restore()
    desk.controller.adopt()

    desk.controller.set_verdict("dns", DOWN, "")
    desk.controller.set_verdict("web", DOWN, "")
    desk.controller.decide()

    assert desk.take() == [("announce", address(1), PLAIN), ("complete",)]

from dataclasses import replace
from fractions import Fraction
from typing import Any

from rhi.daemon.config.build import Setup
from rhi.daemon.config.options import Options
from rhi.daemon.decision.reconciler import Inputs, Reconciler
from rhi.daemon.decision.spec import Quota, Service, Verdict
from rhi.daemon.drains.machine import Pace
from rhi.daemon.plan import SHOWN, Plan, SessionPlan, make_plan, plan_of_start
from rhi.health.tcp import TcpCheck
from rhi.model.attributes import PathAttributes
from rhi.model.parameters import Parameters
from tests.daemon.decision.build import UP, address, service
from tests.daemon.test_controller import setup


def tcp(**fields: Any) -> TcpCheck:
    return TcpCheck(**{"address": "127.0.0.1", "port": 80, **fields})


def of(*services: Service, peers: dict[str, Parameters] | None = None, **checks: TcpCheck) -> Setup:
    return replace(
        setup(*services), peers=peers or {}, checks={each.name: tcp() for each in services} | checks
    )


def plan(before: Setup, after: Setup, **verdicts: Verdict) -> Plan:
    reconciler = Reconciler(before.specs)
    inputs = Inputs(verdicts=verdicts)
    reconciler.decide(inputs, 0.0)
    known = reconciler.routes

    made = make_plan(before, after, reconciler, inputs, 0.0)

    assert reconciler.routes == known
    return made


def test_plan_of_the_same_configuration_is_empty() -> None:
    same = of(service("a", address(1)), peers={"192.0.2.9": Parameters(as_number=1)})

    assert plan(same, same, a=UP).is_empty


def test_plan_tells_routes_that_come_go_and_change() -> None:
    before = of(service("a", address(1), address(2)), service("b", address(3)))
    after = of(
        service("a", address(1), address(4), attributes=PathAttributes(med=5, communities=["no-export"])),
        service("b", address(3)),
    )

    made = plan(before, after, a=UP, b=UP)

    assert sorted(made.lines()) == [
        "+ route 203.0.113.4: med none -> 5, communities none -> 65535:65281",
        "- route 203.0.113.2 (configuration)",
        "~ route 203.0.113.1: med none -> 5, communities none -> 65535:65281",
    ]
    assert (made.withdrawals, made.announced) == (1, 3)


def test_plan_waits_for_checks_that_ask_something_else() -> None:
    before = of(service("a", address(1)))
    pace = of(service("a", address(1)), a=tcp(interval=9.0))
    other = of(service("a", address(1)), a=tcp(port=81))

    assert plan(before, pace, a=UP).lines() == ["~ check a"]
    assert plan(before, other, a=UP).routes == ()


def test_plan_tells_sessions_by_what_becomes_of_them() -> None:
    live, reset = Parameters(as_number=1, med=5), Parameters(as_number=1, hold_time=30)
    before = of(peers=dict.fromkeys(["a", "b", "c"], Parameters(as_number=1)))
    after = of(peers={"b": live, "c": reset, "d": live})

    made = plan(before, after)

    assert made.sessions == (
        SessionPlan(peer="a", action="remove"),
        SessionPlan(peer="b", action="change", fields=("med",)),
        SessionPlan(peer="c", action="reset", fields=("hold_time",)),
        SessionPlan(peer="d", action="add"),
    )
    assert "! peer c: hold_time (needs a new session)" in made.lines()


def test_plan_tells_what_counts_after_a_restart_only() -> None:
    before = of()
    after = replace(before, listen=("127.0.0.1:1790",))

    assert plan(before, after).lines() == ["! listen: counts after a restart of the daemon only"]


def test_plan_exceeds_a_limit_by_more_than_one_route_that_leaves() -> None:
    services = [service(str(number), address(number)) for number in range(4)]
    verdicts = {each.name: UP for each in services}

    one = plan(of(*services), of(*services[1:]), **verdicts)
    three = plan(of(*services), of(services[0]), **verdicts)

    assert not one.exceeds(Quota(count=0))
    assert three.exceeds(Quota(count=2))
    assert not three.exceeds(Quota(count=3))


def test_lesson_49_a_file_that_shrinks_everything_is_told_before_it_is_taken() -> None:
    services = [service(str(number), address(number)) for number in range(10)]

    made = plan(of(*services), of(services[0]), **{each.name: UP for each in services})

    assert made.to_json()["withdrawals"] == 9
    assert made.exceeds(Quota(percent=Fraction(50)))


def test_plan_of_start_has_all_there_is_and_waits_for_verdicts() -> None:
    always = replace(service("b", address(2)), checks=())
    begun = of(service("a", address(1)), always, peers={"192.0.2.9": Parameters(as_number=1)})

    made = plan_of_start(replace(begun, checks={"a": tcp()}))

    assert made.lines() == [
        "+ route 203.0.113.2",
        "? service a: waits for the first verdict of its checks",
        "+ peer 192.0.2.9",
        "+ check a",
    ]
    assert (made.withdrawals, made.announced) == (0, 0)


def test_plan_tells_settings_of_the_daemon_and_which_need_a_restart() -> None:
    options = Options(complete_within=30.0, reload_limit=Quota(count=1), state_file=None, tables={"api": 1})
    before = replace(of(service("a", address(1))), options=options)
    after = replace(
        before,
        options=replace(
            options, pace=Pace(wait=9.0), stop_time=99.0, state_file="/var/lib/rhi/state", tables={"api": 2}
        ),
    )

    made = plan(before, after, a=UP)

    assert made.lines() == [
        "~ drain",
        "~ stop_time",
        "! state_file: counts after a restart of the daemon only",
        "! api: counts after a restart of the daemon only",
    ]
    assert not made.is_empty
    assert made.to_json()["options"] == ["drain", "stop_time"]


def test_plan_tells_that_peers_are_watched_after_a_restart_only() -> None:
    before = of(service("a", address(1)))
    after = of(service("a", address(1), never_last=True))

    assert plan(before, after, a=UP).restart == ("never_last",)
    assert plan(after, after, a=UP).restart == plan(after, before, a=UP).restart == ()


def test_summary_of_a_plan_stays_short_however_much_changes() -> None:
    before = of(service("a", *(f"198.51.100.{number}" for number in range(200))))

    made = plan(before, of(service("a", address(1))), a=UP)

    assert len(made.lines()) == 201
    assert made.summary().split("; ") == [*made.lines()[:SHOWN], f"and {201 - SHOWN} more"]
    assert plan(before, before, a=UP).summary() == "nothing changes"

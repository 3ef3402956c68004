"""Troubles of others, replayed at a whole daemon with a peer; docs/lessons.md has them all."""

import asyncio
import functools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from rhi.daemon.config.load import check
from rhi.daemon.config.models import ApiSettings
from rhi.daemon.config.problems import ConfigError
from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import Group, Quota
from rhi.model.attributes import PathAttributes
from rhi.model.events import EndOfRibReceived, Event, RoutesReceived, SessionDown
from rhi.model.parameters import Parameters
from rhi.model.prefix import Family
from rhi.testing import Collector
from rhi.testing.collector import RoutesSeen
from tests.daemon.control.house import PATIENCE, SwitchCheck, make_setup, run, running
from tests.daemon.decision.build import address, service
from tests.daemon.test_outages import numbered, setup_for, site


def test_lesson_04_session_of_one_family_is_told_that_it_is_complete_at_once(tmp_path: Path) -> None:
    """End-of-RIB waited for a family that was never agreed on: six minutes until routes were used.

    https://github.com/cloudnativelabs/kube-router/issues/1486
    """

    async def main() -> None:
        heard: list[Event] = []
        with Collector(on_event=heard.append, multiprotocol=False) as router:
            async with running(tmp_path, setup_for(router, *numbered(1))) as house:
                # its `complete_within` is longer than `until` waits
                await house.until(lambda: any(isinstance(each, EndOfRibReceived) for each in heard))

                families = [each.family for each in heard if isinstance(each, EndOfRibReceived)]
                assert families == [Family.IPV4_UNICAST.label]

    run(main())


def test_lesson_20_no_name_of_a_value_of_ours_is_shown_as_python_prints_it(tmp_path: Path) -> None:
    """A new Python printed an enumeration otherwise; what was looked up by that text was missed in silence.

    https://github.com/Exa-Networks/exabgp/issues/1383
    """

    async def main() -> None:
        group = Group(name="default", floor=Quota(count=1))
        async with site(tmp_path, *numbered(2), groups=(group,)) as here:
            here.house.daemon.controller.override("s0", Action.DRAIN, reason="kernel", by="ann")
            here.house.daemon.decide_soon()
            await here.fail("s0", "s1")

            shown = [
                str(await here.house.ask("GET", path)) for path in ("/v1/status", "/v1/services", "/metrics")
            ]
            shown += [f"{each.text} {each.to_json()}" for each in here.house.logged]

            names = re.compile(
                r"\b(Verdict|Action|State|Sharing|OnTrip|OnExit|OnCrash|Kind|Family)\.[A-Z_0-9]+"
            )
            assert not [text for text in shown if names.search(text)]

    run(main())


def has_med(seen: RoutesSeen, med: int) -> bool:
    return seen[address(0)].get("med") == med


def test_lesson_21_med_of_a_reload_is_on_the_wire_and_shown_as_it_was_sent(tmp_path: Path) -> None:
    """MED was logged as 100 and not sent; routers take a missing one for the best.

    https://github.com/Exa-Networks/exabgp/issues/1340
    """

    async def main() -> None:
        async with site(tmp_path, *numbered(1)) as here:
            for med in (100, 0):
                worse = setup_for(here.router, service("s0", address(0), attributes=PathAttributes(med=med)))
                await here.house.daemon.reload(worse)

                has_it = functools.partial(has_med, med=med)
                assert await asyncio.to_thread(here.router.wait_for, has_it, PATIENCE)
                _, page = await here.house.ask("GET", f"/v1/peers/{here.router.host}/routes")
                assert page["items"][0]["attributes"]["med"] == med

    run(main())


def test_lesson_30_event_from_outside_makes_a_check_ask_at_once(tmp_path: Path) -> None:
    """Users wanted a round when systemd stops a unit, and not at the next interval.

    https://github.com/unixsurfer/anycast_healthchecker/pull/44
    """

    async def main() -> None:
        with Collector() as router:
            peers = {router.host: Parameters(as_number=65001, port=router.port)}
            slow = {"s0": SwitchCheck(switch="s0", interval=3600.0)}
            async with running(tmp_path, make_setup(*numbered(1), peers=peers, checks=slow)) as house:
                assert await asyncio.to_thread(router.wait_for, lambda seen: address(0) in seen, PATIENCE)

                SwitchCheck.on["s0"] = False
                await house.ask("POST", "/v1/checks/s0/trigger")

                assert await asyncio.to_thread(router.wait_for, lambda seen: not seen, PATIENCE)

    run(main())


def test_lesson_38_reload_leaves_one_checker_for_each_check(tmp_path: Path) -> None:
    """A reload left two helpers running, and one of them withdrew.

    https://github.com/Exa-Networks/exabgp/issues/966
    """

    async def main() -> None:
        async with site(tmp_path, *numbered(1)) as here:
            daemon = here.house.daemon
            rounds: list[float] = []
            for interval in (0.06, 0.07, 0.08):
                checks = {"s0": SwitchCheck(switch="s0", interval=interval)}
                await daemon.reload(replace(daemon.setup, checks=checks))
            daemon.on_report.append(lambda report: rounds.append(report.finished))
            await here.house.until(lambda: len(rounds) >= 4)

            # three checkers would have brought the four in a third of the time
            assert rounds[3] - rounds[0] > 3 * 0.08 * 0.5
            await here.announced(0)

    run(main())


def announced(heard: list[Event]) -> list[str]:
    """Every route of an announcement, in order."""
    received = [each for each in list(heard) if isinstance(each, RoutesReceived)]
    return [str(prefix) for each in received for prefix in each.announced]


def test_lesson_39_new_service_touches_neither_sessions_nor_other_routes(tmp_path: Path) -> None:
    """One more service rendered the router's file anew, and BGP flapped.

    https://github.com/metallb/metallb/issues/2049
    """

    async def main() -> None:
        heard: list[Event] = []
        with Collector(on_event=heard.append) as router:
            async with running(tmp_path, setup_for(router, *numbered(2))) as house:
                # the events themselves: the collector has a route a moment before `heard` has its event
                await house.until(lambda: len(announced(heard)) >= 2)
                before = len(heard)

                await house.daemon.reload(setup_for(router, *numbered(3)))
                await house.until(lambda: len(announced(heard)) >= 3)

                since = heard[before:]
                assert not any(isinstance(each, SessionDown) for each in since)
                (event,) = (each for each in since if isinstance(each, RoutesReceived))
                assert [str(prefix) for prefix in event.announced] == [address(2)]
                assert event.withdrawn == ()

    run(main())


def test_lesson_43_api_is_nowhere_unless_asked_for_and_tcp_needs_a_token() -> None:
    """An administration port listened on all addresses, for anybody."""
    assert (ApiSettings().socket, ApiSettings().listen) == (None, None)

    with pytest.raises(ConfigError) as caught:
        check(
            {
                "router_id": "192.0.2.1", "as_number": 65001, "allow_empty": True,
                "api": {"listen": "127.0.0.1:9790"},
            },
            "rhi.toml",
            {},
        )  # fmt: skip
    assert "token" in "; ".join(caught.value.problems)

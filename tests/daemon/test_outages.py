"""Outages of others, replayed at a daemon with a real peer: what the peer still has at the end.

Each guard is named after what happened without it. It is seen everywhere that an operator may look: alarm,
history, status, explain, metrics.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon.app import ReloadRefused
from rhi.daemon.config.build import Setup
from rhi.daemon.decision.guard import FLOOR, RATE, SUSPICION
from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import Adjustment, Group, Quota, Service
from rhi.daemon.serve import reload
from rhi.model.parameters import Parameters
from rhi.testing import Collector
from tests.daemon.control.house import PATIENCE, House, SwitchCheck, make_setup, run, running
from tests.daemon.decision.build import address, service


@dataclass(slots=True)
class Site:
    """A daemon, and the router that it tells."""

    house: House
    router: Collector

    async def announced(self, *numbers: int) -> None:
        """Wait until the router has these addresses, and no other."""
        wanted = {address(number) for number in numbers}
        found = await asyncio.to_thread(self.router.wait_for, lambda seen: seen.keys() == wanted, PATIENCE)
        assert found, (wanted, self.router.routes().keys())

    async def fail(self, *names: str) -> None:
        """Let these services fail, and wait until that has been decided and has reached the router."""
        SwitchCheck.on.update(dict.fromkeys(names, False))
        standings = self.house.daemon.controller.reconciler.standings
        await self.house.until(lambda: all(standings[name].level for name in names))
        assert await asyncio.to_thread(self.house.daemon.pool.flush, PATIENCE)

    async def seen(self, rule: str, kept: int) -> None:
        """The rule is seen to keep something wherever an operator looks."""
        _, alarms = await self.house.ask("GET", "/v1/alarms")
        assert any(each["text"].startswith(f"{rule}: ") for each in alarms["items"]), alarms
        assert any(each.kind == "alarm" and rule in each.text for each in self.house.logged)
        _, status = await self.house.ask("GET", "/v1/status")
        (guard,) = (each for each in status["guards"] if each["group"] == "default")
        assert rule in guard["tripped"]
        assert guard["kept"] == kept
        _, metrics = await self.house.ask("GET", "/metrics")
        assert f'rhi_guard_tripped{{group="default",rule="{rule}"}} 1.0' in metrics
        _, links = await self.house.ask("GET", f"/v1/explain/{self.kept_address(rule)}")
        (link,) = (each for each in links["links"] if each["stage"] == "guard")
        assert f"keeps this address ({rule})" in link["text"]

    def kept_address(self, rule: str) -> str:
        addresses = self.house.daemon.controller.reconciler.addresses.values()
        return next(str(each.prefix) for each in addresses if each.kept_by == rule)


@asynccontextmanager
async def site(tmp_path: Path, *services: Service, **fields: Any) -> AsyncIterator[Site]:
    """All services up, and their addresses at the router."""
    with Collector() as router:
        async with running(tmp_path, setup_for(router, *services, **fields)) as house:
            made = Site(house, router)
            await made.announced(*range(len(services)))
            yield made


def setup_for(router: Collector, *services: Service, **fields: Any) -> Setup:
    peers = {router.host: Parameters(as_number=65001, port=router.port)}
    return make_setup(*services, peers=peers, **fields)


def numbered(count: int, **fields: Any) -> list[Service]:
    """Services s0, s1, ... with one address each."""
    return [service(f"s{number}", address(number), **fields) for number in range(count)]


def test_lesson_32_floor_counts_what_is_announced_not_who_is_healthy(tmp_path: Path) -> None:
    """Servers that had been taken out by hand were not counted, so that too few were left.

    https://phabricator.wikimedia.org/T184715
    """

    async def main() -> None:
        group = Group(name="default", floor=Quota(count=2))
        async with site(tmp_path, *numbered(4), groups=(group,)) as here:
            for name in ("s0", "s1"):
                here.house.daemon.controller.override(name, Action.WITHDRAW, reason="kernel", by="ann")
            here.house.daemon.decide_soon()
            await here.announced(2, 3)

            await here.fail("s2", "s3")

            await here.announced(2, 3)
            await here.seen(FLOOR, kept=2)

    run(main())


def test_lesson_48_dead_backbone_makes_every_site_worse_and_withdraws_none(tmp_path: Path) -> None:
    """Name servers withdrew themselves everywhere, since none of them could reach the data centres.

    https://engineering.fb.com/2021/10/05/networking-traffic/outage-details/
    """

    async def main() -> None:
        services = numbered(3, dependencies=("backbone",), degraded=Adjustment(med_add=500))
        async with site(tmp_path, *services) as here:
            SwitchCheck.on["backbone"] = False

            assert await asyncio.to_thread(
                here.router.wait_for,
                lambda seen: [each.get("med") for each in seen.values()] == [500, 500, 500],
                PATIENCE,
            )

            await here.announced(0, 1, 2)

    run(main())


def test_lesson_48_services_that_all_fail_at_once_stay(tmp_path: Path) -> None:
    """The same with checks that nobody has called dependencies: what all have in common is at fault."""

    async def main() -> None:
        group = Group(name="default", suspect_within=60.0)
        async with site(tmp_path, *numbered(3), groups=(group,)) as here:
            await here.fail("s0", "s1", "s2")

            await here.announced(0, 1, 2)
            await here.seen(SUSPICION, kept=3)

    run(main())


def test_lesson_49_withdrawals_go_at_a_bounded_rate(tmp_path: Path) -> None:
    """A change took a resolver's addresses away everywhere within seconds, minutes before the first alarm.

    https://blog.cloudflare.com/cloudflare-1-1-1-1-incident-on-july-14-2025/
    """

    async def main() -> None:
        group = Group(name="default", max_withdrawals=2, window=3600.0)
        async with site(tmp_path, *numbered(6), groups=(group,)) as here:
            await here.fail(*[f"s{number}" for number in range(6)])

            # that the router's TCP has the withdrawals does not mean that the router has read them
            is_so = await asyncio.to_thread(here.router.wait_for, lambda seen: len(seen) == 4, PATIENCE)
            assert is_so, here.router.routes().keys()
            await here.seen(RATE, kept=4)

    run(main())


def test_lesson_49_file_that_shrinks_everything_is_refused(tmp_path: Path) -> None:
    """The same by configuration: what a reload may take away is limited, and who means it says so."""

    async def main() -> None:
        async with site(tmp_path, *numbered(6)) as here:
            smaller = setup_for(here.router, *numbered(2))

            with pytest.raises(ReloadRefused, match="4 of 6 announced routes would be withdrawn"):
                await here.house.daemon.reload(smaller)
            await here.announced(*range(6))
            (alarm,) = here.house.daemon.alarms.all
            assert alarm.subject == "reload"

            await here.house.daemon.reload(smaller, consent=True)
            await here.announced(0, 1)
            assert here.house.daemon.alarms.all == []

    run(main())


HEAD = 'router_id = "192.0.2.1"\nas_number = 65001\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "services: there are none"),
        (HEAD, "services: there are none: write allow_empty = true if nothing is to be announced"),
        (
            HEAD + "allow_empty = true\n",
            "6 of 6 announced routes would be withdrawn, and without consent at most 1 may be",
        ),
    ],
    ids=["an empty file", "a file without services", "a file that means it, and takes too much"],
)
def test_lesson_50_empty_file_does_not_mean_withdraw_everything(tmp_path: Path, text: str, why: str) -> None:
    """An empty value was taken for "all", and about 1,100 prefixes were withdrawn.

    https://www.ilert.com/postmortems/cloudflare-byoip-bgp-route-withdrawal-outage-feb-2026
    """

    async def main() -> None:
        file = tmp_path / "rhi.toml"
        file.write_text(text)
        async with site(tmp_path, *numbered(6)) as here:
            await reload(here.house.daemon, str(file))

            await here.announced(*range(6))
            (alarm,) = here.house.daemon.alarms.all
            assert why in alarm.text

    run(main())


def test_lesson_50_checks_that_have_no_answer_withdraw_nothing(tmp_path: Path) -> None:
    """No verdict at all, of checks that a reload has changed: it is not known, and all stays as it is."""

    async def main() -> None:
        async with site(tmp_path, *numbered(3)) as here:
            unknown = {
                f"s{number}": SwitchCheck(switch="nothing yet", interval=3600.0) for number in range(3)
            }
            asked = here.house.daemon.setup
            for name in unknown:
                here.house.daemon.controller.forget_checks({name})
            await here.house.daemon.reload(replace(asked, checks=unknown))
            await here.house.until(lambda: here.house.daemon.reloads["applied"] == 1)

            await here.announced(0, 1, 2)

    run(main())

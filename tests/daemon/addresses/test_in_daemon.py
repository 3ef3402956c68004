"""Addresses on this host as parts of the daemon show them, on a kernel that does what a test says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon.addresses.plan import State
from rhi.daemon.addresses.spec import AddressSpec, Mode, Spot
from rhi.daemon.app import Daemon
from rhi.daemon.config.load import load
from rhi.daemon.config.options import Options
from rhi.daemon.decision.spec import Quota, Service
from rhi.daemon.history import Entry
from rhi.model.prefix import to_prefix
from tests.daemon.addresses.house import FakeKernel
from tests.daemon.control.house import House, SwitchCheck, make_setup, run, running
from tests.daemon.decision.build import address, service

VIP = to_prefix(address(1))
CHECK = AddressSpec(mode=Mode.CHECK)
OWN = AddressSpec(mode=Mode.OWN, interface="lo", linger=0.05)
DOCS = Path(__file__).parents[3] / "docs"


def setup(spec: AddressSpec, *services: Service) -> Any:
    return replace(make_setup(*(services or (service("dns", address(1)),))), addresses={VIP: spec})


async def status(house: House) -> Any:
    return (await house.ask("GET", "/v1/status"))[1]


def test_daemon_announces_a_checked_address_while_it_is_there_and_says_so(tmp_path: Path) -> None:
    kernel = FakeKernel([])

    async def main() -> None:
        async with running(tmp_path, setup(CHECK), open_kernel=kernel.open) as house:
            kernel.know()
            await house.until(lambda: bool(house.daemon.alarms.all))
            await house.decided()
            assert house.daemon.controller.reconciler.routes == {}
            assert (await status(house))["addresses"] == {"missing": 1}
            _, found = await house.ask("GET", f"/v1/explain/{address(1)}")
            (link,) = [each for each in found["links"] if each["stage"] == "address"]
            assert link["text"] == "is not on any interface: add it, and it is announced"
            _, routes = await house.ask("GET", "/v1/routes")
            assert routes["items"][0]["place"] == link["text"]

            kernel.add(Spot("eth0", VIP))
            await house.until(lambda: VIP in house.daemon.controller.reconciler.routes)
            assert house.daemon.alarms.all == []
            assert house.daemon.addresses.states == {State.HERE: 1}

            kernel.remove(Spot("eth0", VIP))
            await house.until(lambda: VIP not in house.daemon.controller.reconciler.routes)

    run(main())


def test_daemon_counts_addresses_by_state_for_prometheus(tmp_path: Path) -> None:
    kernel = FakeKernel([])

    async def main() -> None:
        async with running(tmp_path, setup(CHECK), open_kernel=kernel.open) as house:
            kernel.know()
            _, text = await house.ask("GET", "/metrics")
            assert 'rhi_addresses{state="missing"} 1.0' in text
            assert 'rhi_addresses{state="here"} 0.0' in text

    run(main())


def test_daemon_puts_an_address_there_announces_withdraws_and_takes_it_away(tmp_path: Path) -> None:
    kernel = FakeKernel([])

    async def main() -> None:
        async with running(tmp_path, setup(OWN), open_kernel=kernel.open) as house:
            kernel.know()
            routes = house.daemon.controller.reconciler
            await house.until(lambda: VIP in routes.routes)
            assert kernel.has(Spot("lo", VIP))

            SwitchCheck.on["dns"] = False
            await house.until(lambda: VIP not in routes.routes)
            await house.until(lambda: not kernel.has(Spot("lo", VIP)))
            texts = [entry.text for entry in house.logged if entry.kind in ("route", "address")]
            assert texts[:3] == ["is on lo", "announced (service dns)", "withdrawn (service dns)"]

    run(main())


def test_daemon_that_ends_takes_its_addresses_away(tmp_path: Path) -> None:
    kernel = FakeKernel([])

    async def main() -> None:
        async with running(tmp_path, setup(OWN), open_kernel=kernel.open) as house:
            kernel.know()
            await house.until(lambda: VIP in house.daemon.controller.reconciler.routes)
        assert not kernel.has(Spot("lo", VIP))
        assert kernel.is_closed

    run(main())


def test_daemon_remembers_its_addresses_in_the_state_file(tmp_path: Path) -> None:
    """A second life begins while the first still is: what a crash leaves."""
    options = Options(
        complete_within=30.0, reload_limit=Quota(count=9), state_file=str(tmp_path / "state.json")
    )

    async def main() -> None:
        logged: list[Entry] = []
        kernel = FakeKernel([])
        first = Daemon(setup(OWN), options, logged.append, open_kernel=kernel.open)
        kernel.know()
        async with running(tmp_path) as house:
            await house.until(lambda: VIP in first.controller.reconciler.routes)
            assert first.keeper is not None
            first.keeper.file.release()  # a crash does
            again = FakeKernel([], keeps_marks=False)
            second = Daemon(setup(OWN), options, logged.append, open_kernel=again.open)
            again.know(Spot("lo", VIP))
            await house.until(lambda: second.addresses.finding(VIP) is not None)
            assert second.addresses.owned == {VIP}
        await second.close()
        await first.close()
        assert not again.has(Spot("lo", VIP))

    run(main())


def test_plan_knows_which_addresses_are_not_there(tmp_path: Path) -> None:
    kernel = FakeKernel([])
    two = (service("dns", address(1)), service("web", address(2), checks=("dns",)))

    async def main() -> None:
        async with running(tmp_path, setup(OWN), open_kernel=kernel.open) as house:
            kernel.know()
            await house.until(lambda: VIP in house.daemon.controller.reconciler.routes)
            other = replace(setup(OWN, *two), addresses={VIP: OWN, to_prefix(address(2)): CHECK})
            assert (await house.daemon.plan(other)).routes == ()

            kernel.add(Spot("eth0", to_prefix(address(2))))
            assert [str(each.prefix) for each in (await house.daemon.plan(other)).routes] == [address(2)]

    run(main())


def test_example_of_the_page_about_addresses_is_a_right_file(tmp_path: Path) -> None:
    text = (DOCS / "addresses.md").read_text()
    file = tmp_path / "rhi.toml"
    file.write_text(text.partition("```toml\n")[2].partition("```")[0])

    services = load(str(file)).services

    assert (services["dns"].address_mode, services["gateway"].address_mode) == ("own", "check")


@pytest.mark.parametrize(
    "word", ["address_mode", "address_while", "address_linger", "interface", "state_file"]
)
def test_page_about_addresses_names_all_keys(word: str) -> None:
    assert word in (DOCS / "addresses.md").read_text()

"""What the daemon tells its sessions and they cannot do is an alarm, until it can be done."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon import app
from rhi.errors import SocketOptionError
from rhi.model.events import CallFailed, PeerRemoved
from rhi.model.prefix import to_prefix
from tests.daemon.control.house import SETUP, House, run, running, with_peer
from tests.daemon.decision.build import address

PEERS = with_peer(SETUP, "127.0.0.9", passive=True)
OTHERS = replace(PEERS, peers={**PEERS.peers, "127.0.0.10": PEERS.peers["127.0.0.9"]})
REFUSAL = "TCP MD5 for 127.0.0.10: no room"


class Kernel:
    """Says no as long as a test wants."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
        self.is_full = True
        driver: Any = house.daemon.pool._driver
        real = getattr(driver, name)

        def call(*arguments: Any, **more: Any) -> None:
            if self.is_full:
                raise type(error)(*error.args)
            real(*arguments, **more)

        monkeypatch.setattr(driver, name, call)


def alarms(house: House) -> dict[str, str]:
    return {each.subject: each.text for each in house.daemon.alarms.all}


async def refusing(house: House, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A kernel that has refused `OTHERS`."""
    await house.decided()
    kernel = Kernel(house, monkeypatch, "configure", SocketOptionError(12, REFUSAL))
    await house.daemon.reload(OTHERS)
    await house.until(lambda: "sessions configure" in alarms(house))
    return kernel


def test_peers_that_the_kernel_refuses_are_an_alarm_until_a_reload_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with running(tmp_path, PEERS) as house:
            kernel = await refusing(house, monkeypatch)

            text = f"peers stay as they were: {REFUSAL}; rhi reload tries again"
            _, found = await house.ask("GET", "/v1/alarms")
            assert [(each["subject"], each["text"]) for each in found["items"]] == [
                ("sessions configure", text)
            ]
            _, status = await house.ask("GET", "/v1/status")
            assert text in str(status)
            _, metrics = await house.ask("GET", "/metrics")
            assert "rhi_alarms 1.0" in metrics

            kernel.is_full = False
            await house.daemon.reload(OTHERS)
            await house.until(lambda: not house.daemon.alarms.all)
            assert list(house.daemon.pool.status()) == ["127.0.0.9", "127.0.0.10"]

            monkeypatch.setattr(house.daemon.pool, "configure", pytest.fail)
            await house.daemon.reload(OTHERS)

    run(main())


def test_plan_and_reload_tell_peers_that_the_kernel_has_refused_until_it_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with running(tmp_path, PEERS) as house:
            kernel = await refusing(house, monkeypatch)
            comes = ["+ peer 127.0.0.10"]
            assert (await house.daemon.plan(OTHERS)).lines() == comes
            assert (await house.daemon.plan(PEERS)).lines() == []

            kernel.is_full = False
            assert (await house.daemon.reload(OTHERS)).lines() == comes
            assert (await house.daemon.plan(OTHERS)).lines() == []

    run(main())


def test_call_about_a_peer_is_an_alarm_until_the_peer_leaves(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, PEERS) as house:
            for peer in "127.0.0.9", "127.0.0.90":
                house.daemon.take_event(CallFailed(peer=peer, call="bring_up", reason="no", internal=True))
            house.daemon.take_event(PeerRemoved(peer="127.0.0.9"))

            assert alarms(house) == {"sessions bring_up 127.0.0.90": "no"}

    run(main())


def test_peers_that_the_kernel_takes_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with running(tmp_path, PEERS) as house:
            await house.decided()
            told: list[object] = []
            monkeypatch.setattr(house.daemon.pool, "configure", lambda *peers, **more: told.append(peers))
            await house.daemon.reload(OTHERS)
            await house.daemon.reload(OTHERS)

            assert len(told) == 1

    run(main())


def test_routes_that_a_mistake_kept_from_the_sessions_are_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "LOOK_AGAIN", 0.01)
    monkeypatch.setattr("rhi.daemon.failed_calls.QUIET", 0.01)
    monkeypatch.setattr("rhi.net.intake.AFTER_FAILURE", 0.0)

    async def main() -> None:
        async with running(tmp_path, PEERS) as house:
            await house.decided()
            pool: Any = house.daemon.pool
            table, prefix = pool._driver._table, to_prefix(address(1))
            await house.until(lambda: prefix in table)
            pool.withdraw(prefix)
            await house.until(lambda: prefix not in table)
            kernel = Kernel(house, monkeypatch, "announce", ZeroDivisionError("mistake"))
            pool.announce(prefix)
            await house.until(lambda: any("ZeroDivisionError" in each.text for each in house.logged))

            kernel.is_full = False
            await house.until(lambda: prefix in table and not house.daemon.alarms.all)
            assert next(each.subject for each in house.logged if each.kind == "alarm") == "sessions routes"

    run(main())

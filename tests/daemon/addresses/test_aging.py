"""When the addresses of withdrawn routes may go."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

from rhi.daemon.addresses.aging import LOOK_TIME, Aging, PeerLook
from rhi.model.events import SessionDown
from rhi.model.parameters import Parameters
from rhi.model.prefix import Prefix
from rhi.model.status import Flushed
from tests.daemon.addresses.world import VIP
from tests.health import virtual


class Peers:
    """What peers have acknowledged, by looks that a test answers."""

    def __init__(self) -> None:
        self.looks: list[asyncio.Future[Flushed]] = []
        self.freed: list[set[Prefix]] = []
        self.loop = asyncio.get_running_loop()
        self.aging = Aging(self._look, self.freed.append)

    def _look(self) -> asyncio.Future[Flushed]:
        self.looks.append(self.loop.create_future())
        return self.looks[-1]

    async def answer(self, *behind: str) -> None:
        self.looks[-1].set_result(Flushed(behind=dict.fromkeys(behind, "an UPDATE")))
        await asyncio.sleep(0.001)


def with_peers(test: Callable[[Peers], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        peers = Peers()
        await test(peers)
        peers.aging.close()

    virtual.run(main())


def test_aging_begins_when_the_last_peer_has_acknowledged() -> None:
    async def test(peers: Peers) -> None:
        peers.aging.withdrawn(VIP, 5.0)
        assert peers.aging.free_at(VIP) == math.inf
        await peers.answer("192.0.2.1")
        assert peers.aging.free_at(VIP) == math.inf
        assert list(peers.aging.behind) == ["192.0.2.1"]
        assert len(peers.looks) == 2

        now = peers.loop.time()
        await peers.answer()
        assert now + 5.0 <= peers.aging.free_at(VIP) < now + 5.1
        assert peers.freed == [{VIP}]
        assert len(peers.looks) == 2, "nothing is waited for any more"

    with_peers(test)


def test_aging_does_not_trust_a_look_that_began_before_the_withdrawal() -> None:
    async def test(peers: Peers) -> None:
        peers.aging.withdrawn(VIP, 5.0)
        peers.aging.announced(VIP)
        peers.aging.withdrawn(VIP, 5.0)
        await peers.answer()

        assert peers.aging.free_at(VIP) == math.inf
        await peers.answer()
        assert peers.aging.free_at(VIP) < math.inf

    with_peers(test)


def test_aging_looks_again_after_a_look_that_fails() -> None:
    async def test(peers: Peers) -> None:
        peers.aging.withdrawn(VIP, 5.0)
        peers.looks[-1].set_exception(OSError("broken"))
        await asyncio.sleep(2 * LOOK_TIME)

        assert len(peers.looks) == 2
        assert peers.aging.free_at(VIP) == math.inf

    with_peers(test)


def test_aging_of_what_was_never_withdrawn_has_not_to_be_waited_for() -> None:
    async def test(peers: Peers) -> None:
        assert peers.aging.free_at(VIP) == 0.0
        peers.aging.hold(VIP)
        assert peers.aging.free_at(VIP) == math.inf
        peers.aging.announced(VIP)
        assert peers.aging.free_at(VIP) == 0.0

    with_peers(test)


class InLoop(PeerLook):
    """Asks the pool in the event loop, for virtual time knows no threads."""

    async def _ask(self) -> Flushed:
        return self._flush(LOOK_TIME)


def test_peers_that_may_keep_routes_while_they_are_down_are_behind_for_that_long() -> None:
    settings = {
        "192.0.2.1": Parameters(as_number=65001, graceful_restart=120),
        "192.0.2.2": Parameters(as_number=65001),
    }
    established = {"192.0.2.1"}

    async def main() -> None:
        look = InLoop(lambda seconds: Flushed(), lambda: settings, established)
        assert await look()

        established.clear()
        look.take_event(
            SessionDown(peer="192.0.2.1", reason="hold timer expired", established=True, local=False)
        )
        found = await look()
        assert dict(found.behind) == {
            "192.0.2.1": "is down, and may keep routes for 120 s (graceful restart)"
        }
        await asyncio.sleep(60)
        established.add("192.0.2.1")
        assert await look()
        established.clear()
        await asyncio.sleep(60)
        assert await look()
        look.close()

    virtual.run(main())


def test_peers_that_have_not_come_up_since_the_start_may_keep_routes_of_the_life_before() -> None:
    settings = {"192.0.2.1": Parameters(as_number=65001, graceful_restart=120)}

    async def main() -> None:
        look = InLoop(lambda seconds: Flushed(behind={"192.0.2.9": "an UPDATE"}), lambda: settings, ())
        assert set((await look()).behind) == {"192.0.2.1", "192.0.2.9"}
        await asyncio.sleep(120)
        assert set((await look()).behind) == {"192.0.2.9"}
        look.close()

    virtual.run(main())

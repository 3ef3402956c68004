"""Looks at what peers have acknowledged, made in a thread while events of sessions come in."""

import asyncio
import threading
from collections.abc import Mapping

import pytest

from rhi.daemon.drains.conductor import Conductor
from rhi.model.events import Event, SessionDown, SessionUp
from rhi.model.parameters import Parameters
from rhi.model.status import Flushed
from tests.daemon.drains.test_book import DNS, PACE, PEER, Scene

PATIENCE = 20.0
DOWN = SessionDown(peer=PEER, local=False, reason="hold timer expired", established=True)
UP = SessionUp(
    peer=PEER, local_ip="", remote_ip="", remote_asn=1, remote_router_id="", hold_time=9, families=()
)  # fmt: skip


class Pool:
    """Has asked the peer when a look begins, and answers when a test lets it."""

    def __init__(self) -> None:
        self.is_asked, self.answers = threading.Event(), threading.Event()

    def configure(self, peers: Mapping[str, Parameters], *, allow_reset: bool = False) -> None:
        """Nothing changes here."""

    def shut_down(self, peer: str, message: str = "") -> None:
        """Nothing ends here."""

    def bring_up(self, peer: str) -> None:
        """Nothing begins here."""

    def flush(self, timeout: float | None = 5.0) -> Flushed:
        self.is_asked.set()
        self.answers.wait(PATIENCE)
        return Flushed(peers=frozenset({PEER}))


@pytest.mark.parametrize(("events", "heard"), [([], {PEER}), ([DOWN], set()), ([DOWN, UP], {PEER})])
def test_look_tells_of_no_session_that_has_ended_while_it_was_under_way(
    events: list[Event], heard: set[str]
) -> None:
    """A drain would wait for who hears nothing any more."""

    async def main() -> None:
        scene, pool = Scene(), Pool()
        drains = scene.desk.controller.drains
        drains.sessions.flush = None
        scene.order(DNS, PACE)
        scene.desk.controller.decide()
        peers = {PEER: Parameters(as_number=65001)}
        conductor = Conductor(pool, drains, peers, lambda: None)
        conductor.act(peers)
        async with asyncio.timeout(PATIENCE):
            while not pool.is_asked.is_set():
                await asyncio.sleep(0.001)
            for event in events:
                conductor.take_event(event)
            pool.answers.set()
            while drains.sessions.flush is None:
                await asyncio.sleep(0.001)

        assert drains.sessions.flush.heard == heard
        conductor.close()

    asyncio.run(main())

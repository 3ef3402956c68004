"""`rhi.aio`: sessions in the program's own event loop."""

import asyncio
import gc
import os
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

import rhi
from rhi import aio
from rhi.model.events import EndOfRibSent, Event, SessionDown, SessionUp
from tests.core.script import NOTIFICATION
from tests.net.raw import PATIENCE, RawListener, free_port

PASSIVE = {"127.0.0.0/8": rhi.Parameters(as_number=65002, multiprotocol=True)}


@pytest.fixture(autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    gc.collect()  # what was not closed warns now, and warnings are errors
    assert len(os.listdir("/proc/self/fd")) <= before  # fewer: what a thread of a test before has closed


class Recorder(rhi.Observer):
    def __init__(self) -> None:
        self.all: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.all.append(event)

    def has(self, kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in self.all)


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, PATIENCE))


async def is_up(pool: aio.Pool, peer: str = "127.0.0.1") -> None:
    while pool.status()[peer].state is not rhi.State.ESTABLISHED:
        await asyncio.sleep(0.001)


def server(observer: rhi.Observer | None = None, *, reports_routes: bool = False) -> aio.Pool:
    return aio.Pool(
        "192.0.2.2",
        observer=observer,
        listen=["127.0.0.1:0"],
        dynamic_peers=PASSIVE,
        reports_routes=reports_routes,
    )


def to(pool: aio.Pool, **settings: Any) -> rhi.Parameters:
    return rhi.Parameters(as_number=65001, port=pool.listen_addresses[0].port, **settings)


def test_pool_in_a_program_with_a_loop_of_its_own() -> None:
    async def main() -> None:
        seen, told = Recorder(), Recorder()
        async with server(seen, reports_routes=True) as collector:
            async with aio.Pool("192.0.2.1", {"127.0.0.1": to(collector)}, ["203.0.113.1"], told) as pool:
                await is_up(pool)
                pool.announce("203.0.113.2", rhi.PathAttributes(med=5))
                pool.withdraw("203.0.113.1")
                assert await pool.flush()
                pool.replace(["203.0.113.3"])
                pool.configure({"127.0.0.1": to(collector, med=9, hold_time=30)})
                assert pool.parameters() == {"127.0.0.1": to(collector, med=9)}
                assert collector.parameters() == {}  # its peer is a dynamic one
                assert await pool.flush()
                assert pool.status()["127.0.0.1"].adj_rib_out == ["203.0.113.3"]
            assert told.has(SessionUp)
            assert told.has(SessionDown)
            assert pool.status()["127.0.0.1"].state is rhi.State.IDLE
            assert await pool.flush()

    run(main())


def test_first_change_of_a_turn_is_written_in_the_call_and_the_others_together() -> None:
    async def main() -> None:
        async with (
            server() as collector,
            aio.Pool("192.0.2.1", {"127.0.0.1": to(collector)}, ["203.0.113.1"]) as pool,
        ):
            await is_up(pool)
            assert await pool.flush()
            for _ in range(2):
                told = []
                for number in (2, 3, 4):
                    pool.announce(f"203.0.113.{number}")
                    told.append(pool.status()["127.0.0.1"].current_routes)
                assert told == [2, 2, 2]
                assert await pool.flush()
                assert pool.status()["127.0.0.1"].current_routes == 4
                pool.withdraw("203.0.113.2")
                assert pool.status()["127.0.0.1"].current_routes == 3
                pool.replace(["203.0.113.1"])
                assert await pool.flush()

    run(main())


def test_session_is_a_pool_with_one_peer() -> None:
    async def main() -> None:
        async with server() as collector:
            async with aio.Session("192.0.2.1", "127.0.0.1", to(collector), ["203.0.113.1"]) as session:
                while session.status().state is not rhi.State.ESTABLISHED:
                    await asyncio.sleep(0.001)
                assert await session.flush()
                session.configure(to(collector, med=1))
            assert session.status().established_sessions == 1

    run(main())


def test_pool_outside_a_loop_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        aio.Pool("192.0.2.1")


def test_pool_that_cannot_listen_leaves_nothing_behind() -> None:
    async def main() -> None:
        port = free_port()
        for _ in range(2):
            with pytest.raises(rhi.ListenError):
                aio.Pool("192.0.2.1", listen=[("127.0.0.1", port), ("192.0.2.200", 0)])

    run(main())


def test_methods_after_close_do_nothing() -> None:
    async def main() -> None:
        pool = aio.Pool("192.0.2.1", {"127.0.0.1": rhi.Parameters(as_number=65001, port=free_port())})
        for _ in range(2):
            await pool.close()
            pool.announce("203.0.113.1")
            pool.withdraw("203.0.113.1")
            pool.replace(["203.0.113.1"])
            pool.configure({"127.0.0.2": rhi.Parameters(as_number=65001)})
            assert await pool.flush()
            assert list(pool.status()) == ["127.0.0.1"]
            assert pool.listen_addresses == []

    run(main())


def test_observer_that_raises_is_logged_and_called_again(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Recorder):
        def on_event(self, event: Event) -> None:
            super().on_event(event)
            raise ZeroDivisionError

    async def main() -> None:
        async with (
            server() as collector,
            aio.Pool("192.0.2.1", {"127.0.0.1": to(collector)}, (), observer) as pool,
        ):
            await is_up(pool)

    observer = Faulty()
    run(main())

    assert observer.has(SessionDown)
    assert sum(text.startswith("observer failed on ") for text in caplog.messages) == len(observer.all)


def test_observer_may_change_and_close_the_pool() -> None:
    class Closer(Recorder):
        def on_event(self, event: Event) -> None:
            super().on_event(event)
            if isinstance(event, SessionUp):
                pools[0].announce("203.0.113.1")
                pools[0].configure({})
                closing.append(asyncio.get_running_loop().create_task(pools[0].close()))

    closing: list[asyncio.Task[None]] = []
    observer = Closer()

    async def main() -> None:
        async with server() as collector:
            pools.append(aio.Pool("192.0.2.1", {"127.0.0.1": to(collector)}, (), observer))
            while not closing:
                await asyncio.sleep(0.001)
            await closing[0]

    pools: list[aio.Pool] = []
    run(main())
    assert observer.has(SessionDown)


def test_flush_that_is_cancelled_leaves_the_pool_as_it_was() -> None:
    async def main() -> None:
        with RawListener(receive_buffer=4096) as listener:
            parameters = listener.parameters(extended_messages=False)
            async with aio.Pool("192.0.2.1", {listener.host: parameters}) as pool:
                peer = await asyncio.to_thread(listener.accept)
                await asyncio.to_thread(peer.establish)
                await is_up(pool)
                pool.replace([f"10.0.{n >> 8}.{n & 255}" for n in range(30_000)])
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(pool.flush(None), 0.1)
                reading = asyncio.create_task(asyncio.to_thread(peer.drain))
                assert await pool.flush()
            await reading

    run(main())


def test_close_that_is_cancelled_closes_all_sockets() -> None:
    async def main() -> None:
        with RawListener() as listener:
            pool = aio.Pool("192.0.2.1", {listener.host: listener.parameters()})
            peer = await asyncio.to_thread(listener.accept)
            while pool.status()[listener.host].state is not rhi.State.OPEN_SENT:
                await asyncio.sleep(0)
            before = len(os.listdir("/proc/self/fd"))
            closing = asyncio.create_task(pool.close())
            await asyncio.sleep(0)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            for _ in range(3):
                await asyncio.sleep(0)

            assert len(os.listdir("/proc/self/fd")) == before - 1
            messages = await asyncio.to_thread(peer.drain)
            assert messages[-1:] in ([], [(NOTIFICATION, b"\x06\x02")])
            await pool.close()

    run(main())


def test_close_twice_at_once_waits_both_times() -> None:
    async def main() -> None:
        with RawListener() as listener:
            pool = aio.Pool("192.0.2.1", {listener.host: listener.parameters()})
            peer = await asyncio.to_thread(listener.accept)
            while pool.status()[listener.host].state is not rhi.State.OPEN_SENT:
                await asyncio.sleep(0)
            before = len(os.listdir("/proc/self/fd"))
            first = asyncio.create_task(pool.close())
            await asyncio.sleep(0)
            await pool.close()
            assert len(os.listdir("/proc/self/fd")) == before - 1
            await first
            assert peer.notification() == (6, 2)

    run(main())


def test_loop_that_ends_without_close_leaves_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """As when the program is interrupted: tasks are cancelled, and the loop is gone."""

    async def main() -> None:
        pools.append(aio.Pool("192.0.2.1", {"127.0.0.1": rhi.Parameters(as_number=65001, port=free_port())}))
        await asyncio.sleep(0)

    pools: list[aio.Pool] = []
    run(main())

    assert not caplog.records


def test_peer_that_is_shut_down_stays_so_until_it_is_brought_up() -> None:
    async def main() -> None:
        told = Recorder()
        async with server() as collector:
            peers = {"127.0.0.1": to(collector)}
            async with aio.Pool("192.0.2.1", peers, ["203.0.113.1"], told) as pool:
                await is_up(pool)

                pool.shut_down("127.0.0.1", "line card")
                while not told.has(SessionDown):
                    await asyncio.sleep(0.001)
                assert pool.status()["127.0.0.1"].state is rhi.State.IDLE
                with pytest.raises(rhi.InvalidValueError, match="message 5: must be text"):
                    pool.shut_down("127.0.0.1", 5)  # type: ignore[arg-type]
                pool.bring_up("127.0.0.1")
                await is_up(pool)

    run(main())


def test_release_quarantine_of_a_peer_without_any_changes_nothing() -> None:
    async def main() -> None:
        peer = rhi.Parameters(as_number=65001, port=free_port())
        async with aio.Session("192.0.2.1", "127.0.0.1", peer, ["203.0.113.1"]) as session:
            session.release_quarantine()
            with pytest.raises(rhi.InvalidValueError, match="not an IPv4 or IPv6 address"):
                session._pool.release_quarantine("no.router")

            assert session.status().quarantined == ()

    run(main())


def test_end_of_rib_waits_for_mark_complete_and_routes_are_kept() -> None:
    async def main() -> None:
        lasting = {"127.0.0.0/8": rhi.Parameters(as_number=65002, graceful_restart=60)}
        told = Recorder()
        async with aio.Pool("192.0.2.2", listen=["127.0.0.1:0"], dynamic_peers=lasting) as server:
            peer = to(server, graceful_restart=60)
            session = aio.Session("192.0.2.1", "127.0.0.1", peer, ["203.0.113.1"], told, complete_within=3600)
            while session.status().state is not rhi.State.ESTABLISHED:
                await asyncio.sleep(0.001)
            assert await session.flush()
            assert not told.has(EndOfRibSent)
            session.mark_complete()
            while not told.has(EndOfRibSent):
                await asyncio.sleep(0.001)

            await session.close(keep_routes=True)

            assert "routes are kept" in session.status().last_error

    run(main())


def test_drain_is_awaited_and_seen_by_the_peer_step_by_step() -> None:
    async def main() -> None:
        seen, told = Recorder(), Recorder()
        async with server(seen, reports_routes=True) as collector:
            async with aio.Pool("192.0.2.1", {"127.0.0.1": to(collector)}, ["203.0.113.1"], told) as pool:
                await is_up(pool)
                assert await pool.flush()

                drain = pool.drain(wait=0.05, close=True, message="kernel")
                steps = [progress.step.value async for progress in drain]
                result = await drain

                assert result
                assert result.withdrawn == 1
                assert steps[0] == "mark"
                assert steps[-2:] == ["close", "done"]
                assert pool.drain().step is rhi.DrainStep.SUPERSEDED
                assert await pool.flush()
                pool.announce("203.0.113.9")  # too late, and harmless
            progress = [event.step.value for event in told.all if isinstance(event, rhi.DrainProgress)]
            assert progress == steps
        heard = [event for event in seen.all if isinstance(event, rhi.RoutesReceived)]
        assert [(list(map(str, event.announced)), list(map(str, event.withdrawn))) for event in heard] == [
            (["203.0.113.1"], []),
            (["203.0.113.1"], []),
            ([], ["203.0.113.1"]),
        ]
        assert (heard[1].attributes or {})["communities"] == ["65535:0"]
        (down,) = [event for event in seen.all if isinstance(event, SessionDown)]
        assert down.code == 6
        assert "kernel" in down.reason

    run(main())


def test_flush_waits_for_the_marks_of_a_drain() -> None:
    async def main() -> None:
        async with (
            server() as collector,
            aio.Pool("192.0.2.1", {"127.0.0.1": to(collector)}, ["203.0.113.1"]) as pool,
        ):
            await is_up(pool)
            assert await pool.flush()

            drain = pool.drain(wait=3600)

            assert (await pool.flush(0)).behind == {"127.0.0.1": "has yet to be told"}
            assert await pool.flush()
            pool.replace(["203.0.113.2"])
            assert not drain.is_done

    run(main())


def test_drain_of_a_session_of_routes_is_cancelled() -> None:
    async def main() -> None:
        async with (
            server() as collector,
            aio.Session("192.0.2.1", "127.0.0.1", to(collector), ["203.0.113.1", "203.0.113.2"]) as session,
        ):
            while session.status().state is not rhi.State.ESTABLISHED:
                await asyncio.sleep(0.001)
            drain = session.drain(["203.0.113.1"], wait=3600)
            async for progress in drain:
                if progress.step is rhi.DrainStep.WAIT:
                    drain.cancel()

            assert (await drain).outcome is rhi.DrainStep.CANCELLED
            assert await session.flush()
            assert session.status().adj_rib_out == ["203.0.113.1", "203.0.113.2"]

    run(main())


def test_close_ends_drains_and_loop_that_ends_with_one_leaves_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        nowhere = {"127.0.0.1": rhi.Parameters(as_number=65001, port=free_port())}
        pool = aio.Pool("192.0.2.1", nowhere, ["203.0.113.1"])
        drain = pool.drain(["203.0.113.1"])
        await pool.close()
        assert (await drain).outcome is rhi.DrainStep.SUPERSEDED
        drains.append(
            aio.Pool("192.0.2.1", nowhere, [f"10.0.{n >> 8}.{n & 255}" for n in range(9000)]).drain()
        )
        await asyncio.sleep(0)

    drains: list[aio.Drain] = []
    run(main())

    assert drains[0].step is rhi.DrainStep.CANCELLED
    assert not caplog.records

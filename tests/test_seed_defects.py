"""Defects of the Go library this one grew out of, where they concern threads and sockets: none is repeated.

The numbers are those of the project's list of the seed's defects. Most rules have tests of their own beside
the code as well; here stands what exactly went wrong there.
"""

import threading
from dataclasses import replace

import pytest

import rhi
from rhi.cli import main
from rhi.model.events import SessionDown, SessionUp, StateChanged
from rhi.testing.collector import Collector
from tests.core.script import UPDATE, message
from tests.net.raw import PATIENCE, Events, RawListener, blackhole, free_port, wait_until


def to(collector: Collector, **settings: object) -> dict[str, rhi.Parameters]:
    values = {"as_number": 65001, "port": collector.port, "multiprotocol": True, **settings}
    return {collector.host: rhi.Parameters(**values)}  # type: ignore[arg-type]


def is_up(pool: rhi.Pool, peer: str) -> bool:
    return pool.status()[peer].state is rhi.State.ESTABLISHED


def test_seed_defect_16_a_peer_in_connect_blocks_no_call_and_no_other_peer() -> None:
    """The eleventh change blocked the caller; in a pool all peers and Status with it."""
    with blackhole() as (host, port), Collector() as collector:
        blocked = rhi.Parameters(as_number=65001, port=port, connect_timeout=3600)
        peers = {**to(collector), host: blocked}
        with rhi.Pool("192.0.2.10", peers) as pool:
            wait_until(lambda: is_up(pool, collector.host), "the other peer")
            for number in range(100):
                pool.announce(f"10.0.0.{number}")
                pool.replace([f"10.0.1.{number}"])
                pool.configure({**peers, host: replace(blocked, med=number)})
                pool.status()

            assert pool.status()[host].state is rhi.State.CONNECT
            assert collector.wait_for(lambda routes: list(routes) == ["10.0.1.99"], PATIENCE)


def test_seed_defect_17_use_after_close_neither_raises_nor_hangs() -> None:
    """Use after Close and a second Close panicked; Pool.Status and RIB after Close hung for ever."""
    pool = rhi.Pool("192.0.2.10", {"127.0.0.1": rhi.Parameters(as_number=65001, port=free_port())})
    pool.close()
    finished = threading.Event()

    def use() -> None:
        for _ in range(20):
            pool.announce("203.0.113.1")
            pool.withdraw("203.0.113.1")
            pool.replace([], allow_empty=True)
            pool.configure({})
            pool.status()
            pool.flush(None)
            pool.close()
        finished.set()

    threading.Thread(target=use, daemon=True).start()
    assert finished.wait(PATIENCE)


def test_seed_defect_18_status_and_changes_from_many_threads_do_not_race() -> None:
    """Parameters, routes and state were read and written without a lock."""
    errors: list[BaseException] = []
    with Collector() as collector, rhi.Pool("192.0.2.10", to(collector)) as pool:
        wait_until(lambda: is_up(pool, collector.host), "session")

        def use(number: int) -> None:
            try:
                for turn in range(100):
                    pool.announce(f"10.0.{number}.{turn}", rhi.PathAttributes(med=turn))
                    pool.configure(to(collector, med=turn))
                    status = pool.status()[collector.host]
                    assert status.state is rhi.State.ESTABLISHED
                    assert len(status.adj_rib_out) == status.current_routes
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)

        assert not errors
        assert collector.wait_for(lambda routes: len(routes) == 400, PATIENCE)


def test_seed_defect_20_what_waits_for_a_peer_that_does_not_read_is_bounded() -> None:
    """The queue to a peer grew until a write failed after 3 s."""
    with RawListener(receive_buffer=4096) as listener:
        parameters = listener.parameters(extended_messages=False)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}) as pool:
            peer = listener.accept().establish()
            routes = [f"10.0.{n >> 8}.{n & 255}" for n in range(30_000)]
            for med in range(10):
                pool.replace(routes, rhi.PathAttributes(med=med))
                pool.flush(0.05)
            assert is_up(pool, listener.host)
            told = []

            def read() -> None:
                while (each := peer.receive())[0]:
                    told.append(each)

            reader = threading.Thread(target=read)
            reader.start()
            assert pool.flush(PATIENCE)
            pool.close()
            reader.join(PATIENCE)

    # 1,500 kB were wanted on the way; told are what was in the buffers and the last word on each route
    assert sum(len(body) for kind, body in told if kind == UPDATE) < 600_000


def test_seed_defect_21_our_own_close_is_reported_as_local() -> None:
    """Close was reported to the callback as remote."""
    events = Events()
    with (
        Collector() as collector,
        rhi.Pool("192.0.2.10", to(collector), (), events),
    ):
        events.wait(SessionUp)

    events.wait(SessionDown)
    assert ("session", collector.host, True, events.of(SessionDown)[-1].reason) in events.calls
    assert events.of(SessionDown)[-1].reason.startswith("Local shutdown")


def test_seed_defect_22_close_ends_with_one_notification_and_needs_no_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The seed slept to have withdrawals sent. A Cease withdraws everything, and routers obey at once."""
    for longest in ("rhi.threaded.CLOSE_WAIT", "rhi.net.pool.CLOSE_TIME", "rhi.net.connection.CLOSE_TIME"):
        monkeypatch.setattr(longest, 3600.0)
    with RawListener() as listener:
        pool = rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}, ["203.0.113.1"])
        peer = listener.accept().establish()
        assert wait_until(lambda: is_up(pool, listener.host), "session")
        assert pool.flush()
        threading.Timer(0, peer.sock.shutdown, [1]).start()
        pool.close()

    with Collector() as collector:
        with rhi.Pool("192.0.2.10", to(collector), ["203.0.113.1"]):
            assert collector.wait_for(len, PATIENCE)
        assert collector.wait_for(lambda routes: not routes, PATIENCE)


def test_seed_defect_23_a_blip_does_not_cost_thirty_seconds() -> None:
    """The seed waited 30 s after any end."""
    events = Events()
    with (
        RawListener() as listener,
        rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}, (), events) as pool,
    ):
        listener.accept().establish().close()
        events.wait(SessionDown)
        assert (pool.status()[listener.host].retry_in_s or 0.0) < 1
        listener.accept().establish()
        events.wait(SessionUp, 2)


def test_seed_defect_24_a_session_that_ended_shows_no_routes() -> None:
    """adj_rib_out and current_routes showed the old routes while the session was down."""
    with (
        RawListener() as listener,
        rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}, ["203.0.113.1"]) as pool,
    ):
        peer = listener.accept().establish()
        wait_until(lambda: pool.status()[listener.host].adj_rib_out == ["203.0.113.1"], "route")
        peer.close()
        wait_until(lambda: not is_up(pool, listener.host), "the end")

        status = pool.status()[listener.host]
        assert status.adj_rib_out == []
        assert status.current_routes == 0


def test_seed_defect_25_multiprotocol_is_not_half_live() -> None:
    """Switched off, the other family was withdrawn at once; switched on, it was announced unasked."""
    with Collector() as collector:
        routes = [
            rhi.Route.of("203.0.113.1"),
            rhi.Route.of("2001:db8::1", rhi.PathAttributes(next_hop="2001:db8::2")),
        ]
        with rhi.Pool("192.0.2.10", to(collector), routes) as pool:
            assert collector.wait_for(lambda seen: len(seen) == 2, PATIENCE)
            pool.configure(to(collector, multiprotocol=False, med=3))

            assert collector.wait_for(
                lambda seen: all(each.get("med") == 3 for each in seen.values()), PATIENCE
            )
            status = pool.status()[collector.host]
            assert status.pending_changes == ("multiprotocol",)
            assert status.withdrawn_routes == 0
            assert len(collector.routes()) == 2

            pool.configure(to(collector, multiprotocol=False), allow_reset=True)
            assert collector.wait_for(lambda seen: list(seen) == ["203.0.113.1"], PATIENCE)


def test_seed_defect_26_status_is_a_copy() -> None:
    """The list of routes in a status was that of the live session."""
    with Collector() as collector, rhi.Pool("192.0.2.10", to(collector), ["203.0.113.1"]) as pool:
        wait_until(lambda: pool.status()[collector.host].current_routes == 1, "route")
        before = pool.status()[collector.host]
        before.adj_rib_out.append("junk")
        pool.replace(["203.0.113.2"])
        assert pool.flush()

        assert before.adj_rib_out == ["203.0.113.1"]
        assert pool.status()[collector.host].adj_rib_out == ["203.0.113.2"]


def test_seed_defect_27_a_pool_announces_ipv6_routes() -> None:
    """Pool.RIB dropped them without a word."""
    with (
        Collector("[::1]:0") as collector,
        rhi.Pool("192.0.2.10", to(collector), ["2001:db8::1"]) as pool,
    ):
        assert collector.wait_for(lambda routes: list(routes) == ["2001:db8::1"], PATIENCE)
        pool.replace(["2001:db8::2", "203.0.113.1"])
        assert collector.wait_for(lambda routes: sorted(routes) == ["2001:db8::2", "203.0.113.1"], PATIENCE)


def test_seed_defect_28_a_shutdown_message_is_readable() -> None:
    """Texts printed data as decimal byte lists."""
    events = Events()
    with (
        RawListener() as listener,
        rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}, (), events),
    ):
        peer = listener.accept().establish()
        events.wait(SessionUp)
        peer.sock.sendall(message(3, b"\x06\x02\x05lunch"))

        assert events.wait(SessionDown).reason == (
            'Received notification[6:2]: Cease; Administrative Shutdown: "lunch"'
        )


@pytest.mark.parametrize("written", ["::1", "[::1]", "0:0:0:0:0:0:0:1"])
def test_seed_defect_29_ipv6_peers_need_no_brackets_and_names_are_refused(written: str) -> None:
    """Brackets were the caller's business, and host names were looked up at each attempt."""
    with (
        Collector("[::1]:0") as collector,
        rhi.Pool("192.0.2.10", {written: to(collector)[collector.host]}) as pool,
    ):
        wait_until(lambda: is_up(pool, written), "session")

    with pytest.raises(rhi.InvalidValueError, match="not an IPv4 or IPv6 address"):
        rhi.Pool("192.0.2.10", {"localhost": rhi.Parameters(as_number=65001)})


def test_seed_defect_31_source_of_an_ipv6_session_may_be_set() -> None:
    """source_ip could not be IPv6, and made every attempt fail with an IPv6 peer."""
    with (
        RawListener("::1") as listener,
        rhi.Pool("192.0.2.10", {"::1": listener.parameters(source_ip="::1")}) as pool,
    ):
        peer = listener.accept().establish()

        assert peer.sock.getpeername()[0] == "::1"
        wait_until(lambda: pool.status()["::1"].local_ip == "::1", "session")


def test_seed_defect_05_a_session_is_established_only_with_the_peers_keepalive() -> None:
    """ESTABLISHED was declared on OPEN, and the last error forgotten."""
    events = Events()
    with RawListener() as listener:
        parameters = listener.parameters(connect_retry_time=0.05)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}, (), events) as pool:
            listener.accept().reset()
            events.wait(SessionDown)
            peer = listener.accept()
            states = [event.after for event in events.of(StateChanged)]
            assert rhi.State.ESTABLISHED not in states
            assert pool.status()[listener.host].last_error
            peer.establish()
            events.wait(SessionUp)
            assert pool.status()[listener.host].last_error == ""


def test_seed_defect_32_command_without_arguments_says_what_is_missing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["speak"])

    assert ended.value.code == 2
    (sentence,) = capfd.readouterr().err.splitlines()
    assert all(name in sentence for name in ("AS_NUMBER", "ROUTER_ID", "PEER"))


def test_seed_defect_32_peer_may_be_the_ipv6_loopback_address() -> None:
    with Collector("[::1]:0") as collector:
        parameters = rhi.Parameters(as_number=65001, port=collector.port)
        with rhi.Pool("192.0.2.10", {"::1": parameters}, ["2001:db8::80"]):
            assert collector.wait_for(lambda routes: "2001:db8::80" in routes, PATIENCE)

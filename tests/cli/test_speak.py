"""`rhi speak` as a child process against a collector: what was asked for is what the peer is told."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rhi
from rhi.cli.speak import Watcher
from rhi.model.events import Event, SessionDown, SessionUp
from rhi.testing.collector import Collector
from tests.cli.command import COMMAND, PATIENCE, TO_NOBODY, running
from tests.net.raw import RawPeer

pytestmark = pytest.mark.slow


class Peer:
    """A collector with its events."""

    def __init__(self, **parameters: Any) -> None:
        self.events: list[Event] = []
        self.collector = Collector(on_event=self.events.append, **parameters)
        self.port = str(self.collector.port)

    def has(self, *routes: str) -> bool:
        return self.collector.wait_for(lambda seen: set(seen) == set(routes), PATIENCE)

    def downs(self) -> list[tuple[int | None, int | None]]:
        found = [event for event in self.events if isinstance(event, SessionDown)]
        return [(event.code, event.subcode) for event in found]

    def ended(self) -> bool:
        """The session has ended: wait for its last event."""
        deadline = time.monotonic() + PATIENCE
        while not self.downs() and time.monotonic() < deadline:
            self.collector.wait_for(lambda _: bool(self.downs()), 0.05)
        return bool(self.downs())


@pytest.fixture
def peer() -> Iterator[Peer]:
    it = Peer()
    yield it
    it.collector.close()


@pytest.fixture
def internal_peer() -> Iterator[Peer]:
    it = Peer(as_number=65001)
    yield it
    it.collector.close()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_speak_signal_ends_with_administrative_shutdown_and_code_0(peer: Peer, sign: signal.Signals) -> None:
    with running("speak", "--port", peer.port, *TO_NOBODY, "203.0.113.10") as child:
        assert peer.has("203.0.113.10")
        child.line("established")

        code, out, err = child.end(sign)

    assert (code, err) == (0, "")
    assert peer.ended()
    assert peer.downs() == [(6, 2)]
    assert "Cease; Administrative Shutdown" in out


def test_speak_routes_may_follow_options_anywhere(peer: Peer) -> None:
    with running("speak", *TO_NOBODY, "--port", peer.port, "203.0.113.1", "--med", "5", "203.0.113.0/24"):
        assert peer.has("203.0.113.1", "203.0.113.0/24")


def test_speak_options_reach_the_peer_attribute_by_attribute(internal_peer: Peer) -> None:
    options = ["-m", "-4", "192.0.2.4", "-6", "2001:db8::6", "--med", "0", "--local-pref", "200"]
    options += ["--community", "65000:1", "--community", "no-export", "--port", internal_peer.port]

    with running("speak", *options, *TO_NOBODY, "203.0.113.10", "2001:db8::10"):
        assert internal_peer.has("203.0.113.10", "2001:db8::10")
        routes = internal_peer.collector.routes()

    common = {"origin": "igp", "as_path": "", "med": 0, "local_pref": 200}
    common |= {"communities": ["65000:1", "65535:65281"]}
    assert routes == {
        "203.0.113.10": {**common, "next_hop": "192.0.2.4"},
        "2001:db8::10": {**common, "next_hop": "2001:db8::6"},
    }


def test_speak_options_of_paths_and_communities_reach_the_peer(peer: Peer) -> None:
    options = [
        "--prepend",
        "2",
        "--large-community",
        "65001:1:2",
        "--extended-community",
        "lb:65001:125000000",
    ]

    with running("speak", *options, "--port", peer.port, *TO_NOBODY, "203.0.113.10"):
        assert peer.has("203.0.113.10")
        found = peer.collector.routes()["203.0.113.10"]

    assert found["as_path"] == "65001 65001 65001"
    assert found["large_community"] == ["65001:1:2"]
    assert found["extended_communities"] == ["lb:65001:125000000"]


def test_speak_announces_what_accept_and_reject_let_pass(peer: Peer) -> None:
    options = ["--accept", "203.0.113.0/28", "--reject", "203.0.113.0/24", "--stdin", "--port", peer.port]

    with running("speak", *options, *TO_NOBODY, "203.0.113.1", "203.0.113.99", "198.51.100.1") as child:
        child.tell("flush")
        child.line("flushed")

        assert peer.has("203.0.113.1", "198.51.100.1")


def test_speak_serves_dynamic_peers_beside_the_one_that_is_named(peer: Peer) -> None:
    options = ["--listen", "127.0.0.1:0", "--dynamic", "127.0.5.0/24", "--dynamic", "127.0.6.0/24"]
    options += ["--max-dynamic-peers-per-source", "1", "--json", "--stdin", "--port", peer.port]
    with running("speak", *options, *TO_NOBODY, "203.0.113.1") as child:
        address = ("127.0.0.1", child.event(event="listening")["port"])
        assert peer.has("203.0.113.1")

        with RawPeer.connect(address, "127.0.5.1") as dynamic:
            dynamic.establish()
            child.event(event="session_up", peer="127.0.5.1")
            with RawPeer.connect(address, "127.0.5.1") as one_too_many:
                assert one_too_many.is_closed_silently()
            with RawPeer.connect(address, "127.0.7.1") as stranger:
                assert stranger.is_closed_silently()
        child.event(event="session_down", peer="127.0.5.1")
        child.tell("announce 203.0.113.2", "flush")
        # the end of a dynamic peer's session is not that of the named one
        assert child.event(event="flushed")["behind"] == {}
        code, _, err = child.end(None)

    assert (code, err) == (0, "")


def test_speak_stdin_announces_changes_withdraws_and_clears(peer: Peer) -> None:
    with running("speak", "--stdin", "--port", peer.port, *TO_NOBODY, "203.0.113.1") as child:
        child.tell(
            "announce 203.0.113.2 med 7 next-hop 192.0.2.7 prepend 2 origin incomplete local-pref 9",
            "ANNOUNCE 203.0.113.3 community 65000:1 community blackhole large-community 65000:1:2 "
            "extended-community rt:65000:5  # comment",
            "",
            "flush",
        )
        child.line("flushed")
        assert peer.has("203.0.113.1", "203.0.113.2", "203.0.113.3")
        routes = peer.collector.routes()
        child.tell("withdraw 203.0.113.1", "announce 203.0.113.2 med 8")
        assert peer.collector.wait_for(lambda seen: seen.get("203.0.113.2", {}).get("med") == 8, PATIENCE)
        assert peer.has("203.0.113.2", "203.0.113.3")
        child.tell("clear")
        assert peer.has()
        child.tell("announce 203.0.113.9")
        assert peer.has("203.0.113.9")
        code, _, err = child.end(None)

    assert routes["203.0.113.2"] == {
        "origin": "incomplete",
        "as_path": "65001 65001 65001",
        "next_hop": "192.0.2.7",
        "med": 7,
    }
    assert routes["203.0.113.3"] == {
        "origin": "igp",
        "as_path": "65001",
        "next_hop": "127.0.0.1",
        "communities": ["65000:1", "65535:666"],
        "extended_communities": ["rt:65000:5"],
        "large_community": ["65000:1:2"],
    }
    assert (code, err) == (0, "")
    assert peer.ended()
    assert peer.downs() == [(6, 2)]


def test_speak_stdin_that_is_empty_still_delivers_the_routes_given(peer: Peer) -> None:
    with running("speak", "--stdin", "--port", peer.port, *TO_NOBODY, "203.0.113.1") as child:
        code, _, err = child.end(None)

    assert (code, err) == (0, "")
    assert peer.ended()
    received = [event for event in peer.events if isinstance(event, rhi.RoutesReceived)]
    assert [str(prefix) for event in received for prefix in event.announced] == ["203.0.113.1"]


def test_speak_reads_routes_from_a_file(peer: Peer, tmp_path: Path) -> None:
    path = tmp_path / "routes"
    path.write_bytes(b"\xef\xbb\xbf# ours\r\n203.0.113.1 med 5\r\nannounce 203.0.113.2\r\n\r\n203.0.113.3")

    with running("speak", "--routes", str(path), "--port", peer.port, *TO_NOBODY, "203.0.113.4"):
        assert peer.has("203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4")
        assert peer.collector.routes()["203.0.113.1"]["med"] == 5


def test_speak_json_is_json_on_every_line_and_ends_with_the_status(peer: Peer) -> None:
    with running("speak", "--json", "--stdin", "--port", peer.port, *TO_NOBODY, "203.0.113.1") as child:
        up = child.event(event="session_up")
        child.tell("flush")
        flushed = child.event(event="flushed")
        code, out, err = child.end()

    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert (up["remote_asn"], up["families"]) == (65000, ["ipv4"])
    assert flushed["behind"] == {}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"]) for event in events)
    assert events[-1]["event"] == "status"
    status = events[-1]["status"]["127.0.0.1"]
    assert (status["state"], status["advertised_routes"]) == ("ESTABLISHED", 1)
    assert (status["current_routes"], status["adj_rib_out"]) == (1, ["203.0.113.1"])
    assert (status["remote_asn"], status["families"]) == (65000, ["ipv4"])


def test_speak_events_wait_for_the_first_line(capfd: pytest.CaptureFixture[str]) -> None:
    """A peer on the same host is up before the pool has told where it listens."""
    watcher = Watcher("192.0.2.1", as_json=False)
    up = SessionUp(
        peer="192.0.2.1", local_ip="192.0.2.10", remote_ip="192.0.2.1", remote_asn=65000,
        remote_router_id="192.0.2.1", hold_time=10, families=("ipv4",),
    )  # fmt: skip
    thread = threading.Thread(target=watcher.on_event, args=(up,))
    thread.start()
    assert watcher.is_up.wait(PATIENCE)

    watcher.write("the first line")
    watcher.may_print.set()
    thread.join(PATIENCE)

    first, second = capfd.readouterr().out.splitlines()
    assert "the first line" in first
    assert "established" in second


def test_speak_goes_on_when_its_output_goes_away(peer: Peer) -> None:
    """`rhi speak ... | head -1`."""
    with subprocess.Popen(
        [*COMMAND, "speak", "--stdin", "--port", peer.port, *TO_NOBODY],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        first = child.stdout.readline()
        child.stdout.close()
        for line in (b"flush\n", b"flush\n", b"announce 203.0.113.7\n"):
            child.stdin.write(line)
            child.stdin.flush()
        assert peer.has("203.0.113.7")
        child.stdin.close()
        complaints = child.stderr.read()

    assert b"connecting to port" in first
    assert complaints == b"rhi: standard output is gone (Broken pipe); going on without it\n"


def test_speak_ends_in_good_order_when_nobody_reads_its_output(peer: Peer) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(writer, True)
    words = [*COMMAND, "speak", "--json", "--port", peer.port, *TO_NOBODY, "203.0.113.1"]
    with subprocess.Popen(words, stdout=writer, stderr=subprocess.PIPE) as process:
        assert peer.has("203.0.113.1")
        process.terminate()
        code = process.wait(PATIENCE)
        assert process.stderr is not None
        err = process.stderr.read()
    os.close(reader)
    os.close(writer)

    assert (code, err) == (0, b"")
    assert peer.ended()
    assert peer.downs() == [(6, 2)]


def test_speak_keeps_a_socket_apart_from_an_output_that_was_closed(peer: Peer) -> None:
    words = [*COMMAND, "speak", "--port", peer.port, *TO_NOBODY, "203.0.113.1"]
    with subprocess.Popen(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *words]) as process:
        assert peer.has("203.0.113.1")
        process.terminate()

        assert process.wait(PATIENCE) == 0
    assert peer.ended()
    assert peer.downs() == [(6, 2)]


def test_speak_passive_waits_for_the_peer_to_connect() -> None:
    heard: list[Event] = []
    listen = ("--listen", "127.0.0.1:0", "--passive")
    with running("speak", *listen, *TO_NOBODY, "203.0.113.1") as child:
        greeting = child.line("waiting for it")
        port = int(greeting.partition("listening on 127.0.0.1:")[2].split(",")[0])
        observer = rhi.Observer()
        observer.on_event = heard.append  # type: ignore[assignment, method-assign]
        router = rhi.Parameters(as_number=65000, port=port)
        with rhi.Pool("192.0.2.1", {"127.0.0.1": router}, observer=observer, reports_routes=True):
            child.line("all ipv4 routes sent")
            deadline = time.monotonic() + PATIENCE
            while not any(isinstance(e, rhi.RoutesReceived) for e in heard):
                assert time.monotonic() < deadline
                child.line("established")
                time.sleep(0.01)
        code, _, err = child.end()

    (received,) = [event for event in heard if isinstance(event, rhi.RoutesReceived)]
    assert list(map(str, received.announced)) == ["203.0.113.1"]
    assert (code, err) == (0, "")


def test_speak_password_file_signs_the_session(tmp_path: Path) -> None:
    def established(key: str | None) -> bool:
        path = tmp_path / "key"
        path.write_text(f"{key}\n\n")
        words = [] if key is None else ["--password-file", str(path)]
        ours = rhi.Parameters(as_number=65000, passive=True, password="right")
        with (
            rhi.Pool("192.0.2.1", {"127.0.0.1": ours}, listen=["127.0.0.1:0"]) as router,
            running("speak", *words, "--port", str(router.listen_addresses[0].port), *TO_NOBODY),
        ):
            deadline = time.monotonic() + (PATIENCE if key == "right" else 1.0)
            while time.monotonic() < deadline:
                if router.status()["127.0.0.1"].state is rhi.State.ESTABLISHED:
                    return True
                time.sleep(0.02)
        return False

    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.IPPROTO_TCP, 14, bytes(216))
        except OSError as error:
            if error.errno not in (2, 22):
                pytest.skip(f"this kernel has no TCP MD5: {error}")

    assert [established(key) for key in ("right", "wrong", None)] == [True, False, False]


def test_speak_ttl_security_is_needed_by_a_peer_that_demands_it() -> None:
    peer = Peer(ttl_security=True)
    try:
        with running("speak", "--port", peer.port, *TO_NOBODY) as child:
            child.line("connecting")
            time.sleep(0.8)
        # our OPEN may slip in before the accepted socket is guarded, so that only the peer can tell
        assert not any(isinstance(event, SessionUp) for event in peer.events)
        with running("speak", "--ttl-security", "--port", peer.port, *TO_NOBODY, "203.0.113.1"):
            assert peer.has("203.0.113.1")
    finally:
        peer.collector.close()


def test_speak_source_is_where_the_connection_comes_from(peer: Peer) -> None:
    with running("speak", "--source", "127.0.0.2", "--port", peer.port, *TO_NOBODY, "203.0.113.1"):
        assert peer.has("203.0.113.1")

    ups = [event for event in peer.events if isinstance(event, SessionUp)]
    assert [event.remote_ip for event in ups] == ["127.0.0.2"]


def test_speak_peer_of_another_as_is_refused_with_bad_peer_as(peer: Peer) -> None:
    with running("speak", "--json", "--peer-as", "65099", "--port", peer.port, *TO_NOBODY) as child:
        down = child.event(event="session_down", code=2, subcode=2)
        code, _, err = child.end()

    assert "Bad Peer AS (peer is AS 65000, not 65099)" in down["reason"]
    assert (code, err) == (0, "")
    assert peer.ended()
    assert peer.downs()[0] == (2, 2)


def test_speak_over_ipv6_needs_no_option_for_ipv6_routes() -> None:
    with Collector("[::1]:0") as collector:
        words = ("speak", "--port", str(collector.port), "65001", "192.0.2.10", "::1", "2001:db8::1")
        with running(*words):
            assert collector.wait_for(lambda routes: "2001:db8::1" in routes, PATIENCE)
            assert collector.routes()["2001:db8::1"]["next_hop"] == "::1"


def test_speak_says_once_when_the_session_will_not_carry_a_family(peer: Peer) -> None:
    words = ("--stdin", "--port", peer.port, *TO_NOBODY, "203.0.113.1", "2001:db8::1", "2001:db8::2")
    with running("speak", *words) as child:
        child.tell("announce 2001:db8::3")
        assert peer.has("203.0.113.1")
        code, _, err = child.end(None)

    assert code == 0
    assert err == (
        "rhi speak: 2001:db8::1 and the like will not be sent: a session with this peer carries ipv4 routes "
        "only, unless -m is given\n"
    )


def test_speak_tells_of_routes_without_a_next_hop(peer: Peer) -> None:
    with running("speak", "-m", "--port", peer.port, *TO_NOBODY, "2001:db8::1") as child:
        line = child.line("held back")

    assert line.endswith(
        "127.0.0.1 1 route held back (no_next_hop): they have no usable next hop; give one, see -4 and -6"
    )


def test_speak_loads_nothing_but_the_standard_library() -> None:
    script = "import sys, rhi.cli.speak; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(Path(rhi.__file__).parents[1])})  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) - {"rhi", "__main__"} <= set(sys.stdlib_module_names)

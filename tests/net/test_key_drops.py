"""What the kernel drops over keys: read, worded as a hint, and told of peers that never come up."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rhi
from rhi.model.events import SessionDown
from rhi.net.key_drops import KeyDrops, key_hint, read_key_drops
from tests.interop.lab.namespace import Namespace, connect, namespaces
from tests.net.raw import Events, blackhole, wait_until
from tests.net.test_security import KEY, WRONG, needs_md5

SAMPLE = """TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPAOBad
TcpExt: 9 1 22 333 0
IpExt: InNoRoutes TCPMD5Failure
IpExt: 7 8
"""
WRONG_KEY = (
    "the kernel dropped 3 segments, of this peer or another, with a wrong TCP MD5 signature: compare the keys"
)


def test_read_key_drops_takes_the_counts_of_keys(tmp_path: Path) -> None:
    (tmp_path / "netstat").write_text(SAMPLE)

    assert read_key_drops(str(tmp_path / "netstat")) == {
        "TCPMD5NotFound": 1,
        "TCPMD5Unexpected": 22,
        "TCPMD5Failure": 333,
        "TCPAOBad": 0,
    }


@pytest.mark.parametrize("text", [None, "", "TcpExt: A B\n", "TcpExt: TCPMD5Failure\nTcpExt: x\n", "\xff"])
def test_read_key_drops_is_empty_where_the_system_has_none(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "netstat").write_text(text)

    assert read_key_drops(str(tmp_path / "netstat")) == {}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("TCPMD5Failure", "with a wrong TCP MD5 signature: compare the keys"),
        ("TCPMD5NotFound", "without the TCP MD5 signature asked for: has the peer a key?"),
        ("TCPMD5Unexpected", "with a TCP MD5 signature and no key set for it: should there be one?"),
        ("TCPAOBad", "with a wrong TCP-AO signature: compare the keys"),
        ("TCPAOKeyNotFound", "with a TCP-AO key id that is not set: compare the ids"),
        ("TCPAORequired", "without the TCP-AO signature asked for: has the peer a key?"),
    ],
)
def test_key_hint_tells_each_kind_apart_and_claims_no_certainty(name: str, says: str) -> None:
    assert key_hint({name: 4}, {name: 5}, has_key=True) == (
        f"the kernel dropped 1 segment, of this peer or another, {says}"
    )


def test_key_hint_is_empty_when_nothing_has_been_dropped_meanwhile() -> None:
    assert key_hint({"TCPMD5Failure": 4}, {"TCPMD5Failure": 4}, has_key=True) == ""
    assert key_hint({}, {}, has_key=True) == ""


def test_key_hint_of_a_peer_without_a_key_leaves_out_what_cannot_concern_it() -> None:
    after = {"TCPMD5Failure": 1, "TCPMD5NotFound": 1, "TCPMD5Unexpected": 1}

    assert key_hint({}, after, has_key=False).count("the kernel dropped") == 1
    assert "should there be one?" in key_hint({}, after, has_key=False)


def counts(*readings: KeyDrops) -> Callable[..., KeyDrops]:
    """One reading after the other; the last for ever."""
    left = list(readings)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def down_reason(**settings: Any) -> str:
    events = Events()
    with blackhole() as (host, port):
        parameters = rhi.Parameters(as_number=65001, port=port, connect_timeout=0.1, **settings)
        with rhi.Pool("192.0.2.1", {host: parameters}, observer=events):
            return events.wait(SessionDown).reason


@needs_md5
def test_attempt_that_times_out_says_what_was_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = counts({"TCPMD5Failure": 7}, {"TCPMD5Failure": 10})
    monkeypatch.setattr("rhi.net.session_keys.read_key_drops", readings)

    assert down_reason(password=KEY) == f"Connection failed (timed out; {WRONG_KEY})"


@needs_md5
def test_attempt_with_a_password_that_times_out_says_what_may_be_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rhi.net.session_keys.read_key_drops", dict)

    assert down_reason(password=KEY) == (
        "Connection failed (timed out; a peer with another key, or with none, does not answer either)"
    )
    assert down_reason() == "Connection failed (timed out)"


@needs_md5
def test_passive_peers_that_may_be_kept_out_are_told_in_status_and_once_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The segments may be anybody's: no session went down, and no event says so."""
    reads: list[int] = []

    def three_more() -> KeyDrops:
        reads.append(1)
        return {"TCPMD5Failure": 3 * len(reads)}

    monkeypatch.setattr("rhi.net.key_watch.INTERVAL", 0.001)
    monkeypatch.setattr("rhi.net.session_keys.read_key_drops", dict)
    monkeypatch.setattr("rhi.net.key_watch.read_key_drops", three_more)
    keyed = rhi.Parameters(as_number=65001, passive=True, password=KEY)
    peers = {
        "127.0.0.7": keyed,
        "127.0.0.8": keyed,
        "127.0.0.9": rhi.Parameters(as_number=65001, passive=True),
    }
    events = Events()
    with (
        caplog.at_level(logging.WARNING, "rhi"),
        rhi.Pool("192.0.2.1", peers, observer=events, listen=["127.0.0.1:0"]) as pool,
    ):
        wait_until(lambda: len(reads) > 20, "twenty looks")
        status = pool.status()

    assert [each.last_error for each in status.values()] == [f"Waiting for the peer ({WRONG_KEY})"] * 2 + [""]
    assert caplog.messages == [f"waiting for peer 127.0.0.7 and 1 more: {WRONG_KEY}"]
    assert [event for event in events.of(SessionDown) if "kernel" in event.reason] == []


@needs_md5
def test_dynamic_peers_that_are_kept_out_are_told_in_the_log_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reads: list[int] = []

    def more() -> KeyDrops:
        reads.append(1)
        return {"TCPMD5Failure": 3 * (len(reads) > 1)}

    monkeypatch.setattr("rhi.net.key_watch.INTERVAL", 0.001)
    monkeypatch.setattr("rhi.net.key_watch.read_key_drops", more)
    dynamic = {"127.0.0.0/8": rhi.Parameters(as_number=65001, password=KEY)}
    with (
        caplog.at_level(logging.WARNING, "rhi"),
        rhi.Pool("192.0.2.1", listen=["127.0.0.1:0"], dynamic_peers=dynamic),
    ):
        wait_until(lambda: len(reads) > 20, "twenty looks")

    assert caplog.messages == [f"dynamic peers: {WRONG_KEY}"]


LISTENER = """
import json, rhi, sys
key = sys.argv[1] or None
with rhi.Pool("192.0.2.1", {"192.0.2.2": rhi.Parameters(as_number=65001, passive=True, password=key)},
              listen=["192.0.2.1:1790"]) as pool:
    print("ready", flush=True)
    for line in sys.stdin:
        print(pool.status()["192.0.2.2"].last_error, flush=True)
"""
DIALER = """
import rhi, sys
key = sys.argv[1] or None
to = rhi.Parameters(as_number=65002, port=1790, password=key, connect_timeout=0.3, connect_retry_time=0.2)
with rhi.Pool("192.0.2.2", {"192.0.2.1": to}) as pool:
    sys.stdin.read()
"""


def program(namespace: Namespace, text: str, key: str | None) -> "subprocess.Popen[str]":
    command = namespace.command([sys.executable, "-c", text, key or ""])
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@needs_md5
@pytest.mark.slow
@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        (KEY, WRONG, "with a wrong TCP MD5 signature: compare the keys"),
        (KEY, None, "without the TCP MD5 signature asked for: has the peer a key?"),
        (None, KEY, "with a TCP MD5 signature and no key set for it: should there be one?"),
    ],
    ids=["wrong", "theirs missing", "ours missing"],
)
def test_kernel_tells_a_wrong_key_from_a_dead_host(ours: str | None, theirs: str | None, says: str) -> None:
    """Two hosts of their own: nothing but these two can have been counted."""
    with namespaces("near", "far") as (near, far):
        connect(near, far)
        near.add_address("eth0", "192.0.2.1/24")
        far.add_address("eth0", "192.0.2.2/24")
        with program(near, LISTENER, ours) as listener, program(far, DIALER, theirs) as dialer:
            assert listener.stdin is not None
            assert listener.stdout is not None
            assert dialer.stdin is not None
            assert listener.stdout.readline() == "ready\n"
            end = time.monotonic() + 30
            text = ""
            while says not in text and time.monotonic() < end:
                listener.stdin.write("?\n")
                listener.stdin.flush()
                text = listener.stdout.readline()
                time.sleep(0.1)
            listener.stdin.close()
            dialer.stdin.close()

    assert text.startswith("Waiting for the peer (the kernel dropped "), json.dumps(text)
    assert text.endswith(f"of this peer or another, {says})\n")

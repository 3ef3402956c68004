"""What the command prints for people, and how it copes with a standard output that fails."""

import json
import os
import threading
from typing import Any

import pytest

from rhi.cli.output import Output, complain
from rhi.cli.printer import Printer, describe
from rhi.model import events
from rhi.model.prefix import to_prefix
from rhi.model.status import State

TO_PEER: Any = {"peer": "192.0.2.1"}


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (events.PeerAdded(**TO_PEER), []),
        (events.StateChanged(**TO_PEER, before=State.IDLE, after=State.ACTIVE), []),
        (events.SessionDown(**TO_PEER, local=False, reason="Remote shutdown", established=True),
         ["192.0.2.1 Remote shutdown"]),
        (events.EndOfRibSent(**TO_PEER, family="ipv4"), ["192.0.2.1 all ipv4 routes sent"]),
        (events.EndOfRibReceived(**TO_PEER, family="ipv6"), ["192.0.2.1 all ipv6 routes received"]),
        (events.RoutesMissed(**TO_PEER, count=9),
         ["192.0.2.1 9 routes are not shown: they came faster than they could be written"]),
        (events.PrefixLimitNear(**TO_PEER, family="ipv6", count=75, limit=100),
         ["192.0.2.1 announces 75 ipv6 routes, and may announce 100"]),
        (events.CallFailed(call="configure", reason="no room"), ["configure: no room"]),
        (events.CallRecovered(**TO_PEER, call="bring_up"), ["bring_up 192.0.2.1 works again"]),
        (events.UpdateMalformed(**TO_PEER, treatment="attribute discard", detail="ORIGIN: twice", count=7),
         ["192.0.2.1 malformed UPDATE, attribute discard: ORIGIN: twice (7 in this session)"]),
        (events.RoutesHeldBack(**TO_PEER, reason="no_next_hop", count=0),
         ["192.0.2.1 no routes held back any more (no_next_hop): "
          + "they have no usable next hop; give one, see -4 and -6"]),
        (events.RoutesHeldBack(**TO_PEER, reason="family_not_negotiated", count=2),
         ["192.0.2.1 2 routes held back (family_not_negotiated): "
          + "the peer does not take their address family"]),
        (events.RoutesHeldBack(**TO_PEER, reason="suspected", count=1),
         ["192.0.2.1 1 route held back (suspected): "
          + "the peer may answer them with an UPDATE error; they are tried in turn"]),
        (events.RoutesQuarantined(**TO_PEER, routes=(to_prefix("::1"), to_prefix("10.0.0.0/8")), count=9,
                                  reason="UPDATE Message Error; Invalid NEXT_HOP Attribute"),
         ["192.0.2.1 ::1, 10.0.0.0/8 and 7 more quarantined: "
          + "the peer answers with UPDATE Message Error; Invalid NEXT_HOP Attribute"]),
        (events.RoutesReleased(**TO_PEER, routes=(to_prefix("::1"),), count=1),
         ["192.0.2.1 ::1 no longer quarantined"]),
        (events.SessionUp(**TO_PEER, local_ip="", remote_ip="", remote_asn=65000,
                          remote_router_id="192.0.2.1", hold_time=9, families=()),
         ["192.0.2.1 established: AS 65000, router id 192.0.2.1, no families"]),
        (events.RoutesReceived(**TO_PEER, announced=(to_prefix("::1"),), withdrawn=(to_prefix("::2"),),
                               attributes={"as_path": "", "communities": ["1:2", "3:4"], "med": 0}),
         ["192.0.2.1 - ::2", "192.0.2.1 + ::1 as-path - communities 1:2,3:4 med 0"]),
    ],
)  # fmt: skip
def test_describe_event(event: events.Event, lines: list[str]) -> None:
    assert describe(event) == lines


def test_printer_json_line_has_time_and_event(capfd: pytest.CaptureFixture[str]) -> None:
    Printer(as_json=True).on_event(events.PeerAdded(**TO_PEER))

    found = json.loads(capfd.readouterr().out)
    assert list(found) == ["time", "event", "peer"]


def test_output_keeps_lines_whole_when_threads_write_at_once() -> None:
    """Also lines that a pipe takes in pieces."""
    texts = [str(number) * 20_000 for number in range(4)]
    reader, writer = os.pipe()
    output = Output()
    output._descriptor = writer

    def write(text: str) -> None:
        for _ in range(20):
            output.line(text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    found = b""
    while len(found) < 4 * 20 * 20_001:
        found += os.read(reader, 65536)
    for thread in threads:
        thread.join()
    os.close(reader)
    os.close(writer)

    assert set(found.decode().splitlines()) == set(texts)


def test_output_that_was_closed_at_the_start_is_not_written_to(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its number may be a socket's by now."""
    monkeypatch.setattr("sys.stdout", None)

    Output().line("nobody sees this")

    monkeypatch.undo()
    assert capfd.readouterr().out == ""


def test_output_escapes_what_could_move_the_cursor(capfd: pytest.CaptureFixture[str]) -> None:
    Output().line("a\x1b[2Jb\r\nc \udcff é")

    assert capfd.readouterr().out == "a\\x1b[2Jb\\r\\nc \\udcff é\n"


def test_complain_without_standard_error_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)

    complain("nobody hears this")


def test_output_that_is_gone_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    reader, writer = os.pipe()
    os.close(reader)
    output = Output(lambda: told.append("gone"))
    output._descriptor = writer

    output.line("one")
    output.line("two")

    os.close(writer)
    assert told == ["gone"]
    assert capfd.readouterr() == ("", "")


def test_output_to_a_pipe_made_non_blocking_waits_for_its_reader() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    output = Output()
    output._descriptor = writer
    thread = threading.Thread(target=output.line, args=("x" * 200_000,))
    thread.start()
    found = b""
    while len(found) < 200_001:
        found += os.read(reader, 65536)
    thread.join()
    os.close(reader)
    os.close(writer)

    assert found == b"x" * 200_000 + b"\n"

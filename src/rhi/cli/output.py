"""What commands print: whole lines on standard output, complaints on standard error.

Lines come from several threads, and a reader may stop reading or go away (`rhi speak ... | head`). Neither
may cost a session, tear a line in two or hold up the end of the program, so lines are written to the
descriptor itself, one at a time; Python's buffered `sys.stdout` is for help texts only.
"""

import contextlib
import json
import os
import select
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from threading import Lock, Thread
from typing import Any, Final, TextIO

from rhi.cli.draining import describe_drain
from rhi.core.export import NO_NEXT_HOP, NOT_NEGOTIATED, TOO_LARGE
from rhi.core.quarantine import QUARANTINED, SUSPECTED
from rhi.model.events import (
    DrainProgress,
    EndOfRibReceived,
    EndOfRibSent,
    Event,
    PeerAdded,
    PeerRemoved,
    PrefixLimitNear,
    RoutesHeldBack,
    RoutesMissed,
    RoutesQuarantined,
    RoutesReceived,
    RoutesReleased,
    SessionDown,
    SessionUp,
    StateChanged,
    UpdateMalformed,
)
from rhi.model.observer import Observer
from rhi.model.status import Status
from rhi.net.endpoint import ListenAddress, os_error_text

# Longest that the last line may wait for a reader that has stopped reading.
LAST_LINE_WAIT: Final = 1.0

_WHY_HELD_BACK: Final = {
    NO_NEXT_HOP: "they have no usable next hop; give one, see -4 and -6",
    TOO_LARGE: "their attributes do not fit into a message",
    NOT_NEGOTIATED: "the peer does not take their address family",
    QUARANTINED: "the peer answers them with an UPDATE error",
    SUSPECTED: "the peer may answer them with an UPDATE error; they are tried in turn",
}


def complain(text: str) -> None:
    """One line on standard error; nothing happens when that has gone away."""
    with contextlib.suppress(OSError):
        _write_line(_descriptor(sys.stderr), text)


def one_line(text: str) -> str:
    """`text` with all escaped that could move the cursor or end the line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def write_lines(lines: Iterable[str]) -> bool:
    """Lines on standard output, each escaped as by `one_line`; see `write_text`."""
    return write_text("".join(f"{one_line(line)}\n" for line in lines))


def is_terminal() -> bool:
    """Standard output is one, rather than a file, a pipe, or closed."""
    return sys.stdout is not None and sys.stdout.isatty()


def write_text(text: str) -> bool:
    """Text on standard output as it is; false when it cannot be written. A closed pipe needs no complaint."""
    try:
        _write(_descriptor(sys.stdout), text.encode(errors="backslashreplace"))
    except BrokenPipeError:
        return False
    except OSError as error:
        complain(f"rhi: standard output cannot be written to: {os_error_text(error)}")
        return False
    return True


class Output:
    """Standard output, a line at a time, from any thread."""

    def __init__(self, on_gone: Callable[[], object] | None = None) -> None:
        """`on_gone` is called once when nobody can read any more; by default a complaint."""
        self._descriptor = _descriptor(sys.stdout)
        self._on_gone = on_gone
        self._lock = Lock()

    def line(self, text: str) -> None:
        """Write one line; characters that could move the cursor or end the line are escaped."""
        with self._lock:
            if self._descriptor is None:
                return
            try:
                _write_line(self._descriptor, text)
                return
            except OSError as error:
                self._descriptor = None
                reason = os_error_text(error)
        if self._on_gone is None:
            complain(f"rhi: standard output is gone ({reason}); going on without it")
        else:
            self._on_gone()

    def last_line(self, text: str) -> None:
        """Write one line, but give up after LAST_LINE_WAIT."""
        thread = Thread(target=self.line, args=(text,), daemon=True)
        thread.start()
        thread.join(LAST_LINE_WAIT)


class Printer(Observer):
    """Prints events as they come, and what else a command has to say."""

    def __init__(self, *, as_json: bool, on_gone: Callable[[], object] | None = None) -> None:
        """`on_gone`: see `Output`."""
        self._as_json = as_json
        self._output = Output(on_gone)

    def on_event(self, event: Event) -> None:
        if self._as_json:
            self.write_json(event.to_json())
        else:
            for line in describe(event):
                self.write(line)

    def write_json(self, value: dict[str, Any]) -> None:
        """One JSON line, with the time."""
        self._output.line(_json_line(value))

    def write_status(self, status: Mapping[str, Status]) -> None:
        """The JSON line that comes last."""
        by_peer = {peer: its_status.to_json() for peer, its_status in status.items()}
        self._output.last_line(_json_line({"event": "status", "status": by_peer}))

    def write_listening(self, address: ListenAddress, as_number: int) -> None:
        """The JSON line that tells where connections are accepted."""
        where = {"host": str(address.address), "port": address.port}
        self.write_json({"event": "listening", **where, "as_number": as_number})

    def write(self, line: str) -> None:
        """One line for people, with the time of day."""
        self._output.line(f"{datetime.now().strftime('%H:%M:%S.%f')[:-3]} {line}")


def describe(event: Event) -> list[str]:
    """An event as lines for people; none for what another event tells better."""
    if isinstance(event, StateChanged | PeerAdded | PeerRemoved):
        return []
    if isinstance(event, DrainProgress):
        return describe_drain(event)
    if isinstance(event, RoutesReceived):
        attributes = _attributes(event.attributes or {})
        announced = [f"{event.peer} + {prefix} {attributes}" for prefix in event.announced]
        return [f"{event.peer} - {prefix}" for prefix in event.withdrawn] + announced
    return [f"{event.peer} {_sentence(event)}"]


def _json_line(value: dict[str, Any]) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": now, **value})


def _sentence(event: Event) -> str:
    if isinstance(event, SessionUp):
        families = " and ".join(event.families) or "no families"
        return f"established: AS {event.remote_asn}, router id {event.remote_router_id}, {families}"
    if isinstance(event, SessionDown):
        return event.reason
    if isinstance(event, EndOfRibSent):
        return f"all {event.family} routes sent"
    if isinstance(event, EndOfRibReceived):
        return f"all {event.family} routes received"
    if isinstance(event, RoutesHeldBack):
        why = _WHY_HELD_BACK.get(event.reason, event.reason)
        count = {0: "no routes", 1: "1 route"}.get(event.count, f"{event.count} routes")
        return f"{count} held back{' any more' if event.count == 0 else ''} ({event.reason}): {why}"
    if isinstance(event, UpdateMalformed):
        return f"malformed UPDATE, {event.treatment}: {event.detail} ({event.count} in this session)"
    if isinstance(event, RoutesMissed):
        return f"{event.count} routes are not shown: they came faster than they could be written"
    if isinstance(event, PrefixLimitNear):
        return f"announces {event.count} {event.family} routes, and may announce {event.limit}"
    if isinstance(event, RoutesQuarantined):
        return f"{_listed(event)} quarantined: the peer answers with {event.reason}"
    if isinstance(event, RoutesReleased):
        return f"{_listed(event)} no longer quarantined"
    return str(event)


def _listed(event: RoutesQuarantined | RoutesReleased) -> str:
    more = event.count - len(event.routes)
    return ", ".join(map(str, event.routes)) + (f" and {more} more" if more else "")


def _attributes(attributes: Mapping[str, Any]) -> str:
    parts = []
    for name, value in attributes.items():
        text = ",".join(value) if isinstance(value, list) else str(value)
        parts.append(f"{name.replace('_', '-')} {text or '-'}")
    return " ".join(parts)


def _descriptor(file: TextIO | None) -> int | None:
    """Of a standard stream. One that was closed is None, and its number may be a socket's by now."""
    return None if file is None else file.fileno()


def _write_line(descriptor: int | None, text: str) -> None:
    _write(descriptor, f"{one_line(text)}\n".encode(errors="backslashreplace"))


def _write(descriptor: int | None, data: bytes) -> None:
    while data and descriptor is not None:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            # somebody who shares the terminal or pipe with us has made it non-blocking
            select.select([], [descriptor], [])

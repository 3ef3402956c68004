"""Events as `rhi speak` and `rhi collect` print them: lines for people, or JSON."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rhi.cli.draining import describe_drain
from rhi.cli.output import Output
from rhi.core.export import NO_NEXT_HOP, NOT_NEGOTIATED, TOO_LARGE
from rhi.core.quarantine import QUARANTINED, SUSPECTED
from rhi.model.events import (
    CallFailed,
    CallRecovered,
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
from rhi.net.endpoint import ListenAddress

_WHY_HELD_BACK: Final = {
    NO_NEXT_HOP: "they have no usable next hop; give one, see -4 and -6",
    TOO_LARGE: "their attributes do not fit into a message",
    NOT_NEGOTIATED: "the peer does not take their address family",
    QUARANTINED: "the peer answers them with an UPDATE error",
    SUSPECTED: "the peer may answer them with an UPDATE error; they are tried in turn",
}


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
    if isinstance(event, CallFailed | CallRecovered):
        return [_call_sentence(event)]
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


def _call_sentence(event: CallFailed | CallRecovered) -> str:
    what = f"{event.call} {event.peer}".rstrip()
    return f"{what}: {event.reason}" if isinstance(event, CallFailed) else f"{what} works again"


def _listed(event: RoutesQuarantined | RoutesReleased) -> str:
    more = event.count - len(event.routes)
    return ", ".join(map(str, event.routes)) + (f" and {more} more" if more else "")


def _attributes(attributes: Mapping[str, Any]) -> str:
    parts = []
    for name, value in attributes.items():
        text = ",".join(value) if isinstance(value, list) else str(value)
        parts.append(f"{name.replace('_', '-')} {text or '-'}")
    return " ".join(parts)

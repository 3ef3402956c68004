"""Typed events: what happened to a peer, in order, for observers and for `--json`.

An event is a value; `to_json` gives it as an object with its kind under `event`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Final

from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.drain import DrainStep
from rhi.model.prefix import Prefix
from rhi.model.status import State

MAX_LISTED: Final = 100  # routes that are named one by one where there may be any number


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events. `peer` is the peer's address as it was configured."""

    peer: str

    def to_json(self) -> dict[str, Any]:
        """A JSON object: `event`, `peer`, then the fields of this kind."""
        result: dict[str, Any] = {"event": _kind(type(self).__name__)}
        for item in fields(self):
            result[item.name] = _plain(getattr(self, item.name))
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAdded(Event):
    """The peer has been configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRemoved(Event):
    """The peer is no longer configured; its session has ended or is ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    """The session went from one state to another."""

    before: State
    after: State


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUp(Event):
    """The session is ESTABLISHED."""

    local_ip: str
    remote_ip: str
    remote_asn: int
    remote_router_id: str
    hold_time: int
    families: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDown(Event):
    """A session, or an attempt to make one, has ended.

    Attributes:
        local: whether we asked for it (seed: `BGPSession`).
        reason: one sentence.
        established: whether the session had been ESTABLISHED.
        code, subcode: of the NOTIFICATION sent or received, else None.
    """

    local: bool
    reason: str
    established: bool
    code: int | None = None
    subcode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfRibSent(Event):
    """The whole table of one family has been handed over (RFC 4724 §2)."""

    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesHeldBack(Event):
    """Routes that cannot be sent to this peer, and why; `count` is how many there are now."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesQuarantined(Event):
    """The peer has answered these routes with an UPDATE error: it is not sent them again.

    Attributes:
        routes: the first 100 of them.
        count: how many there are.
        reason: the error, as the peer's NOTIFICATION has it.
    """

    routes: tuple[Prefix, ...]
    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesReleased(Event):
    """Routes are quarantined no more: withdrawn, changed, or to be tried again.

    Attributes:
        routes: the first 100 of them.
        count: how many there are.
    """

    routes: tuple[Prefix, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesReceived(Event):
    """The peer announced or withdrew routes; made only when receiving is asked for.

    Attributes:
        announced, withdrawn: destinations.
        attributes: what the announced ones carry, as name -> value.
    """

    announced: tuple[Prefix, ...] = ()
    withdrawn: tuple[Prefix, ...] = ()
    attributes: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesMissed(Event):
    """The observer was too slow for what the peer told: news of so many routes was dropped at this point.

    What the peer holds up is not known from here to the end of its session. Of `rhi.Pool` and `rhi.Session`.
    """

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfRibReceived(Event):
    """The peer has told all it had at the start, for one family (RFC 4724 §2)."""

    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateMalformed(Event):
    """The peer sent an UPDATE with an error that the session survived (RFC 7606).

    Told at most every ten seconds for each treatment, however many there are.

    Attributes:
        treatment: `treat-as-withdraw`: its routes count as withdrawn; `attribute discard`: they count
            without the attribute.
        detail: what was wrong with this one.
        count: how many there have been since the session began.
    """

    treatment: str
    detail: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixLimitNear(Event):
    """The peer announces three quarters of `maximum_prefixes`; told once in a session for each family."""

    family: str
    count: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainProgress(Event):
    """A drain has come to a step. It is about all peers: `peer` is empty.

    Attributes:
        drain: which drain of this pool, counted from 1.
        step: where it is now.
        everything: whether it drains all routes.
        routes: routes that it has yet to withdraw.
        withdrawn: routes that it has withdrawn.
        wait_time: seconds that the step WAIT takes.
        behind: established peers whose TCP had not acknowledged what was flushed last, and what they were
            behind with.
    """

    peer: str = ""
    drain: int
    step: DrainStep
    everything: bool
    routes: int
    withdrawn: int
    wait_time: float
    behind: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed(Event):
    """What a method of `rhi.Pool` or `rhi.Session` was to do could not be done, after it had returned.

    `peer` is that of a call about one peer, else empty.

    Attributes:
        call: the method; `routes` for those that change routes.
        reason: one sentence.
        internal: it is a mistake of rhi, and how much of the call was done is not known: `replace` says all
            routes again. Otherwise the kernel has refused it, and nothing is changed.
    """

    peer: str = ""
    call: str
    reason: str
    internal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecovered(Event):
    """A later call like one that had failed has been carried out; see `CallFailed`.

    What had failed is not made up for by that. A `replace` that broke off has failed until another is whole.
    """

    peer: str = ""
    call: str


def _kind(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


def _plain(value: object) -> Any:
    """`value` as JSON has it: what JSON does not know becomes text, bytes as hexadecimal digits."""
    if isinstance(value, Enum):
        return value.value
    # tuples and a number in Python, text for people
    if isinstance(value, Prefix | Community | LargeCommunity | ExtendedCommunity):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)

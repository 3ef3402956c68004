"""What requests hold: bodies, and the part of an address behind the question mark."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from rhi.daemon.config.fields import Duration
from rhi.daemon.kinds import KINDS, check_kind
from rhi.health.base import DETAIL_LETTERS
from rhi.model.durations import check_lasting, check_period

# Items of a list in one answer: some hundred kilobytes.
PAGE: Final = 1000

# How long a step takes, and after which time something is taken back.
_Period = Annotated[Duration, AfterValidator(check_period)]
_Lasting = Annotated[Duration, AfterValidator(check_lasting)]

# Text of operators is shown in lines with other words.
_Letters = Annotated[str, Field(max_length=500), AfterValidator(str.strip)]


def _none_or_kind(text: str) -> str:
    return text and check_kind(text)


_Kind = Annotated[
    str, AfterValidator(_none_or_kind), WithJsonSchema({"type": "string", "enum": ["", *KINDS]})
]


class Body(BaseModel):
    """A JSON object. Unknown keys are errors; values are not converted from other types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class OverrideRequest(Body):
    """What an operator says over a service's checks."""

    action: Literal["announce", "withdraw", "drain"]
    """`announce` as if healthy; `withdraw`; `drain`: mark as leaving (RFC 8326), withdraw a while later."""
    reason: _Letters = ""
    by: _Letters = ""
    """Who says it; the user behind the Unix socket if not given."""
    lasts: _Lasting | None = None
    """Seconds, or text such as 30m, after which it ends by itself; not given never."""
    drain_time: _Period = 0.0
    """Seconds between mark and withdrawal."""
    force: bool = False
    """Also against guards."""


class DrainRequest(Body):
    """How to drain; what is not given is as the configuration has it."""

    reason: _Letters = ""
    by: _Letters = ""
    """Who says it; the user behind the Unix socket if not given."""
    lasts: _Lasting | None = None
    """Seconds, or text such as 30m, after which it is taken back by itself; not given never."""
    wait: _Period | None = None
    """Between the acknowledgement of the marks and the withdrawal."""
    acknowledge: _Period | None = None
    """For peers to acknowledge, at the most; twice."""
    age: _Period | None = None
    """Between the acknowledgement of the withdrawal and the end."""
    deadline: _Period | None = None
    """From begin to end whatever happens; all of these and a minute if not given."""
    force: bool = False
    """Also against guards; of no meaning for a peer."""
    close: bool = False
    """End the session at the end, until the drain is taken back; only for a peer."""
    message: Annotated[str, Field(max_length=128)] = ""
    """For the operators of the peer (RFC 9003), with `close`."""


class PlanRequest(Body):
    """What to plan."""

    document: dict[str, Any] | None = None
    """A configuration, as its file would be in JSON; the daemon's own file if not given."""


class ReloadRequest(Body):
    """How to take the configuration file."""

    consent: bool = False
    """Also if more routes leave than the daemon allows by itself, and sessions have to be reset."""


class RenewRequest(Body):
    """What a program says of itself."""

    ok: bool = True
    """Alive, or failing."""
    detail: Annotated[str, Field(max_length=DETAIL_LETTERS)] = ""


class Query(BaseModel):
    """Parameters behind the question mark."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PageQuery(Query):
    """Which part of a list."""

    after: str = ""
    """Begin behind this one: `next` of the part before."""
    limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE
    """How many at most."""


class ChecksQuery(PageQuery):
    """Which checks."""

    not_up: bool = False
    """Only those whose verdict is another than `up`."""


class HistoryQuery(Query):
    """Which entries."""

    after: Annotated[int, Field(ge=0)] = 0
    """Only entries with a number above this."""
    limit: Annotated[int, Field(ge=0, le=PAGE)] = PAGE
    """The last so many of them."""
    kind: _Kind = ""
    """Only entries of this kind, such as `route` or `session`."""


class EventsQuery(Query):
    """Which events."""

    kind: _Kind = ""
    """Only entries of this kind."""


class NoQuery(Query):
    """None."""

"""What all checks have in common: options, the result of a probe, the error of one that cannot tell.

A check is a frozen pydantic model, so it is validated when it is made, compared by value, and described by
a JSON schema. Its `probe` asks once. It enforces no time-out of its own: `rhi.health.checker` does,
whatever the probe is busy with. Three ends are told apart:

    Result(ok=True)       the service answered as it should
    Result(ok=False)      it did not, or not in time
    CannotTellError       the question could not be asked: no verdict on the service, but an alarm
"""

import enum
import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
    model_validator,
)
from pydantic_core import CoreSchema

from rhi.errors import InvalidValueError, RhiError
from rhi.health.context import Context
from rhi.model.durations import to_duration

# One line of a log or of a table.
DETAIL_LETTERS: Final = 200

# What the operating system says when the fault is on our side of the question.
_OUR_OWN: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}  # we are out of something
    | {errno.EADDRNOTAVAIL, errno.ENODEV, errno.EPERM, errno.EACCES}  # source, interface, rights
    | {errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}
)


class CannotTellError(RhiError):
    """The probe could not be made, through no fault of the service. Raises an alarm; the verdict lapses."""


class Slot(enum.Enum):
    """What only so many checks may use at a time; the others wait, and their time-out waits with them."""

    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one probe.

    Attributes:
        ok: whether the service passed.
        detail: one sentence for people, at most 200 characters of printable text whatever the service sent.
        measurements: numbers by name, such as `days_left`.
        valid_for: seconds until the answer will have changed by itself; None when nobody can say.
    """

    ok: bool
    detail: str
    measurements: Mapping[str, float] = field(default_factory=dict)
    valid_for: float | None = None

    def __post_init__(self) -> None:
        if len(self.detail) > DETAIL_LETTERS or not self.detail.isprintable():
            object.__setattr__(self, "detail", one_line(self.detail))


def one_line(text: str | bytes, limit: int = DETAIL_LETTERS) -> str:
    """Text of a stranger as one line of printable text, shortened to `limit` characters."""
    part = text[: limit + 1]
    if isinstance(part, bytes):
        part = part.decode("utf-8", "replace")
    line = "".join(letter if letter.isprintable() else " " for letter in part).strip()
    return line if len(part) <= limit else line[: limit - 3] + "..."


def failed(what: str, error: OSError) -> Result:
    """The failure that an error of the operating system stands for.

    Raises:
        CannotTellError: the error is about us rather than about the service.
    """
    # asyncio's own words repeat the address instead of naming the reason
    known = error.errno is not None and error.errno in errno.errorcode
    reason = os.strerror(error.errno) if known and error.errno else str(error) or type(error).__name__
    if error.errno in _OUR_OWN:
        raise CannotTellError(f"{what}: {reason}") from None
    return Result(False, f"{what}: {reason}")


def no_nul(text: str) -> str:
    """Text that can be an argument, a path or part of a message.

    Raises:
        InvalidValueError: it holds a zero character.
    """
    if "\0" in text:
        raise InvalidValueError("must not hold a zero character")
    return text


def to_name(text: str) -> str:
    """What people call something, and find in logs, tables and addresses of the API.

    Raises:
        InvalidValueError: it is empty, or would break a line.
    """
    if not text or not text.isprintable():
        raise InvalidValueError("must be a name: one line of text, and not empty")
    return text


def absolute(path: str) -> str:
    """A path that means the same whatever the working directory is.

    Raises:
        InvalidValueError: it does not begin with a slash.
    """
    if not path.startswith("/"):
        raise InvalidValueError("must be an absolute path, such as /run/service.pid")
    return no_nul(path)


def _from_text(value: object) -> object:
    return to_duration(value) if isinstance(value, str) else value


class _OrText:
    """For the JSON schema: text such as 30s is right too."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        return {"anyOf": [handler(schema), {"type": "string"}]}


# A number of seconds, or text such as `500ms`, `30s`, `5m`.
Seconds = Annotated[float, BeforeValidator(_from_text), _OrText()]
Interval = Annotated[Seconds, Field(ge=0.05, le=86400)]
Timeout = Annotated[Seconds, Field(ge=0.01, le=3600)]
Count = Annotated[int, Field(ge=1, le=1000)]
Text = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(no_nul)]
FilePath = Annotated[str, Field(max_length=4000), AfterValidator(absolute)]
# TOML and JSON have lists only.
Texts = Annotated[tuple[Text, ...], Strict(False), Field(max_length=64)]


class Check(BaseModel, ABC):
    """One question that is asked again and again. Times are in seconds, or text such as `500ms`, `5m`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,  # "2" is no number, and true is not 1
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    # What the runner has to keep a free place of before it probes.
    slot: ClassVar[Slot | None] = None
    # Somebody else's word is waited for, so there is nothing to ask at will.
    is_passive: ClassVar[bool] = False

    type: str
    """Type of the check."""
    name: Annotated[str, Field(max_length=100), AfterValidator(to_name)] | None = None
    """What people call this check."""
    kind: Literal["local", "dependency"] = "local"
    """`local`: what fails is this host's own. `dependency`: others need it too, so failures only degrade."""
    interval: Interval = 2.0
    """From the start of one probe to the start of the next; each time up to 10 % sooner, by chance."""
    fast_interval: Interval | None = None
    """The interval before the first verdict, and while results speak against it; `interval` if not given."""
    timeout: Timeout = 1.0
    """How long a probe may take before it counts as failed."""
    rise: Count = 2
    """Passes in a row that lead to up."""
    fall: Count = 3
    """Failures in a row that lead to down."""

    @model_validator(mode="after")
    def _fast_is_fast(self) -> Self:
        if self.fast_interval is not None and self.fast_interval > self.interval:
            raise InvalidValueError(f"fast_interval {self.fast_interval:g}: must be at most the interval")
        return self

    @abstractmethod
    async def probe(self, context: Context) -> Result:
        """Ask once. May be cancelled at any time, and must then end at once.

        Raises:
            CannotTellError: the question could not be asked.
        """

    def first_delay(self, spread: float) -> float:
        """Seconds until the first probe; `spread` is the runner's proposal, so that not all start at once."""
        return spread

    def asks_the_same(self, other: "Check") -> bool:
        """Whether both probe the same thing, and differ at most in how often and in what follows from it."""
        return type(self) is type(other) and self.model_dump(exclude=_PACE) == other.model_dump(exclude=_PACE)


_PACE: Final = {"name", "kind", "interval", "fast_interval", "timeout", "rise", "fall"}

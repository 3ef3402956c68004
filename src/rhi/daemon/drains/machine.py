"""How one drain goes: a table of states, and what each is left by. Time comes as an argument.

    marked ──► waiting ──► withdrawing ──► acknowledging ──► aging ──► done
      └───────────┴─────────────┴────────────────┴─────────────┴──► deadline passed
    every one of them ──► cancelled

`marked`: the routes carry GRACEFUL_SHUTDOWN and the worst preference (RFC 8326 §4). `waiting`: other routers
find other paths. `withdrawing`: the routes leave, unless a guard keeps them. `acknowledging`: the peers' TCP
has yet to acknowledge that. `aging`: what is still on its way arrives. In `done` and `deadline passed` the
routes stay away until the drain is cancelled. A deadline waits for nobody, and the step names who was behind.

`advance` is level-triggered: it is given what is the case, and makes one step at most.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final


class State(enum.Enum):
    """Where a drain is."""

    MARKED = "marked"
    WAITING = "waiting"
    WITHDRAWING = "withdrawing"
    ACKNOWLEDGING = "acknowledging"
    AGING = "aging"
    DONE = "done"
    OVERDUE = "deadline passed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        """Time changes nothing any more."""
        return self in (State.DONE, State.OVERDUE, State.CANCELLED)

    @property
    def has_withdrawn(self) -> bool:
        """The routes are to be away."""
        return self not in (State.MARKED, State.WAITING, State.CANCELLED)


class Cause(enum.Enum):
    """What a state is left by; the value is what the next step tells."""

    DEADLINE = "the deadline has passed"
    MOOT = "nobody is told anything that could move"
    ACKNOWLEDGED = "acknowledged by every peer"
    LATE = "not acknowledged by every peer in time"
    OVER = "the time is over"
    GONE = "no route is left"


# From each state, in the order in which causes are looked for.
TRANSITIONS: Final[Mapping[State, tuple[tuple[Cause, State], ...]]] = {
    State.MARKED: (
        (Cause.DEADLINE, State.OVERDUE),
        (Cause.MOOT, State.WITHDRAWING),
        (Cause.ACKNOWLEDGED, State.WAITING),
        (Cause.LATE, State.WAITING),
    ),
    State.WAITING: (
        (Cause.DEADLINE, State.OVERDUE),
        (Cause.MOOT, State.WITHDRAWING),
        (Cause.OVER, State.WITHDRAWING),
    ),
    State.WITHDRAWING: ((Cause.DEADLINE, State.OVERDUE), (Cause.GONE, State.ACKNOWLEDGING)),
    State.ACKNOWLEDGING: (
        (Cause.DEADLINE, State.OVERDUE),
        (Cause.ACKNOWLEDGED, State.AGING),
        (Cause.LATE, State.AGING),
    ),
    State.AGING: ((Cause.OVER, State.DONE), (Cause.DEADLINE, State.OVERDUE)),
    State.DONE: (),
    State.OVERDUE: (),
    State.CANCELLED: (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient a drain is, in seconds.

    Attributes:
        wait: between the acknowledgement of the marks and the withdrawal.
        acknowledge: for peers to acknowledge, at the most; twice.
        age: between the acknowledgement of the withdrawal and the end.
        deadline: from its begin to the end whatever happens; None is all of these and a minute.
    """

    wait: float = 30.0
    acknowledge: float = 5.0
    age: float = 5.0
    deadline: float | None = None

    @property
    def longest(self) -> float:
        """The deadline."""
        if self.deadline is not None:
            return self.deadline
        return self.wait + 2 * self.acknowledge + self.age + 60.0

    @property
    def contradiction(self) -> str:
        """What is wrong with it; empty when nothing is."""
        if self.deadline is None or self.deadline >= self.wait:
            return ""
        return f"deadline: {self.deadline:g} s are over before the wait of {self.wait:g} s is; give more"

    def waiting(self, wait: float) -> "Pace":
        """With another wait, and a deadline that goes with it."""
        return replace(self, wait=wait, deadline=None)


class Kind(enum.Enum):
    """What is drained."""

    SERVICE = "service"
    PEER = "peer"
    ALL = "all"
    EXIT = "exit"  # the daemon ends


@dataclass(frozen=True, slots=True)
class Target:
    """A service, a peer, or all; as text `service/NAME`, `peer/NAME`, `all`. What ends is `exit/NAME`."""

    kind: Kind
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "Target":
        """What can be asked for, from text.

        Raises:
            ValueError: it is none of the three.
        """
        kind, _, name = text.partition("/")
        if text == Kind.ALL.value:
            return cls(Kind.ALL)
        if kind in (Kind.SERVICE.value, Kind.PEER.value) and name:
            return cls(Kind(kind), name)
        raise ValueError(f"drain {text!r}: must be service/NAME, peer/NAME or all")

    def __str__(self) -> str:
        return f"{self.kind.value}/{self.name}" if self.name else self.kind.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One state that a drain has come to.

    Attributes:
        state: which.
        at: the instant.
        text: why the one before was left.
        behind: peers that had not acknowledged when it was left, and what they were behind with.
    """

    state: State
    at: float
    text: str
    behind: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is the case.

    Attributes:
        is_moot: there is no route that could be marked, or no session to tell.
        left: routes that are to be away, and are still announced.
        kept: why they are, where something keeps them.
        flushed_at: the instant at which the last comparison with what peers have acknowledged began.
        behind: who had not acknowledged everything then, and what they were behind with.
    """

    is_moot: bool = False
    left: int = 0
    kept: str = ""
    flushed_at: float | None = None
    behind: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """One drain.

    Attributes:
        target, pace: what, and how.
        reason, by: why and who, for those who read status.
        until: the instant it is cancelled by itself; None never.
        is_forced: also against guards.
        closes: at the end the peer's session ends, and stays so.
        message: for the peer's operators (RFC 9003), with `closes`.
        services: whose routes leave, at the end of the daemon.
        steps: all so far, the current one last.
    """

    target: Target
    pace: Pace
    reason: str
    by: str
    steps: tuple[Step, ...] = ()
    until: float | None = None
    is_forced: bool = False
    closes: bool = False
    message: str = ""
    services: frozenset[str] = frozenset()

    @property
    def state(self) -> State:
        """Where it is."""
        return self.steps[-1].state

    @property
    def at(self) -> float:
        """The instant it began."""
        return self.steps[0].at

    @property
    def deadline(self) -> float:
        """The instant at which it waits for nobody any more."""
        return self.at + self.pace.longest

    @property
    def needs_acknowledgement(self) -> bool:
        """It goes on when peers have acknowledged something."""
        return self.state in (State.MARKED, State.ACKNOWLEDGING)

    @property
    def behind(self) -> Mapping[str, str]:
        """Who was behind at the last step that waited for peers."""
        return next((step.behind for step in reversed(self.steps) if step.behind), {})

    def next_at(self) -> float | None:
        """The instant at which time alone changes it; None never."""
        over = _over_at(self)
        instants = [] if self.state.is_end else [self.deadline]
        if over is not None:
            instants.append(over)
        if self.until is not None:
            instants.append(self.until)
        return min(instants, default=None)

    def __str__(self) -> str:
        return f"by {self.by}" + (f": {self.reason}" if self.reason else "")


def begin(drain: Drain, now: float, text: str, *, has_withdrawn: bool = False) -> Drain:
    """The drain with its first step; `has_withdrawn`: another of the same has gone that far."""
    # what needs no waiting needs no marks either
    state = State.WITHDRAWING if has_withdrawn or drain.pace.wait == 0 else State.MARKED
    return replace(drain, steps=(Step(state=state, at=now, text=text),))


def advance(drain: Drain, facts: Facts, now: float) -> Drain:
    """With the next step, if these are the facts at `now`; as it is when it has to wait for others."""
    causes = _causes(drain, facts, now)
    found = next((each for each in TRANSITIONS[drain.state] if each[0] in causes), None)
    if found is None:
        return drain
    cause, state = found
    return _step(drain, state, _text(drain, cause, facts), _behind(drain, cause, facts), now)


def cancel(drain: Drain, text: str, now: float) -> Drain:
    """Nobody wants it any more; from any state."""
    return _step(drain, State.CANCELLED, text, {}, now)


def _step(drain: Drain, state: State, text: str, behind: Mapping[str, str], now: float) -> Drain:
    return replace(drain, steps=(*drain.steps, Step(state=state, at=now, text=text, behind=behind)))


def _causes(drain: Drain, facts: Facts, now: float) -> set[Cause]:
    over = _over_at(drain)
    is_over = over is not None and now >= over
    entered = drain.steps[-1].at
    found = {
        Cause.MOOT: facts.is_moot,
        Cause.ACKNOWLEDGED: facts.flushed_at is not None and facts.flushed_at >= entered and not facts.behind,
        Cause.LATE: is_over,
        Cause.OVER: is_over,
        Cause.GONE: facts.left == 0,
        Cause.DEADLINE: now >= drain.deadline,
    }
    return {cause for cause, is_so in found.items() if is_so}


def _over_at(drain: Drain) -> float | None:
    """The end of the time that the state may take by itself."""
    times = {
        State.MARKED: drain.pace.acknowledge,
        State.WAITING: drain.pace.wait,
        State.ACKNOWLEDGING: drain.pace.acknowledge,
        State.AGING: drain.pace.age,
    }
    time = times.get(drain.state)
    return None if time is None else drain.steps[-1].at + time


def _text(drain: Drain, cause: Cause, facts: Facts) -> str:
    text = cause.value
    if cause is Cause.DEADLINE and drain.state is State.WITHDRAWING and facts.left:
        text += f" with {facts.left} routes left" + (f": {facts.kept}" if facts.kept else "")
    behind = _behind(drain, cause, facts)
    if behind:
        text += ": " + ", ".join(f"{peer} {what}" for peer, what in sorted(behind.items()))
    return text


def _behind(drain: Drain, cause: Cause, facts: Facts) -> Mapping[str, str]:
    """Who has not acknowledged, where that was waited for."""
    is_waited_for = cause in (Cause.LATE, Cause.DEADLINE) and drain.needs_acknowledgement
    is_known = facts.flushed_at is not None and facts.flushed_at >= drain.steps[-1].at
    return facts.behind if is_waited_for and is_known else {}

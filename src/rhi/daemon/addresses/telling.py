"""What is told of addresses: each change in the history, and alarms for what somebody should look at.

An alarm is about all addresses that have the same trouble: an interface that is missing is one condition,
however many addresses were to be on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from rhi.daemon.addresses.plan import State
from rhi.daemon.addresses.spec import Mode
from rhi.daemon.alarms import Alarms
from rhi.daemon.history import History
from rhi.model.prefix import Prefix

# Addresses that an alarm names.
NAMED: Final = 3
# States on the way to others, which are told.
_PASSING: Final = frozenset({State.WAITING, State.ADDING})
_SUBJECTS: Final = {
    State.MISSING: "addresses missing",
    State.FOREIGN: "addresses of others",
    State.FAILED: "addresses failing",
}
REMOVED: Final = "addresses removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One address, for those who look.

    Attributes:
        mode: None when it is configured no more.
        text: says where it is, or why not.
        since: monotonic instant of the last change of state.
        is_unwanted: its services do not want it announced.
        losses: how often somebody has removed it lately.
    """

    prefix: Prefix
    mode: Mode | None
    interface: str
    state: State
    text: str
    since: float
    is_unwanted: bool = False
    losses: int = 0

    @property
    def is_troubled(self) -> bool:
        """Somebody should look at it."""
        if self.state is State.MISSING:
            return not self.is_unwanted
        return self.state in _SUBJECTS


class Teller:
    """Tells of one daemon's addresses."""

    def __init__(self, history: History, alarms: Alarms) -> None:
        self._history = history
        self._alarms = alarms
        self._troubled: dict[State, dict[Prefix, str]] = {state: {} for state in _SUBJECTS}
        self._lost: dict[Prefix, str] = {}

    def changed(self, before: State | None, found: Finding) -> None:
        """A state is another than before; None: there was none."""
        is_first = before in (None, State.WAITING)
        if found.state not in _PASSING and not (is_first and found.state is State.OUT):
            self._history.add(
                "address", str(found.prefix), found.text, state=found.state.value, interface=found.interface
            )

    def lost(self, prefix: Prefix, interface: str) -> None:
        """Somebody has removed what the daemon had added and needs."""
        text = f"somebody has removed it from {interface}"
        self._history.add("address", str(prefix), text, state="removed", interface=interface)

    def handed_over(self, prefix: Prefix, interface: str) -> None:
        """What the daemon had added is an operator's now."""
        text = f"stays on {interface}: it is its operator's from now on"
        self._history.add("address", str(prefix), text, state="handed over", interface=interface)

    def note(self, found: Finding) -> None:
        """How an address is now; `review` acts on it."""
        for state, troubled in self._troubled.items():
            if state is found.state and found.is_troubled:
                troubled[found.prefix] = found.text
            else:
                troubled.pop(found.prefix, None)
        if found.losses:
            self._lost[found.prefix] = "somebody has removed what rhi had added; it is put back"
        else:
            self._lost.pop(found.prefix, None)

    def forget(self, prefix: Prefix) -> None:
        """It is of no concern any more."""
        for troubled in (*self._troubled.values(), self._lost):
            troubled.pop(prefix, None)

    def review(self) -> None:
        """Set and clear alarms by how all addresses are."""
        for state, troubled in self._troubled.items():
            self._alarms.set(_SUBJECTS[state], _sentence(troubled))
        self._alarms.set(REMOVED, _sentence(self._lost))

    def cannot_follow(self, text: str | None) -> None:
        """The kernel does not tell which addresses there are; None: it does."""
        self._alarms.set("addresses", text)


def _sentence(troubled: Mapping[Prefix, str]) -> str | None:
    """One for all of them; None for none."""
    if not troubled:
        return None
    text = next(iter(troubled.values()))
    names = [str(prefix) for prefix in islice(troubled, NAMED)]
    more = len(troubled) - len(names)
    return f"{', '.join(names)}{f' and {more} more' if more else ''}: {text}"

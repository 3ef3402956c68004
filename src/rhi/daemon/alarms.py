"""What somebody should look at: conditions that are there now, not events that have passed."""

from dataclasses import dataclass
from datetime import datetime

from rhi.daemon.history import History


@dataclass(frozen=True, slots=True)
class Alarm:
    """One condition: what about, since when, one sentence."""

    subject: str
    text: str
    since: datetime


class Alarms:
    """All conditions by subject, such as `guard default` or `check dns/tcp`."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._alarms: dict[str, Alarm] = {}

    @property
    def all(self) -> list[Alarm]:
        """In the order they came."""
        return list(self._alarms.values())

    def set(self, subject: str, text: str | None) -> None:
        """The condition of a subject; None clears it. Only what is new is told."""
        before = self._alarms.get(subject)
        if text is None:
            if before is not None:
                del self._alarms[subject]
                self._history.add("alarm", subject, f"over: {before.text}", active=False)
        elif before is None:
            entry = self._history.add("alarm", subject, text, active=True)
            self._alarms[subject] = Alarm(subject, text, entry.time)
        elif before.text != text:
            self._alarms[subject] = Alarm(subject, text, before.since)

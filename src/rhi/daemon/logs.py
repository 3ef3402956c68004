"""What the daemon writes to standard error: one line for each entry of its history.

Text for people and for the journal, or one JSON object a line. Lines go through a bounded queue to a thread
of their own: whoever reads them slowly, or not at all, costs lines and nothing else, and is told how many.
"""

import json
import logging
import os
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final

from rhi.daemon.history import Entry

# Some megabytes at most, when nobody reads.
MAX_WAITING: Final = 10_000
# Seconds that `close` waits for the last lines to be written.
CLOSE_TIME: Final = 1.0

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_NAMES: Final = {number: name for name, number in _LEVELS.items()}
# The journal's priorities (sd-daemon(3)).
_PRIORITIES: Final = {10: 7, 20: 6, 30: 4, 40: 3}


def level_of(entry: Entry) -> str:
    """How much somebody should care: `info`, `warning` or `error`."""
    if entry.kind == "alarm":
        return "error" if entry.data.get("active") else "info"
    if entry.kind == "session" and entry.data.get("event") == "session_down":
        return "warning" if entry.data.get("established") else "info"
    return "warning" if entry.kind == "override" or entry.data.get("kept_by") else "info"


class Log:
    """Writes entries; call it with each."""

    def __init__(self, form: str, level: str, descriptor: int = 2) -> None:
        """Write to a file descriptor, from a thread that begins now.

        Args:
            form: `text` or `json`.
            level: the least to write: `debug`, `info`, `warning` or `error`.
        """
        self._write_line = _json_line if form == "json" else _text_line
        self._level = _LEVELS[level]
        self._descriptor = descriptor
        self._is_journal = form == "text" and _is_journal(descriptor)
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._is_closed = False
        self._condition = threading.Condition()
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="rhi-log", daemon=True)
        self._thread.start()

    def __call__(self, entry: Entry) -> None:
        """Write one entry, if its level is high enough; never waits and never raises."""
        self._put(
            _LEVELS[level_of(entry)], entry.time, entry.kind, entry.subject, entry.text, dict(entry.data)
        )

    def handler(self) -> logging.Handler:
        """For `logging`: what the library logs goes the same way."""
        return _Handler(self)

    def message(self, level: int, name: str, text: str) -> None:
        """Write something that is not in the history; `level` is a number of `logging`."""
        known = max((each for each in _NAMES if each <= level), default=10)
        self._put(known, datetime.now(UTC), "log", name, text, {})

    def close(self) -> None:
        """Write what waits, for a second at most."""
        with self._condition:
            self._is_closed = True
            self._condition.notify()
        self._thread.join(CLOSE_TIME)

    def _put(
        self, level: int, time: datetime, kind: str, subject: str, text: str, data: dict[str, Any]
    ) -> None:
        if level < self._level:
            return
        try:
            line = self._write_line(level, time, kind, subject, text, data)
        except (TypeError, ValueError) as error:
            line = f"a line about {subject!r} could not be written: {error}"
        if self._is_journal:
            line = f"<{_PRIORITIES[level]}>{line.partition(' ')[2]}"
        with self._condition:
            if len(self._lines) >= MAX_WAITING:
                self._dropped += 1
                self.dropped += 1
                return
            self._lines.append(line.encode("utf-8", "backslashreplace") + b"\n")
            self._condition.notify()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._lines and not self._is_closed:
                    self._condition.wait()
                if not self._lines:
                    return
                line = self._lines.popleft()
                dropped, self._dropped = self._dropped, 0
            self._write(line)
            if dropped:
                self._write(f"rhi: {dropped} lines lost here: nobody read them in time\n".encode())

    def _write(self, line: bytes) -> None:
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except BlockingIOError:
                threading.Event().wait(0.05)  # somebody has made the descriptor non-blocking
            except OSError:
                return  # a closed pipe, a full disk: there is nowhere to complain


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log.message(record.levelno, record.name, self.format(record))
        except Exception:
            self.handleError(record)


def _text_line(level: int, time: datetime, kind: str, subject: str, text: str, _: dict[str, Any]) -> str:
    about = f"{kind} {subject}" if subject else kind
    head = f"{time.isoformat(timespec='milliseconds')} {_NAMES[level].upper()}"
    return f"{head} {_one_line(about)}: {_one_line(text)}"


def _json_line(level: int, time: datetime, kind: str, subject: str, text: str, data: dict[str, Any]) -> str:
    record = {
        "time": time.isoformat(timespec="milliseconds"),
        "level": _NAMES[level],
        "kind": kind,
        "subject": subject,
        "text": text,
    }
    return json.dumps(record | ({"data": data} if data else {}), default=str)


def _one_line(text: str) -> str:
    """Nobody's text, whatever a peer or a service sent, begins a line of its own."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _is_journal(descriptor: int) -> bool:
    """Whether systemd has connected the descriptor to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"

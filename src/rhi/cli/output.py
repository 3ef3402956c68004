"""What commands print: whole lines on standard output, complaints on standard error.

Lines come from several threads, and a reader may stop reading or go away (`rhi speak ... | head`). Neither
may cost a session, tear a line in two or hold up the end of the program, so lines are written to the
descriptor itself, one at a time; Python's buffered `sys.stdout` is for help texts only.

Every verb begins with this: nothing of the engine is imported here. What events look like is `printer`'s.
"""

import contextlib
import os
import select
import sys
from collections.abc import Callable, Iterable
from threading import Lock, Thread
from typing import Final, TextIO

from rhi.model.wording import os_error_text

# Longest that the last line may wait for a reader that has stopped reading.
LAST_LINE_WAIT: Final = 1.0


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

"""Reading a file that somebody has named, whatever it turns out to be: neither hangs nor fills the memory."""

import os
import select
import stat
from typing import Final

# Seconds that a pipe may let us wait for its first writer, or for more: a program may have to make it first.
PIPE_TIME: Final = 5.0
_PIECE: Final = 64 * 1024


def read_file(path: str, most: int) -> bytes:
    """What is in a file, as far as it is not more than `most` bytes; one more where there is more.

    Raises:
        OSError: it cannot be read; also a pipe that nobody writes to, or what stays silent.
    """
    # without O_NONBLOCK a named pipe is waited for until somebody writes to it
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        found = bytearray()
        # a pipe that nobody has begun to write to is empty already; the kernel tells when somebody does
        has_news = not is_pipe or _has_news(descriptor)
        while len(found) <= most:
            try:
                piece = os.read(descriptor, min(_PIECE, most + 1 - len(found)))
            except BlockingIOError:
                if not has_news:
                    raise OSError(
                        f"{_kind(descriptor)}, and nothing came from it for {PIPE_TIME:g} s"
                    ) from None
                has_news = _has_news(descriptor)
                continue
            if not piece:
                break
            found += piece
            has_news = True
        if not found and is_pipe:
            raise OSError("is a pipe that nobody writes to")
        return bytes(found)
    finally:
        os.close(descriptor)


def _has_news(descriptor: int) -> bool:
    """Wait for something to read, or for an end."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(PIPE_TIME * 1000))


def _kind(descriptor: int) -> str:
    """What it is that stays silent."""
    if os.isatty(descriptor):
        return "is a terminal"
    return "is a pipe" if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else "is a device"

"""Reading a file that somebody has named, whatever it turns out to be: neither hangs nor fills the memory."""

import os
import select
import stat
from typing import Final

# Seconds that a pipe may let us wait for more of it: a program may have to make it first.
PIPE_TIME: Final = 5.0
_PIECE: Final = 64 * 1024


def read_file(path: str, most: int) -> bytes:
    """What is in a file, as far as it is not more than `most` bytes; one more where there is more.

    Raises:
        OSError: it cannot be read; also a pipe that nobody writes to, or that stays silent.
    """
    # without O_NONBLOCK a named pipe is waited for until somebody writes to it
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = bytearray()
        while len(found) <= most:
            try:
                piece = os.read(descriptor, min(_PIECE, most + 1 - len(found)))
            except BlockingIOError:
                _wait(descriptor)
                continue
            if not piece:
                break
            found += piece
        if not found and stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            raise OSError("is a pipe that nobody writes to")
        return bytes(found)
    finally:
        os.close(descriptor)


def _wait(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(PIPE_TIME * 1000):
        raise OSError(f"is a pipe, and nothing came from it for {PIPE_TIME:g} s")

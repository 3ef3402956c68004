"""What the service manager is told, by the protocol of sd_notify(3): one datagram for each message.

Nothing here raises or waits: a daemon that cannot tell its manager goes on. A message that finds the
manager's queue full is sent again a little later, in order; a ping of the watchdog is not, for the next one
follows.
"""

import asyncio
import collections
import os
import socket
from collections.abc import MutableMapping
from typing import Final

# Seconds until a message that was not taken is sent again, and how many wait at most.
RETRY: Final = 0.25
MAX_WAITING: Final = 16
# <sys/un.h>: sun_path, less the zero at its end.
_MAX_PATH: Final = 107
# Longer than anybody reads in `systemctl status`.
MAX_STATUS: Final = 200


class Notifier:
    """Tells the manager; without an address everything is in vain, and nobody need ask.

    Attributes:
        is_wanted: there is somebody who listens.
        watchdog: seconds within which pings are expected; None for no watchdog.
    """

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        """`address`: a path, or `@` and a name in the abstract namespace."""
        self.watchdog = watchdog
        self._address = _to_socket(address)
        self.is_wanted = self._address is not None
        self._waiting: collections.deque[bytes] = collections.deque(maxlen=MAX_WAITING)
        self._retry: asyncio.TimerHandle | None = None
        self._socket: socket.socket | None = None
        if self.is_wanted:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> "Notifier":
        """As the manager asks by its variables, which no child of ours gets to see."""
        address, usec, pid = (
            environment.pop(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        )
        is_ours = pid in ("", str(os.getpid()))
        is_time = usec.isascii() and usec.isdecimal() and int(usec) > 0
        return cls(address or None, int(usec) / 1e6 if is_ours and is_time else None)

    def ready(self, status: str) -> None:
        """Started, or reloaded."""
        self._tell(READY="1", STATUS=status)

    def reloading(self, now: float) -> None:
        """A new configuration is being read; `ready` has to follow. `now` is of CLOCK_MONOTONIC."""
        self._tell(RELOADING="1", MONOTONIC_USEC=str(int(now * 1e6)), STATUS="reading the configuration")

    def stopping(self, status: str, seconds: float) -> None:
        """The end has begun, and takes so long at most."""
        self._tell(STOPPING="1", STATUS=status, EXTEND_TIMEOUT_USEC=str(int(seconds * 1e6)))

    def starting(self, status: str, seconds: float) -> None:
        """Not ready for so long at most."""
        self._tell(STATUS=status, EXTEND_TIMEOUT_USEC=str(int(seconds * 1e6)))

    def status(self, text: str) -> None:
        """One line for people."""
        self._tell(STATUS=text)

    def ping(self) -> None:
        """All is well, for the watchdog."""
        if not self._waiting:
            self._send(b"WATCHDOG=1")

    def close(self) -> None:
        """Say nothing any more, but what waits, if it is taken now."""
        if self._retry is not None:
            self._retry.cancel()
        self._flush()
        if self._retry is not None:
            self._retry.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, **fields: str) -> None:
        if self._socket is None:
            return
        lines = [f"{name}={_one_line(value)}" for name, value in fields.items()]
        self._waiting.append("\n".join(lines).encode("utf-8", "replace"))
        if self._retry is None:
            self._flush()

    def _flush(self) -> None:
        self._retry = None
        while self._waiting and self._send(self._waiting[0]):
            self._waiting.popleft()
        if self._waiting:
            self._retry = asyncio.get_running_loop().call_later(RETRY, self._flush)

    def _send(self, message: bytes) -> bool:
        """Whether there is no use in sending it again."""
        if self._socket is None or self._address is None:
            return True
        try:
            self._socket.sendto(message, self._address)
        except BlockingIOError:
            return False
        except OSError:
            return True  # no manager any more
        return True


def _to_socket(address: str | None) -> str | None:
    """An address as Python has it; None for those of no kind that is known (sd_notify(3))."""
    if address is None or len(os.fsencode(address)) > _MAX_PATH:
        return None
    if address.startswith("@"):
        return f"\0{address[1:]}"
    return address if address.startswith("/") else None


def _one_line(text: str) -> str:
    """A message has a line for each field: none may hold another."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_STATUS]

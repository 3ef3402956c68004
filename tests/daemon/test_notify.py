"""The messages to the service manager, over a socket as it has one."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon import notify
from rhi.daemon.notify import Notifier
from tests.health.virtual import run


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """The address as the variable has it, and the manager's end."""
    path = str(tmp_path / "notify")
    address = path if request.param == "path" else f"@rhi-test-{os.getpid()}-{os.path.basename(tmp_path)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        sock.setblocking(False)
        yield address, sock


def received(sock: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(sock.recv(4096).decode())
        except BlockingIOError:
            return found


def told(manager: tuple[str, socket.socket], tell: Callable[[Notifier], object]) -> list[str]:
    """What arrives of it."""

    async def main() -> None:
        notifier = Notifier(manager[0])
        tell(notifier)
        notifier.close()

    run(main())
    return received(manager[1])


@pytest.mark.parametrize(
    ("tell", "message"),
    [
        (lambda n: n.ready("2 of 2"), "READY=1\nSTATUS=2 of 2"),
        (lambda n: n.status("fine"), "STATUS=fine"),
        (lambda n: n.ping(), "WATCHDOG=1"),
        (
            lambda n: n.reloading(12.5),
            "RELOADING=1\nMONOTONIC_USEC=12500000\nSTATUS=reading the configuration",
        ),
        (lambda n: n.stopping("end", 15.0), "STOPPING=1\nSTATUS=end\nEXTEND_TIMEOUT_USEC=15000000"),
        (lambda n: n.starting("begin", 35.0), "STATUS=begin\nEXTEND_TIMEOUT_USEC=35000000"),
    ],
)
def test_notifier_says_it_as_the_protocol_has_it(
    manager: tuple[str, socket.socket], tell: Callable[[Notifier], object], message: str
) -> None:
    assert told(manager, tell) == [message]


def test_notifier_status_cannot_smuggle_in_a_field(manager: tuple[str, socket.socket]) -> None:
    (message,) = told(manager, lambda notifier: notifier.status("x\nREADY=1" + "y" * 1000))

    assert message.startswith("STATUS=x READY=1y")
    assert "\n" not in message
    assert len(message) == len("STATUS=") + notify.MAX_STATUS


@contextlib.contextmanager
def full(sock: socket.socket) -> Iterator[None]:
    """The manager's queue has no place any more, whatever the kernel's limits are."""
    with contextlib.ExitStack() as fillers:
        while True:
            filler = fillers.enter_context(
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            )
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    filler.sendto(b"filler", sock.getsockname())
                    sent += 1
            if not sent:  # not because of what one socket may have under way
                break
        yield


def test_notifier_sends_again_in_order_what_a_full_queue_did_not_take(
    manager: tuple[str, socket.socket],
) -> None:
    address, sock = manager

    async def main() -> None:
        notifier = Notifier(address)
        with full(sock):
            notifier.ready("1")
            notifier.ping()  # not worth to be kept
            notifier.status("2")
            received(sock)
        await asyncio.sleep(2 * notify.RETRY)
        assert received(sock) == ["READY=1\nSTATUS=1", "STATUS=2"]
        notifier.ping()
        assert received(sock) == ["WATCHDOG=1"]
        notifier.close()

    run(main())


def test_notifier_keeps_the_last_words_only_when_nobody_reads(manager: tuple[str, socket.socket]) -> None:
    address, sock = manager

    async def main() -> None:
        notifier = Notifier(address)
        with full(sock):
            for number in range(100):
                notifier.status(str(number))
            received(sock)
        notifier.close()

    run(main())
    kept = [f"STATUS={number}" for number in range(100 - notify.MAX_WAITING, 100)]
    found = received(sock)
    assert found  # as many as the queue holds
    assert found == kept[: len(found)]


async def _say_all(notifier: Notifier) -> None:
    notifier.starting("", 1.0)
    notifier.ready("")
    notifier.ping()
    notifier.close()
    notifier.status("after the end")
    notifier.ping()


@pytest.mark.parametrize(
    "address", [None, "", "relative", "vsock:2:1234", "/nonexistent/notify", "@" + "x" * 200]
)
def test_notifier_without_a_manager_goes_on(address: str | None) -> None:
    notifier = Notifier(address)

    run(_say_all(notifier))

    assert notifier.is_wanted is (address == "/nonexistent/notify")


@pytest.mark.parametrize(
    ("environment", "is_wanted", "watchdog"),
    [
        ({}, False, None),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "30000000"}, True, 30.0),
        (
            {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())},
            True,
            1.5,
        ),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, True, None),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "0"}, True, None),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "soon"}, True, None),
    ],
)
def test_notifier_takes_its_variables_out_of_the_environment(
    environment: dict[str, str], is_wanted: bool, watchdog: float | None
) -> None:
    environment = {"PATH": "/bin", **environment}

    notifier = Notifier.from_environment(environment)
    run(_closed(notifier))

    assert (notifier.is_wanted, notifier.watchdog) == (is_wanted, watchdog)
    assert environment == {"PATH": "/bin"}


def _closed(notifier: Notifier) -> Coroutine[Any, Any, None]:
    async def main() -> None:
        notifier.close()

    return main()

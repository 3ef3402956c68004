"""The picture of the interfaces, and how it is kept true."""

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from rhi.net.interfaces import (
    MAX_ADDRESSES,
    Interface,
    InterfaceMonitor,
    InterfaceTable,
)
from rhi.net.netlink import Kind, Link, Neighbour, Standing, parse
from tests.net import kernel
from tests.net.kernel import ETH0, MAC, OURS

LINK = Link(ETH0, "eth0", True, True, False, MAC)


def table(*messages: bytes) -> InterfaceTable:
    made = InterfaceTable()
    for message in parse(b"".join(messages)):
        made.apply(message)
    return made


def test_table_finds_an_interface_by_its_name_now() -> None:
    made = table(kernel.link("old"), kernel.address(), kernel.link("eth0"))

    assert made.find("eth0") == Interface(LINK, {OURS: Standing.USABLE})
    assert made.find("old") is None


def test_table_forgets_what_has_gone() -> None:
    made = table(kernel.link(), kernel.address(), kernel.address(is_gone=True))
    assert made.find("eth0") == Interface(LINK)

    again = table(kernel.link(), kernel.address(), kernel.link(is_gone=True), kernel.link())
    assert again.find("eth0") == Interface(LINK)


def test_table_minds_a_bounded_number_of_addresses() -> None:
    many = [kernel.address(OURS + n) for n in range(100)]

    found = table(kernel.link(), *many, kernel.address(OURS + 1, flags=kernel.TENTATIVE)).find("eth0")

    assert found is not None
    assert len(found.addresses) == MAX_ADDRESSES
    assert found.addresses[OURS + 1] is Standing.TENTATIVE


class Deaf:
    """A socket that fails once, with the error `number`, when told to."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.number = 0

    def recvmsg(self, size: int) -> Any:
        if self.number:
            number, self.number = self.number, 0
            raise OSError(number, "injected")
        return self._inner.recvmsg(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Kernel:
    """The other end of a netlink socket."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.setblocking(False)
        self.theirs.setblocking(False)
        self.changes = 0
        self.neighbours: list[Neighbour] = []
        self.ear = Deaf(self.ours)
        self.monitor = InterfaceMonitor(
            self._changed, self.neighbours.append, open_socket=lambda: cast(socket.socket, self.ear)
        )

    def _changed(self) -> None:
        self.changes += 1

    def asked(self) -> list[int]:
        found = []
        while True:
            try:
                found.append(int.from_bytes(self.theirs.recv(1000)[4:6], "little"))
            except BlockingIOError:
                return found

    async def tell(self, *messages: bytes) -> None:
        self.theirs.send(b"".join(messages))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def tell_all(self, *links: bytes) -> None:
        await self.tell(*links, kernel.done())
        await self.tell(kernel.address(), kernel.done())
        await self.tell(kernel.neighbour(), kernel.done())

    def find(self) -> Interface | None:
        return None if self.monitor.table is None else self.monitor.table.find("eth0")

    def close(self) -> None:
        self.monitor.close()
        self.theirs.close()


def with_kernel(test: Callable[[Kernel], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        made = Kernel()
        try:
            await test(made)
        finally:
            made.close()

    asyncio.run(run())


def test_monitor_asks_one_after_the_other_and_then_knows() -> None:
    async def test(system: Kernel) -> None:
        assert system.asked() == [Kind.LINKS]
        await system.tell(kernel.link(), kernel.done())
        assert system.asked() == [Kind.ADDRESSES]
        assert system.monitor.table is None
        await system.tell(kernel.address(), kernel.done())
        assert system.asked() == [Kind.NEIGHBOURS]
        await system.tell(kernel.neighbour(), kernel.done())

        assert system.find() == Interface(LINK, {OURS: Standing.USABLE})
        assert [each.index for each in system.neighbours] == [ETH0]
        assert system.asked() == []
        assert system.changes > 0

    with_kernel(test)


def test_monitor_takes_news() -> None:
    async def test(system: Kernel) -> None:
        await system.tell_all(kernel.link())
        before = system.changes
        await system.tell(kernel.link(flags=kernel.UP))

        assert system.changes == before + 1
        found = system.find()
        assert found is not None
        assert not found.link.is_running

    with_kernel(test)


def test_monitor_that_asks_again_goes_on_with_what_it_knows() -> None:
    async def test(system: Kernel) -> None:
        await system.tell_all(kernel.link())
        system.asked()
        system.monitor.ask_again()
        await system.tell(kernel.link("lo", index=1), kernel.done())

        assert system.asked() == [Kind.LINKS, Kind.ADDRESSES]
        assert system.find() is not None
        await system.tell(kernel.done())
        assert system.find() is None

    with_kernel(test)


def test_monitor_that_has_lost_news_asks_for_everything_again() -> None:
    async def test(system: Kernel) -> None:
        await system.tell_all(kernel.link())
        system.asked()
        system.ear.number = errno.ENOBUFS
        await system.tell(kernel.link())

        assert system.asked() == [Kind.LINKS]

    with_kernel(test)


def test_monitor_leaves_a_socket_that_fails_alone_for_a_while() -> None:
    async def test(system: Kernel) -> None:
        await system.tell_all(kernel.link())
        before = system.changes
        system.ear.number = errno.ENOMEM
        await system.tell(kernel.link())

        assert system.changes == before

    with_kernel(test)


def test_monitor_close_is_the_end_of_reading() -> None:
    async def run() -> None:
        system = Kernel()
        system.close()

        assert system.ours.fileno() < 0

    asyncio.run(run())


@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="netlink is Linux's")
def test_monitor_of_the_real_kernel_knows_the_loopback_interface() -> None:
    async def run() -> None:
        known = asyncio.Event()
        monitor = InterfaceMonitor(known.set, lambda _: None)
        try:
            await asyncio.wait_for(known.wait(), 10)
            assert monitor.table is not None
            found = monitor.table.find("lo")
            assert found is not None
            assert found.link.is_loopback
            assert found.link.index == socket.if_nametoindex("lo")
        finally:
            monitor.close()

    asyncio.run(run())

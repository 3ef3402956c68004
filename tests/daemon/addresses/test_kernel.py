"""Addresses of a real kernel, in namespaces of our own."""

import asyncio
import errno
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from rhi.daemon.addresses import kernel
from rhi.daemon.addresses.kernel import Ends, Kernel, keeps_marks
from rhi.daemon.addresses.messages import GROUPS
from rhi.daemon.addresses.picture import Picture, Seen
from rhi.daemon.addresses.plan import MARK, Action, Order
from rhi.daemon.addresses.spec import Spot
from rhi.model.prefix import Prefix, to_prefix
from rhi.net.netlink_watch import open_netlink
from tests.daemon.addresses.network import inside, shown
from tests.interop.lab.namespace import Namespace, connect, namespaces

pytestmark = pytest.mark.slow

V4, V6 = to_prefix("203.0.113.53"), to_prefix("2001:db8::53")


@pytest.fixture(scope="module")
def pair() -> Iterator[Namespace]:
    """A host with lo and eth0; the other end of the cable is of no concern."""
    with namespaces("host", "other") as (host, other):
        connect(host, other)
        yield host


@pytest.fixture
def host(pair: Namespace) -> Namespace:
    for interface in ("lo", "eth0"):
        pair.run("ip", "address", "flush", "dev", interface, "scope", "global")
    return pair


@dataclass
class Follower:
    """Waits for what the kernel tells."""

    kernel: Kernel = field(init=False)
    ends: Ends = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self) -> None:
        self.news.set()

    def ended(self, ends: Ends) -> None:
        self.ends += ends
        self.news.set()

    @property
    def table(self) -> Picture:
        assert self.kernel.table is not None
        return self.kernel.table

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def told(self) -> None:
        await self.until(lambda: self.kernel.table is not None)

    async def sees(self, prefix: Prefix, *interfaces: str) -> None:
        await self.until(lambda: set(self.table.seen(prefix)) == set(interfaces))

    async def done(self, *orders: Order) -> list[str]:
        self.ends.clear()
        self.kernel.carry_out(orders)
        await self.until(lambda: len(self.ends) == len(orders))
        return [problem for _, problem in self.ends]


def follow(
    host: Namespace,
    test: Callable[[Follower], Coroutine[Any, Any, None]],
    open_socket: Callable[[], socket.socket] | None = None,
) -> None:
    """Run a test in the namespace, with a kernel that has told all."""

    async def main() -> None:
        follower = Follower()
        follower.kernel = Kernel(follower.changed, follower.ended, open_socket=open_socket)
        try:
            await follower.told()
            await test(follower)
        finally:
            follower.kernel.close()

    inside(host, lambda: asyncio.run(main()))


def add(*prefixes: Prefix, interface: str = "lo") -> list[Order]:
    return [Order(Action.ADD, Spot(interface, prefix)) for prefix in prefixes]


def remove(*prefixes: Prefix, interface: str = "lo") -> list[Order]:
    return [Order(Action.REMOVE, Spot(interface, prefix)) for prefix in prefixes]


def test_kernel_adds_and_removes_and_has_told_before_it_says_so(host: Namespace) -> None:
    async def test(follower: Follower) -> None:
        assert await follower.done(*add(V4, V6)) == ["", ""]
        for prefix in (V4, V6):
            await follower.sees(prefix, "lo")
            assert follower.table.seen(prefix)["lo"] == Seen(is_usable=True, is_duplicate=False, mark=MARK)
        assert set(shown(host)) == {"203.0.113.53/32", "2001:db8::53/128"}

        assert await follower.done(*remove(V4, V6)) == ["", ""]
        await follower.sees(V4)
        await follower.sees(V6)
        assert shown(host) == {}

    follow(host, test)


def test_kernel_adds_ipv6_without_duplicate_detection_and_not_for_connections_of_the_host(
    host: Namespace,
) -> None:
    async def test(follower: Follower) -> None:
        await follower.done(*add(V6, interface="eth0"))

    follow(host, test)

    found = shown(host, "eth0")["2001:db8::53/128"]
    assert found["nodad"]
    assert found["deprecated"]
    assert "tentative" not in found
    assert host.run("ip", "-6", "route", "get", "2001:db8::53").startswith("local 2001:db8::53")


def test_kernel_hears_what_others_do(host: Namespace) -> None:
    async def test(follower: Follower) -> None:
        host.add_address("eth0", "203.0.113.53/24")
        await follower.sees(V4, "eth0")
        assert follower.table.seen(V4)["eth0"] == Seen(is_usable=True, is_duplicate=False, mark=None)
        host.add_address("lo", "203.0.113.53/32")
        await follower.sees(V4, "eth0", "lo")
        assert follower.table.seen(V4)["lo"].mark == 0
        assert [each.interface for each in follower.table.networks()] == ["eth0"]

        host.run("ip", "address", "del", "203.0.113.53/32", "dev", "lo")
        await follower.sees(V4, "eth0")

    follow(host, test)


def test_kernel_hears_of_interfaces_that_come_and_go(host: Namespace) -> None:
    async def test(follower: Follower) -> None:
        assert not follower.table.has_interface("test0")
        host.run("ip", "link", "add", "test0", "type", "bridge")
        await follower.until(lambda: follower.table.has_interface("test0"))
        host.add_address("test0", "203.0.113.53/32")
        await follower.sees(V4, "test0")

        host.run("ip", "link", "set", "test0", "name", "test1")
        await follower.until(lambda: follower.table.has_interface("test1"))
        assert set(follower.table.seen(V4)) == {"test1"}

        host.run("ip", "link", "delete", "test1")
        await follower.until(lambda: not follower.table.has_interface("test1"))
        assert follower.table.seen(V4) == {}

    follow(host, test)


def test_kernel_that_finds_what_was_ordered_done_already_is_content(host: Namespace) -> None:
    async def test(follower: Follower) -> None:
        assert await follower.done(*add(V4, V4)) == ["", ""]
        assert await follower.done(*remove(V4, V4)) == ["", ""]

    follow(host, test)


def test_kernel_says_in_a_sentence_why_it_cannot(host: Namespace) -> None:
    host.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6")

    async def test(follower: Follower) -> None:
        problems = await follower.done(*add(V6, interface="eth0"), *add(V4, interface="none0"))
        assert problems == [
            "Permission denied: IPv6 is off there; set net.ipv6.conf.eth0.disable_ipv6 = 0",
            "No such device",
        ]
        assert await follower.done(*remove(V4, interface="none0")) == [""]

    try:
        follow(host, test)
    finally:
        host.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6")


def test_kernel_that_has_lost_news_is_asked_for_everything(host: Namespace) -> None:
    """With a socket that has room for a few messages only, while a thousand addresses come and go."""

    def open_narrow() -> socket.socket:
        found = open_netlink(GROUPS)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        return found

    async def test(follower: Follower) -> None:
        before = follower.table
        # while the loop does not turn, nobody reads
        script = "".join(f"address add 198.18.{n // 250}.{n % 250}/32 dev lo\n" for n in range(1000))
        host.run("sh", "-c", f"printf '{script}' | ip -batch -")
        await follower.sees(to_prefix("198.18.3.249"), "lo")
        assert follower.table is not before
        host.run("ip", "address", "flush", "dev", "lo", "scope", "global")
        await follower.sees(to_prefix("198.18.3.249"))
        await follower.sees(to_prefix("198.18.0.0"))

    follow(host, test, open_narrow)


def test_kernel_carries_out_thousands_of_orders(host: Namespace) -> None:
    many = [to_prefix(f"198.18.{n // 250}.{n % 250}") for n in range(2000)]

    async def test(follower: Follower) -> None:
        assert set(await follower.done(*add(*many))) == {""}
        await follower.until(lambda: all(follower.table.seen(prefix) for prefix in many))
        assert set(await follower.done(*remove(*many))) == {""}
        await follower.until(lambda: not any(follower.table.seen(prefix) for prefix in many))

    follow(host, test)


def test_kernel_without_the_capability_says_so(host: Namespace) -> None:
    """In a process that has given it up."""
    program = (
        "import asyncio\n"
        "from rhi.daemon.addresses.kernel import Kernel\n"
        "from rhi.daemon.addresses.plan import Action, Order\n"
        "from rhi.daemon.addresses.spec import Spot\n"
        "from rhi.model.prefix import to_prefix\n"
        "async def main():\n"
        "    told, done = asyncio.Event(), asyncio.get_running_loop().create_future()\n"
        "    kernel = Kernel(told.set, done.set_result)\n"
        "    await told.wait()\n"
        "    kernel.carry_out([Order(Action.ADD, Spot('lo', to_prefix('203.0.113.53')))])\n"
        "    print((await done)[0][1])\n"
        "    kernel.close()\n"
        "asyncio.run(main())\n"
    )

    without = ("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")

    said = host.run(*without, sys.executable, "-c", program)

    assert said.strip() == "Operation not permitted: rhi needs the capability CAP_NET_ADMIN"


@pytest.mark.parametrize(
    ("release", "expected"),
    [("5.18.0", True), ("6.1.0-13-amd64", True), ("5.17.9", False), ("4.4.0", False), ("odd", False)],
)
def test_kernel_release_tells_whether_marks_are_kept(release: str, expected: bool) -> None:
    assert keeps_marks(release) is expected


def test_kernel_that_does_not_answer_is_given_up() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.settimeout(0.01)
        assert kernel._ask(ours, b"request", 1) == errno.ETIMEDOUT
        theirs.close()
        assert kernel._ask(ours, b"request", 1) == errno.ECONNREFUSED

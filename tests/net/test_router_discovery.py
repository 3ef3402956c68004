"""Router discovery: the messages, when we advertise, and the socket."""

import asyncio
import errno
import socket
import struct
from ipaddress import IPv6Address
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.net.router_discovery import (
    ALL_NODES,
    CALM_INTERVAL,
    EAGER_INTERVAL,
    HOP_LIMIT,
    MAX_ANSWER_DELAY,
    MIN_DELAY_BETWEEN,
    TO_ROUTERS,
    Advertisement,
    AdvertisementSchedule,
    DiscoverySocket,
    EchoReply,
    Heard,
    NeighbourAdvertisement,
    Solicitation,
    advertisement,
    echo_request,
    neighbour_solicitation,
    parse,
    solicitation,
)
from tests.net.kernel import MAC, THEIRS

COOKIE = b"12345678"
GLOBAL = IPv6Address("2001:db8::2")
NOBODY = IPv6Address("::")
ANSWER = b"\x88" + neighbour_solicitation(THEIRS, MAC)[1:]
REPLY = b"\x81" + echo_request(TO_ROUTERS, COOKIE)[1:]


def heard(data: bytes, source: IPv6Address = THEIRS, hop_limit: int = HOP_LIMIT) -> Heard | None:
    return parse(data, source, hop_limit, COOKIE)


def test_echo_reply_to_a_socket_that_is_not_raw_has_an_identifier_of_the_kernel() -> None:
    reply = REPLY[:4] + b"\xab\xcd" + REPLY[6:]

    assert parse(reply, THEIRS, 64, COOKIE, is_raw=False) == EchoReply(THEIRS, TO_ROUTERS)
    assert parse(reply, THEIRS, 64, COOKIE) is None
    assert parse(reply[:-1] + b"x", THEIRS, 64, COOKIE, is_raw=False) is None


@pytest.mark.parametrize("is_raw", [True, False])
def test_discovery_socket_hears_a_foreign_identifier_only_where_the_kernel_writes_it(is_raw: bool) -> None:
    async def test() -> list[Heard]:
        found: list[Heard] = []
        link = Link()
        made = DiscoverySocket(
            "eth0", 7, found.append, open_socket=lambda _: (cast(socket.socket, link), is_raw)
        )
        made.ask(ALL_NODES, TO_ROUTERS)
        question = link.sent[0][0]
        link.receive(b"\x81" + question[1:4] + b"\xab\xcd" + question[6:], 64)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        made.close()
        link.theirs.close()
        return found

    assert asyncio.run(test()) == ([] if is_raw else [EchoReply(THEIRS, TO_ROUTERS)])


def test_advertisement_of_ours_offers_nothing_and_is_16_octets_and_an_option() -> None:
    assert advertisement(MAC) == bytes.fromhex("86000000 00000000 00000000 00000000 0101020000000001")


def test_neighbour_solicitation_is_24_octets_and_an_option() -> None:
    found = neighbour_solicitation(THEIRS, MAC)

    assert found == bytes.fromhex("87000000 00000000") + THEIRS.packed + bytes.fromhex("0101020000000001")


def test_advertisement_without_a_hardware_address_has_no_option() -> None:
    assert len(advertisement(b"")) == 16
    assert len(solicitation(b"")) == 8


@pytest.mark.parametrize(
    ("data", "source", "expected"),
    [
        (advertisement(MAC), THEIRS, Advertisement(THEIRS)),
        (advertisement(b""), THEIRS, Advertisement(THEIRS)),
        (solicitation(MAC), THEIRS, Solicitation()),
        (solicitation(b""), NOBODY, Solicitation()),
        (REPLY, THEIRS, EchoReply(THEIRS, TO_ROUTERS)),
        (ANSWER, THEIRS, NeighbourAdvertisement(THEIRS, False)),
        (ANSWER[:4] + b"\x80" + ANSWER[5:], GLOBAL, NeighbourAdvertisement(THEIRS, True)),
    ],
)
def test_rfc4861_6_1_valid_message_is_heard(data: bytes, source: IPv6Address, expected: Heard) -> None:
    assert heard(data, source) == expected


@pytest.mark.parametrize(
    ("data", "source", "hop_limit"),
    [
        (advertisement(MAC), THEIRS, 254),
        (advertisement(MAC), THEIRS, -1),
        (advertisement(MAC), GLOBAL, HOP_LIMIT),
        (advertisement(MAC), NOBODY, HOP_LIMIT),
        (advertisement(b"")[:15], THEIRS, HOP_LIMIT),
        (b"\x86\x01" + advertisement(b"")[2:], THEIRS, HOP_LIMIT),
        (advertisement(b"") + b"\1\0" + MAC, THEIRS, HOP_LIMIT),
        (advertisement(b"") + b"\1\2" + MAC, THEIRS, HOP_LIMIT),
        (advertisement(b"") + b"\1", THEIRS, HOP_LIMIT),
        (solicitation(MAC), THEIRS, 64),
        (solicitation(b"")[:7], THEIRS, HOP_LIMIT),
        (REPLY, GLOBAL, HOP_LIMIT),
        (REPLY[:-1] + b"x", THEIRS, HOP_LIMIT),
        (REPLY[:4] + b"xx" + REPLY[6:], THEIRS, HOP_LIMIT),
        (echo_request(1, COOKIE), THEIRS, HOP_LIMIT),
        (b"\x89" + ANSWER[1:], THEIRS, HOP_LIMIT),
        (ANSWER, THEIRS, 64),
        (ANSWER[:23], THEIRS, HOP_LIMIT),
        (ANSWER[:8] + GLOBAL.packed, THEIRS, HOP_LIMIT),
    ],
)
def test_rfc4861_6_1_invalid_message_is_not_heard(data: bytes, source: IPv6Address, hop_limit: int) -> None:
    assert heard(data, source, hop_limit) is None


@given(st.binary(max_size=120), st.integers(-1, 255))
def test_discovery_any_bytes_are_read_without_an_error(data: bytes, hop_limit: int) -> None:
    heard(data, THEIRS, hop_limit)


def schedule(*numbers: float) -> AdvertisementSchedule:
    left = list(numbers)
    return AdvertisementSchedule(lambda: left.pop(0) if left else 0.5)


def test_schedule_begins_at_once_and_ends_when_told() -> None:
    made = schedule()
    assert made.next_at is None

    made.start(5.0)
    assert made.next_at == 5.0

    made.stop()
    made.solicited(6.0)
    made.hurry(6.0)
    assert made.next_at is None


@pytest.mark.parametrize(("is_calm", "interval"), [(True, CALM_INTERVAL), (False, EAGER_INTERVAL)])
@pytest.mark.parametrize("number", [0.0, 0.5, 0.999])
def test_rfc4861_6_2_4_interval_is_between_the_least_and_the_most(
    is_calm: bool, interval: tuple[float, float], number: float
) -> None:
    made = schedule(*[number] * 9)
    made.start(0.0)
    for _ in range(3):
        made.sent(0.0, is_calm=is_calm)

    assert made.next_at is not None
    assert interval[0] <= made.next_at <= interval[1]


def test_rfc4861_6_2_4_first_three_are_at_most_16_seconds_apart() -> None:
    made = schedule()
    made.start(0.0)
    made.sent(0.0, is_calm=True)
    assert made.next_at == 16.0
    made.sent(16.0, is_calm=True)
    assert made.next_at == 32.0
    made.sent(32.0, is_calm=True)
    assert made.next_at > 200.0


def test_rfc4861_6_2_6_solicitation_is_answered_within_half_a_second() -> None:
    made = schedule(0.5, 0.5, 0.5, 1.0)
    made.start(0.0)
    for _ in range(3):
        made.sent(0.0, is_calm=True)
    made.solicited(100.0)

    assert made.next_at == 100.0 + MAX_ANSWER_DELAY


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_rfc4861_6_2_6_many_solicitations_get_one_answer_in_three_seconds(pauses: list[float]) -> None:
    made = AdvertisementSchedule(lambda: 0.0)
    made.start(0.0)
    made.sent(0.0, is_calm=True)
    now, last = 0.0, 0.0
    for pause in pauses:
        now += pause
        made.solicited(now)
        if made.next_at is not None and made.next_at <= now:
            assert now - last >= MIN_DELAY_BETWEEN
            made.sent(now, is_calm=True)
            last = now


def test_schedule_hurries_when_the_session_is_lost() -> None:
    made = schedule()
    made.start(0.0)
    for _ in range(3):
        made.sent(0.0, is_calm=True)
    made.hurry(10.0)

    assert made.next_at == 15.0


class Link:
    """A socket that stands for a link: what is put in is received, what is sent is noted."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.setblocking(False)
        self.incoming: list[Any] = []
        self.sent: list[tuple[bytes, bytes, Any]] = []
        self.error: OSError | None = None

    def receive(self, data: bytes, hop_limit: int = HOP_LIMIT) -> None:
        control = [(socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT, struct.pack("=i", hop_limit))]
        self.incoming.append((data, control, 0, (f"{THEIRS}%eth0", 0, 0, 7)))
        self.theirs.send(b"x")

    def recvmsg(self, size: int, control: int) -> Any:
        self.ours.recv(1)
        found = self.incoming.pop(0)
        if isinstance(found, OSError):
            raise found
        return found

    def sendmsg(self, data: list[bytes], control: list[Any], flags: int, address: Any) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((data[0], control[0][2], address))

    def fileno(self) -> int:
        return self.ours.fileno()

    def close(self) -> None:
        self.ours.close()


async def on_link(link: Link) -> list[Heard]:
    found: list[Heard] = []
    made = DiscoverySocket("eth0", 7, found.append, open_socket=lambda _: (cast(socket.socket, link), True))
    try:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        made.send(b"hello", ALL_NODES, THEIRS)
        made.send(b"hello", ALL_NODES)
    finally:
        made.close()
        link.theirs.close()
    return found


def test_discovery_socket_hears_what_is_valid_and_goes_on_after_errors() -> None:
    link = Link()
    link.receive(advertisement(MAC), 64)
    link.receive(advertisement(MAC))
    link.incoming.append(OSError(errno.ENETDOWN, "down"))
    link.theirs.send(b"x")
    link.receive(solicitation(MAC))

    assert asyncio.run(on_link(link)) == [Advertisement(THEIRS), Solicitation()]


def test_discovery_socket_sends_on_its_interface_from_the_address_given() -> None:
    link = Link()

    asyncio.run(on_link(link))

    index = struct.pack("=I", 7)
    assert [control for _, control, _ in link.sent] == [THEIRS.packed + index, bytes(16) + index]
    assert {address for _, _, address in link.sent} == {("ff02::1", 0, 0, 7)}


def test_discovery_socket_outlives_what_cannot_be_sent() -> None:
    link = Link()
    link.error = OSError(errno.EADDRNOTAVAIL, "no address")

    assert asyncio.run(on_link(link)) == []

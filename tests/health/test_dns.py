"""dns checks against a name server that answers rightly, wrongly, twice, in pieces, and in another's name."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import InvalidValueError
from rhi.health.base import Result
from rhi.health.table import to_check
from tests.health.probing import ask, one_round

Answers = Callable[[dns.message.Message], list[bytes]]


class NameServer(asyncio.DatagramProtocol):
    """Sends whatever a function makes of the query."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in self._answers(dns.message.from_wire(data)):
            self._transport.sendto(answer, addr)


@contextlib.asynccontextmanager
async def name_server(by_udp: Answers, by_tcp: Answers | None = None) -> AsyncIterator[int]:
    """On the same port for UDP and TCP; yields that."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = struct.unpack("!H", await reader.readexactly(2))[0]
        query = dns.message.from_wire(await reader.readexactly(size))
        for answer in (by_tcp or by_udp)(query):
            data = struct.pack("!H", len(answer)) + answer
            writer.write(data[:1])
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(data[1:])
        writer.close()

    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(
        lambda: NameServer(by_udp), local_addr=("127.0.0.1", port)
    )
    try:
        yield port
    finally:
        transport.close()
        server.close()
        await asyncio.sleep(0.001)  # the socket is closed when its transport has had its turn


def right(query: dns.message.Message, *records: str, rcode: str = "NOERROR", flags: int = 0) -> bytes:
    reply = dns.message.make_response(query)
    reply.set_rcode(dns.rcode.from_text(rcode))
    reply.flags |= flags
    for record in records:
        kind, _, value = record.partition(" ")
        reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, value))
    return reply.to_wire()


def one_a(query: dns.message.Message) -> list[bytes]:
    return [right(query, "A 192.0.2.1")]


def against(by_udp: Answers, by_tcp: Answers | None = None, **options: Any) -> Result:
    async def main() -> Result:
        async with name_server(by_udp, by_tcp) as port:
            basic = {"type": "dns", "address": "127.0.0.1", "port": port, "query": "www.example"}
            return await ask(to_check({**basic, **options}))

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("records", "rcode", "options", "ok"),
    [
        (["A 192.0.2.1"], "NOERROR", {}, True),
        ([], "NOERROR", {}, False),
        ([], "NOERROR", {"min_records": 0}, True),
        ([], "SERVFAIL", {}, False),
        ([], "REFUSED", {"rcode": "refused"}, True),
        ([], "NXDOMAIN", {"rcode": "NXDOMAIN"}, True),
        (["A 192.0.2.1"], "NOERROR", {"rcode": "NXDOMAIN"}, False),
        (["A 192.0.2.1"], "NOERROR", {"answer": "192.0.2.1"}, True),
        (["A 192.0.2.2"], "NOERROR", {"answer": "192.0.2.1"}, False),
        (["A 192.0.2.1"], "NOERROR", {"min_records": 2}, False),
        (["TXT \"ready\""], "NOERROR", {"record": "TXT", "answer": "ready"}, True),
        (["CNAME other.example."], "NOERROR", {}, False),
        (["AAAA 2001:db8::1"], "NOERROR", {"record": "any"}, True),
        (["A 192.0.2.1"], "NOERROR", {"authoritative": True}, False),
    ],
)  # fmt: skip
def test_dns_answer_is_judged(records: list[str], rcode: str, options: dict[str, Any], ok: bool) -> None:
    result = against(lambda query: [right(query, *records, rcode=rcode)], **options)

    assert result.ok is ok, result.detail


def test_dns_authoritative_answer_passes() -> None:
    assert against(
        lambda query: [right(query, "A 192.0.2.1", flags=dns.flags.AA)], authoritative=True, recursion=False
    ).ok


def test_dns_question_is_asked_with_the_flags_configured() -> None:
    seen: list[dns.message.Message] = []

    def note(query: dns.message.Message) -> list[bytes]:
        seen.append(query)
        return one_a(query)

    against(note)
    against(note, recursion=False, record="A")

    assert [bool(query.flags & dns.flags.RD) for query in seen] == [True, False]


def test_dns_answer_that_was_cut_short_is_asked_for_by_tcp() -> None:
    result = against(lambda query: [right(query, flags=dns.flags.TC)], one_a)

    assert result.ok, result.detail


def test_dns_by_tcp_only_does_not_ask_by_udp() -> None:
    assert against(lambda query: [right(query, rcode="SERVFAIL")], one_a, transport="tcp").ok


def test_dns_tcp_that_closes_early_fails() -> None:
    assert not against(one_a, lambda query: [], transport="tcp").ok


def test_dns_answers_that_are_not_ours_are_passed_over() -> None:
    """Another id, another question, no answer at all, garbage: then the right one."""

    def forged(query: dns.message.Message) -> list[bytes]:
        good = right(query, rcode="SERVFAIL")
        other = dns.message.make_query("other.example", "A", id=query.id)
        other_id = struct.pack("!H", query.id ^ 1) + good[2:]
        return [
            other_id, right(other, rcode="SERVFAIL"), query.to_wire(), good[:2] + b"\xff" * 30, good[:2], b"",
            *one_a(query),
        ]  # fmt: skip

    result = against(forged)

    assert result == Result(True, "NOERROR, 1 records", {"records": 1.0})


def test_dns_flood_of_forged_answers_ends_the_probe() -> None:
    result = against(lambda query: [b"\0\0" + right(query)[2:]] * 40)

    assert result.detail.endswith("what came is no answer to the question")


@given(st.binary(max_size=80))
def test_dns_answer_of_any_bytes_never_raises(tail: bytes) -> None:
    result = against(lambda query: [], lambda query: [right(query)[:2] + tail], transport="tcp")

    assert not result.ok


def test_dns_server_that_is_silent_fails_at_the_time_out() -> None:
    async def main() -> None:
        async with name_server(lambda query: []) as port:
            options = {"type": "dns", "address": "127.0.0.1", "port": port, "query": "x.example"}
            report = await one_round(to_check({**options, "timeout": 0.05}))
            assert report.result == Result(False, "no answer within 0.05 s")

    asyncio.run(main())


def test_dns_server_that_is_gone_fails_at_once() -> None:
    async def main() -> None:
        async with name_server(one_a) as port:
            check = to_check({"type": "dns", "address": "127.0.0.1", "port": port, "query": "x.example"})
            assert (await ask(check)).ok
        assert (await ask(check)).detail == f"dns 127.0.0.1:{port}: Connection refused"

    asyncio.run(main())


@pytest.mark.parametrize(
    "options",
    [
        {"query": "a..b"}, {"query": "x" * 64 + ".example"}, {"record": "NONSENSE"}, {"record": "OPT"},
        {"rcode": "WRONG"}, {"answer": "x", "min_records": 0}, {"address": "ns.example"},
    ],
)  # fmt: skip
def test_dns_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        to_check({"type": "dns", "address": "192.0.2.53", "query": "www.example", **options})

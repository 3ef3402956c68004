"""dns: a name server answers a question with the right code, records and flags.

The question goes by UDP, and again by TCP when the answer did not fit. What comes is an answer only if it
repeats our question and its unpredictable id; anything else is passed over, up to a number.
"""

import asyncio
import socket
import struct
from typing import Annotated, Final, Literal, Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from pydantic import AfterValidator, Field, model_validator

from rhi.errors import InvalidValueError
from rhi.health.base import Result, failed
from rhi.health.context import Context
from rhi.health.matching import Pattern, occurs
from rhi.health.target import Port, Target

# A name server under a flood of forged answers is not one that answers.
_MAX_STRAY: Final = 32
_MAX_DATAGRAM: Final = 65535
# Fits every path without fragments (DNS flag day 2020).
_PAYLOAD: Final = 1232


def to_query(text: str) -> str:
    """Checks a domain name.

    Raises:
        InvalidValueError: it is none.
    """
    try:
        dns.name.from_text(text)
    except (dns.exception.DNSException, UnicodeError):
        raise InvalidValueError("must be a domain name, such as example.com") from None
    return text


def to_record_type(text: str) -> str:
    """Checks the name of a record type.

    Raises:
        InvalidValueError: there is no such type.
    """
    try:
        known = dns.rdatatype.from_text(text)
    except (dns.exception.DNSException, ValueError):
        raise InvalidValueError("must be a type of record, such as A, AAAA, NS or SOA") from None
    if dns.rdatatype.is_metatype(known) and known != dns.rdatatype.ANY:
        raise InvalidValueError("must be a type of record that an answer can hold")
    return dns.rdatatype.to_text(known)


def to_rcode(text: str) -> str:
    """Checks the name of a response code.

    Raises:
        InvalidValueError: there is no such code.
    """
    try:
        return str(dns.rcode.to_text(dns.rcode.from_text(text)))
    except (dns.exception.DNSException, ValueError):
        raise InvalidValueError("must be a response code, such as NOERROR or NXDOMAIN") from None


class DnsCheck(Target):
    """Asks one question."""

    type: Literal["dns"] = "dns"
    port: Port = 53
    """Port of the name server."""
    query: Annotated[str, Field(max_length=1000), AfterValidator(to_query)]
    """The domain name to ask for."""
    record: Annotated[str, Field(max_length=20), AfterValidator(to_record_type)] = "A"
    """The type of records to ask for."""
    rcode: Annotated[str, Field(max_length=20), AfterValidator(to_rcode)] = "NOERROR"
    """The response code that passes."""
    answer: Pattern | None = None
    """What must occur in one of the records, written as in a zone file; `*` stands for anything."""
    min_records: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Records of this type that the answer must have at least; 1 for NOERROR, otherwise 0, if not given."""
    recursion: bool = True
    """Whether to ask for recursion."""
    authoritative: bool = False
    """Whether the answer must be authoritative."""
    transport: Literal["udp", "tcp"] = "udp"
    """`tcp` asks by TCP only."""

    @model_validator(mode="after")
    def _answer_is_possible(self) -> Self:
        if self.answer is not None and self.min_records == 0:
            raise InvalidValueError("answer: needs a record, so min_records cannot be 0")
        return self

    @property
    def _needed(self) -> int:
        if self.min_records is not None:
            return self.min_records
        return 1 if self.rcode == "NOERROR" or self.answer is not None else 0

    async def probe(self, context: Context) -> Result:
        """One question."""
        what = f"dns {self.where}"
        query = dns.message.make_query(self.query, self.record, use_edns=0, payload=_PAYLOAD)
        query.id = int.from_bytes(context.tools.nonce(2))
        if not self.recursion:
            query.flags &= ~dns.flags.RD
        try:
            if self.transport == "udp":
                reply = await self._ask_by_udp(query)
                if reply is not None and reply.flags & dns.flags.TC:
                    reply = await self._ask_by_tcp(query)
            else:
                reply = await self._ask_by_tcp(query)
        except OSError as error:
            return failed(what, error)
        if reply is None:
            return Result(False, f"{what}: what came is no answer to the question")
        return self._judge(reply)

    async def _ask_by_udp(self, query: dns.message.Message) -> dns.message.Message | None:
        loop = asyncio.get_running_loop()
        with await self.connect(self.port, socket.SOCK_DGRAM) as sock:
            await loop.sock_sendall(sock, query.to_wire())
            for _ in range(_MAX_STRAY):
                reply = _answer(query, await loop.sock_recv(sock, _MAX_DATAGRAM))
                if reply is not None:
                    return reply
                await asyncio.sleep(0)  # more may lie there already, and others have their turn too
        return None

    async def _ask_by_tcp(self, query: dns.message.Message) -> dns.message.Message | None:
        async with self.open(self.port) as stream:
            data = query.to_wire()
            await stream.send(struct.pack("!H", len(data)) + data)
            received = b""
            while len(received) < 2 or len(received) < 2 + struct.unpack_from("!H", received)[0]:
                more = await stream.receive()
                if not more:
                    return None
                received += more
        return _answer(query, received[2 : 2 + struct.unpack_from("!H", received)[0]])

    def _judge(self, reply: dns.message.Message) -> Result:
        code = dns.rcode.to_text(reply.rcode())
        if code != self.rcode:
            return Result(False, f"response code {code}, and not {self.rcode}")
        if self.authoritative and not reply.flags & dns.flags.AA:
            return Result(False, "the answer is not authoritative")
        wanted = dns.rdatatype.from_text(self.record)
        is_any = wanted == dns.rdatatype.ANY
        records = [
            record for found in reply.answer if is_any or found.rdtype == wanted for record in found.items
        ]
        measured = {"records": float(len(records))}
        if len(records) < self._needed:
            text = f"{len(records)} records of type {self.record}, and not {self._needed} or more"
            return Result(False, text, measured)
        if self.answer is not None:
            pattern = self.answer
            if not any(occurs(pattern, record.to_text().encode()) for record in records):
                return Result(False, f"no record holds {pattern!r}, but {records[0].to_text()}", measured)
        return Result(True, f"{code}, {len(records)} records", measured)


def _answer(query: dns.message.Message, data: bytes) -> dns.message.Message | None:
    """The answer to this query; None when the bytes are something else."""
    try:
        reply = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return None
    return reply if query.is_response(reply) else None

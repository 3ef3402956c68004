"""The services of the host that the pages speak of: DNS on port 53, HTTP on ports 80 and 8080, of 127.0.0.1.

Run as a program; says `ready` and goes on until it is told to end.
"""

import asyncio
from typing import cast

import dns.message
import dns.rrset


class Names(asyncio.DatagramProtocol):
    """Answers every question for an address with 192.0.2.80."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's transport is one without being an instance of it
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._transport.sendto(answer_to(data), address)


def answer_to(question: bytes) -> bytes:
    """The address of whatever is asked for."""
    answer = dns.message.make_response(dns.message.from_wire(question), recursion_available=True)
    name = answer.question[0].name
    answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.80"))
    return answer.to_wire()


async def names(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The same over TCP, once."""
    answer = answer_to(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
    writer.write(len(answer).to_bytes(2) + answer)
    await writer.drain()
    writer.close()


async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200 to whatever is asked."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
    await writer.drain()
    writer.close()


async def main() -> None:
    """Serve until killed."""
    await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=("127.0.0.1", 53))
    kinds = ((names, 53), (page, 80), (page, 8080))
    servers = [await asyncio.start_server(kind, "127.0.0.1", port) for kind, port in kinds]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())

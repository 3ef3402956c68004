"""The services of the host that the pages speak of: DNS on port 53, HTTP on ports 80 and 8080, of 127.0.0.1.

Run as a program; says `ready` and goes on until it is told to end.
"""

import asyncio

import dns.message
import dns.rrset


class Names(asyncio.DatagramProtocol):
    """Answers every question for an address with 192.0.2.80."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        answer = dns.message.make_response(dns.message.from_wire(data), recursion_available=True)
        name = answer.question[0].name
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.80"))
        self._transport.sendto(answer.to_wire(), address)


async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200 to whatever is asked."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
    await writer.drain()
    writer.close()


async def main() -> None:
    """Serve until killed."""
    await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=("127.0.0.1", 53))
    servers = [await asyncio.start_server(page, "127.0.0.1", port) for port in (80, 8080)]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())

"""A proxy in front of a router that makes UPDATEs with one IPv4 host route malformed.

    python -m tests.interop.lab.corrupter LISTEN_ADDRESS PORT SOURCE TARGET ROUTE

What comes to PORT goes on to port 179 of TARGET, from SOURCE. In an UPDATE that announces ROUTE the length of
the attributes is made too long, which every daemon has to answer with a NOTIFICATION (RFC 7606 §3 j). A
daemon on the way that has a fault with one route looks just like that.
"""

from __future__ import annotations

import socket
import sys
import threading
from ipaddress import IPv4Address

_HEADER, _UPDATE = 19, 2


def corrupted(message: bytes, record: bytes) -> bytes:
    """The message as it goes on; `record` is the NLRI of the route."""
    if message[_HEADER - 1] != _UPDATE:
        return message
    at = _HEADER + 2 + int.from_bytes(message[_HEADER : _HEADER + 2], "big")
    announced = message[at + 2 + int.from_bytes(message[at : at + 2], "big") :]
    records = {announced[start : start + len(record)] for start in range(0, len(announced), len(record))}
    return message[:at] + b"\xff\xff" + message[at + 2 :] if record in records else message


def towards_router(client: socket.socket, router: socket.socket, record: bytes) -> None:
    """Pass on whole messages until either side is gone."""
    waiting = b""
    try:
        while data := client.recv(65536):
            waiting += data
            while len(waiting) >= _HEADER:
                size = int.from_bytes(waiting[16:18], "big")
                if len(waiting) < size:
                    break
                router.sendall(corrupted(waiting[:size], record))
                waiting = waiting[size:]
    except OSError:
        pass
    _close(router)


def back(router: socket.socket, client: socket.socket) -> None:
    """Pass on everything until either side is gone, with a line on standard output each time."""
    try:
        while data := router.recv(65536):
            client.sendall(data)
            print(len(data), "bytes of the router", flush=True)
    except OSError:
        pass
    _close(client)


def _close(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        sock.close()


def main(address: str, port: str, source: str, target: str, route: str) -> None:
    """Serve one connection after the other, for ever."""
    record = b"\x20" + IPv4Address(route).packed
    with socket.create_server((address, int(port))) as listener:
        while True:
            client, _ = listener.accept()
            try:
                router = socket.create_connection((target, 179), 5, (source, 0))
            except OSError:
                client.close()
                continue
            router.settimeout(None)
            threading.Thread(target=towards_router, args=(client, router, record), daemon=True).start()
            threading.Thread(target=back, args=(router, client), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The two ends of the measurement, each a process in its network namespace that obeys JSON lines.

    python -m bench.detection.watch backend ADDRESS PORT   the backend, and refusals that probes got of it
    python -m bench.detection.watch router INTERFACE       the router's kernel table, and UPDATEs on the wire

    {"do": "open"} {"do": "close"}              -> {"at": T}              of the backend
    {"do": "refusals"}                          -> {"refused": {source: [T...]}} since the last time
    {"do": "expect", "routes": [...], "here": true}  -> {"table": {route: T}, "wire": {route: T}}
                          when all are in the table, or none; the times of the last change, and withdrawal

Times are seconds since 1970, of the kernel for packets and of this process for its table (netlink).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
import time
from typing import Any, Final

from bench.detection.packets import Capture, withdrawn

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
_RTMGRP_IPV4_ROUTE: Final = 0x40
_NEW: Final = 24
_DELETED: Final = 25
_RTA_DST: Final = 1


class Backend:
    """Answers HTTP, and takes connections of those who only look whether it does."""

    def __init__(self, address: str, port: int) -> None:
        self._place = (address, port)
        self._server: asyncio.Server | None = None
        self._refused: dict[str, list[float]] = {}
        self._capture = Capture("lo")
        asyncio.get_running_loop().add_reader(self._capture.fileno(), self._read)

    def _read(self) -> None:
        for segment in self._capture.read():
            if segment.is_reset and segment.source_port == self._place[1]:
                self._refused.setdefault(segment.destination, []).append(segment.at)

    async def do_open(self) -> dict[str, Any]:
        self._server = await asyncio.start_server(self._serve, *self._place, backlog=64)
        return {"at": time.time()}

    async def do_close(self) -> dict[str, Any]:
        assert self._server is not None
        self._server.close()
        return {"at": time.time()}

    async def do_refusals(self) -> dict[str, Any]:
        self._read()
        refused, self._refused = self._refused, {}
        return {"refused": refused}

    @staticmethod
    async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.read(4096):
                writer.write(ANSWER)
                await writer.drain()
            writer.close()
        except OSError:
            pass  # probes of rhi end with a reset


class Router:
    """The kernel's table, which the router keeps, and what comes in on the wire."""

    def __init__(self, interface: str) -> None:
        self._here: dict[str, bool] = {}
        self._table: dict[str, float] = {}
        self._wire: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._capture = Capture(interface)
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._netlink.bind((0, _RTMGRP_IPV4_ROUTE))
        self._netlink.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._capture.fileno(), self._read_wire)
        loop.add_reader(self._netlink.fileno(), self._read_table)

    def _read_wire(self) -> None:
        for segment in self._capture.read():
            for route in withdrawn(segment.payload):
                # once is enough: ExaBGP repeats itself
                self._wire.setdefault(route, segment.at)

    def _read_table(self) -> None:
        data, at = self._netlink.recv(65536), time.time()
        while len(data) >= 16:
            length, kind = struct.unpack("=IH", data[:6])
            if kind in (_NEW, _DELETED):
                self._note(data[16:length], is_here=kind == _NEW, at=at)
            data = data[(length + 3) & ~3 :]

    def _note(self, route: bytes, *, is_here: bool, at: float) -> None:
        attributes = route[12:]
        while len(attributes) >= 4:
            length, kind = struct.unpack("=HH", attributes[:4])
            if kind == _RTA_DST:
                name = socket.inet_ntoa(attributes[4:8])
                if self._here.get(name) is not is_here:
                    self._here[name], self._table[name] = is_here, at
                    self._changed.set()
            attributes = attributes[max(4, (length + 3) & ~3) :]

    async def do_expect(self, routes: list[str], here: bool) -> dict[str, Any]:
        while any(self._here.get(route, False) is not here for route in routes):
            self._changed.clear()
            await self._changed.wait()
        self._read_wire()
        wire, self._wire = self._wire, {}
        return {"table": {route: self._table.get(route) for route in routes}, "wire": wire}


async def obey(subject: Any) -> None:
    """One request after the other, until standard input ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        request = json.loads(line)
        try:
            answer = await getattr(subject, f"do_{request.pop('do')}")(**request)
        except OSError as error:
            answer = {"error": str(error)}
        os.write(1, json.dumps(answer).encode() + b"\n")


async def _main(words: list[str]) -> None:
    await obey(Backend(words[1], int(words[2])) if words[0] == "backend" else Router(words[1]))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))

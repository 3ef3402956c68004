"""FRR: bgpd without zebra, `network` statements, driven over the socket that vtysh uses."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Mapping
from time import monotonic
from typing import ClassVar, Final

from bench.adapters.base import Speaker, find_program
from bench.errors import BenchError
from bench.ground import SINK_AS, SPEAKER_AS, Ground
from bench.routes import addresses

PROGRAMS: Final = "/usr/lib/frr"
USER: Final = "frr"  # compiled into the package


class Frr(Speaker):
    NAME = "frr"
    WAYS: ClassVar[Mapping[str, str]] = {
        "B1": "`network` statements of the configuration file; bgpd alone, without zebra",
        "B2": "`network` statements of the configuration file; bgpd alone, without zebra",
        "B3": "vty socket: `network`, `no network`",
        "B4": "vty socket: `set metric` in the route map towards the peer, `clear bgp * soft out`",
        "B6": "one peer group",
        "B5": "vty socket: the route map towards the peer denies all, `clear bgp * soft out`",
    }

    def __init__(self, ground: Ground, *, extended: bool, timeout: float) -> None:
        super().__init__(ground, extended=extended, timeout=timeout)
        self._vty: VtySocket | None = None
        self._context = ""

    @classmethod
    def version(cls) -> str:
        command = [find_program("bgpd", "frr", PROGRAMS), "--version"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[2]

    def load(self, number: int) -> None:
        self.prepare_start(number)
        self.start()
        self._wait((self.folder / "bgpd.vty").exists, "vty socket")
        self._vty = VtySocket(str(self.folder / "bgpd.vty"), self.timeout)
        self._wait(lambda: self._count() >= number, "load")

    def prepare_start(self, number: int) -> None:
        self.ground.require_namespace()
        shutil.chown(self.folder, USER, USER)
        with (self.folder / "bgpd.conf").open("w") as file:
            file.write(
                f"router bgp {SPEAKER_AS}\n bgp router-id {self.ground.speaker}\n"
                " no bgp ebgp-requires-policy\n"
                " no bgp network import-check\n bgp route-map delay-timer 0\n coalesce-time 0\n"
                f" neighbor SINKS peer-group\n neighbor SINKS remote-as {SINK_AS}\n neighbor SINKS passive\n"
                " neighbor SINKS disable-connected-check\n neighbor SINKS advertisement-interval 0\n"
            )
            if self.extended:
                file.write(" neighbor SINKS capability extended-message\n")
            file.writelines(f" neighbor {peer} peer-group SINKS\n" for peer in self.peers)
            file.write(" address-family ipv4 unicast\n  neighbor SINKS route-map OUT out\n")
            file.writelines(f"  network {address}/32\n" for address in addresses(number))
            file.write(" exit-address-family\n!\nroute-map OUT permit 10\n!\n")

    def start(self) -> float:
        files = ["-f", str(self.folder / "bgpd.conf"), "-i", str(self.folder / "bgpd.pid")]
        sockets = ["--vty_socket", str(self.folder), "-P", "0", "-p", str(self.ground.port)]
        bgpd = find_program("bgpd", "frr", PROGRAMS)
        return self._run(
            [bgpd, *files, *sockets, "-l", self.ground.speaker, "-Z", "--log", "stdout"]
        ).started_at

    def announce(self, address: str) -> float:
        return self._tell("address-family ipv4 unicast", f"network {address}/32")

    def withdraw(self, address: str) -> float:
        return self._tell("address-family ipv4 unicast", f"no network {address}/32")

    def change_med(self, med: int) -> float:
        return self._tell_and_clear("route-map OUT permit 10", f"set metric {med}")

    def withdraw_all(self) -> float:
        return self._tell_and_clear("", "route-map OUT deny 5")  # before the one that permits

    def close(self) -> None:
        if self._vty is not None:
            self._vty.close()
            self._vty = None
        super().close()

    def _count(self) -> int:
        """Best paths found so far; each makes a new version of the table."""
        assert self._vty is not None
        answer = self._vty.ask("do show bgp ipv4 unicast summary json")
        try:
            return int(json.loads(answer)["tableVersion"])
        except (ValueError, KeyError):
            return -1

    def _tell_and_clear(self, context: str, command: str) -> float:
        """Without its delay timer, a route map is looked at again only when that is asked for."""
        assert self._vty is not None
        at = self._tell(context, command)
        self._vty.ask("do clear bgp ipv4 unicast * soft out")
        return at

    def _tell(self, context: str, command: str) -> float:
        """`context` is entered first, once for all commands in a row that need it."""
        assert self._vty is not None
        if context != self._context:
            self._vty.ask("end")
            self._vty.ask("configure terminal")
            if context.startswith("address-family"):
                self._vty.ask(f"router bgp {SPEAKER_AS}")
            if context:
                self._vty.ask(context)
            self._context = context
        at = monotonic()
        self._vty.ask(command)
        return at


class VtySocket:
    """What vtysh talks to: a command and a zero octet out, text with three of them and a status back."""

    def __init__(self, path: str, timeout: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        self._socket.connect(path)
        self.ask("enable")
        self.ask("configure terminal")

    def ask(self, command: str) -> str:
        """The answer to a command."""
        self._socket.sendall(command.encode() + b"\0")
        data = b""
        while not (len(data) >= 4 and data[-4:-1] == b"\0\0\0"):
            more = self._socket.recv(65536)
            if not more:
                raise BenchError("FRR has closed its vty socket")
            data += more
        if data[-1]:
            raise BenchError(f"FRR refuses {command!r}: {data[:-4].decode(errors='replace').strip()}")
        return data[:-4].decode(errors="replace")

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

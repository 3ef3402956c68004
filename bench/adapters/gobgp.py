"""GoBGP: a RIB injected as MRT, and the gobgp command for everything else."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Mapping
from time import monotonic
from typing import ClassVar, Final

from bench.adapters.base import Speaker, find_program
from bench.errors import BenchError
from bench.ground import SINK_AS, SPEAKER_AS, Ground
from bench.messages import ORIGIN_IGP
from bench.routes import FIRST

# MRT types (RFC 6396 §4)
_TABLE_DUMP_V2: Final = 13
_PEER_INDEX_TABLE: Final = 1
_RIB_IPV4_UNICAST: Final = 2


class GoBgp(Speaker):
    NAME = "gobgp"
    WAYS: ClassVar[Mapping[str, str]] = {
        "B1": "`gobgp mrt inject global`",
        "B2": "`gobgp mrt inject global` as soon as gobgpd answers; its configuration has no routes",
        "B3": "`gobgp global rib add`, `del`; each starts a process (no gRPC client here)",
        "B4": "`gobgp neighbor softresetout` after a policy `med set`",
        "B6": "a neighbor for each peer",
        "B5": "`gobgp global rib del all`",
    }

    def __init__(self, ground: Ground, *, extended: bool, timeout: float) -> None:
        super().__init__(ground, extended=extended, timeout=timeout)
        self._has_policy = False

    @classmethod
    def version(cls) -> str:
        find_program("gobgp", "gobgpd")
        command = [find_program("gobgpd", "gobgpd"), "--version"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]

    def load(self, number: int) -> None:
        self.prepare_start(number)
        self._start_daemon()
        self._inject()
        self._wait(lambda: self._count() >= number, "load")

    def prepare_start(self, number: int) -> None:
        self.ground.require_namespace()
        self._write(
            "gobgpd.toml",
            f'[global.config]\n  as = {SPEAKER_AS}\n  router-id = "{self.ground.speaker}"\n'
            f"  port = {self.ground.port}\n"
            + "".join(
                f'[[neighbors]]\n  [neighbors.config]\n    neighbor-address = "{peer}"\n'
                f"    peer-as = {SINK_AS}\n  [neighbors.transport.config]\n    passive-mode = true\n"
                "  [neighbors.ebgp-multihop.config]\n    enabled = true\n    multihop-ttl = 2\n"
                for peer in self.peers
            ),
        )
        (self.folder / "routes.mrt").write_bytes(mrt(number, self.ground.speaker))

    def start(self) -> float:
        at = self._start_daemon()
        self._inject()
        return at

    def announce(self, address: str) -> float:
        at = monotonic()
        self._gobgp("global", "rib", "add", f"{address}/32")
        return at

    def withdraw(self, address: str) -> float:
        at = monotonic()
        self._gobgp("global", "rib", "del", f"{address}/32")
        return at

    def change_med(self, med: int) -> float:
        if self._has_policy:
            self._gobgp("policy", "statement", "med", "set", "action", "med", "set", str(med))
        else:
            self._gobgp("policy", "statement", "add", "med")
            self._gobgp("policy", "statement", "med", "add", "action", "med", "set", str(med))
            self._gobgp("policy", "add", "out", "med")
            self._gobgp("global", "policy", "export", "add", "out", "default", "accept")
            self._has_policy = True
        at = monotonic()
        self._gobgp("neighbor", self.ground.sink, "softresetout")
        return at

    def withdraw_all(self) -> float:
        at = monotonic()
        self._gobgp("global", "rib", "del", "all")
        return at

    @property
    def _command(self) -> list[str]:
        return [find_program("gobgp", "gobgpd"), "--target", f"unix://{self.folder}/api"]

    def _start_daemon(self) -> float:
        config = str(self.folder / "gobgpd.toml")
        api = f"unix://{self.folder}/api"
        gobgpd = find_program("gobgpd", "gobgpd")
        at = self._run([gobgpd, "-f", config, "--api-hosts", api, "--pprof-disable", "-l", "warn"]).started_at
        self._wait(self._answers, "answer")
        return at

    def _inject(self) -> None:
        """The command does not wait for what is on its way when it ends, so its input stays open."""
        feed = '(cat "$0"; exec sleep 3600) | "$@" mrt inject global /dev/stdin'
        self._run(["sh", "-c", feed, str(self.folder / "routes.mrt"), *self._command], helps=True)

    def _answers(self) -> bool:
        command = [*self._command, "neighbor", self.ground.sink]
        return subprocess.run(command, capture_output=True, timeout=self.timeout, check=False).returncode == 0

    def _gobgp(self, *words: str) -> str:
        command = [*self._command, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=self.timeout, check=False)
        if done.returncode:
            raise BenchError(f"gobgp {' '.join(words)}: {done.stdout}{done.stderr}".strip())
        return done.stdout

    def _count(self) -> int:
        answer = json.loads(self._gobgp("global", "rib", "summary", "-j"))
        return int(answer.get("num_destination", 0))


def mrt(number: int, next_hop: str) -> bytes:
    """A table dump with the routes, all from one peer (RFC 6396 §4.3)."""
    address = bytes(int(octet) for octet in next_hop.split("."))
    peer = b"\x02" + address + address + SPEAKER_AS.to_bytes(4, "big")
    index = address + b"\0\0" + b"\0\1" + peer
    attributes = ORIGIN_IGP + b"\x40\x02\x00" + b"\x40\x03\x04" + address
    entry = struct.pack("!HHIH", 1, 0, 0, len(attributes)) + attributes
    head = struct.pack("!IHHI", 0, _TABLE_DUMP_V2, _RIB_IPV4_UNICAST, 4 + 5 + len(entry))
    records = [struct.pack("!IHHI", 0, _TABLE_DUMP_V2, _PEER_INDEX_TABLE, len(index)) + index]
    records += [
        head + struct.pack("!IBI", sequence, 32, FIRST + sequence) + entry for sequence in range(number)
    ]
    return b"".join(records)

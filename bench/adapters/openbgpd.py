"""OpenBGPD, the portable edition: networks given in bulk by bgpctl.

Its configuration file could hold them, but bgpd 7.7 compares each `network` with all before it: 10,000 take
0.5 s, 20,000 take 2.5 s, 100,000 more than a minute.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from time import monotonic
from typing import ClassVar, Final

from bench.adapters.base import Speaker, find_program
from bench.errors import BenchError
from bench.ground import SINK_AS, SPEAKER_AS
from bench.routes import addresses

# The daemon's processes confine themselves to this folder; the namespace's private view of /run has it.
_IN_PRIVATE_RUN: Final = 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/openbgpd && exec "$@"'


class OpenBgpd(Speaker):
    NAME = "openbgpd"
    WAYS: ClassVar[Mapping[str, str]] = {
        "B1": "`bgpctl network bulk add`",
        "B2": "`bgpctl network bulk add` as soon as bgpd answers; `network` statements are slower",
        "B3": "`bgpctl network add`, `bgpctl network delete`; each starts a process",
        "B4": "`bgpctl reload` with another `match to any set metric`, without routes in the file",
        "B6": "one group",
        "B5": "`bgpctl network flush`",
    }

    @classmethod
    def version(cls) -> str:
        find_program("bgpctl", "openbgpd")
        done = subprocess.run([_bgpd(), "-V"], capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).split()[-1]

    def load(self, number: int) -> None:
        self.prepare_start(number)
        self.start()
        self._wait(lambda: self._count() >= number, "load")

    def prepare_start(self, number: int) -> None:
        self.ground.require_namespace()
        with (self.folder / "routes").open("w") as file:
            file.writelines(f"{address}/32\n" for address in addresses(number))
        self._configure("")

    def start(self) -> float:
        config = str(self.folder / "bgpd.conf")
        at = self._run(["sh", "-c", _IN_PRIVATE_RUN, "sh", _bgpd(), "-d", "-v", "-f", config]).started_at
        self._wait(lambda: "RDE reconfigured" in self.log.read_text(), "answer")
        self._wait(lambda: self._bgpctl("show", "summary", fails=True), "control socket")
        bgpctl = find_program("bgpctl", "openbgpd")
        feed = 'exec "$0" -s "$1" network bulk add <"$2"'
        self._run(
            ["sh", "-c", feed, bgpctl, str(self.folder / "ctl"), str(self.folder / "routes")], helps=True
        )
        return at

    def announce(self, address: str) -> float:
        at = monotonic()
        self._bgpctl("network", "add", f"{address}/32")
        return at

    def withdraw(self, address: str) -> float:
        at = monotonic()
        self._bgpctl("network", "delete", f"{address}/32")
        return at

    def change_med(self, med: int) -> float:
        self._configure(f"match to any set metric {med}\n")
        at = monotonic()
        self._bgpctl("reload")
        return at

    def withdraw_all(self) -> float:
        at = monotonic()
        self._bgpctl("network", "flush")
        return at

    def _configure(self, more: str) -> None:
        ground = self.ground
        extended = "\tannounce extended yes\n" if self.extended else ""
        self._write(
            "bgpd.conf",
            f'socket "{self.folder}/ctl"\nAS {SPEAKER_AS}\nrouter-id {ground.speaker}\nfib-update no\n'
            f"listen on {ground.speaker} port {ground.port}\n"
            f'group "sinks" {{\n\tremote-as {SINK_AS}\n\tlocal-address {ground.speaker}\n'
            f"\tmultihop 2\n\tpassive\n{extended}"
            + "".join(f"\tneighbor {peer}\n" for peer in self.peers)
            + f"}}\nallow to any\n{more}",
            mode=0o600,  # bgpd insists on it
        )

    def _bgpctl(self, *words: str, fails: bool = False) -> str:
        command = [find_program("bgpctl", "openbgpd"), "-s", str(self.folder / "ctl"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=self.timeout, check=False)
        if done.returncode and not fails:
            raise BenchError(f"bgpctl {' '.join(words)}: {done.stdout}{done.stderr}".strip())
        return "" if done.returncode else done.stdout

    def _count(self) -> int:
        """Number of prefixes in memory, as `show rib memory` has it."""
        for line in self._bgpctl("show", "rib", "memory").splitlines():
            words = line.split()
            if words[1:4] == ["IPv4", "unicast", "network"]:
                return int(words[0])
        return 0


def _bgpd() -> str:
    return find_program("bgpd", "openbgpd", "/usr/sbin")  # FRR has a bgpd too

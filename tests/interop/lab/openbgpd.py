"""OpenBGPD, the portable edition: configuration, and what `bgpctl -j` prints."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from typing import Any

from tests.interop.lab.requirements import find_program
from tests.interop.lab.router import Neighbour, Router, RouteSeen, Settings, community_numbers

_WELL_KNOWN = {
    "GRACEFUL_SHUTDOWN": "65535:0",
    "BLACKHOLE": "65535:666",
    "NO_EXPORT": "65535:65281",
    "NO_ADVERTISE": "65535:65282",
}
_NOTIFICATIONS = {
    "error in OPEN message, AS unacceptable": (2, 2),
    "Cease, administratively down": (6, 2),
    "Cease, administrative reset": (6, 4),
}

# The daemon's processes confine themselves to this folder, the home of the user they become. The namespace's
# private view of /run has it, so the host need not.
_IN_PRIVATE_RUN = 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/openbgpd && exec "$@"'


class OpenBgpd(Router):
    NAME = "openbgpd"
    TITLE = "OpenBGPD"
    DEFAULT_LOCAL_PREF = 100
    SHOWS_MISSING_MED = False

    @staticmethod
    def configure(settings: Settings) -> str:
        head = f"AS {settings.as_number}\nrouter-id {settings.router_id}\nfib-update no\n"
        return head + "".join(_neighbour(neighbour) for neighbour in settings.neighbours) + "allow from any\n"

    @staticmethod
    def add_options(configuration: str, lines: Sequence[str]) -> str:
        added = "".join(f"  {line}\n" for line in lines)
        return re.sub(r"(  remote-as \d+\n)", rf"\g<1>{added}", configuration, count=1)

    @staticmethod
    def version() -> str:
        done = subprocess.run([_bgpd(), "-V"], capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).split()[-1]

    @property
    def _socket(self) -> str:
        return str(self.folder / "ctl")

    def _launch(self) -> None:
        head = f'log updates\nsocket "{self._socket}"\n'
        config = self._write("bgpd.conf", head + self.configuration, mode=0o600)  # bgpd insists on the mode
        self._run(["sh", "-c", _IN_PRIVATE_RUN, "sh", _bgpd(), "-d", "-v", "-f", str(config)])

    def bgpctl(self, *command: str) -> dict[str, Any]:
        """Answer of the daemon, as parsed JSON; empty when it does not answer."""
        done = subprocess.run(
            ["bgpctl", "-s", self._socket, "-j", *command],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        try:
            answer = json.loads(done.stdout) if done.returncode == 0 else {}
        except ValueError:
            return {}
        return answer if isinstance(answer, dict) else {}

    def _answers(self) -> bool:
        # sessions exist once every part of the daemon has read the configuration
        return bool(self.bgpctl("show", "neighbor")) and "RDE reconfigured" in self.log.read_text()

    def _peer(self, peer: str) -> dict[str, Any]:
        found = self.bgpctl("show", "neighbor", peer).get("neighbors", [])
        return found[0] if found else {}

    def session_state(self, peer: str) -> str:
        return str(self._peer(peer).get("state", "")).lower()

    def last_notification(self, peer: str) -> tuple[int, int] | None:
        return _NOTIFICATIONS.get(self._peer(peer).get("last_error_received", ""))

    def routes(self) -> dict[str, RouteSeen]:
        found: dict[str, RouteSeen] = {}
        for route in self.bgpctl("show", "rib", "detail").get("rib", []):
            if route["prefix"] not in found or route.get("best"):
                found[route["prefix"]] = _route_seen(route)
        return found

    def changes(self, prefix: str) -> list[str]:
        pattern = re.compile(rf"Rib Loc-RIB: neighbor .*: (update|withdraw|flush) {re.escape(prefix)}( |$)")
        found = [pattern.search(line) for line in self.log.read_text().splitlines()]
        return ["announce" if m[1] == "update" else "withdraw" for m in found if m]


def _bgpd() -> str:
    find_program("bgpctl", package="openbgpd")
    return find_program("bgpd", package="openbgpd", folder="/usr/sbin")  # FRR has a bgpd too


def _neighbour(neighbour: Neighbour) -> str:
    families = "".join(
        f"  announce IPv{family} {'unicast' if family in neighbour.families else 'none'}\n"
        for family in (4, 6)
    )
    passive = "  passive\n" if neighbour.passive else ""
    return (
        f"neighbor {neighbour.address} {{\n  remote-as {neighbour.remote_as}\n"
        f"  local-address {neighbour.local_address}\n{passive}{families}}}\n"
    )


def _route_seen(route: dict[str, Any]) -> RouteSeen:
    extended = [
        community.replace("soo ", "ro:").replace("rt ", "rt:")
        for community in route.get("extended_communities", [])
    ]
    return RouteSeen(
        prefix=route["prefix"],
        peer=route["neighbor"]["remote_addr"],
        next_hops=(route["exit_nexthop"],),
        as_path=tuple(int(number) for number in route["aspath"].split()),
        origin=route["origin"].lower(),
        med=route["metric"],
        local_pref=route["localpref"],
        communities=community_numbers(_WELL_KNOWN, route.get("communities", [])),
        large_communities=frozenset(route.get("large_communities", [])),
        extended_communities=frozenset(extended),
        usable=bool(route.get("valid")) and bool(route.get("best")),
    )

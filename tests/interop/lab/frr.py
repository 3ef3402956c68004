"""FRR: zebra and bgpd run directly, and what `vtysh` prints as JSON."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from tests.interop.lab.requirements import find_program
from tests.interop.lab.router import Neighbour, Router, RouteSeen, Settings, community_numbers
from tests.interop.lab.waiting import wait_until

PROGRAMS = "/usr/lib/frr"
USER = "frr"  # compiled into the package; zebra has no option to stay root

# vtysh prints camel case in lists and words with hyphens in strings
_WELL_KNOWN = {
    "gracefulShutdown": "65535:0",
    "blackhole": "65535:666",
    "llgrStale": "65535:6",
    "noExport": "65535:65281",
    "noAdvertise": "65535:65282",
}


class Frr(Router):
    NAME = "frr"
    TITLE = "FRR"
    bgpd_options: tuple[str, ...] = ()  # for a recipe that needs one, such as a listen address

    @staticmethod
    def configure(settings: Settings) -> str:
        lines = [f"router bgp {settings.as_number}", f" bgp router-id {settings.router_id}"]
        lines += [" no bgp ebgp-requires-policy", " no bgp default ipv4-unicast"]
        for neighbour in settings.neighbours:
            lines += _neighbour(neighbour)
        for family in (4, 6):
            lines.append(f" address-family ipv{family} unicast")
            lines += [f"  neighbor {n.address} activate" for n in settings.neighbours if family in n.families]
            lines.append(" exit-address-family")
        return "\n".join(lines) + "\n"

    @staticmethod
    def add_options(configuration: str, lines: Sequence[str]) -> str:
        head, peer, tail = re.split(r"^( neighbor \S+ remote-as .*\n)", configuration, maxsplit=1, flags=re.M)
        return "".join([head, peer, *(f" {line}\n" for line in lines), tail])

    @staticmethod
    def version() -> str:
        text = subprocess.run([_program("bgpd"), "--version"], capture_output=True, text=True, check=True)
        return text.stdout.split()[2]

    def _launch(self) -> None:
        find_program("vtysh", package="frr")
        shutil.chown(self.folder, USER, USER)
        for stale in self.folder.glob("*.pid"):
            stale.unlink()
        zebra_socket = self.folder / "zserv.api"
        zebra_socket.unlink(missing_ok=True)
        self._run(
            [_program("zebra"), *self._common("zebra", ""), "-z", str(zebra_socket)],
            log=self.folder / "zebra.log",
        )
        # bgpd started before zebra listens would wait ten seconds before it tries again
        wait_until(zebra_socket.exists, "zebra listens")
        debug = "debug bgp updates in\ndebug bgp neighbor-events\n"
        self._run(
            [
                *[_program("bgpd"), *self._common("bgpd", debug + self.configuration)],
                *["-z", str(zebra_socket), *self.bgpd_options],
            ]
        )

    def _common(self, name: str, configuration: str) -> list[str]:
        config = self._write(f"{name}.conf", configuration)
        return [
            *["-f", str(config), "-i", str(self.folder / f"{name}.pid"), "--vty_socket", str(self.folder)],
            *["-P", "0", "--log", "stdout"],  # no telnet port
        ]

    def vtysh(self, *commands: str) -> str:
        """Answer of the daemons to commands of their own language, given one after the other."""
        done = subprocess.run(
            ["vtysh", "--vty_socket", str(self.folder), *(part for c in commands for part in ("-c", c))],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.stdout if done.returncode == 0 else ""

    def _json(self, command: str) -> dict[str, Any]:
        text = self.vtysh(f"{command} json")
        try:
            answer = json.loads(text)
        except ValueError:  # no such peer, daemon not ready: a line of prose
            return {}
        return answer if isinstance(answer, dict) else {}

    def _answers(self) -> bool:
        return "routerId" in self._json("show bgp ipv4 unicast") or "neighbors" in self.vtysh(
            "show bgp summary"
        )

    def _peer(self, peer: str) -> dict[str, Any]:
        answer = self._json(f"show bgp neighbors {peer}").get(peer, {})
        return answer if isinstance(answer, dict) else {}

    def session_state(self, peer: str) -> str:
        return str(self._peer(peer).get("bgpState", "")).lower()

    def last_notification(self, peer: str) -> tuple[int, int] | None:
        # not from the neighbour's state, which forgets what came before the session was established
        received = re.compile(
            rf"%NOTIFICATION(?:\(Hard Reset\))?: received from neighbor {re.escape(peer)} (\d+)/(\d+) "
        )
        found = received.findall(self.log.read_text())
        return (int(found[-1][0]), int(found[-1][1])) if found else None

    def routes(self) -> dict[str, RouteSeen]:
        found: dict[str, RouteSeen] = {}
        for family in ("ipv4", "ipv6"):
            found |= parse_table(self.vtysh(f"show bgp {family} unicast json detail"))
        return found

    def changes(self, prefix: str) -> list[str]:
        update = re.compile(rf" rcvd (UPDATE about )?{re.escape(prefix)} (.*)$")
        found = [update.search(line) for line in self.log.read_text().splitlines()]
        return ["withdraw" if "withdrawn" in m[2] else "announce" for m in found if m]


def _program(name: str) -> str:
    return find_program(name, package="frr", folder=PROGRAMS)


def _neighbour(neighbour: Neighbour) -> list[str]:
    name = f" neighbor {neighbour.address}"
    passive = [f"{name} passive"] if neighbour.passive else []
    return [f"{name} remote-as {neighbour.remote_as}", *passive, f"{name} timers connect 1"]


def parse_table(text: str) -> dict[str, RouteSeen]:
    """The answer to `show bgp ipv4 unicast json detail`."""
    try:
        table = json.loads(text)["routes"]
    except (ValueError, KeyError):
        return {}
    found = {}
    for prefix, entries in table.items():
        paths = [entry for entry in entries if "origin" in entry]  # the first entry is about the prefix
        best = next((path for path in paths if "bestpath" in path), paths[0] if paths else None)
        if best is not None and "peer" in best:
            found[prefix] = _route_seen(prefix, best)
    return found


def _route_seen(prefix: str, path: dict[str, Any]) -> RouteSeen:
    extended = path.get("extendedCommunity", {}).get("string", "").split()
    return RouteSeen(
        prefix=prefix,
        peer=path["peer"]["peerId"],
        next_hops=tuple(hop["ip"] for hop in path["nexthops"]),
        as_path=tuple(number for segment in path["aspath"]["segments"] for number in segment["list"]),
        origin=path["origin"].lower(),
        med=path.get("metric"),
        local_pref=path.get("locPrf"),
        communities=community_numbers(_WELL_KNOWN, path.get("community", {}).get("list", [])),
        large_communities=frozenset(path.get("largeCommunity", {}).get("list", [])),
        extended_communities=frozenset(c.replace("RT:", "rt:").replace("SoO:", "ro:") for c in extended),
        usable=bool(path.get("valid")) and bool(path.get("bestpath", {}).get("overall")),
    )

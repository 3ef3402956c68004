"""BIRD 2: configuration, and what `birdc` prints."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence

from tests.interop.lab.requirements import find_program
from tests.interop.lab.router import Neighbour, Router, RouteSeen, Settings

_NOTIFICATIONS = {
    "Bad peer AS": (2, 2),
    "Administrative shutdown": (6, 2),
    "Administrative reset": (6, 4),
    "Hold timer expired": (4, 0),
    "Maximum number of prefixes reached": (6, 1),
}

# 198.51.100.1/32      unicast [peer1 21:37:26.264 from fd99::12] * (100) [AS65001i]
_ROUTE = re.compile(r"^(?P<prefix>\S+/\d+)?\s+(?P<kind>[a-z]+) \[(?P<protocol>\S+) [^\]]*\](?P<best> \*)?")
# the first attempt five seconds after the start is what BIRD does unless told otherwise
_WAITS, _DIALS = "passive;", "connect delay time 1; connect retry time 1;"
_OPTIONS_END = "  ipv"  # the channels come last
_ATTRIBUTE = re.compile(r"^\tBGP\.(?P<name>\w+): ?(?P<value>.*)$")


class Bird(Router):
    NAME = "bird"
    TITLE = "BIRD"
    DEFAULT_LOCAL_PREF = 100

    @staticmethod
    def configure(settings: Settings) -> str:
        head = f"router id {settings.router_id};\nprotocol device {{}}\nprotocol direct {{ ipv4; ipv6; }}\n"
        blocks = [_neighbour(settings, n, f"peer{i}") for i, n in enumerate(settings.neighbours)]
        return head + "".join(blocks)

    @staticmethod
    def add_options(configuration: str, lines: Sequence[str]) -> str:
        for line in lines:
            if channel := re.fullmatch(r"(ipv[46] \{) (.*) \}", line):
                configuration = configuration.replace(channel[1], f"{channel[1]} {channel[2]}", 1)
            else:
                configuration = configuration.replace(_OPTIONS_END, f"  {line}\n{_OPTIONS_END}", 1)
        return configuration

    @staticmethod
    def version() -> str:
        done = subprocess.run([_bird(), "--version"], capture_output=True, text=True, check=True)
        return (done.stdout + done.stderr).split()[-1]

    @property
    def _socket(self) -> str:
        return str(self.folder / "bird.ctl")

    def _launch(self) -> None:
        find_program("birdc", package="bird2")
        # Our log line comes before whatever the configuration says; BIRD keeps both.
        config = self._write("bird.conf", f"log stderr all;\n{self.configuration}")
        self._run([_bird(), "-f", "-c", str(config), "-s", self._socket, "-P", str(self.folder / "bird.pid")])

    def birdc(self, *command: str) -> str:
        """Answer of the daemon to a command of its own language."""
        done = subprocess.run(
            ["birdc", "-s", self._socket, *command], capture_output=True, text=True, timeout=20, check=False
        )
        return done.stdout if done.returncode == 0 else ""

    def _answers(self) -> bool:
        return "Daemon is up and running" in self.birdc("show", "status")

    def _protocols(self) -> Iterator[tuple[str, str]]:
        """Name and details of each BGP protocol."""
        for block in re.split(r"\n\s*\n", self.birdc("show", "protocols", "all")):
            if found := re.search(r"^(\S+)\s+BGP\s", block, re.MULTILINE):
                yield found[1], block

    def _protocol(self, peer: str) -> str:
        wanted = re.compile(rf"Neighbor address: {re.escape(peer)}(%\S+)?\s")
        return next((block for _, block in self._protocols() if wanted.search(block + "\n")), "")

    def session_state(self, peer: str) -> str:
        found = re.search(r"BGP state:\s+(\S+)", self._protocol(peer))
        return found[1].lower() if found else ""

    def last_notification(self, peer: str) -> tuple[int, int] | None:
        found = re.search(r"Last error:\s+Received: (.*)", self._protocol(peer))
        return _NOTIFICATIONS.get(found[1].split(":")[0].strip()) if found else None

    def routes(self) -> dict[str, RouteSeen]:
        peers = {name: _peer_address(block) for name, block in self._protocols()}
        found: dict[str, RouteSeen] = {}
        for route in parse_routes(self.birdc("show", "route", "all"), peers):
            found.setdefault(route.prefix, route)
        return found

    def changes(self, prefix: str) -> list[str]:
        # "> added [best] P", "> replaced [best] P" and "> updated [best] P" come with `debug { routes }`
        pattern = re.compile(rf"<TRACE> \S+ > (added|updated|replaced|removed) \[.*?\] {re.escape(prefix)} ")
        verbs = [m[1] for line in self.log.read_text().splitlines() if (m := pattern.search(line))]
        return ["withdraw" if verb == "removed" else "announce" for verb in verbs]


def _bird() -> str:
    return find_program("bird", package="bird2")


def _neighbour(settings: Settings, neighbour: Neighbour, name: str) -> str:
    # told to know two octets only, BIRD cannot be configured with a number of four, though it reads ours
    who = f"as {neighbour.remote_as}" if neighbour.four_octet_as else "external"
    families = "".join(f"  ipv{family} {{ import all; export none; }};\n" for family in neighbour.families)
    return (
        f"protocol bgp {name} {{\n"
        f"  local {neighbour.local_address} as {settings.as_number};\n"
        f"  neighbor {neighbour.address} {who};\n"
        f"  {_WAITS if neighbour.passive else _DIALS}\n  error wait time 1, 2;\n"
        # as a helper it would keep the routes of a killed neighbour that offered graceful restart
        f"  graceful restart off;\n  debug {{ routes, states }};\n"
        f"{families}}}\n"
    )


def _peer_address(block: str) -> str:
    found = re.search(r"Neighbor address: ([^\s%]+)", block)
    return found[1] if found else ""


def parse_routes(text: str, peers: dict[str, str]) -> Iterator[RouteSeen]:
    """Routes of the BGP protocols in `peers` (name to address), in the order of `show route all`."""
    prefix = ""
    route: re.Match[str] | None = None
    attributes: dict[str, str] = {}

    def finished() -> Iterator[RouteSeen]:
        if route is not None and route["protocol"] in peers:
            yield _route_seen(prefix, peers[route["protocol"]], route, attributes)

    for line in text.splitlines():
        if started := _ROUTE.match(line):
            yield from finished()
            prefix = started["prefix"] or prefix
            route, attributes = started, {}
        elif attribute := _ATTRIBUTE.match(line):
            attributes[attribute["name"]] = attribute["value"].strip()
    yield from finished()


def _route_seen(prefix: str, peer: str, route: re.Match[str], attributes: dict[str, str]) -> RouteSeen:
    return RouteSeen(
        prefix=prefix,
        peer=peer,
        next_hops=tuple(attributes.get("next_hop", "").split()),
        as_path=tuple(int(number) for number in attributes["as_path"].split()),
        origin=attributes["origin"].lower(),
        med=_number(attributes.get("med")),
        local_pref=_number(attributes.get("local_pref")),
        communities=_tuples(attributes.get("community", "")),
        large_communities=_tuples(attributes.get("large_community", "")),
        extended_communities=_tuples(attributes.get("ext_community", "")),
        usable=route["kind"] == "unicast" and route["best"] is not None,
    )


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _tuples(text: str) -> frozenset[str]:
    """`(65001,1) (65535,0)` as `65001:1` and `65535:0`; `(rt, 65001, 5)` as `rt:65001:5`."""
    return frozenset(":".join(re.split(r",\s*", inner)) for inner in re.findall(r"\(([^)]*)\)", text))

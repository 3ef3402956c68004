"""ExaBGP as a receiver: its JSON encoder writes what it is told to a file, which is replayed as a table.

ExaBGP keeps no table and chooses no best path; `routes` is what a program reading its events would believe.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.interop.lab.process import complete_lines
from tests.interop.lab.requirements import find_program
from tests.interop.lab.router import ESTABLISHED, Neighbour, Router, RouteSeen, Settings

# Where a recipe has the path of its program, so that the test can put its own there.
PROGRAM = "/usr/local/bin/exabgp-events"

_ENVIRONMENT = {
    "exabgp.daemon.user": "root",  # its program writes into our folder
    "exabgp.api.cli": "false",  # no named pipes in /run
    "exabgp.api.ack": "false",
    "exabgp.log.destination": "stderr",
}


class ExaBgp(Router):
    NAME = "exabgp"
    TITLE = "ExaBGP"
    KEEPS_TABLE = False

    @staticmethod
    def configure(settings: Settings) -> str:
        head = f"process events {{\n  run {PROGRAM};\n  encoder json;\n}}\n"
        return head + "".join(_neighbour(settings, neighbour) for neighbour in settings.neighbours)

    @staticmethod
    def add_options(configuration: str, lines: Sequence[str]) -> str:
        added = "".join(f"  {line}\n" for line in lines)
        return re.sub(r"(  peer-as \d+;\n)", rf"\g<1>{added}", configuration, count=1)

    @staticmethod
    def version() -> str:
        done = subprocess.run([_exabgp(), "version"], capture_output=True, text=True, check=True)
        return done.stdout.split()[2].rstrip(",").split("-")[0]

    @property
    def _events_file(self) -> Path:
        return self.folder / "events"

    @property
    def _commands_file(self) -> Path:
        return self.folder / "commands"

    def tell(self, command: str) -> None:
        """Give it a command, as its program would."""
        with self._commands_file.open("a") as file:
            file.write(f"{command}\n")

    def _launch(self) -> None:
        self._events_file.write_text("")
        # A program that closes its output counts as dead, so keep ExaBGP's pipe open as descriptor 3.
        # What it writes there is a command: those of `tell`, for as long as the program lives.
        self._commands_file.write_text("")
        commands = f"tail -n +1 -f --pid=$$ {self._commands_file} >&3 &"
        script = f"#!/bin/sh\nexec 3>&1\n{commands}\nexec cat >>{self._events_file}\n"
        program = self._write("program", script, mode=0o755)
        config = self._write("exabgp.conf", self.configuration.replace(PROGRAM, str(program)))
        self._run([_exabgp(), "server", str(config)], environment=_ENVIRONMENT)

    def _answers(self) -> bool:
        # it says nothing when it begins to listen, so ask the kernel
        port = re.search(r"\blisten (\d+);", self.configuration)
        assert port is not None
        return bool(self.namespace.run("ss", "-Hltn", "sport", "=", f":{port[1]}"))

    def events(self, peer: str | None = None) -> list[dict[str, Any]]:
        """What it told its program, about one peer or all."""
        events = [json.loads(line) for line in complete_lines(self._events_file)]
        about_peers = [event for event in events if "neighbor" in event]
        return [e for e in about_peers if peer is None or e["neighbor"]["address"]["peer"] == peer]

    def session_state(self, peer: str) -> str:
        states = [event["neighbor"]["state"] for event in self.events(peer) if event["type"] == "state"]
        return {"up": ESTABLISHED, "connected": "connect"}.get(states[-1], "idle") if states else ""

    def last_notification(self, peer: str) -> tuple[int, int] | None:
        received = [
            event["neighbor"]["notification"]
            for event in self.events(peer)
            if event["type"] == "notification"
        ]
        return (received[-1]["code"], received[-1]["subcode"]) if received else None

    def routes(self) -> dict[str, RouteSeen]:
        table: dict[str, RouteSeen] = {}
        for event in self.events():
            peer = event["neighbor"]["address"]["peer"]
            if event["type"] == "update":
                _apply(event["neighbor"]["message"].get("update", {}), peer, table)
            elif event["type"] == "state" and event["neighbor"]["state"] == "down":
                table = {prefix: route for prefix, route in table.items() if route.peer != peer}
        return table

    def changes(self, prefix: str) -> list[str]:
        found = []
        for event in self.events():
            if event["type"] == "update":
                update = event["neighbor"]["message"].get("update", {})
                found += ["withdraw" for withdrawn in _withdrawn(update) if withdrawn == prefix]
                found += ["announce" for announced, _ in _announced(update) if announced == prefix]
        return found


def _exabgp() -> str:
    own = Path(sys.executable).with_name("exabgp")
    return str(own) if own.exists() else find_program("exabgp", package="exabgp from PyPI")


def _neighbour(settings: Settings, neighbour: Neighbour) -> str:
    families = " ".join(f"ipv{family} unicast;" for family in neighbour.families)
    return (
        f"neighbor {neighbour.address} {{\n  router-id {settings.router_id};\n"
        f"  local-address {neighbour.local_address};\n  local-as {settings.as_number};\n"
        f"  peer-as {neighbour.remote_as};\n  passive {str(neighbour.passive).lower()};\n  listen 179;\n"
        f"  family {{ {families} }}\n"
        "  api {\n    processes [ events ];\n    neighbor-changes;\n"
        "    receive { parsed; update; notification; }\n  }\n}\n"
    )


def _announced(update: dict[str, Any]) -> list[tuple[str, str]]:
    """Prefixes with their next hops."""
    return [
        (nlri["nlri"], next_hop)
        for by_next_hop in update.get("announce", {}).values()
        for next_hop, nlris in by_next_hop.items()
        for nlri in nlris
        if "nlri" in nlri  # an End-of-RIB marker has none
    ]


def _withdrawn(update: dict[str, Any]) -> list[str]:
    return [nlri["nlri"] for nlris in update.get("withdraw", {}).values() for nlri in nlris]


def _apply(update: dict[str, Any], peer: str, table: dict[str, RouteSeen]) -> None:
    for prefix in _withdrawn(update):
        table.pop(prefix, None)
    for prefix, next_hop in _announced(update):
        table[prefix] = _route_seen(prefix, peer, next_hop, update.get("attribute", {}))


def _route_seen(prefix: str, peer: str, next_hop: str, attributes: dict[str, Any]) -> RouteSeen:
    segments = attributes.get("as-path", {}).values()
    return RouteSeen(
        prefix=prefix,
        peer=peer,
        next_hops=(next_hop,),
        as_path=tuple(number for segment in segments for number in segment["value"]),
        origin=attributes["origin"],
        med=attributes.get("med"),
        local_pref=attributes.get("local-preference"),
        communities=frozenset(f"{high}:{low}" for high, low in attributes.get("community", [])),
        large_communities=frozenset(":".join(map(str, c)) for c in attributes.get("large-community", [])),
        extended_communities=frozenset(
            _extended(c["value"]) for c in attributes.get("extended-community", [])
        ),
        usable=None,
    )


def _extended(value: int) -> str:
    """An extended community from its eight octets (RFC 4360, RFC 5668); ExaBGP's text mixes two notations."""
    octets = value.to_bytes(8, "big")
    kind = {2: "rt", 3: "ro"}.get(octets[1], str(octets[1]))
    if octets[0] & 0x3F == 0:  # AS number of two octets
        return f"{kind}:{int.from_bytes(octets[2:4], 'big')}:{int.from_bytes(octets[4:], 'big')}"
    return f"{kind}:{int.from_bytes(octets[2:6], 'big')}:{int.from_bytes(octets[6:], 'big')}"

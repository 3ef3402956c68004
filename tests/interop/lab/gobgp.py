"""GoBGP: configuration, and what `gobgp -j` prints."""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from tests.interop.lab.process import complete_lines
from tests.interop.lab.requirements import find_program
from tests.interop.lab.router import Neighbour, Router, RouteSeen, Settings

_STATES = ("", "idle", "connect", "active", "opensent", "openconfirm", "established")
_ORIGINS = ("igp", "egp", "incomplete")
_EXTENDED_KINDS = {2: "rt", 3: "ro"}

# path attribute types (RFC 4271, 1997, 4360, 4760, 8092)
_ORIGIN, _AS_PATH, _NEXT_HOP, _MED, _LOCAL_PREF = 1, 2, 3, 4, 5
_COMMUNITIES, _MP_REACH, _MP_UNREACH, _EXTENDED, _LARGE = 8, 14, 15, 16, 32


class GoBgp(Router):
    NAME = "gobgp"
    TITLE = "GoBGP"

    @staticmethod
    def configure(settings: Settings) -> str:
        head = f'[global.config]\n  as = {settings.as_number}\n  router-id = "{settings.router_id}"\n'
        return head + "".join(_neighbour(neighbour) for neighbour in settings.neighbours)

    @staticmethod
    def add_options(configuration: str, lines: Sequence[str]) -> str:
        own, tables, family = "", "", ""
        place = "own"
        for line in lines:
            if line.startswith("["):
                place = "family" if line.startswith("[neighbors.afi-safis.") else "tables"
            own += f"    {line}\n" if place == "own" else ""
            tables += f"  {line}\n" if place == "tables" else ""
            family += f"    {line}\n" if place == "family" else ""
        text = configuration.replace("    peer-as", f"{own}    peer-as", 1)
        text = text.replace("  [neighbors.transport", f"{tables}  [neighbors.transport", 1)
        return re.sub(r'( *afi-safi-name = "\S+"\n)', rf"\g<1>{family}", text)

    @staticmethod
    def version() -> str:
        text = subprocess.run([_gobgpd(), "--version"], capture_output=True, text=True, check=True).stdout
        return text.split()[-1]

    @property
    def api(self) -> str:
        return f"unix://{self.folder}/api"

    def _launch(self) -> None:
        find_program("gobgp", package="gobgpd")
        (self.folder / "api").unlink(missing_ok=True)
        config = self._write("gobgpd.toml", self.configuration)
        self._run(
            [_gobgpd(), "-f", str(config), "--api-hosts", self.api, "--pprof-disable", "-l", "debug"],
        )

    def gobgp(self, *command: str) -> Any:
        """Answer of the daemon, as parsed JSON; None when it does not answer."""
        done = subprocess.run(
            ["gobgp", "--target", self.api, *command, "-j"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        try:
            return json.loads(done.stdout) if done.returncode == 0 else None
        except ValueError:
            return None

    def _answers(self) -> bool:
        # a client that comes before the socket is there waits a second until it tries again
        there = (self.folder / "api").exists()
        return there and bool(self.gobgp("global")) and self.gobgp("neighbor") is not None

    def session_state(self, peer: str) -> str:
        answer = self.gobgp("neighbor", peer) or {}
        return _STATES[answer.get("state", {}).get("session_state", 0)]

    def routes(self) -> dict[str, RouteSeen]:
        found: dict[str, RouteSeen] = {}
        for family in ("ipv4", "ipv6"):
            for prefix, paths in (self.gobgp("global", "rib", "-a", family) or {}).items():
                best = next((path for path in paths if path.get("best")), paths[0])
                found[prefix] = _route_seen(prefix, best)
        return found

    def _events(self, message: str) -> Iterator[dict[str, Any]]:
        for line in complete_lines(self.log):
            if f'"{message}"' in line:
                yield json.loads(line)

    def changes(self, prefix: str) -> list[str]:
        found = []
        for event in self._events("received update"):
            # an End-of-RIB marker has an attribute without value
            values = {a["type"]: a.get("value") or [] for a in event["attributes"] or []}
            announced = [*(event["nlri"] or []), *values.get(_MP_REACH, [])]
            withdrawn = [*(event["withdrawals"] or []), *values.get(_MP_UNREACH, [])]
            found += ["withdraw" for nlri in withdrawn if nlri["prefix"] == prefix]
            found += ["announce" for nlri in announced if nlri["prefix"] == prefix]
        return found

    def last_notification(self, peer: str) -> tuple[int, int] | None:
        received = [event for event in self._events("received notification") if event["Key"] == peer]
        return (received[-1]["Code"], received[-1]["Subcode"]) if received else None


def _gobgpd() -> str:
    return find_program("gobgpd", package="gobgpd")


def _neighbour(neighbour: Neighbour) -> str:
    families = "".join(
        "  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n"
        f'      afi-safi-name = "ipv{family}-unicast"\n'
        for family in neighbour.families
    )
    return (
        "[[neighbors]]\n  [neighbors.config]\n"
        f'    neighbor-address = "{neighbour.address}"\n    peer-as = {neighbour.remote_as}\n'
        f"  [neighbors.transport.config]\n    passive-mode = {str(neighbour.passive).lower()}\n"
        "  [neighbors.timers.config]\n    idle-hold-time-after-reset = 1\n" + families
    )


def _route_seen(prefix: str, path: dict[str, Any]) -> RouteSeen:
    attributes = {attribute["type"]: attribute for attribute in path["attrs"]}
    next_hop = attributes.get(_MP_REACH) or attributes[_NEXT_HOP]
    return RouteSeen(
        prefix=prefix,
        peer=path["neighbor-ip"],
        next_hops=(next_hop["nexthop"],),
        as_path=tuple(n for segment in attributes[_AS_PATH]["as_paths"] or [] for n in segment["asns"]),
        origin=_ORIGINS[attributes[_ORIGIN]["value"]],
        med=attributes.get(_MED, {}).get("metric"),
        local_pref=attributes.get(_LOCAL_PREF, {}).get("value"),
        communities=frozenset(
            f"{number >> 16}:{number & 0xFFFF}"
            for number in attributes.get(_COMMUNITIES, {}).get("communities", [])
        ),
        large_communities=frozenset(
            f"{c['ASN']}:{c['LocalData1']}:{c['LocalData2']}"
            for c in attributes.get(_LARGE, {}).get("value", [])
        ),
        extended_communities=frozenset(
            f"{_EXTENDED_KINDS.get(c['subtype'], c['subtype'])}:{_plain_as(c['value'])}"
            for c in attributes.get(_EXTENDED, {}).get("value", [])
            if "value" in c
        ),
        usable=bool(path.get("best")) and not path.get("stale"),
    )


def _plain_as(value: str) -> str:
    """`64086.59905:5`, an AS number of four octets in dotted form, with the number as one integer."""
    number, _, rest = value.rpartition(":")
    if number.count(".") == 1:
        high, low = number.split(".")
        number = str((int(high) << 16) | int(low))
    elif number.count(".") == 3:
        number = str(ipaddress.IPv4Address(number))
    return f"{number}:{rest}"

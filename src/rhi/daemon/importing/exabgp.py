"""From ExaBGP: an exabgp.conf with its neighbors and healthchecks, a command line, or an option file.

Which of them a text is shows in it: braces are those of exabgp.conf, and a line that runs healthcheck is a
command line. Neighbors keep ExaBGP's hold time, since operators know its effect; all other defaults are those
of rhi where they mean the same.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Final

from rhi.daemon.importing.agreement import agree
from rhi.daemon.importing.draft import Draft, SourceError, Table
from rhi.daemon.importing.exabgp_addresses import need_rights
from rhi.daemon.importing.exabgp_healthcheck import add_healthcheck, keep_from
from rhi.daemon.importing.exabgp_options import (
    ReadFile,
    command_words,
    healthcheck_words,
    option_lines,
    parse_options,
)
from rhi.daemon.importing.exabgp_patterns import MAX_NAME_LETTERS, compile_pattern
from rhi.daemon.importing.exabgp_syntax import Statement, parse_statements
from rhi.model.wording import shown

HOLD_TIME: Final = 180
_ON: Final = frozenset({"enable", "enabled", "true", "1", ""})

# Statements of a neighbor, and of its capabilities, that have no equivalent, and why.
REMARKS: Final = {
    "host-name": "the host's name is not told to peers",
    "domain-name": "the host's name is not told to peers",
    "rate-limit": "routes are sent as fast as the peer takes them",
    "source-interface": "name the peer by its interface, or give source_ip",
    "md5-ip": "the key is that of the peer's address",
    "manual-eor": "End-of-RIB comes when all checks have decided, or after complete_within",
    "auto-flush": "changes are always sent at once",
    "group-updates": "routes with the same attributes always share messages",
    "adj-rib-in": "what a peer announces is not kept, but for never_last",
    "adj-rib-out": "what was sent is always known, and sent again with a new session",
    "operational": "is not spoken",
    "flow": "FlowSpec is not announced",
    "l2vpn": "VPLS is not announced",
    "add-path": "several paths of one route (ADD-PATH) are not sent",
    "multi-session": "one session carries all families",
    "aigp": "is not sent",
    "software-version": "is not told to peers",
    "asn4": "4-octet AS numbers are always offered",
}


def convert(text: str, draft: Draft, read_file: ReadFile, addresses: Sequence[str]) -> None:
    """Write what `text` asks for into `draft`.

    Args:
        read_file: for option files that a command line names.
        addresses: for healthchecks that have no --ip.

    Raises:
        SourceError: it cannot be converted.
    """
    if "{" in text and not _is_command(text):
        _Configuration(draft, read_file, addresses).convert(parse_statements(text))
    else:
        _options(draft, text, read_file, addresses)
    agree(draft)
    need_rights(draft)


def _options(draft: Draft, text: str, read_file: ReadFile, addresses: Sequence[str]) -> None:
    """Those of a command line, or of a file of them."""
    words = command_words(text) if _is_command(text) else None
    options = parse_options(option_lines(text) if words is None else words, read_file)
    for neighbor in options.neighbors:
        if neighbor != "*":
            draft.add_peer(neighbor).set("hold_time", HOLD_TIME, "ExaBGP's")
    add_healthcheck(draft, options, "service", addresses)


def _is_command(text: str) -> bool:
    """A line that begins with a program and goes on with healthcheck; an option file has no such line."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    words = lines[0].split() if lines else []
    return healthcheck_words(words) is not None and "{" not in words


class _Configuration:
    """An exabgp.conf."""

    def __init__(self, draft: Draft, read_file: ReadFile, addresses: Sequence[str]) -> None:
        self._draft = draft
        self._read_file = read_file
        self._addresses = addresses
        # which processes a peer hears: those that it names
        self._processes: dict[str, list[re.Pattern[str]]] = {}
        # routes of the file itself, and the peers that get them
        self._static: dict[str, list[str]] = {}

    def convert(self, statements: list[Statement]) -> None:
        templates = {
            each.words[1]: each.body
            for statement in statements
            if statement.name == "template"
            for each in statement.body
            if len(each.words) > 1
        }
        for statement in statements:
            if statement.name == "neighbor":
                self._neighbor(statement, templates)
            elif statement.name not in ("process", "template"):
                self._draft.note(
                    self._draft.head, f"line {statement.line}: {statement.name}: is not converted"
                )
        for statement in statements:
            if statement.name == "process":
                self._process(statement)
        self._deaf()
        self._routes()
        self._need_next_hops()

    def _neighbor(self, statement: Statement, templates: dict[str, list[Statement]]) -> None:
        name = statement.value
        try:
            network = ip_network(name)
        except ValueError as error:
            raise SourceError(f"line {statement.line}: neighbor {name}: {error}") from None
        is_range = network.num_addresses > 1
        table = self._draft.add_peer(str(network if is_range else network.network_address))
        body: list[Statement] = []
        for each in statement.body:
            if each.name != "inherit":
                continue
            for template in each.words[1:]:
                if template not in templates:
                    raise SourceError(f"line {each.line}: inherit {template}: there is no such template")
                body += templates[template]
        # what stands in the neighbor comes last, and wins
        values = {
            each.name: each for each in body + [each for each in statement.body if each.name != "inherit"]
        }
        peer = table.title.removeprefix("peer ")
        for name in ("static", "announce"):
            for route in _leaves(values.pop(name, Statement([name], 0))):
                self._route(table, peer, route)
        _Neighbor(self._draft, table, values, version=network.version).convert()
        api = [each for each in [*body, *statement.body] if each.name == "api"]
        self._processes[peer] = [
            pattern for each in api for part in each.body for pattern in _processes(part)
        ]

    def _route(self, table: Table, peer: str, route: Statement) -> None:
        """A route of the file itself; only plain ones are taken over."""
        if len(route.words) == 4 and route.words[2:] == ["next-hop", "self"] and not route.body:
            self._static.setdefault(route.words[1], []).append(peer)
        else:
            what = " ".join(route.words)
            self._draft.note(table, f"{what}: is not converted: write a service without checks for it")

    def _routes(self) -> None:
        if not self._static:
            return
        table = self._draft.add_service("static").table
        table.set("addresses", list(self._static), "routes of the file itself: no checks")
        for route, peers in self._static.items():
            keep_from(self._draft, [*self._draft.peers, *self._draft.dynamic_peers], peers, [route])

    def _process(self, statement: Statement) -> None:
        name = statement.value or "healthcheck"
        run = next((each for each in statement.body if each.name == "run"), None)
        words = None if run is None else healthcheck_words(run.words[1:])
        if words is None:
            what = "nothing" if run is None else run.value
            self._draft.note(
                self._draft.head,
                f"process {name}: runs {what}, which is no healthcheck, and is not converted",
            )
            return
        try:
            options = parse_options(words, self._read_file)
        except SourceError as error:
            raise SourceError(f"line {statement.line}: process {name}: {error}") from None
        if len(name) > MAX_NAME_LETTERS:
            what = f"its name has more than {MAX_NAME_LETTERS} letters"
            raise SourceError(f"line {statement.line}: process {shown(name)}: {what}")
        before = set(self._draft.services)
        add_healthcheck(self._draft, options, name, self._addresses)
        routes = [
            service.table.values["addresses"]
            for key, service in self._draft.services.items()
            if key not in before
        ]
        without = [
            peer for peer, named in self._processes.items() if not any(each.match(name) for each in named)
        ]
        if self._is_told():
            keep_from(self._draft, without, [], routes)

    def _is_told(self) -> bool:
        """Whether any neighbor hears of any process."""
        return any(self._processes.values())

    def _deaf(self) -> None:
        """Neighbors without `api` hear of no process: ExaBGP tells them nothing of healthchecks."""
        services = self._draft.services
        deaf = [peer for peer, named in self._processes.items() if not named] if services else []
        if deaf and not self._is_told():
            self._draft.note(
                self._draft.head,
                "no neighbor has api { processes [ ... ]; }, so that ExaBGP announces nothing of its "
                "healthchecks; here every peer gets the routes",
            )
            return
        for peer in deaf:
            self._draft.note(
                self._draft.add_peer(peer),
                "has no api { processes [ ... ]; }, and so gets no route of a healthcheck: take that out of "
                "reject if it is to have them",
            )

    def _need_next_hops(self) -> None:
        """IPv6 routes over sessions of IPv4 need to be told their next hop."""
        routes = [
            address
            for service in self._draft.services.values()
            if "next_hop" not in service.table.values
            for part in [service.table.values["addresses"]]
            for address in (part if isinstance(part, list) else [part])
        ]
        for name, table in self._draft.peers.items():
            if not table.values.get("multiprotocol"):
                continue
            if ":" not in name and any(":" in route for route in routes):
                self._draft.note(table, "next_hop_6: has to be given, or IPv6 routes are held back")
            if ":" in name and any(":" not in route for route in routes):
                self._draft.note(table, "next_hop_4: has to be given, or IPv4 routes are held back")


def _leaves(statement: Statement) -> list[Statement]:
    """The statements inside, through families that hold them."""
    found = []
    for each in statement.body:
        is_family = each.body and each.name in ("ipv4", "ipv6")
        found += _leaves(each) if is_family else [each]
    return found


def _processes(statement: Statement) -> list[re.Pattern[str]]:
    """What the names of processes must match; `processes` has the names themselves."""
    words = [word.strip("[],") for word in statement.words[1:] if word.strip("[],")]
    if statement.name == "processes":
        return [re.compile(f"{re.escape(word)}$") for word in words]
    if statement.name != "processes-match":
        return []
    try:
        return [compile_pattern(word) for word in words]
    except (re.error, SourceError, RecursionError, OverflowError) as error:
        raise SourceError(f"line {statement.line}: processes-match: {error}") from None


class _Neighbor:
    """One neighbor: its statements, the last of each name."""

    def __init__(self, draft: Draft, table: Table, values: dict[str, Statement], *, version: int) -> None:
        self._draft = draft
        self._table = table
        self._values = values
        self._version = version

    def convert(self) -> None:
        """Write its table; what is not understood is noted."""
        self._identity()
        hold_time = self._take("hold-time")
        self._table.set("hold_time", HOLD_TIME if hold_time is None else self._number(hold_time), "ExaBGP's")
        self._addresses()
        self._security()
        self._families()
        self._capabilities()
        self._values.pop("api", None)
        description = self._take("description")
        if description is not None:
            self._table.comment(description.value)
        for name, statement in self._values.items():
            why = REMARKS.get(name, "is not converted")
            value = f" {statement.value}" if statement.value else ""
            self._draft.note(self._table, f"{name}{value}: {why}")

    def _take(self, name: str) -> Statement | None:
        return self._values.pop(name, None)

    def _number(self, statement: Statement) -> int:
        if not _is_number(statement.value):
            raise SourceError(f"line {statement.line}: {statement.name} {statement.value}: is no number")
        return int(statement.value)

    def _identity(self) -> None:
        """What ExaBGP says for each neighbor and rhi for all of them."""
        router_id, local_as, peer_as = map(self._take, ("router-id", "local-as", "peer-as"))
        local = self._values.get("local-address")
        found = router_id.value if router_id is not None else local.value if local is not None else ""
        if _is_ipv4(found):
            self._draft.router_id = self._draft.router_id or found
            if found != self._draft.router_id and router_id is not None:
                self._draft.note(self._table, f"router-id {found}: all peers get {self._draft.router_id}")
        if local_as is not None and local_as.value != "auto":
            number = self._as_number(local_as)
            self._draft.as_number = self._draft.as_number or number
            if number != self._draft.as_number:
                self._table.set("as_number", number)
        if peer_as is not None and peer_as.value != "auto":
            self._table.set("peer_as", self._as_number(peer_as))

    def _as_number(self, statement: Statement) -> int:
        high, is_dotted, low = statement.value.rpartition(".")
        if not all(map(_is_number, (high, low) if is_dotted else (low,))):
            raise SourceError(f"line {statement.line}: {statement.name} {statement.value}: is no AS number")
        return (int(high) << 16) + int(low) if is_dotted else int(low)

    def _addresses(self) -> None:
        local, listen, connect, passive = map(self._take, ("local-address", "listen", "connect", "passive"))
        is_named = local is not None and local.value != "auto"
        if local is not None and is_named:
            self._table.set("source_ip", local.value)
        if connect is not None:
            self._table.set("port", self._number(connect))
        if passive is not None and passive.value in _ON and "/" not in self._table.title:
            self._table.set("passive", True)
        is_passive = passive is not None and passive.value in _ON
        if listen is not None or is_passive:
            port = 179 if listen is None else self._number(listen)
            anywhere = "0.0.0.0" if self._version == 4 else "::"
            address = local.value if local is not None and is_named else anywhere
            place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            places = self._draft.head.values.get("listen", [])
            self._draft.head.set("listen", [*places, *([place] if place not in places else [])])

    def _security(self) -> None:
        password, _ = self._take("md5-password"), self._take("md5-base64")
        if password is not None:
            self._draft.note(
                self._table,
                "md5-password: write it to a file of its own, as plain text, and name that here by "
                'password_file = "/etc/rhi/peer.key"',
            )
        ttls = [each for each in map(self._take, ("outgoing-ttl", "incoming-ttl", "ttl-security")) if each]
        if any(each.value in ("255", "true", "enable") for each in ttls):
            self._table.set("ttl_security", True, "both ways")
        elif ttls and any(each.value not in ("false", "disable") for each in ttls):
            self._draft.note(self._table, f"{ttls[0].name} {ttls[0].value}: TTL is the system's, or 255")

    def _families(self) -> None:
        family = self._take("family")
        if family is None:
            self._table.set("multiprotocol", True, "both families, as without `family`")
            return
        wanted = {" ".join(each.words) for each in family.body}
        known = {"ipv4 unicast", "ipv6 unicast"}
        if "all" in wanted or wanted & known not in (set(), {f"ipv{self._version} unicast"}):
            self._table.set("multiprotocol", True)
        for name in sorted(wanted - known - {"all", "minimal"}):
            self._draft.note(self._table, f"family {name}: only IPv4 and IPv6 unicast are announced")

    def _capabilities(self) -> None:
        capability, next_hops = self._take("capability"), self._take("nexthop")
        values = {each.name: each for each in capability.body} if capability is not None else {}
        restart = values.pop("graceful-restart", None)
        if restart is not None and restart.value not in ("disable", "disabled"):
            seconds = self._number(restart) if restart.value else 0
            # without a number it is the hold time
            self._table.set(
                "graceful_restart", min(seconds or int(self._table.values["hold_time"]), 4095) or 1
            )
        messages = values.pop("extended-message", None)
        if messages is not None and messages.value not in _ON:
            self._table.set("extended_messages", False)
        is_offered = values.pop("nexthop", None)
        offered = {" ".join(each.words) for each in next_hops.body} if next_hops is not None else set()
        if "ipv4 unicast ipv6" in offered and (is_offered is None or is_offered.value in _ON):
            self._table.set("extended_next_hop", True)
        for name in ("route-refresh", "refresh"):
            values.pop(name, None)
        for name, statement in values.items():
            is_off = statement.value in ("disable", "disabled", "false")
            if is_off == (name == "asn4"):
                why = REMARKS.get(name, "is not converted")
                self._draft.note(self._table, f"capability {name} {statement.value}: {why}")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10


def _is_ipv4(text: str) -> bool:
    try:
        return ip_address(text).version == 4
    except ValueError:
        return False

"""From anycast-healthchecker: the daemon's file and those of its services, as INI.

Its BIRD stays where it is: the peer that the draft has, when none is given, is the BIRD of this host by its
loopback interface (docs/routers/bird-loopback.conf), in place of the list of prefixes that was written for
it.
"""

import configparser
import math
import shlex
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any, Final

from rhi.daemon.importing.command_check import hint, set_pace
from rhi.daemon.importing.draft import AS_NUMBER, Draft, Service, SourceError, Table

# What a service has when it does not say; its daemon's defaults are not needed here.
DEFAULTS: Final = {
    "interface": "lo",
    "check_interval": "10",
    "check_timeout": "2",
    "check_rise": "2",
    "check_fail": "2",
    "check_disabled": "true",
    "on_disabled": "withdraw",
    "ip_check_disabled": "false",
    "custom_bird_reconfigure_cmd_timeout": "2",
}
SERVICE_OPTIONS: Final = frozenset(DEFAULTS) | {"check_cmd", "ip_prefix", "custom_bird_reconfigure_cmd"}

_BIRD: Final = "nothing is written for BIRD, and BIRD is not told to reconfigure: it hears the routes by BGP"
_LOG: Final = "the log is one stream on standard error, which the service manager keeps and passes on"
_METRICS: Final = "metrics are asked for by HTTP: /metrics of the API (docs/metrics.md)"
_OTHER_BIRD: Final = "one session carries both families"
# Options of the daemon's section that need no equivalent, and why.
REMARKS: Final = {
    "bird_conf": _BIRD,
    "bird6_conf": _BIRD,
    "bird_variable": _BIRD,
    "bird6_variable": _BIRD,
    "bird_reconfigure_cmd": _BIRD,
    "bird6_reconfigure_cmd": _BIRD,
    "dummy_ip_prefix": _BIRD,
    "dummy_ip6_prefix": _BIRD,
    "bird_keep_changes": _BIRD,
    "bird6_keep_changes": _BIRD,
    "bird_changes_counter": _BIRD,
    "bird6_changes_counter": _BIRD,
    "purge_ip_prefixes": _BIRD,
    "ipv4": _OTHER_BIRD,
    "ipv6": _OTHER_BIRD,
    "pidfile": "no PID file is written; the service manager knows the process",
    "log_file": _LOG,
    "stderr_file": _LOG,
    "log_server": _LOG,
    "log_server_port": _LOG,
    "log_maxbytes": _LOG,
    "log_backups": _LOG,
    "log_format_journalctl": _LOG,
    "stderr_log_server": _LOG,
    "json_log_file": _LOG,
    "json_log_server": _LOG,
    "prometheus_exporter": _METRICS,
    "prometheus_collector_textfile_dir": _METRICS,
    "prometheus_exporter_interval": _METRICS,
    "splay_startup": "first probes are always spread over the interval",
}
CONVERTED: Final = frozenset({"loglevel", "json_stdout"})
_LEVELS: Final = {"critical": "error", "fatal": "error", "warn": "warning", "notset": "debug"}


def convert(texts: Iterable[tuple[str, str]], draft: Draft) -> None:
    """Write what files ask for into `draft`.

    Args:
        texts: name and content of each file; later ones win, as there.

    Raises:
        SourceError: a file is wrong.
    """
    parser = configparser.ConfigParser()
    parser.read_dict({"DEFAULT": DEFAULTS})
    for name, text in texts:
        try:
            parser.read_string(text, name)
        except configparser.Error as error:
            raise SourceError(" ".join(str(error).split())) from None
    if parser.has_section("daemon"):
        _daemon(draft, dict(_items(parser, "daemon")))
    seen: dict[str, str] = {}
    for name in parser.sections():
        if name != "daemon":
            _service(draft, name, dict(_items(parser, name)), seen)
    if not draft.peers:
        _bird(draft)


def _items(parser: configparser.ConfigParser, section: str) -> list[tuple[str, str]]:
    try:
        return parser.items(section)
    except configparser.Error as error:
        raise SourceError(f"[{section}]: {' '.join(str(error).split())}") from None


def _bird(draft: Draft) -> None:
    number = draft.as_number or AS_NUMBER
    draft.as_number = number
    table = draft.add_peer("127.0.0.1")
    table.set("peer_as", number)
    table.set("multiprotocol", True)
    table.set("next_hop_6", "::1")
    draft.note(
        table,
        "the BIRD of this host, whose side is docs/routers/bird-loopback.conf; give --as-number its AS "
        "number, and --router-id another router id than its own. Or give --peer for the router itself",
    )


def _daemon(draft: Draft, values: dict[str, str]) -> None:
    by_reason: dict[str, list[str]] = {}
    for name, value in values.items():
        if name in REMARKS:
            by_reason.setdefault(REMARKS[name], []).append(name)
        elif name not in SERVICE_OPTIONS | CONVERTED:
            draft.note(draft.head, f"[daemon] {name} = {value}: is not known, and not converted")
    for reason, names in by_reason.items():
        draft.note(draft.head, f"[daemon] {', '.join(names)}: {reason}")
    if "loglevel" in values:
        level = values["loglevel"].lower()
        draft.log.set("level", _LEVELS.get(level, level))
    if _flag("[daemon]", values, "json_stdout"):
        draft.log.set("format", "json")


def _service(draft: Draft, name: str, values: dict[str, str], seen: dict[str, str]) -> None:
    place = f"[{name}]"
    prefix = _prefix(place, values)
    if prefix in seen:
        raise SourceError(f"{place}: ip_prefix {prefix} is that of [{seen[prefix]}] too; name each once")
    seen[prefix] = name
    is_disabled, on_disabled = _flag(place, values, "check_disabled"), values["on_disabled"]
    if on_disabled not in ("withdraw", "advertise"):
        raise SourceError(f"{place}: on_disabled {on_disabled!r}: must be withdraw or advertise")
    if is_disabled and on_disabled == "withdraw":
        draft.note(
            draft.head,
            f"service {name}: check_disabled is true, as it is when it is left out, and on_disabled is "
            f"withdraw, so {prefix} is never announced: the service is left out",
        )
        return
    service = draft.add_service(name)
    table = service.table
    table.set("addresses", prefix)
    if is_disabled:
        table.comment("check_disabled: announced without being checked (on_disabled = advertise)")
    else:
        _check(draft, service, place, values)
        if not _flag(place, values, "ip_check_disabled"):
            table.set("address_mode", "check")
            table.set("interface", values["interface"])
    _remark(draft, table, values)


def _check(draft: Draft, service: Service, place: str, values: dict[str, str]) -> None:
    if "check_cmd" not in values:
        raise SourceError(f"{place}: check_cmd is missing")
    try:
        words = shlex.split(values["check_cmd"])
    except ValueError as error:
        raise SourceError(f"{place}: check_cmd: {error}") from None
    if not words:
        raise SourceError(f"{place}: check_cmd is empty")
    table = Table(f"{service.table.title}, check")
    service.checks.append(table)
    table.set("type", "exec")
    table.set("command", words)
    set_pace(
        draft,
        table,
        interval=_number(place, values, "check_interval", float),
        timeout=_number(place, values, "check_timeout", float),
        rise=_number(place, values, "check_rise", int),
        fall=_number(place, values, "check_fail", int),
    )
    hint(table, values["check_cmd"])


def _remark(draft: Draft, table: Table, values: dict[str, str]) -> None:
    command = values.get("custom_bird_reconfigure_cmd")
    if command is not None:
        draft.note(
            table,
            f"custom_bird_reconfigure_cmd {command}: no command is run on a change: read the event stream of "
            "the API (docs/api.md), or the log",
        )
    for name in sorted(values.keys() - SERVICE_OPTIONS):
        draft.note(table, f"{name} = {values[name]}: is not known, and not converted")


def _prefix(place: str, values: dict[str, str]) -> str:
    if "ip_prefix" not in values:
        raise SourceError(f"{place}: ip_prefix is missing")
    try:
        network = ip_network(values["ip_prefix"])
    except ValueError as error:
        raise SourceError(f"{place}: ip_prefix: {error}") from None
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _flag(place: str, values: dict[str, str], name: str) -> bool:
    text = values.get(name, "false").lower()
    if text not in configparser.ConfigParser.BOOLEAN_STATES:
        raise SourceError(f"{place}: {name} {text!r}: must be true or false")
    return configparser.ConfigParser.BOOLEAN_STATES[text]


def _number(place: str, values: dict[str, str], name: str, kind: type[Any]) -> Any:
    try:
        value = kind(values[name])
        if math.isfinite(value):
            return value
    except ValueError:
        pass
    raise SourceError(f"{place}: {name} {values[name]!r}: is no number")

"""What `rhi status` shows, from what the API says: pure, so that tests need no daemon."""

from collections.abc import Mapping
from typing import Any, Final

from rhi.cli.drain import routes_of
from rhi.cli.tables import Cell, Section
from rhi.cli.times import clock, seconds_between
from rhi.model.wording import duration_text

_GOOD: Final = frozenset({"up", "healthy", "established"})
_BAD: Final = frozenset({"down", "stale", "unhealthy"})
_UNSURE: Final = frozenset({"unknown", "idle", "connect", "active", "opensent", "openconfirm"})


def sections_of(found: Mapping[str, Any]) -> list[Section]:
    """All sections; those that have nothing to say are left out."""
    status = found["status"]
    now = _now(status)
    sections = [
        _head(status),
        _alarms(status),
        _services(found["services"], now),
        _checks(found["checks"], now),
        _peers(found["peers"]),
        _guards(status),
        _overrides(status),
        _drains(status, now),
    ]
    return [section for section in sections if section.rows]


def trouble(text: str) -> list[Section]:
    """A word before everything else, when the daemon does not answer any more."""
    if not text:
        return []
    return [Section(rows=[(Cell(f"what follows is old, and is asked for again: {text}", "bad"),)])]


def _head(status: Mapping[str, Any]) -> Section:
    routes = status["routes"]
    lines = [
        f"rhi {status['version']}, router id {status['router_id']}, up for {duration_text(status['uptime'])}",
        f"{routes['announced']} of {routes['configured']} addresses announced"
        + (f", {routes['kept']} of them only because a guard keeps them" if routes["kept"] else ""),
        f"checks: {_counts(status['checks'])}; services: {_counts(status['services'])}; "
        f"peers: {_counts(status['peers'])}",
    ]
    if status.get("addresses"):
        lines.append(f"addresses on this host: {_counts(status['addresses'])}")
    rows: list[tuple[Cell, ...]] = [(Cell(line),) for line in lines]
    if not status["is_decided"]:
        rows.append((Cell("End-of-RIB waits: not every service has a verdict yet", "unsure"),))
    return Section(rows=rows)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name.lower()}" for name, count in counts.items()) or "none"


def _alarms(status: Mapping[str, Any]) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (Cell(each["subject"], "bad"), Cell(clock(each["since"])), Cell(each["text"]))
        for each in status["alarms"]
    ]
    return Section(title="alarms", columns=("since", ""), rows=rows)


def _services(services: list[dict[str, Any]], now: str) -> Section:
    ordered = sorted(services, key=_is_fine)
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(each["name"]),
            Cell(each["level"] + (", degraded" if each["is_degraded"] else ""), _meaning(each["level"])),
            Cell(_since(each["since"], now)),
            Cell(f"{each['announced']} of {each['addresses']}" + _kept(each["kept"])),
            Cell(_step(each, "checks")),
            Cell(_notes(each), "unsure"),
        )
        for each in ordered
    ]
    return Section(title="services", columns=("level", "for", "announced", "checks", ""), rows=rows, prose=2)


def _is_fine(service: Mapping[str, Any]) -> bool:
    """Those that are not come first. What bands are called, and which is the best, is the operator's."""
    is_whole = service["announced"] == service["addresses"] and not service["kept"]
    return service["level"] not in ("unknown", "unhealthy") and is_whole and not service["is_degraded"]


def _notes(service: Mapping[str, Any]) -> str:
    """What holds a service elsewhere than its checks say."""
    stages = ("damping", "dwell", "degraded", "override")
    notes = [f"{step['stage']}: {step['text']}" for step in service["steps"] if step["stage"] in stages]
    return "; ".join(notes)


def _step(service: Mapping[str, Any], stage: str) -> str:
    return next((str(step["text"]) for step in service["steps"] if step["stage"] == stage), "")


def _kept(count: int) -> str:
    return f", {count} kept" if count else ""


def _checks(checks: list[dict[str, Any]], now: str) -> Section:
    ordered = sorted(checks, key=lambda each: each["verdict"] == "unknown")
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(each["name"]),
            Cell(each["verdict"], _meaning(each["verdict"])),
            Cell(_since(each["since"], now)),
            Cell(each["alarm"] or each["detail"] or "not probed yet"),
        )
        for each in ordered
        if each["verdict"] != "up"
    ]
    return Section(title="checks not up", columns=("verdict", "for", "last result"), rows=rows)


def _peers(peers: list[dict[str, Any]]) -> Section:
    ordered = sorted(peers, key=lambda each: each["state"] == "ESTABLISHED")
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(each["name"]),
            Cell(each["state"].lower(), _meaning(each["state"].lower())),
            Cell(duration_text(each["duration_s"])),
            Cell(str(each["remote_asn"] or "")),
            Cell(f"{each['current_routes']}" + (", more under way" if each["pending_routes"] else "")),
            Cell(_peer_notes(each), "unsure"),
        )
        for each in ordered
    ]
    return Section(title="peers", columns=("state", "for", "as", "routes", ""), rows=rows)


def _peer_notes(peer: Mapping[str, Any]) -> str:
    notes = [f"{count} held back: {reason}" for reason, count in peer["held_back"].items()]
    if peer["pending_changes"]:
        notes.append(f"waits for a new session: {', '.join(peer['pending_changes'])}")
    if peer["state"] != "ESTABLISHED" and peer["last_error"]:
        notes.append(peer["last_error"])
    return "; ".join(notes)


def _guards(status: Mapping[str, Any]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for each in status["guards"]:
        has_rules = each["floor"] != "0" or each["max_withdrawals"] is not None
        if not (has_rules or each["tripped"]):
            continue
        why = "; ".join(f"{rule}: {text}" for rule, text in each["tripped"].items())
        limit = "" if each["max_withdrawals"] is None else str(each["max_withdrawals"])
        rows.append(
            (
                Cell(each["group"]),
                Cell(each["floor"]),
                Cell(limit),
                Cell(
                    f"keeps {each['kept']} addresses: {why}" if why else "keeps nothing", "bad" if why else ""
                ),
            )
        )
    return Section(title="guards", columns=("floor", "at most", ""), rows=rows)


def _overrides(status: Mapping[str, Any]) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(each["service"]),
            Cell(each["action"] + (", forced" if each["force"] else ""), "unsure"),
            Cell(each["by"]),
            Cell(clock(each["since"])),
            Cell(clock(each["until"]) if each["until"] else "taken back"),
            Cell(each["reason"]),
        )
        for each in status["overrides"]
        if each["action"] != "drain"  # those are among the drains
    ]
    return Section(title="overrides", columns=("action", "by", "since", "until", "why"), rows=rows)


def _drains(status: Mapping[str, Any], now: str) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(each["drain"]),
            Cell(each["state"] + (", forced" if each["force"] else ""), "unsure"),
            Cell(_since(each["steps"][-1]["at"], now)),
            Cell(routes_of(each)),
            Cell(clock(each["next"]) if each["next"] else ""),
            Cell(each["by"]),
            Cell(_drain_notes(each)),
        )
        for each in status["drains"]
    ]
    columns = ("step", "for", "routes", "next", "by", "why")
    return Section(title="drains", columns=columns, rows=rows)


def _drain_notes(drain: Mapping[str, Any]) -> str:
    notes = [drain["reason"]] if drain["reason"] else []
    notes += [f"behind: {peer}, {what}" for peer, what in drain["behind"].items()]
    if drain["until"]:
        notes.append(f"taken back at {clock(drain['until'])}")
    return "; ".join(notes)


def _meaning(word: str) -> str:
    if word in _GOOD:
        return "good"
    if word in _BAD:
        return "bad"
    return "unsure" if word in _UNSURE else ""


def _now(status: Mapping[str, Any]) -> str:
    """The daemon's own clock, which may be another than ours."""
    return str(status["now"])


def _since(instant: str | None, now: str) -> str:
    return "" if instant is None else duration_text(seconds_between(instant, now))

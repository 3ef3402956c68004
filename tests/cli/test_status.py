"""What `rhi status` makes of answers of the API, on wide, narrow and no terminals."""

import copy
import io
from typing import Any

import pytest
from rich.console import Console

from rhi.cli import status
from rhi.cli.status_tables import sections_of, trouble
from rhi.cli.tables import Cell, Section, fitted, text_of

NOW = "2026-03-01T10:00:00.000+00:00"
THEN = "2026-03-01T09:56:40.000+00:00"

SERVICE: dict[str, Any] = {
    "name": "dns",
    "level": "healthy",
    "since": THEN,
    "is_degraded": False,
    "group": "default",
    "checks": ["dns/tcp"],
    "dependencies": [],
    "addresses": 2,
    "announced": 2,
    "kept": 0,
    "override": None,
    "steps": [{"stage": "checks", "text": "1 of 1 pass"}],
    "next": None,
}
PEER: dict[str, Any] = {
    "name": "192.0.2.1",
    "state": "ESTABLISHED",
    "duration_s": 200,
    "last_error": "",
    "remote_asn": 65000,
    "current_routes": 2,
    "pending_routes": False,
    "held_back": {},
    "pending_changes": [],
}
CHECK = {"name": "web/tcp", "verdict": "down", "since": THEN, "alarm": "", "detail": "refused"}
FOUND: dict[str, Any] = {
    "status": {
        "version": "1.2.3",
        "router_id": "192.0.2.10",
        "now": NOW,
        "started": THEN,
        "uptime": 200.0,
        "is_decided": True,
        "services": {"healthy": 1},
        "checks": {"up": 1},
        "peers": {"ESTABLISHED": 1},
        "routes": {"configured": 2, "announced": 2, "kept": 0},
        "guards": [{"group": "default", "floor": "0", "max_withdrawals": None, "tripped": {}, "kept": 0}],
        "alarms": [],
        "overrides": [],
        "drains": [],
    },
    "services": [SERVICE],
    "checks": [],
    "peers": [PEER],
}


def shown(found: dict[str, Any], width: int | None = None) -> list[str]:
    return text_of(sections_of(found), is_terminal=False, width=width).splitlines()


def changed(**status_fields: Any) -> dict[str, Any]:
    found = copy.deepcopy(FOUND)
    found["status"] |= status_fields
    return found


def test_status_of_a_calm_daemon_is_short() -> None:
    assert shown(FOUND) == [
        "rhi 1.2.3, router id 192.0.2.10, up for 3 min 20 s",
        "2 of 2 addresses announced",
        "checks: 1 up; services: 1 healthy; peers: 1 established",
        "",
        "SERVICES  level    for         announced  checks",
        "dns       healthy  3 min 20 s  2 of 2     1 of 1 pass",
        "",
        "PEERS      state        for         as     routes",
        "192.0.2.1  established  3 min 20 s  65000  2",
    ]


def test_status_before_first_verdicts_says_what_waits() -> None:
    found = changed(is_decided=False)
    found["services"] = [{**SERVICE, "level": "unknown", "since": None, "announced": 0}]

    lines = shown(found)

    assert "End-of-RIB waits: not every service has a verdict yet" in lines
    assert "dns       unknown       0 of 2     1 of 1 pass" in lines


def test_status_shows_services_in_trouble_first_and_what_holds_them() -> None:
    steps = [{"stage": "checks", "text": "0 of 1 pass"}, {"stage": "damping", "text": "held at unhealthy"}]
    found = changed()
    found["services"] += [
        {**SERVICE, "name": "web", "level": "unhealthy", "announced": 0, "steps": steps},
        {**SERVICE, "name": "kept", "announced": 1, "kept": 1, "is_degraded": True},
    ]

    lines = shown(found)

    start = next(at for at, line in enumerate(lines) if line.startswith("SERVICES"))
    assert [line.split()[0] for line in lines[start + 1 : start + 4]] == ["web", "kept", "dns"]
    assert lines[start + 1].endswith("0 of 1 pass  damping: held at unhealthy")
    assert "healthy, degraded" in lines[start + 2]
    assert "1 of 2, 1 kept" in lines[start + 2]


def test_status_shows_checks_that_are_not_up_with_their_last_result() -> None:
    found = changed()
    unknown = {**CHECK, "name": "a", "verdict": "unknown", "since": None, "detail": ""}
    died = {**CHECK, "name": "b", "verdict": "stale", "alarm": "no such program"}
    found["checks"] = [unknown, CHECK, died, {**CHECK, "name": "c", "verdict": "up"}]

    lines = shown(found)

    assert "web/tcp        down     3 min 20 s  refused" in lines
    assert "a              unknown              not probed yet" in lines
    assert "b              stale    3 min 20 s  no such program" in lines
    assert not any(line.startswith("c ") for line in lines)


def test_status_shows_guards_that_keep_something_and_those_with_rules() -> None:
    guards = [
        {"group": "a", "floor": "50 %", "max_withdrawals": 3, "tripped": {}, "kept": 0},
        {"group": "b", "floor": "0", "max_withdrawals": None, "tripped": {"all at once": "why"}, "kept": 2},
        {"group": "c", "floor": "0", "max_withdrawals": None, "tripped": {}, "kept": 0},
    ]

    lines = shown(changed(guards=guards, routes={"configured": 2, "announced": 2, "kept": 2}))

    assert "2 of 2 addresses announced, 2 of them only because a guard keeps them" in lines
    assert "a       50 %   3        keeps nothing" in lines
    assert "b       0               keeps 2 addresses: all at once: why" in lines
    assert not any(line.startswith("c ") for line in lines)


def test_status_shows_alarms_and_overrides() -> None:
    override = {
        "service": "dns", "action": "withdraw", "reason": "kernel", "by": "ann", "since": THEN, "until": None,
        "force": True,
    }  # fmt: skip
    drained = {**override, "service": "web", "action": "drain"}
    alarm = {"subject": "reload", "text": "failed", "since": THEN}

    lines = shown(changed(overrides=[override, drained], alarms=[alarm]))

    assert any(line.startswith("reload  ") and line.endswith("  failed") for line in lines)
    assert lines[-1].startswith("dns        withdraw, forced  ann")
    assert lines[-1].endswith("taken back  kernel")


def test_status_shows_drains_with_their_step_and_what_holds_them() -> None:
    drain = {
        "drain": "service/dns", "state": "withdrawing", "force": False, "steps": [{"at": THEN}], "routes": 1,
        "kept": "kept by floor", "next": None, "by": "ann", "reason": "kernel", "until": None,
        "behind": {"192.0.2.1": "3 routes"},
    }  # fmt: skip

    lines = shown(changed(drains=[drain]))

    assert lines[-1] == (
        "service/dns  withdrawing  3 min 20 s  1 route left (kept by floor)        ann  "
        "kernel; behind: 192.0.2.1, 3 routes"
    )


def test_status_shows_what_is_the_matter_with_a_peer() -> None:
    found = changed()
    down = {**PEER, "name": "192.0.2.2", "state": "ACTIVE", "last_error": "refused", "remote_asn": 0}
    waiting = {
        **PEER,
        "held_back": {"no_next_hop": 2},
        "pending_changes": ["hold_time"],
        "pending_routes": True,
    }
    found["peers"] = [waiting, down]

    lines = shown(found)

    assert lines[-2].startswith("192.0.2.2  active")
    assert lines[-2].endswith("refused")
    assert lines[-1].endswith(
        "2, more under way  2 held back: no_next_hop; waits for a new session: hold_time"
    )


def test_status_on_a_narrow_terminal_is_folded_and_loses_no_word() -> None:
    found = changed()
    found["checks"] = [{**CHECK, "detail": "a long sentence about what the server did not do"}]

    for width in (60, 40, 25, 12):
        lines = shown(found, width)

        assert max(map(len, lines)) <= width
        for word in ("healthy", "web/tcp", "sentence", "192.0.2.1"):
            assert any(word in line for line in lines), (word, width, lines)


def test_status_takes_nothing_in_a_cell_for_markup_or_control() -> None:
    found = changed()
    found["checks"] = [{**CHECK, "detail": "[red]:smile:\x1b[2J\r\n"}]

    (line,) = [line for line in shown(found) if line.startswith("web/tcp")]

    assert line.endswith(r"[red]:smile:\x1b[2J\r\n")


def test_status_has_colour_in_terminals_only_and_not_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    green = "\x1b[32m"

    assert green in text_of(sections_of(FOUND), is_terminal=True)
    assert "\x1b" not in text_of(sections_of(FOUND), is_terminal=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert green not in text_of(sections_of(FOUND), is_terminal=True)


def on_screen(sections: list[Section], width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(fitted(sections, width, height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_status_watched_fits_the_screen_and_counts_what_is_left_out() -> None:
    long = Section(title="a", columns=("b",), rows=[(Cell(str(at)), Cell("x" * 90)) for at in range(50)])
    short = Section(title="c", rows=[(Cell("one"),), (Cell("two"),)])

    lines = on_screen([long, short], 40, 20)

    assert len(lines) == 20
    assert lines[:2] == ["A   b", "0   " + "x" * 35 + "…"]
    assert lines[15:17] == ["and 36 more", ""]
    assert lines[-3:] == ["C", "one", "two"]
    assert max(map(len, lines)) <= 40


def test_status_watched_on_a_tiny_screen_shows_something() -> None:
    assert on_screen(sections_of(FOUND), 20, 2)[0].startswith("rhi 1.2.3")


def test_status_watched_without_a_daemon_keeps_what_was_seen() -> None:
    lines = on_screen([*trouble("/run/x: nobody answers"), *sections_of(FOUND)], 100, 30)

    assert lines[0] == "what follows is old, and is asked for again: /run/x: nobody answers"
    assert trouble("") == []


@pytest.mark.parametrize(
    "words", [["--watch"], ["--watch", "--json"], ["--token-file", "x"], ["--interval", "0"]]
)
def test_status_with_options_that_do_not_go_together_is_refused(
    words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        status.run(words)

    assert ended.value.code == 2
    assert capfd.readouterr().err.count("\n") == 1

"""Overrides and drains as the state file keeps them: JSON, with times of day for instants.

A host may start with a clock that lags. Nothing in the file has happened later than now, so each entry is
read as if its last instant were now at the latest: what was withdrawn stays so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from rhi.daemon.decision.overrides import Action, Override
from rhi.daemon.drains.machine import Drain, Pace, State, Step, Target
from rhi.daemon.state import Clocks

# Seconds since 1970, in the last century that a date can be of.
_LAST_TIME: Final = 250e9


def encode_overrides(overrides: Mapping[str, Override], clocks: Clocks) -> dict[str, Any]:
    """By service."""
    return {
        name: {
            "action": override.action.value,
            "reason": override.reason,
            "by": override.by,
            "at": clocks.to_wall(override.at),
            "until": _wall(override.until, clocks),
            "drain_time": override.drain_time,
            "is_forced": override.is_forced,
        }
        for name, override in overrides.items()
    }


def decode_overrides(document: Any, clocks: Clocks) -> dict[str, Override]:
    """The inverse, without those that are over.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is none.
    """
    found = {}
    for name, entry in document.items():
        then = _not_before(entry["at"], clocks)
        override = Override(
            action=Action(entry["action"]),
            reason=str(entry["reason"]),
            by=str(entry["by"]),
            at=then.to_monotonic(float(entry["at"])),
            until=_monotonic(entry["until"], then),
            drain_time=float(entry["drain_time"]),
            is_forced=bool(entry["is_forced"]),
        )
        if not override.is_over(clocks.monotonic):
            found[str(name)] = override
    return found


def encode_drains(drains: Iterable[Drain], clocks: Clocks) -> list[dict[str, Any]]:
    """In their order."""
    return [
        {
            "target": str(drain.target),
            "pace": asdict(drain.pace),
            "reason": drain.reason,
            "by": drain.by,
            "until": _wall(drain.until, clocks),
            "is_forced": drain.is_forced,
            "closes": drain.closes,
            "message": drain.message,
            "steps": [
                {
                    "state": step.state.value,
                    "at": clocks.to_wall(step.at),
                    "text": step.text,
                    "behind": dict(step.behind),
                }
                for step in drain.steps
            ],
        }
        for drain in drains
    ]


def decode_drains(document: Any, clocks: Clocks) -> list[Drain]:
    """The inverse, without those that are over.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is none.
    """
    found = [_drain(entry, clocks) for entry in document]
    return [each for each in found if each.until is None or clocks.monotonic < each.until]


def _drain(entry: Any, clocks: Clocks) -> Drain:
    deadline = entry["pace"]["deadline"]
    clocks = _not_before(max((step["at"] for step in entry["steps"]), default=0.0), clocks)
    steps = tuple(
        Step(
            state=State(step["state"]),
            at=clocks.to_monotonic(float(step["at"])),
            text=str(step["text"]),
            behind={str(peer): str(what) for peer, what in step["behind"].items()},
        )
        for step in entry["steps"]
    )
    if not steps:
        raise ValueError("a drain without steps")
    return Drain(
        target=Target.parse(entry["target"]),
        pace=Pace(
            wait=float(entry["pace"]["wait"]),
            acknowledge=float(entry["pace"]["acknowledge"]),
            age=float(entry["pace"]["age"]),
            deadline=None if deadline is None else float(deadline),
        ),
        reason=str(entry["reason"]),
        by=str(entry["by"]),
        until=_monotonic(entry["until"], clocks),
        is_forced=bool(entry["is_forced"]),
        closes=bool(entry["closes"]),
        message=str(entry["message"]),
        steps=steps,
    )


def _not_before(time_of_day: Any, clocks: Clocks) -> Clocks:
    """The clocks, with a time of day that is not earlier than that of something that has happened."""
    return replace(clocks, wall=max(clocks.wall, float(time_of_day)))


def _wall(instant: float | None, clocks: Clocks) -> float | None:
    return None if instant is None else clocks.to_wall(instant)


def _monotonic(time_of_day: Any, clocks: Clocks) -> float | None:
    if time_of_day is None:
        return None
    if not 0 <= float(time_of_day) < _LAST_TIME:
        raise ValueError(f"{time_of_day!r} is no time of day")
    return clocks.to_monotonic(float(time_of_day))

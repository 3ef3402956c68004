"""State diagrams, drawn from the code that makes the transitions, so that no picture can drift from it.

Sessions and attempts to connect are tables of handlers, and a handler returns the next state: the states that
it may return are read from its source, following the helpers that it calls. Verdicts of checks are a pure
function: it is asked for every state and result there can be. The table of drains names their states itself.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from rhi.core.dialer import DIAL_TRANSITIONS, Dialer
from rhi.core.fsm import TRANSITIONS, Connection
from rhi.daemon.drains.machine import TRANSITIONS as DRAIN_TRANSITIONS
from rhi.health.hysteresis import Standing, Verdict, advance, lapse
from rhi.model.status import State

RISE: Final = 2
FALL: Final = 3


class Edge(NamedTuple):
    """One arrow: from a state to a state, and the events that lead there."""

    source: str
    target: str
    events: tuple[str, ...]


def session() -> list[Edge]:
    """One TCP connection: OpenSent to Established, and its end, which is Idle."""
    found: dict[tuple[str, str], list[str]] = {}
    for (state, event), handler in TRANSITIONS.items():
        for target in _targets(handler, Connection, state):
            if target is not state:
                found.setdefault((state.name, target.name), []).append(event.value)
    return _edges(found)


def dialer() -> list[Edge]:
    """When to connect: Idle, Connect, Active."""
    found: dict[tuple[str, str], list[str]] = {}
    for (state, event), handler in DIAL_TRANSITIONS.items():
        for target in _targets(handler, Dialer, state):
            if target is not state:
                found.setdefault((state.name, target.name), []).append(event.value)
    return _edges(found)


def check() -> list[Edge]:
    """The verdict of a check with the usual `rise` and `fall`."""
    found: dict[tuple[str, str], list[str]] = {}
    for verdict in Verdict:
        before = Standing(verdict=verdict, since=0.0)
        for ok, number, word in ((True, RISE, "passes"), (False, FALL, "failures")):
            after = before
            for _ in range(number):
                after = advance(after, ok, rise=RISE, fall=FALL, now=1.0)
            if after.verdict is not verdict:
                found.setdefault((verdict.value, after.verdict.value), []).append(f"{number} {word} in a row")
        lapsed = lapse(before, now=1.0)
        if lapsed.verdict is not verdict:
            found.setdefault((verdict.value, lapsed.verdict.value), []).append("the check could not be made")
    return _edges(found)


def drain() -> list[Edge]:
    """One drain; that every state can be cancelled is left out."""
    found: dict[tuple[str, str], list[str]] = {}
    for state, ways in DRAIN_TRANSITIONS.items():
        for cause, target in ways:
            found.setdefault((state.value, target.value), []).append(cause.value)
    return _edges(found)


DIAGRAMS: Final[dict[str, Callable[[], list[Edge]]]] = {
    "session": session,
    "dialer": dialer,
    "check": check,
    "drain": drain,
}


def dot(name: str) -> str:
    """The diagram as a program of Graphviz."""
    lines = [
        f'digraph "{name}" {{',
        '  rankdir=TB; pad=0.2; nodesep=0.6; bgcolor="white";',
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    for edge in DIAGRAMS[name]():
        label = "\\n".join(edge.events)
        lines.append(f'  "{edge.source}" -> "{edge.target}" [label="{label}"];')
    return "\n".join([*lines, "}"])


def _edges(found: dict[tuple[str, str], list[str]]) -> list[Edge]:
    return [Edge(source, target, tuple(events)) for (source, target), events in found.items()]


def _targets(handler: Callable[..., Any], owner: type, state: State) -> list[State]:
    """The states that a handler may return, in the order of its source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(handler)))
    found: list[State] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and node.value is not None:
            found += [each for each in _values(node.value, owner, state) if each not in found]
    return found


def _values(value: ast.expr, owner: type, state: State) -> list[State]:
    if isinstance(value, ast.IfExp):
        return _values(value.body, owner, state) + _values(value.orelse, owner, state)
    if isinstance(value, ast.Attribute):
        if isinstance(value.value, ast.Name) and value.value.id == "State":
            return [State[value.attr]]
        if value.attr == "state":
            return [state]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return _targets(getattr(owner, value.func.attr), owner, state)
    raise ValueError(f"{ast.unparse(value)}: is no state, and no call that returns one")

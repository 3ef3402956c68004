"""The end of the daemon, told in time: what each service's `on_exit` says, then the sessions.

    withdraw ── withdrawn ─────────────────────────┐
    drain ───── marked, waiting, withdrawn, aged ──┤──► hooks ──► sessions end
    keep ────── as they are ───────────────────────┘

Both are drains of their own (`exit/withdraw`, `exit/drain`), so that each step is seen like any other's.
Where services are kept, sessions end without a NOTIFICATION, and peers keep what they hold (RFC 4724 §4.2);
one that has not acknowledged the withdrawals by then would keep too much, and gets a Cease. Otherwise all get
a Cease, a Hard Reset where that takes one (RFC 8538): a host that is meant to go must not look like one that
restarts.
"""

import asyncio
import subprocess
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from rhi.daemon.controller import Controller, Decided
from rhi.daemon.drains.machine import Drain, Kind, Pace, State, Target
from rhi.daemon.policies import OnExit
from rhi.model.status import Flushed

# Of the time there is, what is left for sessions, checks and clients to end in, in seconds.
RESERVE: Final = 4.0
# Seconds that the host is asked whether it is going down, and the sessions who is behind.
ASK_TIME: Final = 1.0


class House(Protocol):
    """The part of `Daemon` that ends."""

    controller: Controller
    on_decision: list[Callable[[Decided, float], None]]

    def clocks(self) -> Any:
        """The clocks, now."""

    def decide_soon(self) -> None:
        """Decide in the next turn."""


async def lead_away(house: House, reason: str, time_left: float, is_host_stopping: bool) -> Iterable[str]:
    """Have routes leave as services say, within `time_left` seconds; returns the services that are kept."""
    controller = house.controller
    services = controller.reconciler.specs.services
    groups: dict[OnExit, set[str]] = {policy: set() for policy in OnExit}
    for name, service in services.items():
        groups[service.on_exit].add(name)
    if is_host_stopping:
        # nobody would be back in time, and the data path goes down with the host
        groups[OnExit.WITHDRAW] |= groups[OnExit.KEEP]
        groups[OnExit.KEEP].clear()
    limit = max(time_left / 2, time_left - RESERVE)
    for policy, pace in (
        (OnExit.WITHDRAW, _pace(controller.pace, limit, waits=False)),
        (OnExit.DRAIN, _pace(controller.pace, limit, waits=True)),
    ):
        if groups[policy]:
            controller.drain(
                Drain(
                    target=Target(Kind.EXIT, policy.value),
                    pace=pace,
                    reason="the end",
                    by=reason,
                    is_forced=True,
                    services=frozenset(groups[policy]),
                )
            )
    await _wait_for_drains(house, limit)
    return sorted(groups[OnExit.KEEP])


async def late_peers(
    controller: Controller, flush: Callable[[float], Flushed], note: Callable[[str], object]
) -> set[str]:
    """Peers that have not acknowledged what has left; none where nothing was to leave.

    The steps of drains tell of them as far as a comparison had ended by then, so the pool is asked once more.
    `note` is told when it does not answer; then the steps are all that is known.
    """
    drains = [drain for drain in controller.drains.all if drain.target.kind is Kind.EXIT]
    if not drains:
        return set()
    try:
        async with asyncio.timeout(ASK_TIME):
            return {*(await asyncio.get_running_loop().run_in_executor(None, flush, ASK_TIME / 2)).behind}
    except Exception as error:  # a mistake of ours must not keep sessions from their end
        note(f"who has acknowledged the withdrawals was not told: {error!r}")
    return {
        peer
        for drain in drains
        for step in drain.steps
        if step.state in (State.AGING, State.OVERDUE)
        for peer in step.behind
    }


async def is_host_stopping() -> bool:
    """Whether systemd is taking the host down; false where there is no systemd."""
    return await asyncio.get_running_loop().run_in_executor(None, _ask_systemd)


def _ask_systemd() -> bool:
    command = ["systemctl", "is-system-running"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ASK_TIME, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == b"stopping"


def _pace(usual: Pace, limit: float, *, waits: bool) -> Pace:
    return Pace(
        wait=usual.wait if waits else 0.0,
        acknowledge=usual.acknowledge,
        age=usual.age if waits else 0.0,
        deadline=limit,
    )


async def _wait_for_drains(house: House, limit: float) -> None:
    decided = asyncio.Event()

    def note(_: Decided, now: float) -> None:
        decided.set()

    house.on_decision.append(note)
    house.decide_soon()
    try:
        # the drains end by their own deadline; a little more, should the decisions hang
        async with asyncio.timeout(limit + 0.5):
            while any(
                drain.target.kind is Kind.EXIT and not drain.state.is_end
                for drain in house.controller.drains.all
            ):
                decided.clear()
                await decided.wait()
    except TimeoutError:
        pass
    finally:
        house.on_decision.remove(note)

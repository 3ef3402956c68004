"""What happens to hosts that announce one address, and what clients are allowed to notice of it.

Each event begins and ends with both hosts in use. It is planned when an operator means it: then every
request is answered. One that is on its way in the very moment in which the router changes its next hops may
have to be asked again: the router sends the rest of its packets to the other host, which does not know the
connection. What is not planned costs no more than the time in which it is noticed.
"""

from __future__ import annotations

import functools
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.interop.lab.anycast import FALL, HOLD_TIME, INTERVAL, SERVICE, Site
from tests.interop.lab.fetching import PATIENCE, Question
from tests.interop.lab.router import ESTABLISHED
from tests.interop.lab.waiting import wait_until

# Lines for the service, on both hosts.
WITHDRAW: Final = ""
WARM: Final = 'on_exit = "keep"\non_crash = "warm"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happens to the first host.

    Attributes:
        name: for the page and the test.
        policies: of the service, on both hosts.
        run: makes it happen, and waits until all is as before.
        noticed_within: seconds; None when it is planned.
        keeps_routes: the router must not be told of a withdrawal.
    """

    name: str
    run: Callable[[Site], None]
    policies: str = WITHDRAW
    noticed_within: float | None = None
    keeps_routes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """What an event cost.

    Attributes:
        asked: questions during the event.
        repeated: those that were not answered the first time.
        lost: those that were not answered the second time either.
        outage: seconds from the first question that failed to the last, of those that failed in a row.
    """

    asked: int
    repeated: int
    lost: int
    outage: float

    @classmethod
    def of(cls, questions: Sequence[Question]) -> Toll:
        failed = sorted(each.began for each in questions if each.has_failed)
        outage = 0.0
        first = last = failed[0] if failed else 0.0
        for began in failed:
            # one that had bad luck long after is no part of it
            first = first if began < last + PATIENCE else began
            last = began
            outage = max(outage, last - first)
        return cls(
            asked=len(questions),
            repeated=len(failed),
            lost=sum(each.answered_by is None for each in questions),
            outage=outage,
        )


def drain(site: Site) -> None:
    site.one.command("drain", "web", "--wait", "500ms", "--age", "500ms", "--follow", "--why", "kernel")
    site.wait_for(site.two)
    site.one.command("undrain", "web")
    site.wait_for_both()


def restart(site: Site) -> None:
    assert site.one.rhi.stop(signal.SIGTERM) == 0
    site.wait_for(site.two)
    site.one.rhi.start()
    site.wait_for_both()


def reload(site: Site) -> None:
    for lines in (['communities = ["65001:7"]'], []):
        before = site.changes()
        site.one.configure(*lines)
        site.one.reload()
        wait_until(functools.partial(_is_told_more, site, before), "the change at the router")
    site.wait_for_both()


def _is_told_more(site: Site, before: int) -> bool:
    return site.changes() > before


def service_dies(site: Site) -> None:
    site.one.kill_service()
    site.wait_for(site.two)
    site.one.start_service()
    site.wait_for_both()


def daemon_dies(site: Site) -> None:
    site.one.rhi.kill()
    site.wait_for(site.two)
    site.one.rhi.start()
    site.wait_for_both()


def host_falls_silent(site: Site) -> None:
    site.one.fall_silent()
    site.wait_for(site.two)
    site.one.speak_again()
    site.wait_for_both()


def upgrade(site: Site) -> None:
    assert site.one.rhi.stop(signal.SIGTERM) == 0
    _begin_again(site)


def daemon_dies_and_is_warm(site: Site) -> None:
    site.one.rhi.kill()
    _begin_again(site)


def _begin_again(site: Site) -> None:
    host = site.one.plug.host
    wait_until(lambda: site.router.session_state(host) != ESTABLISHED, "the end of the session")
    site.one.rhi.start()
    wait_until(lambda: site.router.session_state(host) == ESTABLISHED, "a new session")
    site.wait_for_both()


# The last probe that passes may have been just before, and the last that fails takes its time.
_NOTICED: Final = (FALL + 1) * INTERVAL

EVENTS: Final = (
    Event(name="the service is drained and comes back", run=drain),
    Event(name="rhi is restarted (SIGTERM, start)", run=restart),
    Event(name="rhi reloads a changed file (SIGHUP)", run=reload, keeps_routes=True),
    Event(name="rhi is upgraded (`on_exit = \"keep\"`)", run=upgrade, policies=WARM, keeps_routes=True),
    Event(name="rhi is killed (`kill -9`)", run=daemon_dies, noticed_within=0.0),
    Event(
        name="rhi is killed (`on_crash = \"warm\"`)", run=daemon_dies_and_is_warm, policies=WARM,
        noticed_within=0.0, keeps_routes=True,
    ),
    Event(name="the service dies", run=service_dies, noticed_within=_NOTICED),
    Event(name="the host falls silent", run=host_falls_silent, noticed_within=HOLD_TIME),
)  # fmt: skip


def withdrawals(site: Site) -> int:
    """How often the router was told that the address is gone."""
    return site.router.changes(f"{SERVICE}/32").count("withdraw")


def happen(site: Site, event: Event) -> tuple[float, float]:
    """Let an event happen; returns the instants of its begin and end, for `toll`."""
    before, began = withdrawals(site), time.monotonic()
    event.run(site)
    assert not event.keeps_routes or withdrawals(site) == before, "the router was told of a withdrawal"
    return began, time.monotonic()


def toll(site: Site, began: float, ended: float) -> Toll:
    """What that time cost."""
    return Toll.of(site.client.between(began, ended))

"""Clients fetch from two hosts behind an ECMP router, and one host has what hosts have.

docs/reliability.md has the figures of many rounds (`python -m bench.reliability`); here each event happens
once, and the bounds leave room for a busy machine.
"""

from __future__ import annotations

import pytest

from tests.interop.lab import Bird, Frr, Router
from tests.interop.lab.anycast import Site, anycast
from tests.interop.lab.fetching import PATIENCE, PERIOD
from tests.interop.reliability import EVENTS, Event, Toll, happen, toll

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

# Requests of either protocol that may be on their way when the router changes its next hops, for each change.
ON_THE_WAY = 4
# Seconds that a busy machine may add before what has happened is acted on.
SLACK = 1.5


@pytest.mark.parametrize("daemon", [Bird, Frr], ids=lambda daemon: str(daemon.NAME))
@pytest.mark.parametrize("policies", sorted({event.policies for event in EVENTS}), ids=["withdraw", "warm"])
def test_clients_notice_no_more_of_an_event_than_they_are_allowed_to(
    daemon: type[Router], policies: str
) -> None:
    events = [event for event in EVENTS if event.policies == policies]
    with anycast(daemon, policies) as site:
        times = [happen(site, event) for event in events]
        tolls = [toll(site, began, ended) for began, ended in times]
        for number, event in enumerate(events):
            tolls[number] = undisturbed(site, event, times[number], tolls[number])

    for event, found in zip(events, tolls, strict=True):
        assert found.asked > 30
        if event.noticed_within is None:
            assert (event.name, found.lost) == (event.name, 0)
            assert (event.name, found.repeated <= ON_THE_WAY) == (event.name, True), found
        else:
            assert_bounded(event, found)


def undisturbed(site: Site, event: Event, times: tuple[float, float], found: Toll) -> Toll:
    """`found`, or what the event costs when it happens again, as the machine stood still in those times."""
    for _ in range(2):
        if site.client.longest_pause(*times) < PATIENCE:
            break
        times = happen(site, event)
        found = toll(site, *times)
    return found


def assert_bounded(event: Event, found: Toll) -> None:
    """What is not planned is over when it has been noticed."""
    allowed = event.noticed_within + SLACK if event.noticed_within else 0.0
    few = found.repeated <= ON_THE_WAY
    assert few or found.outage <= allowed, (event.name, found)
    assert found.repeated <= ON_THE_WAY + 2 * allowed / PERIOD, (event.name, found)

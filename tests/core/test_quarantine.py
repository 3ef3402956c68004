"""Quarantine of a peer in virtual time: routes that the neighbour refuses are found and kept from it."""

import random
from typing import Any

import pytest

from rhi.core import quarantine, recent
from rhi.core.dialer import FIRST_IDLE_HOLD, STABLE_TIME
from rhi.core.quarantine import MAX_REFUSALS, QUARANTINED, RESUME_TIME, SUSPECTED
from rhi.core.recent import SETTLING_TIME
from rhi.model.attributes import PathAttributes
from rhi.model.events import (
    Event,
    RoutesHeldBack,
    RoutesQuarantined,
    RoutesReleased,
    SessionDown,
    SessionUp,
)
from rhi.model.parameters import Parameters
from rhi.model.prefix import to_prefix
from tests.core.refusing import PARAMETERS, Refusing, among, routes, with_community

BAD = to_prefix("192.0.2.66")
ODD = PathAttributes(communities=["65000:66"])


def of_kind(neighbour: Refusing, *kinds: type[Event]) -> list[Any]:
    return [event for event in neighbour.events if isinstance(event, kinds)]


def quarantined(neighbour: Refusing) -> Refusing:
    """A quiet session with three routes, after a fourth has been parked."""
    neighbour.announce("192.0.2.1", "192.0.2.2", "2001:db8::10").start().run(20)
    neighbour.announce(BAD, attributes=ODD).run_until_quiet()
    assert neighbour.parked == {BAD}
    neighbour.events.clear()
    return neighbour


@pytest.fixture
def neighbour() -> Refusing:
    return Refusing(among([BAD]))


def test_refused_route_of_a_stable_session_is_parked_at_once_and_the_rest_is_up_a_second_later(
    neighbour: Refusing,
) -> None:
    neighbour.announce(*routes(100)).start().run(20)

    neighbour.announce(BAD)
    neighbour.run(0.1)
    refused_at = neighbour.now
    neighbour.run(FIRST_IDLE_HOLD)

    assert (neighbour.sessions, neighbour.refusals) == (2, 1)
    assert neighbour.routes.keys() == set(routes(100))
    assert neighbour.now - refused_at <= 1.0
    assert neighbour.status.quarantined == ("192.0.2.66",)
    assert neighbour.status.held_back == {QUARANTINED: 1}


def test_refused_route_is_told_with_the_words_of_the_peer(neighbour: Refusing) -> None:
    neighbour.announce(BAD).start().run_until_quiet()

    events = of_kind(neighbour, SessionDown, RoutesQuarantined, SessionUp, RoutesHeldBack)

    kinds = [type(event) for event in events]
    assert kinds == [SessionUp, SessionDown, RoutesQuarantined, SessionUp, RoutesHeldBack]
    told = of_kind(neighbour, RoutesQuarantined)[0]
    assert (told.routes, told.count) == ((BAD,), 1)
    assert told.reason == "UPDATE Message Error; Malformed Attribute List"


def test_one_refused_route_among_ten_thousand_takes_six_refusals_and_two_minutes(
    neighbour: Refusing,
) -> None:
    everything = [*routes(5000), BAD, *routes(5000, first=5000)]

    neighbour.announce(*everything).start().run_until_quiet()

    assert neighbour.refusals <= 6
    assert neighbour.now < 120
    assert neighbour.routes.keys() == set(everything) - {BAD}
    assert (neighbour.parked, neighbour.withdrawals, neighbour.repeats) == ({BAD}, [], 0)


def test_good_routes_are_back_with_each_session_and_suspects_follow_in_groups(neighbour: Refusing) -> None:
    neighbour.announce(*routes(500)).start().run(20)
    neighbour.announce(*routes(500, first=500), BAD)
    neighbour.run(0.1)

    neighbour.run(1.0)
    begun_with, held = set(neighbour.routes), neighbour.status.held_back
    neighbour.run_until_quiet()

    assert begun_with == set(routes(500))
    assert held == {SUSPECTED: 501}
    assert neighbour.routes.keys() == set(routes(1000))


def test_one_refused_attribute_set_is_parked_as_a_whole(neighbour: Refusing) -> None:
    neighbour.refuses = with_community("65000:66")
    neighbour.announce(*routes(1000)).announce(*routes(500, first=300), attributes=ODD)

    neighbour.start().run_until_quiet()

    assert neighbour.refusals <= 5
    assert neighbour.status.held_back == {QUARANTINED: 500}
    assert len(neighbour.routes) == 500
    told = of_kind(neighbour, RoutesQuarantined)
    assert [event.count for event in told] == [1, 1, 498]
    assert len(told[-1].routes) == len(neighbour.status.quarantined) == 100


def test_refused_routes_are_not_taken_for_their_attributes_when_others_with_them_are_up(
    neighbour: Refusing,
) -> None:
    bad = routes(5, first=1000)
    neighbour.refuses = among(bad)
    neighbour.announce(*routes(100)).start().run(20)

    neighbour.announce(*bad, *routes(100, first=2000)).run_until_quiet()

    assert neighbour.parked == set(bad)


def test_search_waits_for_the_peers_keepalive_before_it_goes_on(neighbour: Refusing) -> None:
    neighbour.announce(*routes(10), BAD).start().run(0.1)
    neighbour.run(1.5)
    neighbour._keepalive_at = neighbour.now + 8

    neighbour.run(SETTLING_TIME + 1)
    silent = len(neighbour.routes)
    neighbour.run(4)

    assert (silent, len(neighbour.routes)) == (0, 1)


def test_search_needs_no_keepalive_with_hold_time_zero() -> None:
    neighbour = Refusing(among([BAD]), Parameters(as_number=65001, hold_time=0))

    neighbour.announce(*routes(50), BAD).start().run_until_quiet()

    assert neighbour.parked == {BAD}
    assert len(neighbour.routes) == 50


def test_routes_announced_while_a_search_runs_are_sent_at_once(neighbour: Refusing) -> None:
    neighbour.announce(*routes(1000), BAD).start().run(10)
    assert neighbour.is_searching

    neighbour.announce("192.0.2.1")

    assert to_prefix("192.0.2.1") in neighbour.routes


def test_refused_route_withdrawn_while_it_waits_ends_the_search_with_all_others_up(
    neighbour: Refusing,
) -> None:
    neighbour.announce(*routes(1000), BAD).start().run(0.1)

    neighbour.withdraw(BAD).run_until_quiet()

    assert neighbour.refusals == 1
    assert not neighbour.parked
    assert neighbour.routes.keys() == set(routes(1000))


def test_session_lost_while_a_search_runs_does_not_convict_anything(neighbour: Refusing) -> None:
    neighbour.announce(*routes(1000), BAD).start()
    for seconds in (2, 5, 8, 9, 11):
        neighbour.run(seconds).drop()

    neighbour.run_until_quiet()

    assert neighbour.parked == {BAD}
    assert neighbour.routes.keys() == set(routes(1000))


def test_parked_route_is_not_sent_in_later_sessions(neighbour: Refusing) -> None:
    quarantined(neighbour)

    neighbour.drop().run(100)

    assert neighbour.refusals == 1
    assert BAD not in neighbour.routes
    assert neighbour.parked == {BAD}


def test_parked_route_is_withdrawn_without_a_word(neighbour: Refusing) -> None:
    quarantined(neighbour)

    neighbour.withdraw(BAD)

    assert neighbour.withdrawals == []
    assert neighbour.status.quarantined == ()
    assert of_kind(neighbour, RoutesReleased) == [
        RoutesReleased(peer=neighbour.peer.name, routes=(BAD,), count=1)
    ]
    assert of_kind(neighbour, RoutesHeldBack)[-1].count == 0


def test_parked_route_announced_anew_after_its_withdrawal_is_tried_again(neighbour: Refusing) -> None:
    quarantined(neighbour).withdraw(BAD)
    neighbour.refuses = among([])

    neighbour.announce(BAD, attributes=ODD)

    assert BAD in neighbour.routes


def test_parked_route_with_other_attributes_is_sent(neighbour: Refusing) -> None:
    neighbour.refuses = with_community("65000:66")
    quarantined(neighbour)

    neighbour.announce(BAD, attributes=PathAttributes(communities=["65000:67"])).run(60)

    assert BAD in neighbour.routes
    assert not neighbour.parked
    assert neighbour.refusals == 1
    assert len(of_kind(neighbour, RoutesReleased)) == 1


def test_parked_route_whose_attributes_come_out_the_same_stays_parked(neighbour: Refusing) -> None:
    quarantined(neighbour)

    # to an external peer it makes no difference
    neighbour.announce(BAD, attributes=PathAttributes(communities=["65000:66"], local_pref=7)).run(60)

    assert neighbour.parked == {BAD}
    assert neighbour.refusals == 1


def test_parked_route_is_sent_when_live_parameters_make_it_another(neighbour: Refusing) -> None:
    neighbour.refuses = with_community("65000:1")
    neighbour.announce("192.0.2.1", attributes=PathAttributes(communities=["65000:2"])).start().run(20)
    neighbour.peer.configure(Parameters.from_json({**PARAMETERS.to_json(), "communities": ["65000:1"]}), 20.0)
    neighbour.announce(BAD).run_until_quiet()
    assert neighbour.parked == {BAD}

    neighbour.peer.configure(PARAMETERS, neighbour.now)
    neighbour.pump()

    assert BAD in neighbour.routes
    assert not neighbour.parked


def test_parked_route_is_released_when_a_filter_takes_it_out(neighbour: Refusing) -> None:
    quarantined(neighbour)

    rejecting = Parameters.from_json({**PARAMETERS.to_json(), "reject": [str(BAD)]})
    neighbour.peer.configure(rejecting, neighbour.now)
    neighbour.pump()

    assert not neighbour.parked
    assert neighbour.status.held_back == {}


def test_parked_route_is_sent_again_on_request(neighbour: Refusing) -> None:
    quarantined(neighbour)
    neighbour.refuses = among([])

    neighbour.peer.release_quarantine(neighbour.now)
    neighbour.pump()

    assert BAD in neighbour.routes
    assert neighbour.status.quarantined == ()
    assert len(of_kind(neighbour, RoutesReleased)) == 1


def test_parked_routes_are_released_when_the_session_is_configured_anew(neighbour: Refusing) -> None:
    quarantined(neighbour)
    neighbour.refuses = among([])

    slower = Parameters.from_json({**PARAMETERS.to_json(), "hold_time": 12})
    neighbour.peer.configure(slower, neighbour.now, allow_reset=True)
    neighbour.pump().run(5)

    assert BAD in neighbour.routes


def test_quarantine_turned_off_sends_parked_routes_and_meets_errors_with_growing_pauses(
    neighbour: Refusing,
) -> None:
    quarantined(neighbour)

    off = Parameters.from_json({**PARAMETERS.to_json(), "quarantine": False})
    neighbour.peer.configure(off, neighbour.now)
    neighbour.pump().run(600)

    assert not neighbour.parked
    assert 20 <= neighbour.refusals <= 40


def test_peer_that_refuses_even_a_session_without_routes_gets_all_again_after_growing_pauses(
    neighbour: Refusing,
) -> None:
    neighbour.takes_end_of_rib = False
    neighbour.announce(*routes(100)).start()

    neighbour.run(1800)

    assert 60 <= neighbour.refusals <= 80
    assert not neighbour.parked
    neighbour.takes_end_of_rib = True
    neighbour.run(60)
    assert neighbour.routes.keys() == set(routes(100))


def test_single_route_of_a_peer_that_refuses_every_session_is_released(neighbour: Refusing) -> None:
    neighbour.takes_end_of_rib = False
    neighbour.announce(BAD).start()

    neighbour.run(600)

    assert not neighbour.parked
    assert [len(of_kind(neighbour, kind)) for kind in (RoutesQuarantined, RoutesReleased)] == [1, 1]


def test_peer_that_refuses_every_route_is_left_with_none_after_four_refusals(neighbour: Refusing) -> None:
    neighbour.refuses = lambda prefix, attributes: True
    neighbour.announce(*routes(1000)).start().run_until_quiet()

    assert neighbour.refusals == 4
    assert neighbour.status.held_back == {QUARANTINED: 1000}


def test_update_error_long_after_the_last_route_suspects_nothing(neighbour: Refusing) -> None:
    neighbour.announce(*routes(10)).start().run(30)

    neighbour._refuse()
    neighbour.pump().run(30)

    assert not of_kind(neighbour, RoutesQuarantined)
    assert neighbour.routes.keys() == set(routes(10))


def test_slow_peer_is_given_more_time_until_the_right_route_is_found(neighbour: Refusing) -> None:
    neighbour.delay = 7.0
    neighbour.announce(*routes(100), BAD).start()

    neighbour.run(300).run_until_quiet()

    assert neighbour.parked == {BAD}
    assert neighbour.routes.keys() == set(routes(100))


def test_too_many_refusals_pause_the_search_for_an_hour_with_the_good_routes_up(
    monkeypatch: pytest.MonkeyPatch, neighbour: Refusing
) -> None:
    monkeypatch.setattr(quarantine, "MAX_REFUSALS", 10)
    bad = random.Random(1).sample(routes(1000), 5)
    neighbour.refuses = among(bad)
    neighbour.announce("192.0.2.1").start().run(20)
    neighbour.announce(*routes(1000)).run(300)

    halted, waiting = neighbour.refusals, neighbour.status.held_back[SUSPECTED]
    good_while_halted = to_prefix("192.0.2.1") in neighbour.routes
    neighbour.run(RESUME_TIME - 300)
    still = neighbour.refusals
    neighbour.run(4 * RESUME_TIME)

    assert halted == still == 10 < MAX_REFUSALS
    assert waiting > 0
    assert good_while_halted
    assert neighbour.parked == set(bad)
    assert len(neighbour.routes) == 996


def test_more_at_once_than_is_kept_is_met_as_without_quarantine(
    monkeypatch: pytest.MonkeyPatch, neighbour: Refusing
) -> None:
    monkeypatch.setattr(recent, "MAX_BYTES", 500)
    neighbour.announce(*routes(500), BAD).start()

    neighbour.run(300)

    assert not neighbour.parked
    assert neighbour.refusals < 20


def test_stable_session_makes_a_peer_that_had_refused_everything_trusted_again(neighbour: Refusing) -> None:
    neighbour.takes_end_of_rib = False
    neighbour.announce("192.0.2.1", BAD).withdraw(BAD).start().run(60)
    neighbour.takes_end_of_rib = True
    neighbour.run(30 + STABLE_TIME)

    neighbour.announce(BAD).run_until_quiet()

    assert neighbour.parked == {BAD}


def test_memory_of_a_peer_without_errors_holds_no_routes(neighbour: Refusing) -> None:
    neighbour.announce(*routes(1000)).start().run(60)
    for number in range(500):
        neighbour.announce("192.0.2.1", attributes=PathAttributes(med=number)).run(1)

    kept = neighbour.peer._routes.quarantine
    assert not kept.parked
    assert kept._search is None
    assert kept._session.recent._size < 1000
    assert len(kept._cache) == 0


def test_parked_routes_that_all_change_before_they_are_looked_through_leave_no_timer(
    neighbour: Refusing,
) -> None:
    """A look that is put off must not ring again and again when there is nothing left to look at."""
    neighbour.refuses = with_community("65000:66")
    neighbour.announce("192.0.2.1").start().run(20)
    neighbour.announce(*routes(300), attributes=ODD).run_until_quiet()
    neighbour.withdraw(routes(1)[0])

    neighbour.announce(*routes(300), attributes=PathAttributes(med=5)).run(60)

    assert not neighbour.parked
    assert len(neighbour.routes) == 301

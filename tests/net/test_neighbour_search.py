"""Who is the one neighbour on a link, in virtual time."""

from ipaddress import IPv6Address
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.net.interfaces import Interface
from rhi.net.neighbour_search import (
    CHOICE_INTERVAL,
    ELSEWHERE_TIME,
    LAST_INTERVAL,
    MAX_CANDIDATES,
    SETTLE_TIME,
    SIGHTING_TIME,
    Action,
    Advertise,
    Ask,
    Attend,
    Connect,
    NeighbourSearch,
    Verify,
    Wait,
)
from rhi.net.netlink import Link, Standing
from tests.net.kernel import ETH0, MAC, OTHERS, OURS, THEIRS


def interface(
    *, index: int = ETH0, is_up: bool = True, is_running: bool = True, is_loopback: bool = False, **more: Any
) -> Interface:
    link = Link(index, "eth0", is_up, is_up and is_running, is_loopback, MAC)
    return Interface(link, more.get("addresses", {OURS: Standing.USABLE}))


class Script:
    """A search, its time, and all that it has asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.search = NeighbourSearch("eth0", lambda: 0.5)
        self.actions: list[tuple[float, Action]] = []
        self.answering: set[IPv6Address] = set()

    def begin(self, state: Interface | None = None) -> "Script":
        self.search.interface_changed(state or interface(), self.now)
        return self.run(0.0)

    def run(self, seconds: float) -> "Script":
        """Let time pass, handling each timeout at its instant."""
        end = self.now + seconds
        while (at := max(self.now, self.search.next_timeout())) <= end:
            self.now = at
            self.search.handle_timeout(at)
            self._note()
        self.now = end
        self._note()
        return self

    def see(self, address: IPv6Address, **how: bool) -> "Script":
        self.search.seen(address, self.now, **how)
        return self.run(0.0)

    def see_both(self, *, is_router: bool = True) -> "Script":
        """Two that are there and answer, for as long as it takes to verify that."""
        self.answering = {THEIRS, OTHERS}
        return self.see(THEIRS, is_router=is_router).see(OTHERS, is_router=is_router).run(10.0)

    def session(self, *, is_connected: bool, is_established: bool = False) -> "Script":
        self.search.session_changed(self.now, is_connected=is_connected, is_established=is_established)
        return self.run(0.0)

    def _note(self) -> None:
        while actions := self.search.actions():
            self.actions += [(self.now, action) for action in actions]
            for action in actions:
                if isinstance(action, Verify):
                    for address in self.answering.intersection(action.doubtful):
                        self.search.seen(address, self.now)

    @property
    def conclusions(self) -> list[Connect | Wait]:
        return [action for _, action in self.actions if isinstance(action, Connect | Wait)]

    @property
    def reason(self) -> str:
        last = self.conclusions[-1]
        assert isinstance(last, Wait)
        return last.reason

    def times(self, kind: type) -> list[float]:
        return [at for at, action in self.actions if isinstance(action, kind)]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (None, "Interface eth0 does not exist"),
        (interface(is_up=False), "Interface eth0 is down"),
        (interface(is_running=False), "Interface eth0 is up, but has no carrier"),
        (interface(addresses={}), "Interface eth0 has no IPv6 link-local address"),
        (
            interface(addresses={OURS: Standing.TENTATIVE}),
            "Interface eth0 has yet to check that nobody else has its address fe80::1",
        ),
        (
            interface(addresses={OURS: Standing.DUPLICATE}),
            "Interface eth0 has the address fe80::1, which somebody else on the link has too",
        ),
        (
            interface(is_loopback=True),
            "Interface eth0 is a loopback interface, which has no neighbours; name the peer by its address",
        ),
    ],
)
def test_search_tells_why_the_interface_cannot_be_used_and_goes_on_when_it_can(
    state: Interface | None, reason: str
) -> None:
    script = Script()
    script.search.interface_changed(state, 0.0)
    script.run(0.0).run(100.0)
    assert script.actions == [(0.0, Wait(reason))]

    script.begin().see(THEIRS, is_router=True).run(CHOICE_INTERVAL)

    assert script.conclusions[-1] == Connect(THEIRS)


def test_search_connects_to_a_router_at_once() -> None:
    script = Script().begin().run(1.0).see(THEIRS, is_router=True)

    assert script.conclusions == [Connect(THEIRS)]
    assert script.times(Connect) == [1.0]


def test_search_connects_to_another_host_when_no_router_shows_up() -> None:
    script = Script().begin().run(0.5).see(THEIRS).run(10.0)

    assert script.conclusions == [Connect(THEIRS)]
    assert script.times(Connect) == [SETTLE_TIME]


def test_search_prefers_a_router_that_shows_up_later() -> None:
    script = Script().begin().see(OTHERS).run(2.0).see(THEIRS, is_router=True).run(10.0)

    assert script.conclusions == [Connect(THEIRS)]


def test_search_says_that_nobody_is_there_only_after_a_while() -> None:
    script = Script().begin().run(SETTLE_TIME / 2)
    assert script.conclusions == []

    script.run(SETTLE_TIME)
    assert script.reason == "Interface eth0 has shown no neighbour yet"


def test_search_says_what_it_has_to_do_without() -> None:
    script = Script()
    script.search.lacks("without ears", 0.0)
    script.begin().run(10.0)

    assert script.reason == "Interface eth0 has shown no neighbour yet; without ears"


def test_search_that_cannot_advertise_does_not() -> None:
    script = Script()
    script.search.interface_changed(interface(), 0.0)
    script.search.lacks("without ears", 0.0)
    script.run(100.0)

    assert script.times(Advertise) == []


@pytest.mark.parametrize("is_router", [True, False])
def test_search_does_not_guess_between_two(is_router: bool) -> None:
    script = Script().begin().see_both(is_router=is_router)

    assert script.reason == (
        "Interface eth0 has more than one neighbour, fe80::2 and fe80::3; "
        "name the peer by its address, such as fe80::2%eth0"
    )


def test_search_names_a_few_of_many() -> None:
    script = Script().begin()
    for n in range(10):
        script.answering.add(THEIRS + n)
        script.see(THEIRS + n, is_router=True)
    script.run(10.0)

    assert "fe80::2, fe80::3, fe80::4, fe80::5 and 6 more;" in script.reason


def test_search_leaves_a_neighbour_when_another_one_shows_up_beside_it() -> None:
    script = Script().begin().see(THEIRS, is_router=True).run(5.0).see_both()

    assert [type(each) for each in script.conclusions] == [Connect, Wait]


def test_search_follows_to_another_neighbour_when_the_first_does_not_answer() -> None:
    script = Script().begin().see(THEIRS, is_router=True, in_kernel=True).run(1.0)
    script.see(OTHERS, is_router=True).run(1.0)
    script.search.silent(THEIRS, script.now, has_failed=True)
    script.run(1.0)

    assert script.conclusions[0] == Connect(THEIRS)
    assert script.conclusions[-1] == Connect(OTHERS)


def test_rfc4861_7_3_neighbour_that_does_not_answer_three_questions_is_gone() -> None:
    script = Script().begin().see(THEIRS, is_router=True, in_kernel=True)
    script.session(is_connected=True).run(100.0).see(OTHERS, is_router=True)
    script.answering = {OTHERS}
    script.session(is_connected=False).run(3.0)

    assert script.conclusions == [Connect(THEIRS), Connect(OTHERS)]
    assert script.times(Verify) == [100.0, 101.0, 102.0]


def test_search_that_cannot_ask_neighbours_drops_none() -> None:
    script = Script().begin()
    script.search.lacks("without ears", 0.0)
    script.see(THEIRS, is_router=True, in_kernel=True).see(OTHERS, is_router=True, in_kernel=True).run(10.0)

    assert "more than one neighbour" in script.reason
    assert len(script.times(Verify)) == 6


def test_search_verifies_again_only_after_a_while() -> None:
    script = Script().begin().see_both()
    before = len(script.times(Verify))
    for _ in range(100):
        script.see(THEIRS).run(0.01)

    assert before <= 9
    assert len(script.times(Verify)) <= before + 3


def test_search_our_own_address_never_counts() -> None:
    script = Script().begin().see(OURS, is_router=True).run(10.0)
    assert script.search.candidates == []

    script.see(THEIRS, is_router=True).run(1.0)
    both = {OURS: Standing.USABLE, THEIRS: Standing.USABLE}
    script.search.interface_changed(interface(addresses=both), script.now)
    script.see(OTHERS, is_router=True).run(1.0)

    assert script.conclusions[-1] == Connect(OTHERS)


def test_search_keeps_the_session_whatever_else_shows_up() -> None:
    script = Script().begin().see(THEIRS, is_router=True).session(is_connected=True, is_established=True)
    script.see(OTHERS, is_router=True).run(1000.0)

    assert script.conclusions == [Connect(THEIRS)]
    assert len(script.times(Ask)) == 1


def test_search_looks_anew_when_the_session_has_ended() -> None:
    script = Script().begin().see(THEIRS, is_router=True).session(is_connected=True).run(300.0)
    script.see(OTHERS, is_router=True).session(is_connected=False).run(1.0)

    assert script.conclusions == [Connect(THEIRS), Connect(OTHERS)]
    assert 300.0 in script.times(Ask)


def test_search_ends_the_session_with_the_link() -> None:
    script = Script().begin().see(THEIRS, is_router=True).session(is_connected=True, is_established=True)
    script.search.interface_changed(interface(is_running=False), script.now)
    script.run(0.0)

    assert script.reason == "Interface eth0 is up, but has no carrier"
    assert script.actions[-2][1] == Attend(False)


def test_search_forgets_neighbours_with_the_link() -> None:
    script = Script().begin().see(THEIRS, is_router=True, in_kernel=True)
    script.search.interface_changed(interface(is_running=False), script.now)
    script.search.interface_changed(interface(), script.now)
    script.run(0.0)

    assert script.search.candidates == []
    assert script.reason == "Interface eth0 has shown no neighbour yet"


def test_search_begins_anew_on_another_interface_of_the_same_name() -> None:
    script = Script().begin().see(THEIRS, is_router=True)
    script.begin(interface(index=ETH0 + 1))

    kinds = [action for _, action in script.actions if isinstance(action, Attend)]
    assert kinds == [Attend(True), Attend(False), Attend(True)]
    assert script.search.candidates == []


@pytest.mark.parametrize("in_kernel", [True, False])
def test_search_forgets_a_neighbour_of_which_nothing_is_heard_unless_the_kernel_knows_it(
    in_kernel: bool,
) -> None:
    script = (
        Script().begin().see(THEIRS, is_router=True, in_kernel=in_kernel).run(SIGHTING_TIME + LAST_INTERVAL)
    )

    assert script.search.candidates == ([THEIRS] if in_kernel else [])


def test_search_neighbour_that_the_kernel_drops_counts_for_a_while() -> None:
    script = Script().begin().see(THEIRS, is_router=True, in_kernel=True)
    script.search.silent(THEIRS, script.now, has_failed=False)
    script.search.silent(OTHERS, script.now, has_failed=True)

    assert script.run(1.0).conclusions == [Connect(THEIRS)]


def test_search_asks_less_and_less_often() -> None:
    script = Script().begin().run(500.0)

    times = script.times(Ask)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[:7] == pytest.approx([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0])
    assert max(pauses) == pytest.approx(LAST_INTERVAL)


def test_rfc4861_6_3_7_router_solicitations_are_four_seconds_apart() -> None:
    script = Script().begin().run(20.0)

    solicited = [at for at, action in script.actions if isinstance(action, Ask) and action.solicits]
    assert solicited == pytest.approx([0.0, 7.0, 15.0])


def test_search_advertises_often_until_there_is_a_session() -> None:
    script = Script().begin().see(THEIRS, is_router=True).run(60.0)
    eager = len(script.times(Advertise))
    script.session(is_connected=True, is_established=True).run(20.0)
    before = len(script.times(Advertise))
    script.run(300.0)

    assert eager >= 8
    assert len(script.times(Advertise)) == before

    script.session(is_connected=False).run(20.0)
    assert len(script.times(Advertise)) >= before + 2


def test_search_leaves_advertising_to_another_program_on_the_host() -> None:
    script = Script().begin()
    before = len(script.times(Advertise))
    assert script.search.advertises_elsewhere(script.now)
    script.run(ELSEWHERE_TIME - 1.0)
    assert not script.search.advertises_elsewhere(script.now)  # no news
    script.run(ELSEWHERE_TIME - 1.0)

    assert len(script.times(Advertise)) == before
    assert not script.search.is_advertising


def test_search_advertises_again_when_the_other_program_is_heard_no_more() -> None:
    script = Script().begin().session(is_connected=True, is_established=True)
    before = len(script.times(Advertise))
    script.search.advertises_elsewhere(script.now)
    script.run(ELSEWHERE_TIME)

    assert script.search.is_advertising
    assert script.times(Advertise)[before:] == [ELSEWHERE_TIME]
    assert script.search.advertises_elsewhere(script.now)


def test_search_advertises_again_when_the_session_has_ended() -> None:
    script = Script().begin().session(is_connected=True, is_established=True)
    before = len(script.times(Advertise))
    script.search.advertises_elsewhere(script.now)
    script.run(10.0).session(is_connected=False)

    assert script.times(Advertise)[before:] == [10.0]


def test_search_still_leaves_advertising_to_another_program_when_the_interface_comes_back() -> None:
    script = Script().begin()
    before = len(script.times(Advertise))
    script.search.advertises_elsewhere(script.now)
    script.search.interface_changed(interface(is_up=False), script.now)
    script.search.interface_changed(interface(), script.now)
    script.search.lacks("without ears", script.now)
    script.search.lacks("", script.now)
    script.run(100.0)

    assert len(script.times(Advertise)) == before


def test_search_advertises_when_it_no_longer_lacks_what_it_takes() -> None:
    script = Script()
    script.search.interface_changed(interface(), 0.0)
    script.search.lacks("without ears", 0.0)
    script.run(5.0)
    script.search.lacks("", script.now)
    script.run(1.0)

    assert script.times(Advertise) == [5.0]


def test_search_answers_a_solicitation() -> None:
    script = Script().begin().session(is_connected=True, is_established=True).run(40.0)
    before = len(script.times(Advertise))
    script.search.solicited(script.now)
    script.run(1.0)

    assert len(script.times(Advertise)) == before + 1


def test_search_is_open_to_anybody_until_it_has_found_one() -> None:
    script = Script().begin()
    assert script.search.is_open_to(OTHERS)

    script.see(THEIRS, is_router=True)
    assert script.search.is_open_to(THEIRS)
    assert not script.search.is_open_to(OTHERS)


def test_search_goes_on_with_whom_it_has_let_in() -> None:
    script = Script().begin().see_both()
    script.search.accepted(OTHERS, script.now)
    script.session(is_connected=True, is_established=True).run(10.0)
    script.search.silent(THEIRS, script.now, has_failed=True)
    script.session(is_connected=False).run(1.0)

    assert script.conclusions[-1] == Connect(OTHERS)


def test_search_says_again_that_it_has_two_after_a_session_that_came_in() -> None:
    script = Script().begin().see_both()
    script.search.accepted(OTHERS, script.now)
    script.session(is_connected=True).session(is_connected=False).run(10.0)

    assert [type(each) for each in script.conclusions] == [Connect, Wait, Wait]


def test_search_router_is_not_hidden_by_a_crowd_of_hosts() -> None:
    script = Script().begin()
    for n in range(1000):
        script.search.seen(OTHERS + n, script.now)
    script.see(THEIRS, is_router=True).run(1.0)

    assert script.conclusions[-1] == Connect(THEIRS)
    assert len(script.search.candidates) == MAX_CANDIDATES


@given(
    st.lists(
        st.tuples(st.integers(2, 60), st.booleans(), st.booleans(), st.floats(0, 5), st.booleans()),
        max_size=60,
    )
)
def test_search_any_history_is_bounded_and_chooses_four_times_a_second_at_most(
    history: list[tuple[int, bool, bool, float, bool]],
) -> None:
    script = Script().begin()
    for number, is_router, in_kernel, pause, has_failed in history:
        address = OURS + number
        if has_failed:
            script.search.silent(address, script.now, has_failed=True)
        script.see(address, is_router=is_router, in_kernel=in_kernel).run(pause)

        assert len(script.search.candidates) <= MAX_CANDIDATES
    times = script.times(Connect) + script.times(Wait)
    assert len(times) <= 2 + script.now / CHOICE_INTERVAL
    for conclusion in script.conclusions:
        assert not isinstance(conclusion, Connect) or conclusion.address != OURS

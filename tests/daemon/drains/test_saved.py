import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.daemon.decision.overrides import Action, Override
from rhi.daemon.drains.machine import Drain, Kind, Pace, State, Step, Target
from rhi.daemon.drains.saved import decode_drains, decode_overrides, encode_drains, encode_overrides
from rhi.daemon.state import Clocks

NOW = Clocks(monotonic=1000.0, wall=1_700_000_000.0)
instants = st.integers(0, 2000).map(float)
past = st.integers(0, 1000).map(float)
drains = st.builds(
    Drain,
    target=st.builds(Target, st.sampled_from([Kind.SERVICE, Kind.PEER]), st.text(min_size=1))
    | st.just(Target(Kind.ALL)),
    pace=st.builds(Pace, wait=instants, acknowledge=instants, age=instants, deadline=st.none() | instants),
    reason=st.text(),
    by=st.text(),
    until=st.none() | instants,
    is_forced=st.booleans(),
    closes=st.booleans(),
    message=st.text(),
    steps=st.lists(
        st.builds(
            Step,
            state=st.sampled_from(State),
            at=past,
            text=st.text(),
            behind=st.dictionaries(st.text(), st.text(), max_size=2),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


@given(st.lists(drains, max_size=3))
def test_drains_come_back_under_another_clock(said: list[Drain]) -> None:
    document = json.loads(json.dumps(encode_drains(said, NOW)))

    found = decode_drains(document, NOW)

    assert found == [each for each in said if each.until is None or each.until > NOW.monotonic]


def test_overrides_come_back_under_another_clock_without_those_that_are_over() -> None:
    said = Override(
        action=Action.DRAIN,
        reason="kernel",
        by="ann",
        at=990.0,
        until=2000.0,
        drain_time=30.0,
        is_forced=True,
    )
    document = json.loads(json.dumps(encode_overrides({"dns": said}, NOW)))

    rebooted = Clocks(monotonic=5.0, wall=NOW.wall + 60)
    assert decode_overrides(document, rebooted) == {
        "dns": Override(
            action=Action.DRAIN,
            reason="kernel",
            by="ann",
            at=-65.0,
            until=945.0,
            drain_time=30.0,
            is_forced=True,
        )
    }
    assert decode_overrides(document, Clocks(monotonic=0.0, wall=NOW.wall + 1001)) == {}


@pytest.mark.parametrize("document", [5, [5], [{}], [{"pace": 5}], {"a": 1}])
def test_nonsense_is_refused_with_errors_that_are_expected(document: object) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        decode_drains(document, NOW)


@pytest.mark.parametrize("until", [1e300, -1, float("nan"), float("inf"), 10**400], ids=str)
def test_override_until_an_instant_that_no_clock_shows_is_refused(until: float) -> None:
    said = Override(action=Action.WITHDRAW, reason="", by="ann", at=990.0)
    document = encode_overrides({"dns": said}, NOW)
    document["dns"]["until"] = until

    with pytest.raises((ValueError, OverflowError)):
        decode_overrides(document, NOW)


def test_what_was_withdrawn_stays_so_when_the_clock_lags_after_a_start_of_the_host() -> None:
    lagging = Clocks(monotonic=5.0, wall=NOW.wall - 86_400.0)
    word = Override(action=Action.DRAIN, reason="kernel", by="ann", at=900.0, until=1900.0, drain_time=30.0)
    steps = (Step(state=State.MARKED, at=900.0, text=""), Step(state=State.AGING, at=950.0, text=""))
    drain = Drain(
        target=Target(Kind.SERVICE, "dns"), pace=Pace(age=5.0), reason="", by="", until=1900.0, steps=steps
    )

    override = decode_overrides(encode_overrides({"dns": word}, NOW), lagging)["dns"]
    (found,) = decode_drains(encode_drains([drain], NOW), lagging)

    assert (override.at, override.until) == (5.0, 1005.0)
    assert [step.at for step in found.steps] == [-45.0, 5.0]
    assert found.until == 955.0
    assert found.next_at() == 10.0

import pytest

from rhi.daemon.decision.addresses import Wish, combine
from rhi.daemon.decision.overrides import Action, Override
from rhi.daemon.decision.spec import Service, Sharing, Verdict
from rhi.daemon.decision.standing import Past, Standing, judge
from rhi.model.attributes import PathAttributes
from tests.daemon.decision.build import DOWN, UNKNOWN, UP, override, service

BEST, WORSE = PathAttributes(med=1), PathAttributes(med=2)


def standings(*verdicts: Verdict) -> list[Standing]:
    """Of services a, b, c ... with MED 1, 2, 3 ..."""
    return [
        standing(service("abc"[number], attributes=PathAttributes(med=number + 1)), verdict)
        for number, verdict in enumerate(verdicts)
    ]


def standing(subject: Service, verdict: Verdict, said: Override | None = None) -> Standing:
    return judge(subject, {subject.name: verdict}, said, Past(), 0.0)


@pytest.mark.parametrize(
    ("sharing", "verdicts", "is_live", "expected"),
    [
        (Sharing.ALL, [UP, UP], False, BEST),
        (Sharing.ALL, [UP, DOWN], True, None),
        (Sharing.ANY, [UP, DOWN], False, BEST),
        (Sharing.ANY, [DOWN, UP], True, WORSE),
        (Sharing.ANY, [DOWN, DOWN], True, None),
        (Sharing.ALL, [DOWN, UNKNOWN], False, None),
        (Sharing.ANY, [UP, UNKNOWN], False, BEST),
        (Sharing.ALL, [UP, UNKNOWN], True, BEST),
        (Sharing.ANY, [DOWN, UNKNOWN], True, None),
    ],
)
def test_combine_asks_all_or_any(
    sharing: Sharing, verdicts: list[Verdict], is_live: bool, expected: PathAttributes | None
) -> None:
    wish = combine(standings(*verdicts), sharing, is_live=is_live)

    assert wish.is_known
    assert wish.attributes == expected


@pytest.mark.parametrize(
    ("sharing", "verdicts", "is_live"),
    [
        (Sharing.ALL, [UP, UNKNOWN], False),
        (Sharing.ANY, [DOWN, UNKNOWN], False),
        (Sharing.ALL, [UNKNOWN], True),
        (Sharing.ANY, [UNKNOWN, UNKNOWN], True),
    ],
)
def test_combine_does_not_know_while_it_depends_on_a_service_that_does_not(
    sharing: Sharing, verdicts: list[Verdict], is_live: bool
) -> None:
    assert not combine(standings(*verdicts), sharing, is_live=is_live).is_known


def test_combine_takes_the_worst_attributes_with_all_and_the_best_with_any() -> None:
    good = standing(service("a"), UP)
    draining = standing(service("b"), UP, override(Action.DRAIN, drain_time=9.0))

    assert combine([good, draining], Sharing.ALL, is_live=True).attributes == draining.attributes
    assert combine([good, draining], Sharing.ANY, is_live=True).attributes == good.attributes


def test_combine_names_the_service_that_forces_a_withdrawal() -> None:
    failed = standing(service("a"), DOWN)
    forced = standing(service("b"), UP, override(Action.WITHDRAW, is_forced=True))

    wish = combine([failed, forced], Sharing.ALL, is_live=True)

    assert wish == Wish(is_known=True, attributes=None, because="b", is_ordered=True, is_forced=True)

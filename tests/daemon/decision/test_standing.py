from dataclasses import replace

import pytest

from rhi.daemon.decision.overrides import Action, Override
from rhi.daemon.decision.spec import ANY, Adjustment, Band, Damping, Quota, Service, Verdict
from rhi.daemon.decision.standing import Past, Standing, judge
from rhi.model.attributes import PathAttributes
from rhi.model.communities import Community
from tests.daemon.decision.build import DOWN, STALE, UP, address, override, service

NO_EXPORT = Community("no-export")


def stand(
    subject: Service,
    now: float,
    before: Standing | None = None,
    said: Override | None = None,
    **verdicts: Verdict,
) -> Standing:
    return judge(subject, verdicts, said, Past() if before is None else before.past, now)


def text(standing: Standing, stage: str) -> str:
    (found,) = [step.text for step in standing.steps if step.stage == stage]
    return found


def test_standing_before_the_first_verdict_announces_nothing() -> None:
    standing = stand(service("a"), 0.0)

    assert not standing.is_known
    assert standing.attributes is None
    assert standing.level_name == "unknown"


def test_standing_of_a_healthy_service_has_its_own_attributes() -> None:
    attributes = PathAttributes(med=7)

    standing = stand(service("a", attributes=attributes), 3.0, a=UP)

    assert standing.attributes == attributes
    assert standing.level_name == "healthy"
    assert standing.since == 3.0


@pytest.mark.parametrize(
    ("unhealthy", "expected"),
    [
        (None, None),
        (Adjustment(med_add=50), PathAttributes(med=60)),
        (Adjustment(prepend_add=3), PathAttributes(med=10, prepend=3)),
        (Adjustment(communities=(NO_EXPORT,)), PathAttributes(med=10, communities=[NO_EXPORT])),
        (Adjustment(graceful_shutdown=True), PathAttributes(med=10, graceful_shutdown=True)),
        (Adjustment(med_add=0xFFFFFFFF), PathAttributes(med=0xFFFFFFFF)),
    ],
)
def test_standing_of_an_unhealthy_service_does_what_it_is_told(
    unhealthy: Adjustment | None, expected: PathAttributes | None
) -> None:
    subject = service("a", attributes=PathAttributes(med=10), unhealthy=unhealthy)

    assert stand(subject, 0.0, a=DOWN).attributes == expected


def test_standing_in_a_band_has_the_bands_attributes() -> None:
    bands = (
        Band(name="full", at_least=Quota(count=2)),
        Band(name="half", at_least=ANY, adjustment=Adjustment(med_add=50)),
    )
    subject = service("s", bands=bands, checks=("a", "b"))

    standing = stand(subject, 0.0, a=UP, b=DOWN)

    assert standing.level_name == "half"
    assert standing.attributes == PathAttributes(med=50)


def test_standing_with_a_failed_dependency_is_degraded_and_stays_announced() -> None:
    subject = service("a", dependencies=("db",), degraded=Adjustment(med_add=30))

    standing = stand(subject, 0.0, a=UP, db=DOWN)

    assert standing.is_degraded
    assert standing.attributes == PathAttributes(med=30)
    assert text(standing, "degraded") == "dependency fails: db"


def test_standing_with_a_check_that_died_is_degraded_and_keeps_its_level() -> None:
    subject = service("a")

    before = stand(subject, 0.0, a=UP)
    standing = stand(subject, 1.0, before, a=STALE)

    assert standing.attributes == PathAttributes(med=100)
    assert text(standing, "degraded") == "check died: a"


def test_standing_stays_in_a_level_for_its_dwell() -> None:
    subject = service("a", min_up=5.0, min_down=8.0)

    up = stand(subject, 100.0, a=UP)
    early = stand(subject, 104.0, up, a=DOWN)
    down = stand(subject, 105.0, early, a=DOWN)
    back = stand(subject, 112.9, down, a=UP)
    again = stand(subject, 113.0, back, a=UP)

    assert [each.level for each in (up, early, down, back, again)] == [0, 0, 1, 1, 0]
    assert early.next_at == 105.0
    assert text(early, "dwell") == "stays healthy for 1.0 s more"
    assert back.next_at == 113.0
    assert again.next_at is None


def test_standing_of_a_damped_service_is_held_at_the_worst_until_reuse() -> None:
    damping = Damping(penalty=1000, half_life=10, suppress=1500, reuse=1000, max_suppress=60)
    subject = service("a", damping=damping)
    standing = stand(subject, 0.0, a=UP)

    for verdict in (DOWN, UP, DOWN, UP):
        standing = stand(subject, 0.0, standing, a=verdict)
    let_go = standing.next_at
    assert let_go is not None
    later = stand(subject, let_go, standing, a=UP)

    assert standing.level_name == "unhealthy"
    assert text(standing, "damping") == "held at unhealthy: penalty 2000, 10 s more"
    assert later.level_name == "healthy"


@pytest.mark.parametrize(("verdict", "expected"), [(UP, None), (DOWN, None)])
def test_standing_under_withdraw_is_withdrawn_whatever_the_checks_say(
    verdict: Verdict, expected: PathAttributes | None
) -> None:
    standing = stand(service("a"), 1.0, said=override(Action.WITHDRAW), a=verdict)

    assert standing.attributes is expected
    assert text(standing, "override") == "withdraw by ann: a test"


def test_standing_under_announce_is_announced_at_its_best_even_before_a_verdict() -> None:
    subject = service("a", dependencies=("db",))

    unknown = stand(subject, 1.0, said=override(Action.ANNOUNCE), db=DOWN)
    down = stand(subject, 1.0, said=override(Action.ANNOUNCE), a=DOWN)

    assert unknown.attributes == down.attributes == PathAttributes()
    assert unknown.is_known


def test_standing_under_drain_is_marked_first_and_withdrawn_after_the_drain_time() -> None:
    drain = override(Action.DRAIN, at=10.0, drain_time=30.0)

    marked = stand(service("a"), 10.0, said=drain, a=UP)
    gone = stand(service("a"), 40.0, marked, drain, a=UP)

    assert marked.attributes == PathAttributes(graceful_shutdown=True)
    assert marked.next_at == 40.0
    assert gone.attributes is None


def test_standing_under_drain_does_not_bring_back_an_unhealthy_service() -> None:
    standing = stand(service("a"), 10.0, said=override(Action.DRAIN, at=10.0, drain_time=30.0), a=DOWN)

    assert standing.attributes is None


def test_standing_forgets_an_override_that_is_over() -> None:
    said = override(Action.WITHDRAW, until=20.0)

    before = stand(service("a"), 19.0, said=said, a=UP)
    after = stand(service("a"), 20.0, before, said, a=UP)

    assert before.next_at == 20.0
    assert after.attributes == PathAttributes()


def test_standing_of_a_service_without_checks_is_healthy() -> None:
    assert stand(service("static", address(1), checks=()), 0.0).attributes == PathAttributes()


def test_override_is_told_with_its_reason_if_it_has_one() -> None:
    word = Override(action=Action.DRAIN, reason="", by="ann", at=0.0)

    assert str(word) == "drain by ann"
    assert str(replace(word, reason="kernel", is_forced=True)) == "drain by ann: kernel, forced"

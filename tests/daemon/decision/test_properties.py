"""Histories of verdicts, overrides, reloads and time: what holds whatever happens.

The reconciler is idempotent, changes no service faster than its dwell, keeps every floor, and once everything
is quiet its answer is the one that a reconciler without a past would give. And at every step of every history
it does, without looking at more than was touched, what one does that looks at everything (see `World`).
"""

from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.reconciler import Inputs, Outcome, Reconciler
from rhi.daemon.decision.spec import (
    ANY,
    Adjustment,
    Band,
    Damping,
    Group,
    OnTrip,
    Presence,
    Quota,
    Service,
    Sharing,
    Specs,
    Verdict,
)
from rhi.model.prefix import Prefix, to_prefix
from tests.daemon.decision.build import DOWN, UP, World, address, override, service, specs

NAMES = ["a", "b", "c", "d"]
CHECKS = ["w", "x", "y", "z"]
MIN_UP, MIN_DOWN = 2.0, 5.0
REDUCED = Band(name="reduced", at_least=ANY, adjustment=Adjustment(med_add=50))

bands = st.sampled_from([(Band(name="full", at_least=Quota(count=2)), REDUCED), (REDUCED,)])


dampings = st.sampled_from([None, Damping(half_life=10.0, max_suppress=30.0)])


@st.composite
def services(draw: st.DrawFn, name: str, groups: tuple[str, ...] = ("default",)) -> Service:
    """A service with some of the addresses, so that many of them are shared."""
    own = draw(st.lists(st.integers(1, 5), min_size=1, max_size=2, unique=True))
    fields: dict[str, Any] = {
        "checks": tuple(draw(st.lists(st.sampled_from(CHECKS), min_size=1, max_size=3, unique=True))),
        "dependencies": tuple(draw(st.lists(st.sampled_from(CHECKS), max_size=1))),
        "bands": draw(bands),
        "min_up": MIN_UP,
        "min_down": MIN_DOWN,
        "damping": draw(dampings),
        "group": draw(st.sampled_from(groups)),
        "never_last": len(groups) > 1 and draw(st.booleans()),
    }
    return service(name, *map(address, own), **fields)


@st.composite
def guards(draw: st.DrawFn, name: str) -> Group:
    percent = st.sampled_from([25, 50, 100]).map(lambda share: Quota(percent=Fraction(share)))
    return Group(
        name=name,
        floor=draw(st.integers(0, 3).map(lambda count: Quota(count=count)) | percent),
        max_withdrawals=draw(st.sampled_from([None, 0, 1, 2])),
        window=draw(st.sampled_from([5.0, 30.0])),
        suspect_within=draw(st.sampled_from([None, 1.0, 10.0])),
        on_trip=draw(st.sampled_from(OnTrip)),
    )


@st.composite
def configurations(draw: st.DrawFn) -> Specs:
    """Any services in two groups; an address may be in both, and move with every reload."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    any_of = draw(st.lists(st.integers(1, 5), unique=True))
    return specs(
        *[draw(services(name, ("default", "other"))) for name in names],
        groups=(draw(guards("default")), draw(guards("other"))),
        sharing={address(number): Sharing.ANY for number in any_of},
    )


class Histories(RuleBasedStateMachine):
    """One reconciler through anything."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(service("a", address(1), min_up=MIN_UP, min_down=MIN_DOWN))
        self.changed_at: dict[str, tuple[int | None, float]] = {}

    @initialize(configuration=configurations(), is_up=st.booleans())
    def begin(self, configuration: Specs, is_up: bool) -> None:
        """Most of what guards do they do to what is announced."""
        self.reload(configuration)
        if is_up:
            self.decide(**dict.fromkeys([*CHECKS, *NAMES], UP))

    def decide(self, after: float = 0.0, /, **verdicts: Verdict) -> Outcome:
        """Decide; no dwell is cut short, and no floor that was held is broken, unless by force."""
        reconciler = self.world.reconciler
        before = self.world.announced
        outcome = self.world.decide(after, **verdicts)
        for name, group in reconciler.specs.groups.items():
            own = {str(prefix) for prefix in reconciler.addresses if self.group_of(prefix) == name}
            forced = {str(prefix) for prefix in reconciler.addresses if self.is_forced(prefix)}
            held = len(own & before - forced)
            assert len(own & self.world.announced) >= min(group.floor.of(len(own)), held)
        self.no_level_changes_faster_than_its_dwell()
        return outcome

    def group_of(self, prefix: Prefix) -> str:
        """An address that several services have is guarded by the group of the first."""
        reconciler = self.world.reconciler
        return reconciler.specs.services[reconciler.services_of(prefix)[0]].group

    def is_forced(self, prefix: Prefix) -> bool:
        reconciler = self.world.reconciler
        return self.world.presence.get(prefix) is Presence.ABSENT or any(
            reconciler.standings[name].is_forced for name in reconciler.services_of(prefix)
        )

    @rule(check=st.sampled_from([*CHECKS, *NAMES]), verdict=st.sampled_from([*Verdict, UP, DOWN, DOWN]))
    def verdict(self, check: str, verdict: Verdict) -> None:
        self.decide(**{check: verdict})

    @rule(gap=st.sampled_from([0.0, 0.4, 3.0]), but=st.sampled_from(["", *CHECKS]))
    def fall(self, gap: float, but: str) -> None:
        """All fail, or all but one, one after the other, until dwell lets go of the last."""
        for check in [*CHECKS, *NAMES]:
            if check != but:
                self.decide(gap, **{check: DOWN})
        self.decide(MIN_UP)

    @rule()
    def rise(self) -> None:
        self.decide(**dict.fromkeys([*CHECKS, *NAMES], UP))
        self.decide(MIN_DOWN)

    @rule(seconds=st.floats(0.0, 20.0))
    def time(self, seconds: float) -> None:
        self.decide(seconds)

    @rule(data=st.data())
    def wake_up(self, data: st.DataObject) -> None:
        outcome = self.decide()
        if outcome.next_at is not None:
            assert outcome.next_at > self.world.now
            self.decide(outcome.next_at - self.world.now)

    @rule(
        name=st.sampled_from(NAMES),
        action=st.sampled_from(Action),
        seconds=st.sampled_from([None, 1.0, 10.0]),
        is_forced=st.booleans(),
    )
    def say(self, name: str, action: Action, seconds: float | None, is_forced: bool) -> None:
        until = None if seconds is None else self.world.now + seconds
        self.world.overrides[name] = override(
            action, self.world.now, until=until, drain_time=3.0, is_forced=is_forced
        )
        self.decide()

    @rule(name=st.sampled_from(NAMES))
    def take_back(self, name: str) -> None:
        self.world.overrides.pop(name, None)
        self.decide()

    @rule(configuration=configurations())
    def reload(self, configuration: Specs) -> None:
        before = set(self.world.reconciler.specs.services)
        self.world.configure(configuration)
        for name in before ^ set(configuration.services):
            self.changed_at.pop(name, None)
        self.decide()

    @rule(number=st.integers(1, 5), is_seen=st.booleans())
    def origin(self, number: int, is_seen: bool) -> None:
        others = self.world.other_origins
        (others.add if is_seen else others.discard)(to_prefix(address(number)))
        self.decide()

    @rule(number=st.integers(1, 5), presence=st.sampled_from(Presence))
    def be(self, number: int, presence: Presence) -> None:
        self.world.presence[to_prefix(address(number))] = presence
        self.decide()

    @invariant()
    def asking_again_changes_nothing(self) -> None:
        assert self.decide().changes == ()

    def no_level_changes_faster_than_its_dwell(self) -> None:
        for name, standing in self.world.reconciler.standings.items():
            level, at = self.changed_at.get(name, (None, 0.0))
            if standing.level != level:
                assert standing.since == self.world.now
                if level is not None and standing.level is not None:
                    dwell = MIN_UP if standing.level > level else MIN_DOWN
                    # the first service of a history, and all that come by reload, have the same dwell
                    assert self.world.now >= at + dwell
                self.changed_at[name] = (standing.level, self.world.now)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_reconciler_never_goes_below_a_floor_that_was_reached(data: st.DataObject) -> None:
    floor = data.draw(st.integers(1, 4))
    group = Group(name="default", floor=Quota(count=floor))
    world = World(*[service(name, address(i)) for i, name in enumerate(NAMES)], groups=(group,))
    reached = 0

    for _ in range(20):
        name = data.draw(st.sampled_from(NAMES))
        if data.draw(st.booleans()):
            world.decide(data.draw(st.floats(0, 3)), **{name: data.draw(st.sampled_from([UP, DOWN]))})
        else:
            world.overrides[name] = override(data.draw(st.sampled_from(Action)), world.now)
            world.decide()

        assert len(world.announced) >= min(floor, reached)
        reached = max(reached, len(world.announced))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_reconciler_at_rest_answers_as_one_without_a_past_would(data: st.DataObject) -> None:
    found = [data.draw(services(name)) for name in NAMES]
    world = World(*found, sharing={address(1): Sharing.ANY})
    for _ in range(data.draw(st.integers(0, 15))):
        check = data.draw(st.sampled_from(CHECKS))
        world.decide(data.draw(st.floats(0, 10)), **{check: data.draw(st.sampled_from([UP, DOWN]))})

    world.decide(**{check: data.draw(st.sampled_from([UP, DOWN])) for check in CHECKS})
    while (next_at := world.decide().next_at) is not None:
        world.decide(next_at - world.now)

    fresh = Reconciler(specs(*found, sharing={address(1): Sharing.ANY}))
    fresh.decide(Inputs(verdicts=world.verdicts), world.now)
    assert world.reconciler.routes == fresh.routes


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_reconciler_withdraws_no_faster_than_the_rate_allows(data: st.DataObject) -> None:
    group = Group(name="default", max_withdrawals=2, window=10.0)
    world = World(*[service(name, address(i)) for i, name in enumerate(NAMES)], groups=(group,))
    left: list[float] = []

    for _ in range(25):
        name = data.draw(st.sampled_from(NAMES))
        verdict = data.draw(st.sampled_from([UP, DOWN]))
        outcome = world.decide(data.draw(st.floats(0, 4)), **{name: verdict})
        left += [world.now for change in outcome.changes if change.after is None]

        assert sum(world.now < at + 10.0 for at in left) <= 2


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_reconciler_never_takes_away_the_last_origin_of_an_address(data: st.DataObject) -> None:
    world = World(*[service(name, address(i), never_last=True) for i, name in enumerate(NAMES)])

    for _ in range(25):
        number = data.draw(st.integers(0, 3))
        before = world.announced
        what = data.draw(st.sampled_from(["verdict", "seen", "gone", "withdraw", "drain", "take back"]))
        if what == "verdict":
            world.verdicts[NAMES[number]] = data.draw(st.sampled_from([UP, UP, DOWN]))
        elif what == "seen":
            world.other_origins.add(to_prefix(address(number)))
        elif what == "gone":
            world.other_origins.discard(to_prefix(address(number)))
        elif what == "take back":
            world.overrides.pop(NAMES[number], None)
        else:
            world.overrides[NAMES[number]] = override(Action(what), world.now, drain_time=3.0)
        world.decide(data.draw(st.sampled_from([0.0, 2.0, 5.0])))

        others = set(map(str, world.other_origins))
        assert before - world.announced <= others
        for i, name in enumerate(NAMES):
            failed = world.verdicts.get(name) is DOWN and name not in world.overrides
            if failed and address(i) in others:
                assert address(i) not in world.announced

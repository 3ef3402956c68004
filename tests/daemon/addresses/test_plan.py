"""What is done about an address, case by case, and whatever happens in which order."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.daemon.addresses.picture import Seen
from rhi.daemon.addresses.plan import (
    LONGEST_PAUSE,
    LOSS_WINDOW,
    MAX_LOSSES,
    Action,
    Facts,
    Order,
    State,
    Trouble,
    after_failure,
    after_loss,
    judge,
)
from rhi.daemon.addresses.spec import Spot
from rhi.daemon.decision.spec import Presence
from tests.daemon.addresses.world import CHECK, OURS, OWN, THEIRS, UNMARKED, VIP, Host, facts

ADD = Order(Action.ADD, Spot("lo", VIP))
REMOVE = Order(Action.REMOVE, Spot("lo", VIP))
INFINITE = float("inf")
TENTATIVE = Seen(is_usable=False, is_duplicate=False, mark=0)
DUPLICATE = Seen(is_usable=False, is_duplicate=True, mark=0)
LO = frozenset({"lo"})
HERE, PENDING, ABSENT = Presence.HERE, Presence.PENDING, Presence.ABSENT

# facts, presence, state, order, what is remembered
CASES = {
    "the kernel has not told": (
        facts(seen=None, recorded=LO, wish=False), PENDING, State.WAITING, None, LO,
    ),
    "wanted, and not there": (facts(wish=True), PENDING, State.ADDING, ADD, LO),
    "being added": (facts(wish=True, recorded=LO, order=ADD), PENDING, State.ADDING, None, LO),
    "there, and remembered": (facts(wish=True, seen={"lo": OURS}, recorded=LO), HERE, State.HERE, None, LO),
    "there, and not remembered": (facts(wish=True, seen={"lo": OURS}), HERE, State.HERE, None, LO),
    "there by somebody else": (
        facts(wish=True, seen={"lo": THEIRS}), HERE, State.FOREIGN, None, frozenset(),
    ),
    "added anew by somebody else": (
        facts(wish=False, seen={"lo": THEIRS}, recorded=LO), HERE, State.FOREIGN, None, frozenset(),
    ),
    "remembered, on a kernel without marks": (
        facts(wish=False, seen={"lo": UNMARKED}, recorded=LO, keeps_marks=False),
        PENDING, State.LINGERING, REMOVE, LO,
    ),
    "with another length by somebody else": (
        facts(wish=False, seen={"lo": replace(THEIRS, mark=None)}, recorded=LO, keeps_marks=False),
        HERE, State.FOREIGN, None, frozenset(),
    ),
    "removed by somebody, still announced": (
        facts(wish=True, is_announced=True, recorded=LO), PENDING, State.ADDING, ADD, LO,
    ),
    "unknown after a crash": (facts(seen={"lo": OURS}, recorded=LO), HERE, State.HERE, None, LO),
    "unhealthy, and still announced": (
        facts(wish=False, is_announced=True, seen={"lo": OURS}, recorded=LO), HERE, State.HERE, None, LO,
    ),
    "withdrawn, not acknowledged": (
        facts(wish=False, free_at=INFINITE, seen={"lo": OURS}, recorded=LO), HERE, State.LINGERING, None, LO,
    ),
    "withdrawn, not aged": (
        facts(wish=False, free_at=101.0, seen={"lo": OURS}, recorded=LO), HERE, State.LINGERING, None, LO,
    ),
    "withdrawn and aged": (
        facts(wish=False, free_at=100.0, seen={"lo": OURS}, recorded=LO),
        PENDING, State.LINGERING, REMOVE, LO,
    ),
    "being added, and not wanted any more": (
        facts(wish=False, order=ADD), PENDING, State.OUT, None, LO,
    ),
    "being removed, and wanted again": (
        facts(wish=False, seen={"lo": OURS}, recorded=LO, order=REMOVE), PENDING, State.LINGERING, None, LO,
    ),
    "not wanted, not there": (facts(wish=False, recorded=LO), PENDING, State.OUT, None, frozenset()),
    "constant, not wanted": (
        facts(replace(OWN, is_constant=True), wish=False), PENDING, State.ADDING, ADD, LO,
    ),
    "constant, at the end": (
        facts(replace(OWN, is_constant=True), seen={"lo": OURS}, recorded=LO, is_closing=True),
        PENDING, State.LINGERING, REMOVE, LO,
    ),
    "without its interface": (
        facts(wish=True, is_announced=True, has_interface=False), ABSENT, State.MISSING, None, frozenset(),
    ),
    "without its interface, not wanted": (
        facts(wish=False, has_interface=False), ABSENT, State.OUT, None, frozenset(),
    ),
    "refused a moment ago": (
        facts(wish=True, is_announced=True, trouble=Trouble("not permitted", 101.0)),
        ABSENT, State.FAILED, None, frozenset(),
    ),
    "refused some time ago": (
        facts(wish=True, trouble=Trouble("not permitted", 100.0)), ABSENT, State.ADDING, ADD, LO,
    ),
    "cannot be removed": (
        facts(wish=False, seen={"lo": OURS}, recorded=LO, trouble=Trouble("not permitted", 101.0)),
        HERE, State.FAILED, None, LO,
    ),
    "not usable yet": (facts(wish=True, seen={"lo": TENTATIVE}), PENDING, State.WAITING, None, frozenset()),
    "a duplicate": (facts(wish=True, seen={"lo": DUPLICATE}), ABSENT, State.FAILED, None, frozenset()),
    "moves to another interface": (
        facts(wish=True, is_announced=True, seen={"eth0": OURS}, recorded=frozenset({"eth0"})),
        PENDING, State.ADDING, ADD, frozenset({"lo", "eth0"}),
    ),
    "has moved to another interface": (
        facts(
            wish=True, is_announced=True, seen={"lo": OURS, "eth0": OURS}, recorded=frozenset({"lo", "eth0"})
        ),
        HERE, State.HERE, Order(Action.REMOVE, Spot("eth0", VIP)), frozenset({"lo", "eth0"}),
    ),
    "marked by another daemon elsewhere": (
        facts(wish=True, is_announced=True, seen={"lo": OURS, "eth0": OURS}), HERE, State.HERE, None, LO,
    ),
    "configured no more, aged": (
        facts(None, is_configured=False, seen={"lo": OURS}, recorded=LO), HERE, State.LINGERING, REMOVE, LO,
    ),
    "configured no more, not aged": (
        facts(None, is_configured=False, seen={"lo": OURS}, recorded=LO, free_at=INFINITE),
        HERE, State.LINGERING, None, LO,
    ),
    "configured no more, marked but not remembered": (
        facts(None, is_configured=False, seen={"lo": OURS}), HERE, State.OUT, None, frozenset(),
    ),
    "handed over to the operator": (
        facts(None, seen={"lo": OURS}, recorded=LO), HERE, State.OUT, None, frozenset(),
    ),
    "handed over to be checked": (
        facts(CHECK, seen={"lo": OURS}, recorded=LO), HERE, State.HERE, None, frozenset(),
    ),
    "checked, and there": (facts(CHECK, seen={"eth0": THEIRS}), HERE, State.HERE, None, frozenset()),
    "checked, and not there": (
        facts(CHECK, is_announced=True, seen={}), ABSENT, State.MISSING, None, frozenset(),
    ),
    "checked, on another interface": (
        facts(replace(CHECK, interface="lo"),
        seen={"eth0": THEIRS}), ABSENT, State.MISSING, None, frozenset(),
    ),
    "checked, not usable yet": (
        facts(CHECK, seen={"eth0": TENTATIVE}), PENDING, State.WAITING, None, frozenset(),
    ),
    "checked, a duplicate": (
        facts(CHECK, seen={"eth0": DUPLICATE}), ABSENT, State.MISSING, None, frozenset(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_judge_case(name: str) -> None:
    known, presence, state, order, recorded = CASES[name]

    found = judge(known, 100.0)

    assert (found.presence, found.state, found.order, found.recorded) == (presence, state, order, recorded)
    assert found.text


@pytest.mark.parametrize(
    ("known", "next_at"),
    [
        (facts(wish=False, free_at=105.0, seen={"lo": OURS}, recorded=LO), 105.0),
        (facts(wish=False, free_at=INFINITE, seen={"lo": OURS}, recorded=LO), None),
        (facts(wish=True, trouble=Trouble("not permitted", 103.0)), 103.0),
        (facts(wish=True, seen={"lo": OURS}, recorded=LO), None),
        (facts(None, is_configured=False, free_at=104.0, seen={"lo": OURS}, recorded=LO), 104.0),
    ],
)
def test_judge_tells_when_to_be_asked_again(known: Facts, next_at: float | None) -> None:
    assert judge(known, 100.0).next_at == next_at


def test_failures_are_tried_again_after_longer_and_longer_pauses() -> None:
    trouble = None
    pauses = []
    for _ in range(8):
        trouble = after_failure(trouble, "not permitted", 10.0)
        pauses.append(trouble.retry_at - 10.0)

    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_losses_are_made_good_at_once_until_somebody_is_fighting() -> None:
    losses: tuple[float, ...] = ()
    for number in range(MAX_LOSSES - 1):
        losses, trouble = after_loss(losses, float(number))
        assert trouble is None

    _, trouble = after_loss(losses, 10.0)
    assert trouble is not None
    assert trouble.retry_at == 10.0 + LONGEST_PAUSE
    assert "removed it 5 times" in trouble.text
    _, trouble = after_loss(losses, LOSS_WINDOW + MAX_LOSSES)
    assert trouble is None


def test_lesson_10_the_address_outlives_the_route() -> None:
    """It was removed from lo before the withdrawal had left: what still came was answered by resets."""
    host = Host(wish=True)
    host.settle()
    assert host.is_announced
    assert host.there == {"lo": True}

    host.wish = False
    host.decide()
    assert not host.is_announced
    host.now += 3600.0
    host.judge()
    assert host.order is None, "no peer has acknowledged the withdrawal"

    host.hear()
    host.now += OWN.linger - 0.1
    host.judge()
    assert host.order is None, "it has not aged"
    host.now += 0.1
    host.judge()
    assert host.order == REMOVE


def test_lesson_13_what_the_daemon_has_added_goes_with_it_and_nothing_else() -> None:
    """One left its address on lo after the end, where it answered ARP; another removed those of operators."""
    for added_by_operator in (False, True):
        host = Host(wish=True)
        if added_by_operator:
            host.operator_adds("lo")
        host.settle()
        assert host.is_announced

        host.is_configured, host.spec = False, None
        host.settle()

        assert host.there == ({"lo": False} if added_by_operator else {})


def test_lesson_49_a_configuration_that_loses_a_service_keeps_its_address_until_that_has_aged() -> None:
    host = Host(wish=True)
    host.settle()

    host.is_configured, host.spec = False, None
    host.decide()
    host.now += 60.0
    host.judge()

    assert host.order is None
    host.wish, host.is_configured, host.spec = True, True, OWN
    host.decide()
    assert host.is_announced, "the mistake is put right without the address having gone"


STEPS = st.lists(
    st.sampled_from(
        [
            "up", "down", "unknown", "decide", "obey", "go", "go on", "hear", "tick", "wait", "crash",
            "operator removes", "operator adds lo", "operator adds eth0",
            "refuse", "permit", "own", "own on eth0", "check", "drop", "none",
        ]
    ),
    max_size=60,
)  # fmt: skip


def step(host: Host, name: str) -> None:
    wishes = {"up": True, "down": False, "unknown": None}
    specs = {
        "own": OWN, "own on eth0": replace(OWN, interface="eth0"), "check": CHECK, "none": None, "drop": None
    }  # fmt: skip
    if name in wishes:
        host.wish = wishes[name]
    elif name in specs:
        host.spec, host.is_configured = specs[name], name != "drop"
    elif name in ("tick", "wait"):
        host.now += 1.0 if name == "tick" else 30.0
    elif name in ("go", "go on"):
        host.decide()
        host.obey()
        host.now += 10.0 if name == "go on" else 0.0
    elif name.startswith("operator adds"):
        host.operator_adds(name.rsplit(maxsplit=1)[-1])
    elif name in ("refuse", "permit"):
        host.refuses = name == "refuse"
    else:
        getattr(host, name.replace(" ", "_"))()


@given(steps=STEPS, keeps_marks=st.booleans())
def test_plan_removes_only_what_it_added_and_nothing_that_is_announced(
    steps: list[str], keeps_marks: bool
) -> None:
    host = Host(keeps_marks=keeps_marks, wish=True)
    host.settle()
    for name in steps:
        step(host, name)

    for is_ours, is_not_needed, has_aged in host.removed:
        assert is_ours or not keeps_marks
        assert is_not_needed
        assert has_aged


@given(steps=STEPS, keeps_marks=st.booleans(), wish=st.booleans())
def test_plan_converges_whatever_has_happened(steps: list[str], keeps_marks: bool, wish: bool) -> None:
    host = Host(keeps_marks=keeps_marks)
    for name in steps:
        step(host, name)

    host.spec, host.is_configured, host.refuses, host.wish = OWN, True, False, wish
    host.settle()

    assert host.is_announced == wish
    assert host.order is None
    assert "lo" in host.there or not wish
    assert wish or not host.there.get("lo")
    assert host.memory == {name for name, is_ours in host.there.items() if is_ours and name == "lo"} or (
        not keeps_marks
    )

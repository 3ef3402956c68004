from hypothesis import given
from hypothesis import strategies as st

from rhi.daemon.decision.deadlines import Deadlines


def test_deadlines_are_taken_when_they_are_due_and_only_once() -> None:
    deadlines = Deadlines()
    deadlines.set("a", 5.0)
    deadlines.set("b", 3.0)
    deadlines.set("c", 9.0)

    assert deadlines.next() == 3.0
    assert deadlines.take_due(5.0) == ["b", "a"]
    assert deadlines.take_due(5.0) == []
    assert deadlines.next() == 9.0


def test_deadlines_go_by_the_last_word_on_a_name() -> None:
    deadlines = Deadlines()
    deadlines.set("a", 5.0)
    deadlines.set("b", 3.0)

    deadlines.set("a", 7.0)
    deadlines.set("b", None)
    deadlines.set("c", None)

    assert deadlines.take_due(6.0) == []
    assert deadlines.next() == 7.0


def test_deadlines_that_go_back_to_an_earlier_instant_are_due_once() -> None:
    deadlines = Deadlines()
    for at in (5.0, 7.0, 5.0):
        deadlines.set("a", at)

    assert deadlines.take_due(8.0) == ["a"]
    assert deadlines.next() is None


def test_deadlines_that_are_moved_for_ever_take_no_more_room() -> None:
    deadlines = Deadlines()

    for instant in range(10_000):
        deadlines.set("a", 1e6 - instant)

    assert len(deadlines) < 100
    assert deadlines.next() == 1e6 - 9_999


def test_deadlines_that_were_copied_go_on_by_themselves() -> None:
    first = Deadlines()
    first.set("a", 5.0)
    second = first.copy()

    second.set("a", 1.0)
    first.set("b", 2.0)

    assert (first.next(), second.next()) == (2.0, 1.0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9)), max_size=30))
def test_deadlines_are_those_of_a_plain_table(said: list[tuple[str, int | None]]) -> None:
    deadlines, table = Deadlines(), dict[str, float]()
    for name, at in said:
        deadlines.set(name, at)
        table.pop(name, None)
        if at is not None:
            table[name] = at

        assert deadlines.next() == min(table.values(), default=None)

    assert sorted(deadlines.take_due(5)) == sorted(name for name, at in table.items() if at <= 5)

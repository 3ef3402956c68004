"""What is remembered for peers that get the same, and when it no longer is."""

from array import array

from rhi.core.shared_updates import ChangedSlots, SharedChanges, SharedRuns, Told


def test_shared_runs_are_forgotten_with_the_records_and_the_oldest_first() -> None:
    runs = SharedRuns()
    keys = [(None, 4096, number, number + 1) for number in range(SharedRuns.MAX_RUNS + 1)]

    assert runs.get(keys[0], 1) is None
    for key in keys:
        runs.put(key, b"messages")

    assert runs.get(keys[0], 1) is None
    assert runs.get(keys[1], 1) == b"messages"
    assert runs.get(keys[1], 2) is None
    assert runs.get(keys[1], 1) is None


def test_changed_slots_are_each_there_once_with_their_attributes() -> None:
    changes = SharedChanges()
    ids = array("I", [7, 8, 9])

    changed = changes.stretch(0, array("I", [2, 0, 2]), ids, 1)

    assert (changed.slots, changed.ids) == ((2, 0), (9, 7))
    assert changed.values(array("B", [4, 5, 6])) == (6, 4)
    assert changes.stretch(5, array("I", [1]), ids, 1).ids == (8,)


def test_changed_slots_are_remembered_until_the_block_changes() -> None:
    changes = SharedChanges()
    ids, entries = array("I", [7, 8]), array("I", [1])
    first = changes.stretch(0, entries, ids, 1)

    assert changes.stretch(0, entries, ids, 1) is first
    assert changes.stretch(1, entries, ids, 1) is not first
    assert changes.stretch(0, entries, ids, 2) is not first


def test_what_was_made_is_bounded() -> None:
    changed = ChangedSlots((0,), array("I", [1]))

    for size in range(100):
        changed.put((size, (0,), (1,), (None,)), Told([], [], 0))

    assert sum(changed.get((size, (0,), (1,), (None,))) is not None for size in range(100)) <= 8

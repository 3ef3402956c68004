"""Slots by address: several dictionaries behave like one, and none grows by much at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.core import slot_index
from rhi.core.slot_index import SlotIndex

KEYS = st.integers(0, 15)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(KEYS, min_size=1, max_size=1)),
        st.tuples(st.just("put_missing"), st.lists(KEYS, min_size=1, max_size=9)),
        st.tuples(st.just("remove"), st.lists(KEYS, min_size=1, max_size=9, unique=True)),
        st.tuples(st.just("forget_some"), st.lists(KEYS, max_size=3)),
    )
)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_index, "LAYER_SIZE", 3)


@given(steps=STEPS, size=st.sampled_from([1, 3, 100]))
def test_it_is_like_one_dictionary(steps: list[tuple[str, list[int]]], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slot_index, "LAYER_SIZE", size)
        index, model = SlotIndex(), dict[int, int]()
        for number, (what, keys) in enumerate(steps):
            slots = [100 * number + at for at in range(len(keys))]
            if what == "put":
                index.put(keys[0], slots[0])
                model[keys[0]] = slots[0]
            elif what == "put_missing":
                found = [model.setdefault(key, slot) for key, slot in zip(keys, slots, strict=True)]
                assert index.put_missing(keys, slots) == found
            elif what == "remove":
                known = [key for key in keys if key in model]
                index.remove(known)
                for key in known:
                    del model[key]
            else:
                before = len(model)
                index.forget_some(len(keys))
                model = {key: slot for key, slot in model.items() if index.get(key) is not None}
                assert len(model) == max(0, before - len(keys))

            assert [index.get(key) for key in range(16)] == [model.get(key) for key in range(16)]
            assert bool(index) is bool(model)


@pytest.mark.usefixtures("_small")
def test_dictionaries_stay_small_until_there_are_many() -> None:
    index = SlotIndex()

    for key in range(100):
        index.put(key, key)

    sizes = [len(layer) for layer in index._layers]
    assert sizes[: slot_index.FEW_LAYERS] == [3] * slot_index.FEW_LAYERS
    assert len(sizes) <= 9
    assert sum(sizes) == 100


@pytest.mark.usefixtures("_small")
def test_slots_just_given_can_be_moved() -> None:
    index = SlotIndex()
    index.put_missing(range(5), range(5))
    index.put_missing(range(5, 8), range(5, 8))

    index.move(range(5, 8), [20, 21, 22])

    assert [index.get(key) for key in range(9)] == [0, 1, 2, 3, 4, 20, 21, 22, None]


@pytest.mark.usefixtures("_small")
def test_dictionaries_that_are_empty_are_dropped() -> None:
    index = SlotIndex()
    index.put_missing(range(3), range(3))
    index.put_missing(range(3, 6), range(3, 6))

    index.remove(range(3))
    assert len(index._layers) == 1

    index.remove(range(3, 6))
    assert len(index._layers) == 1
    assert not index

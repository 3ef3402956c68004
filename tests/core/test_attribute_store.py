"""Attribute sets by number: shared, counted, forgotten."""

from rhi.core.attribute_store import AttributeStore
from rhi.model.attributes import PathAttributes

PLAIN = PathAttributes()


def test_store_equal_sets_share_a_number_and_unused_ones_are_forgotten() -> None:
    store = AttributeStore()
    first, again = store.acquire(PathAttributes(med=1)), store.acquire(PathAttributes(med=1))
    other = store.acquire(PathAttributes(med=2))

    assert first == again != other
    store.release(first)
    assert store.by_id[first] == PathAttributes(med=1)
    store.release(first)
    assert first not in store.by_id
    assert store.acquire(PathAttributes(med=3)) == first


def test_store_uses_are_counted_in_bulk() -> None:
    store = AttributeStore()
    number = store.acquire(PLAIN)

    store.add_uses(number, 3)
    store.release(number, 4)

    assert store.by_id == {}

"""The bounded reader: never past the end, always its own error."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import NotificationError
from rhi.wire.reader import Reader


def reader(data: bytes) -> Reader:
    return Reader(data, 3, 5, b"why")


def test_reader_numbers_are_in_network_byte_order() -> None:
    cursor = reader(bytes(range(1, 9)))

    assert (cursor.uint8(), cursor.uint16(), cursor.uint32()) == (1, 0x0203, 0x04050607)
    assert cursor.remaining == 1
    assert cursor.peek() == 8
    assert cursor.rest() == b"\x08"
    assert cursor.peek() is None
    cursor.finish()


def test_reader_block_is_bounded_and_has_the_same_error() -> None:
    cursor = reader(b"abcdef")
    block = cursor.block(2)

    assert block.rest() == b"ab"
    assert cursor.rest() == b"cdef"
    with pytest.raises(NotificationError) as caught:
        block.uint8()
    assert (caught.value.code, caught.value.subcode, caught.value.data) == (3, 5, b"why")


@pytest.mark.parametrize(
    "read",
    [lambda r: r.uint32(), lambda r: r.take(4), lambda r: r.block(4), lambda r: (r.uint16(), r.uint16())],
    ids=["uint32", "take", "block", "twice"],
)
def test_reader_past_the_end_raises_its_error(read: Callable[[Reader], object]) -> None:
    with pytest.raises(NotificationError) as caught:
        read(reader(b"abc"))

    assert (caught.value.code, caught.value.subcode, caught.value.data) == (3, 5, b"why")
    assert "left" in caught.value.detail


def test_reader_finish_insists_on_the_end() -> None:
    cursor = reader(b"abc")
    cursor.uint8()

    with pytest.raises(NotificationError, match="2 bytes too many"):
        cursor.finish()


def test_reader_error_of_a_decoder_is_the_same() -> None:
    error = reader(b"").fail("bad value")

    assert (error.code, error.subcode, error.data, error.detail) == (3, 5, b"why", "bad value")
    assert reader(b"").error_data == b"why"


@given(st.binary(max_size=40), st.lists(st.integers(0, 50), max_size=10))
def test_reader_never_returns_more_than_there_is(data: bytes, sizes: list[int]) -> None:
    cursor = reader(data)
    found = b""

    for size in sizes:
        before = cursor.remaining
        if size <= before:
            found += cursor.take(size)
        else:
            with pytest.raises(NotificationError):
                cursor.take(size)
            assert cursor.remaining == before

    assert found + cursor.rest() == data

"""What users may pass by mistake, and the contract for all of it: accept, or one sentence."""

from collections.abc import Callable
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import strategies as st

from rhi.errors import InvalidValueError


class Unprintable:
    """A value whose `repr` fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no text for this")


HUGE = 10**5000  # more digits than int() prints
ADDRESSES = st.sampled_from(
    ["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "0.0.0.0", "::", "255.255.255.255", "ff02::1"]
)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.text(alphabet="0123456789abcdefx:./%٣１ -", max_size=30),
    st.binary(max_size=20),
    st.complex_numbers(),
    ADDRESSES,
    ADDRESSES.map(ip_address),
    st.sampled_from([HUGE, -HUGE, "9" * 5000, "\ud800", "\0", object(), Unprintable(), Unprintable]),
    st.sampled_from(
        [ip_network("10.0.0.0/8"), ip_interface("192.0.2.1/24"), bytearray(4), memoryview(b"abcd")]
    ),
)
ANYTHING: st.SearchStrategy[Any] = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=4),
    st.lists(SCALARS, max_size=4).map(tuple),
    st.lists(st.lists(SCALARS, max_size=4), max_size=3),
    st.lists(SCALARS, max_size=3).map(iter),
    st.dictionaries(st.text(max_size=5), SCALARS, max_size=3),
)


def refusal_or_none(call: Callable[..., object], *args: Any, **kwargs: Any) -> str | None:
    """The message when `call` refuses its arguments, None when it takes them; anything else raises."""
    try:
        call(*args, **kwargs)
    except InvalidValueError as error:
        check_sentence(str(error))
        return str(error)
    return None


def refusal(call: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    """The message with which `call` refuses its arguments."""
    with pytest.raises(InvalidValueError) as caught:
        call(*args, **kwargs)
    check_sentence(str(caught.value))
    return str(caught.value)


def check_sentence(message: str) -> None:
    """One line, of a length that people read, that can be printed anywhere."""
    assert message.isprintable()
    assert 10 < len(message) < 500

"""Lines of `--stdin` and of route files."""

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.cli.lines import (
    MAX_LINE,
    Announce,
    Clear,
    Command,
    Complete,
    Drain,
    Flush,
    Undrain,
    Withdraw,
    parse_command,
    parse_routes,
    read_lines,
    read_routes,
)
from rhi.errors import InvalidValueError
from rhi.model.attributes import Origin, PathAttributes, Route
from rhi.model.prefix import Prefix, to_prefix


def announce(route: str, **attributes: object) -> Announce:
    return Announce(Route(to_prefix(route), PathAttributes(**attributes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("", None),
        ("  # only a comment", None),
        ("clear", Clear()),
        ("flush # now", Flush()),
        ("complete", Complete()),
        ("drain", Drain(())),
        ("Drain 192.0.2.1 2001:db8::/32", Drain((to_prefix("192.0.2.1"), to_prefix("2001:db8::/32")))),
        ("undrain", Undrain()),
        ("withdraw 192.0.2.1", Withdraw(to_prefix("192.0.2.1"))),
        ("announce 192.0.2.0/24", announce("192.0.2.0/24")),
        ("Announce 192.0.2.1 MED 0", announce("192.0.2.1", med=0)),
        ("announce 192.0.2.1 local-pref 4294967295", announce("192.0.2.1", local_pref=4294967295)),
        ("announce ::1 next-hop 2001:db8::1", announce("::1", next_hop="2001:db8::1")),
        ("announce 192.0.2.1 prepend 3 origin EGP", announce("192.0.2.1", prepend=3, origin=Origin.EGP)),
        ("announce 192.0.2.1 community no-export community 1:2",
         announce("192.0.2.1", communities=["no-export", "1:2"])),
        ("announce 192.0.2.1 large-community 1:2:3", announce("192.0.2.1", large_communities=["1:2:3"])),
        ("announce 192.0.2.1 extended-community ro:192.0.2.1:7",
         announce("192.0.2.1", extended_communities=["ro:192.0.2.1:7"])),
    ],
)  # fmt: skip
def test_parse_command_understands(line: str, command: Command | None) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize(
    "line",
    ["anounce 192.0.2.1", "announce", "announce x", "announce 192.0.2.1 med",
     "announce 192.0.2.1 med 1 med 1",
     "announce 192.0.2.1 med ٣", "announce 192.0.2.1 med 4294967296", "withdraw", "withdraw 192.0.2.1 now",
     "clear all", "flush 5", "complete now", "drain all", "undrain now", "announce 192.0.2.1 community"],
)  # fmt: skip
def test_parse_command_wrong_line_raises_one_sentence(line: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_command(line)

    assert "\n" not in str(caught.value)


def test_parse_command_message_of_a_huge_word_is_short() -> None:
    for line in (
        "x" * 60000,
        "announce " + "x" * 60000,
        "clear " + "x" * 60000,
        "announce ::1 med " + "9" * 60000,
    ):
        with pytest.raises(InvalidValueError) as caught:
            parse_command(line)

        assert len(str(caught.value)) < 300


def test_parse_routes_takes_lines_with_and_without_the_word() -> None:
    routes = list(parse_routes(["192.0.2.1 med 5", "", "announce 192.0.2.2", "# end"], "file"))

    assert routes == [announce("192.0.2.1", med=5).route, announce("192.0.2.2").route]


def test_parse_routes_wrong_line_is_named_with_file_and_number() -> None:
    with pytest.raises(InvalidValueError, match=r"^file:3: route 'x'"):
        list(parse_routes(["192.0.2.1", "", "x"], "file"))


def test_read_lines_goes_on_behind_lines_that_are_too_long_or_no_text() -> None:
    data = (
        b"\xef\xbb\xbffirst\n"
        + b"x" * (3 * MAX_LINE)
        + b"\nthird\n\xff\n"
        + b"y" * (MAX_LINE - 1)
        + b"\nlast"
    )

    found = list(read_lines(io.BytesIO(data)))

    assert [str(line).strip()[:20] for line in found] == [
        "first",
        "is longer than 65535",
        "third",
        "is not UTF-8 text",
        "y" * 20,
        "last",
    ]


def test_read_lines_of_an_endless_line_stops_at_the_first_error() -> None:
    """Such as /dev/zero: a file of routes is refused at once, without reading on."""
    with open("/dev/zero", "rb") as endless, pytest.raises(InvalidValueError, match="zero:1: is longer"):
        read_routes(endless, "zero")


LINES = st.sampled_from(
    [
        *("192.0.2.1", "192.0.2.2", "2001:db8::1", "announce 192.0.2.3", "192.0.2.1 med 5", "192.0.2.0/24"),
        *("", "# comment", "192.0.2.4 # comment", "\t192.0.2.5 ", "Announce 192.0.2.6"),
        *(
            "announce announce 192.0.2.7",
            "192.0.2.1 192.0.2.2",
            "192.0.2.08",
            "\ufeff192.0.2.9",
            "\xe9",
            "\0",
        ),
    ]
)


@given(
    lines=st.lists(LINES, max_size=12),
    end=st.sampled_from(["", "\n", "\r\n"]),
    between=st.sampled_from(["\n", "\r\n"]),
    block=st.sampled_from([1, 20, 65536]),
)
def test_read_routes_in_blocks_is_what_each_line_alone_would_be(
    lines: list[str], end: str, between: str, block: int
) -> None:
    data = (between.join(lines) + end).encode()

    def singly() -> dict[Prefix, PathAttributes]:
        routes = parse_routes(read_lines(io.BytesIO(data)), "file")
        return {route.prefix: route.attributes for route in routes}

    def in_blocks() -> dict[Prefix, PathAttributes]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rhi.cli.lines._BLOCK", block)
            return dict(read_routes(io.BytesIO(data), "file").routes())

    assert outcome(in_blocks) == outcome(singly)


def outcome(read: Callable[[], dict[Prefix, PathAttributes]]) -> dict[Prefix, PathAttributes] | str:
    try:
        return read()
    except InvalidValueError as error:
        return str(error)

"""`rhi speak` with a peer that is named by its interface; what it does on a link is in tests/interop."""

import pytest

from tests.cli.command import running

pytestmark = pytest.mark.slow

NOT_THERE = "rhi-not-there"


def test_speak_says_why_the_neighbour_on_an_interface_is_not_found() -> None:
    with running("speak", "65001", "192.0.2.10", NOT_THERE, "203.0.113.10", "2001:db8::10") as child:
        assert f"{NOT_THERE} looking for the neighbour on it, connecting" in child.line("looking")
        child.line(f"Interface {NOT_THERE} does not exist")

        done = child.end()

    assert done.code == 0
    assert "will not be sent" not in done.err


def test_speak_json_names_the_peer_by_its_interface() -> None:
    with running("speak", "--json", "65001", "192.0.2.10", NOT_THERE) as child:
        found = child.event(event="session_down", peer=NOT_THERE)
        assert found["reason"] == f"Interface {NOT_THERE} does not exist"
        assert found["established"] is False

        child.end()

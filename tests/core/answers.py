"""What a mistake of the neighbour costs, and the parts of its messages (external, four-octet AS numbers)."""

from rhi.model.parameters import Parameters
from rhi.model.status import State
from tests.core.script import (
    NOTIFICATION,
    OUR_AS,
    Script,
    update_body,
)

ORIGIN = b"\x40\x01\x01\x00"
AS_PATH = b"\x40\x02\x06\x02\x01\x00\x00\xfd\xea"  # AS_SEQUENCE of 65002
NEXT_HOP = b"\x40\x03\x04\xc0\x00\x02\x02"
LOCAL_PREF = b"\x40\x05\x04\x00\x00\x00\x64"
ROUTE = b"\x18\xcb\x00\x71"  # 203.0.113.0/24
LARGE = bytes(5000)
REFRESH_IPV4 = b"\x00\x01\x00\x01"
OLD_MESSAGES = Parameters(as_number=OUR_AS, hold_time=90, extended_messages=False)


def assert_refused(script: Script, data: bytes, expected: bytes) -> None:
    """`data` is answered by one NOTIFICATION and a close; then the session comes back."""
    script.take()
    before = len(script.ups)
    number = script.open[-1]

    script.send(data)

    assert script.take(number)[-1] == (NOTIFICATION, expected)
    assert number in script.closed
    down = script.downs[-1]
    assert (down.code, down.subcode, down.local) == (expected[0], expected[1], False)
    assert script.status.last_error == down.reason
    assert script.state is State.IDLE
    comes_back(script)
    assert len(script.ups) == before + 1
    assert script.status.last_error == ""


def comes_back(script: Script) -> None:
    attempts = len(script.attempts)
    while len(script.attempts) == attempts:
        assert script.run_to_timer() <= 30.0
    script.take()
    script.establish()


def announcement(*attributes: bytes, announced: bytes = ROUTE) -> bytes:
    return update_body(b"", b"".join(attributes), announced)

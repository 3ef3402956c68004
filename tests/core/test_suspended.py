"""A peer of which nobody knows where it is: it waits, is told where, and may connect by itself meanwhile."""

from typing import Any

from rhi.model.events import SessionUp
from rhi.model.parameters import Parameters
from rhi.model.status import State
from tests.core.script import KEEPALIVE, OPEN, OUR_AS, Script, message, open_body

REASON = "Interface eth0 is down"


def suspended(reason: str = REASON, **more: Any) -> Script:
    script = Script(Parameters(as_number=OUR_AS, hold_time=90, **more))
    script.peer.suspend(reason, 0.0)
    return script.start()


def test_suspended_peer_does_not_connect_and_says_why() -> None:
    script = suspended().run(1000.0)

    assert script.attempts == []
    assert script.state is State.ACTIVE
    assert script.status.last_error == REASON
    assert [(down.reason, down.established) for down in script.downs] == [(REASON, False)]


def test_suspended_peer_without_a_reason_tells_nothing() -> None:
    script = suspended("").run(1000.0)

    assert script.downs == []
    assert script.status.last_error == ""


def test_resumed_peer_connects_at_once() -> None:
    script = suspended().run(10.0)
    script.peer.resume(script.now)
    script.pump()

    assert script.attempts == [10.0]


def test_resumed_peer_that_is_passive_does_not_connect() -> None:
    script = suspended(passive=True)
    script.peer.resume(0.0)

    assert script.pump().run(100.0).attempts == []


def test_suspended_peer_takes_a_connection_of_the_peer() -> None:
    script = suspended()

    assert script.accept() is not None
    script.send(message(OPEN, open_body())).send(message(KEEPALIVE))

    assert script.state is State.ESTABLISHED
    assert script.status.last_error == ""


def test_suspended_peer_waits_on_after_a_session_that_the_peer_opened() -> None:
    script = suspended()
    script.accept()
    script.send(message(OPEN, open_body())).send(message(KEEPALIVE)).hang_up("reset").run(1000.0)

    assert script.attempts == []
    assert script.state is State.ACTIVE


def test_suspending_ends_the_session_with_its_reason() -> None:
    script = Script().establish()
    script.peer.suspend(REASON, script.now)
    script.pump().run(1000.0)

    assert [(down.reason, down.established, down.local) for down in script.downs] == [(REASON, True, False)]
    assert script.attempts == [0.0]
    assert len([event for event in script.events if isinstance(event, SessionUp)]) == 1


def test_suspending_abandons_an_attempt() -> None:
    script = Script(answer="silence").start()
    script.peer.suspend(REASON, script.now)
    script.pump()

    assert script.abandoned == [1]


def test_resumed_peer_forgets_what_failed_elsewhere() -> None:
    script = Script(answer="refuse").start().run(100.0)
    script.peer.suspend("", script.now)
    script.peer.resume(script.now)
    at = len(script.attempts)
    script.pump().run(1.0)

    assert script.attempts[at:] == [100.0, 100.5]


def test_suspended_peer_stays_so_with_other_parameters() -> None:
    script = suspended()
    script.configure(Parameters(as_number=OUR_AS, hold_time=30), allow_reset=True).run(100.0)

    assert script.attempts == []
    assert script.peer.is_suspended


def test_stopped_peer_stays_stopped_when_resumed() -> None:
    script = suspended().stop()
    script.peer.resume(script.now)

    assert script.pump().run(100.0).attempts == []
    assert script.state is State.IDLE

"""A peer that is not heard: what the driver knows of the reason is told with it."""

from rhi.model.parameters import Parameters
from tests.core.script import OUR_AS, Script

PASSIVE = Parameters(as_number=OUR_AS, hold_time=90, passive=True)


def test_attempt_that_times_out_says_what_the_driver_knows() -> None:
    script = Script(answer="silence").start()
    script.peer.explain_silence = lambda: "the dog ate it"

    script.run(20)

    assert (
        script.downs[0].reason == script.status.last_error == "Connection failed (timed out; the dog ate it)"
    )


def test_hold_timer_that_expires_says_what_the_driver_knows() -> None:
    script = Script().establish(hold_time=9)
    script.peer.explain_silence = lambda: "the dog ate it"

    script.run(10)

    assert script.downs[0].reason == "Sent notification[4:0]: Hold timer expired; the dog ate it"


def test_other_endings_do_not_ask_the_driver() -> None:
    script = Script().establish()
    script.peer.explain_silence = lambda: "the dog ate it"

    script.hang_up("reset")

    assert script.downs[0].reason == "Remote shutdown (reset)"


def test_peer_that_is_kept_out_is_shown_without_an_event_and_waited_for() -> None:
    script = Script(PASSIVE).start()

    news = [script.peer.kept_out("wrong key"), script.peer.kept_out("wrong keys")]
    script.pump()

    assert news == [True, False]
    assert script.status.last_error == "Waiting for the peer (wrong keys)"
    assert script.downs == []
    assert script.accept() is not None


def test_peer_that_is_kept_out_keeps_the_reason_of_its_last_session_until_the_next() -> None:
    script = Script(PASSIVE).start()
    script.accept()
    script.establish().hang_up("reset").run(10)

    script.peer.kept_out("wrong key")

    assert script.status.last_error == "Remote shutdown (reset); wrong key"
    script.accept()
    script.establish()
    assert script.status.last_error == ""
    assert script.peer.kept_out("wrong key")

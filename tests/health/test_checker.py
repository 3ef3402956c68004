"""One check in virtual time: pace, time-outs, and the many ways in which the checker itself can break."""

import asyncio
import itertools
from typing import cast

import pytest

from rhi.health.base import CannotTellError, Result
from rhi.health.checker import GRACE, MAX_LEFT_BEHIND
from rhi.health.hysteresis import Verdict
from rhi.health.runner import Runner
from rhi.health.threads import NoThreadError
from tests.health.fakes import PASS, Notebook, ScriptedCheck, forever, script, stubborn, tools
from tests.health.virtual import VirtualLoop, run


async def reports(check: ScriptedCheck, count: int, chance: float = 0.0) -> Notebook:
    notebook = Notebook()
    runner = Runner(notebook, tools=tools(chance))
    runner.configure({"it": check})
    await notebook.until(count)
    await runner.close()
    return notebook


def verdicts(notebook: Notebook) -> list[Verdict]:
    return [report.after.verdict for report in notebook]


def test_rounds_of_a_check_come_every_interval() -> None:
    notebook = run(reports(script("pace"), 4))

    gaps = [b.started - a.started for a, b in itertools.pairwise(notebook)]
    assert gaps == pytest.approx([1.0, 1.0, 1.0])


@pytest.mark.parametrize(("chance", "gap"), [(0.0, 1.0), (0.999999, 0.9)])
def test_jitter_of_an_interval_is_at_most_a_tenth_and_never_later(chance: float, gap: float) -> None:
    notebook = run(reports(script("jitter"), 2, chance))

    assert notebook[1].scheduled - notebook[0].scheduled == pytest.approx(gap, abs=1e-5)


def test_fast_interval_counts_until_the_verdict_is_settled() -> None:
    check = script("fast", True, True, True, False, True, True)
    check = check.model_copy(update={"fast_interval": 0.25, "rise": 2, "fall": 2})

    notebook = run(reports(check, 6))

    gaps = [b.started - a.started for a, b in itertools.pairwise(notebook)]
    assert gaps == pytest.approx([0.25, 1.0, 1.0, 0.25, 1.0])


def test_report_holds_the_times_of_its_round() -> None:
    async def slow() -> Result:
        await asyncio.sleep(0.2)
        return PASS

    (report,) = run(reports(script("times", slow), 1))

    assert report.started == pytest.approx(report.scheduled)
    assert report.finished == pytest.approx(report.started + 0.2)
    assert report.is_change


def test_probe_without_answer_fails_at_its_time_out() -> None:
    notebook = run(reports(script("silent", True, forever), 2))

    assert notebook[1].result == Result(False, "no answer within 0.5 s")
    assert notebook[1].finished - notebook[1].started == pytest.approx(0.5)
    assert verdicts(notebook) == [Verdict.UP, Verdict.DOWN]


def test_probe_that_answers_because_of_its_cancellation_has_failed() -> None:
    async def late() -> Result:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            return PASS
        return PASS

    (report,) = run(reports(script("late", late), 1))

    assert report.result is not None
    assert not report.result.ok


def test_probe_that_raises_lapses_the_verdict_and_is_tried_again() -> None:
    notebook = run(reports(script("broken", True, ValueError("odd\n" * 200), True), 3))

    assert verdicts(notebook) == [Verdict.UP, Verdict.UNKNOWN, Verdict.UP]
    assert notebook[1].after.is_stale
    assert notebook[1].result is None
    assert notebook[1].alarm.startswith("the probe broke: ValueError: odd odd")
    assert len(notebook[1].alarm) <= 200
    assert notebook[2].alarm == ""


@pytest.mark.parametrize(
    ("error", "alarm"),
    [
        (CannotTellError("no interface eth9"), "no interface eth9"),
        (NoThreadError(), "no thread was free before the time-out"),
        (asyncio.CancelledError(), "the probe was cancelled from elsewhere"),
    ],
)
def test_probe_that_cannot_tell_raises_an_alarm(error: BaseException, alarm: str) -> None:
    notebook = run(reports(script("cannot tell", True, error), 2))

    assert notebook[1].alarm == alarm
    assert notebook[1].after.verdict is Verdict.UNKNOWN


def test_probe_that_ignores_its_cancellation_is_left_behind() -> None:
    notebook = run(reports(script("stubborn", True, stubborn, True), 3))

    assert verdicts(notebook) == [Verdict.UP, Verdict.UNKNOWN, Verdict.UP]
    assert notebook[1].alarm == "the probe did not end when it was cancelled after its time-out"
    assert notebook[1].finished - notebook[1].started == pytest.approx(0.5 + GRACE)


def test_probes_left_behind_are_limited_until_one_ends() -> None:
    check = script("all stubborn", *[stubborn] * (MAX_LEFT_BEHIND + 5))

    async def main() -> Notebook:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        runner.configure({"it": check})
        await notebook.until(MAX_LEFT_BEHIND + 2)
        assert len(ScriptedCheck.STARTS) == MAX_LEFT_BEHIND
        assert runner.alarms() == {"it": "3 earlier probes ignore that they were cancelled"}
        await asyncio.sleep(2000)  # they give up in the end
        assert len(ScriptedCheck.STARTS) > MAX_LEFT_BEHIND
        await runner.close()
        return notebook

    run(main())


def test_time_out_found_late_gives_the_probe_the_lost_time_once_more() -> None:
    """The loop is blocked while the answer comes in: the answer counts."""

    async def held_up() -> Result:
        loop = cast(VirtualLoop, asyncio.get_running_loop())
        loop.hold_up(3.0)
        await asyncio.sleep(0.01)
        return PASS

    (report,) = run(reports(script("held up", held_up), 1))

    assert report.result == PASS


def test_time_out_found_late_is_put_off_once_only() -> None:
    async def held_up() -> Result:
        loop = cast(VirtualLoop, asyncio.get_running_loop())
        loop.hold_up(3.0)
        loop.call_later(0.4, loop.hold_up, 3.0)
        return await forever()

    (report,) = run(reports(script("held up twice", held_up), 1))

    assert report.result == Result(False, "no answer within 0.5 s")
    assert report.finished - report.started < 6.5


def test_rounds_missed_are_not_made_up_for() -> None:
    async def blocks() -> Result:
        cast(VirtualLoop, asyncio.get_running_loop()).hold_up(60.0)
        return PASS

    notebook = run(reports(script("missed", blocks), 3))

    assert notebook[1].started - notebook[0].finished == pytest.approx(0.0, abs=0.01)
    assert notebook[2].started - notebook[1].started == pytest.approx(1.0)


def test_result_with_an_end_is_asked_again_at_that_end() -> None:
    async def short() -> Result:
        return Result(True, "for now", valid_for=0.3)

    notebook = run(reports(script("short", short), 2))

    assert notebook[1].started - notebook[0].finished == pytest.approx(0.3)

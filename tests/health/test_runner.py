"""Many checks in virtual time: added, changed, triggered, removed; and none in the way of another."""

import asyncio
from typing import Any, cast

import pytest

from rhi.health.base import Check, Result
from rhi.health.checker import Report
from rhi.health.context import Context
from rhi.health.hysteresis import Verdict
from rhi.health.runner import Runner
from tests.health.fakes import PASS, Notebook, ScriptedCheck, SlottedCheck, forever, script, stubborn, tools
from tests.health.virtual import VirtualLoop, run


def test_first_probes_of_many_checks_are_spread_over_the_interval() -> None:
    async def main() -> list[float]:
        chances = iter(range(1000))
        kit = tools()
        kit.random = lambda: next(chances) / 1000
        runner = Runner(lambda report: None, tools=kit)
        runner.configure({str(n): script("spread") for n in range(1000)})
        begin = kit.clock()
        kit.random = lambda: 0.0
        await asyncio.sleep(0.9995)
        await runner.close()
        return [at - begin for _, at in ScriptedCheck.STARTS]

    starts = run(main())

    assert len(starts) == 1000
    assert starts == sorted(starts)
    assert starts[0] < 0.01
    assert starts[500] == pytest.approx(0.5, abs=0.01)


def test_first_probe_of_a_single_check_comes_at_once() -> None:
    async def main() -> float:
        notebook = Notebook()
        begin = asyncio.get_running_loop().time()
        runner = Runner(notebook, tools=tools())
        runner.configure({"a": script("single")})
        await notebook.until(1)
        await runner.close()
        return notebook[0].started - begin

    assert run(main()) < 0.01


def test_slow_check_delays_no_other() -> None:
    async def main() -> list[Report]:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        checks = {f"slow {n}": script(f"slow {n}", *[forever] * 100) for n in range(50)}
        runner.configure({"quick": script("quick"), **checks})
        await asyncio.sleep(10.5)
        await runner.close()
        return [report for report in notebook if report.key == "quick"]

    quick = run(main())

    assert len(quick) == 11
    assert all(report.started - report.scheduled < 1e-6 for report in quick)


def test_many_probes_due_at_once_let_the_loop_do_other_work_in_between() -> None:
    """What the first of them puts into the loop does not wait for the last of them."""
    begun_meanwhile = []

    async def first() -> Result:
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: begun_meanwhile.append(len(ScriptedCheck.STARTS)))
        return PASS

    async def main() -> None:
        runner = Runner(lambda report: None, tools=tools(0.0))
        checks = {str(n): script("crowd") for n in range(1000)}
        runner.configure({"first": script("first of all", first), **checks})
        await asyncio.sleep(0.8)
        assert len(ScriptedCheck.STARTS) == 1001
        await runner.close()

    run(main())

    assert begun_meanwhile[0] < 100


def test_configure_leaves_an_unchanged_check_undisturbed() -> None:
    async def main() -> None:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        check = script("same")
        runner.configure({"a": check})
        await notebook.until(1)

        runner.configure({"a": check.model_copy(), "b": script("new")})
        await asyncio.sleep(1.5)

        assert [r.key for r in notebook] == ["a", "b", "a", "b"]
        assert notebook[2].before.verdict is Verdict.UP
        await runner.close()

    run(main())


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"interval": 0.2}, Verdict.UP),
        ({"rise": 5, "fall": 7, "timeout": 0.1, "fast_interval": 0.1}, Verdict.UP),
        ({"kind": "dependency", "name": "n"}, Verdict.UP),
        ({"script": "other"}, Verdict.UNKNOWN),
    ],
)
def test_configure_keeps_the_verdict_when_the_question_is_the_same(
    change: dict[str, Any], kept: Verdict
) -> None:
    async def main() -> Report:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        check = script("changes")
        runner.configure({"a": check})
        await notebook.until(1)

        runner.configure({"a": check.model_copy(update=change)})
        await notebook.until(2)
        await runner.close()
        return notebook[1]

    report = run(main())

    assert report.before.verdict is kept
    assert report.check.interval == change.get("interval", 1.0)


def test_configure_with_a_shorter_interval_does_not_wait_for_the_long_one() -> None:
    async def main() -> float:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        check = script("shorter").model_copy(update={"interval": 3600.0})
        runner.configure({"a": check})
        await notebook.until(1)
        runner.configure({"a": check.model_copy(update={"interval": 1.0})})
        await notebook.until(2)
        await runner.close()
        return notebook[1].started - notebook[0].started

    assert run(main()) == pytest.approx(1.0, abs=0.01)


def test_check_that_was_removed_is_cancelled_and_silent() -> None:
    async def main() -> None:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        runner.configure({"a": script("removed", forever)})
        await asyncio.sleep(0.1)
        runner.configure({})
        await asyncio.sleep(10)

        assert notebook == []
        assert runner.keys == []
        with pytest.raises(KeyError):
            runner.last("a")
        await runner.close()
        assert len(asyncio.all_tasks()) == 1

    run(main())


def test_trigger_probes_at_once_and_then_after_the_interval() -> None:
    async def main() -> Notebook:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        runner.configure({"a": script("triggered")})
        await notebook.until(1)
        await asyncio.sleep(0.4)
        runner.trigger("a")
        await notebook.until(3)
        await runner.close()
        return notebook

    notebook = run(main())

    assert notebook[1].started - notebook[0].started == pytest.approx(0.4, abs=0.01)
    assert notebook[2].started - notebook[1].started == pytest.approx(1.0)


def test_trigger_during_a_probe_asks_once_more_afterwards() -> None:
    async def slow() -> Result:
        await asyncio.sleep(0.3)
        return PASS

    async def main() -> Notebook:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        runner.configure({"a": script("busy", slow)})
        await asyncio.sleep(0.1)
        runner.trigger()
        runner.trigger()
        await asyncio.sleep(0.8)
        await runner.close()
        return notebook

    notebook = run(main())

    assert len(notebook) == 2
    assert notebook[1].started == pytest.approx(notebook[0].finished)


def test_places_for_processes_are_limited_and_handed_on() -> None:
    running = most = 0

    async def counted() -> Result:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.2)
        running -= 1
        return PASS

    async def main() -> Notebook:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools(), max_processes=2)
        checks: dict[str, Check] = {}
        for n in range(8):
            script(f"place {n}", counted)
            checks[str(n)] = SlottedCheck(script=f"place {n}", timeout=0.3)
        runner.configure(checks)
        await notebook.until(8)
        await runner.close()
        return notebook

    notebook = run(main())

    assert most == 2
    assert all(report.result == PASS for report in notebook[:8])
    assert max(report.started - report.scheduled for report in notebook) > 0.5


def test_place_of_a_check_that_was_removed_while_it_waited_goes_to_the_next() -> None:
    async def main() -> None:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools(0.0), max_processes=1)
        checks: dict[str, Check] = {}
        for n in range(3):
            script(f"removed {n}", forever)
            checks[str(n)] = SlottedCheck(script=f"removed {n}")
        runner.configure(checks)
        await asyncio.sleep(0.1)
        runner.configure({"2": checks["2"]})
        await notebook.until(3)
        assert {report.key for report in notebook} == {"2"}
        await runner.close()

    run(main())


def test_observer_that_raises_stops_no_check() -> None:
    async def main() -> tuple[int, list[str]]:
        complaints: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: complaints.append(context["message"])
        )
        count = 0

        def observer(report: Report) -> None:
            nonlocal count
            count += 1
            raise RuntimeError("observer")

        runner = Runner(observer, tools=tools())
        runner.configure({"a": script("observed")})
        await asyncio.sleep(3.5)
        await runner.close()
        return count, complaints

    count, complaints = run(main())

    assert count == 4
    assert complaints[0] == "the observer of health checks failed on check a"


def test_observer_may_change_the_checks() -> None:
    async def main() -> None:
        runner: Runner

        def observer(report: Report) -> None:
            runner.configure({})

        runner = Runner(observer, tools=tools())
        runner.configure({"a": script("ends itself"), "b": script("other")})
        await asyncio.sleep(5)
        assert runner.keys == []
        await runner.close()

    run(main())


def test_close_does_not_wait_for_ever_for_a_stubborn_probe() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        runner = Runner(lambda report: None, tools=tools())
        runner.configure({"a": script("stays", stubborn)})
        await asyncio.sleep(0.1)
        begin = loop.time()
        await runner.close()
        runner.configure({"b": script("too late")})
        assert runner.keys == []
        return loop.time() - begin

    assert run(main()) == pytest.approx(1.0, abs=0.1)


def test_close_that_is_late_still_sees_that_processes_have_gone() -> None:
    """The machine stood still for longer than it waits."""

    async def main() -> None:
        loop = cast(VirtualLoop, asyncio.get_running_loop())
        contexts: list[Context] = []

        class Ending(ScriptedCheck):
            async def probe(self, context: Context) -> Result:
                contexts.append(context)
                try:
                    return await forever()
                finally:
                    context.unreaped.add(4711)
                    loop.hold_up(60.0)
                    loop.call_later(0.001, context.unreaped.clear)

        runner = Runner(lambda report: None, tools=tools())
        runner.configure({"a": Ending()})
        await asyncio.sleep(0.1)
        await runner.close()

        assert not contexts[0].unreaped

    run(main())

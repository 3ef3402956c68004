"""push checks in virtual time: the first word, the last word, and silence."""

import asyncio

import pytest

from rhi.health.hysteresis import Verdict
from rhi.health.push import PushCheck
from rhi.health.runner import Runner
from tests.health.fakes import Notebook, tools
from tests.health.virtual import run


def test_push_that_falls_silent_goes_down_when_its_time_is_over() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        runner.configure({"it": PushCheck(max_age=10.0)})
        await asyncio.sleep(3)
        assert notebook == []

        runner.renew("it", detail="all is well")
        await notebook.until(1)
        assert notebook[0].after.verdict is Verdict.UP
        assert notebook[0].result is not None
        assert notebook[0].result.detail == "all is well"

        await asyncio.sleep(6)
        runner.renew("it")
        renewed = loop.time()
        await notebook.until(3)
        assert notebook[2].after.verdict is Verdict.DOWN
        assert notebook[2].finished - renewed == pytest.approx(10.0, abs=0.01)

        runner.renew("it")
        await notebook.until(4)
        assert notebook[3].after.verdict is Verdict.UP
        await runner.close()

    run(main())


def test_push_without_a_first_word_goes_down_after_its_time() -> None:
    async def main() -> None:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        began = asyncio.get_running_loop().time()
        runner.configure({"it": PushCheck(max_age=10.0)})
        runner.trigger()
        runner.trigger("it")
        await notebook.until(1)
        assert notebook[0].finished - began == pytest.approx(10.0)
        assert notebook[0].after.verdict is Verdict.DOWN
        await runner.close()

    run(main())


def test_push_that_reports_its_failure_goes_down_at_once() -> None:
    async def main() -> None:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        runner.configure({"it": PushCheck(max_age=10.0)})
        runner.renew("it")
        await notebook.until(1)
        runner.renew("it", ok=False, detail="disk\nfull")
        await notebook.until(2)
        assert notebook[1].after.verdict is Verdict.DOWN
        assert notebook[1].result is not None
        assert notebook[1].result.detail == "disk full"
        assert notebook[1].finished == pytest.approx(notebook[0].finished)
        await runner.close()

    run(main())


def test_push_renewed_often_keeps_one_timer() -> None:
    async def main() -> None:
        notebook = Notebook()
        runner = Runner(notebook, tools=tools())
        runner.configure({"it": PushCheck(max_age=5.0)})
        for _ in range(100):
            runner.renew("it")
            await asyncio.sleep(0.1)
        assert {report.after.verdict for report in notebook} == {Verdict.UP}
        with pytest.raises(KeyError):
            runner.renew("other")
        await runner.close()

    run(main())

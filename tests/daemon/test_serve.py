"""Reloads by a signal: in turn with those of the API, and never the end of the daemon."""

import asyncio
import os
import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import rhi
from rhi.daemon import app, serve
from rhi.daemon.app import ReloadRefused
from rhi.daemon.config.options import Options
from rhi.daemon.control.server import ControlError
from rhi.daemon.decision.reconciler import Inputs
from rhi.daemon.decision.spec import Quota
from rhi.daemon.decision.standing import Standing
from rhi.daemon.drains.machine import Pace
from rhi.daemon.logs import Log
from rhi.daemon.signals import Signals
from rhi.daemon.state import Saved, StateFile, StateInUseError
from tests.daemon.control.house import SETUP, House, SwitchCheck, make_setup, run, running
from tests.daemon.decision.build import address, service


def problem(house: House) -> str:
    return "; ".join(entry.text for entry in house.logged if entry.kind == "alarm")


def test_reload_waits_for_one_over_the_api(tmp_path: Path) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text("nonsense")

    async def main() -> None:
        async with running(tmp_path) as house:
            async with house.daemon.reloading:
                task = asyncio.create_task(serve.reload(house.daemon, str(file)))
                answer = asyncio.create_task(house.ask("POST", "/v1/plan"))
                done, _ = await asyncio.wait([task, answer], timeout=0.05)
                assert not done

            await task
            assert (await answer)[0] == 200
            assert house.daemon.reloads["failed"] == 1

    run(main())


def test_reload_by_a_signal_names_the_sessions_that_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers = {"192.0.2.9": rhi.Parameters(as_number=65001, passive=True)}
    setup = make_setup(service("web", address(1)), peers=peers)
    before = {"192.0.2.9": replace(peers["192.0.2.9"], hold_time=30)}
    monkeypatch.setattr(serve, "read", lambda file: (None, setup))

    async def main() -> None:
        async with running(tmp_path, setup) as house:
            monkeypatch.setattr(house.daemon.pool, "parameters", lambda: before)
            await serve.reload(house.daemon, "rhi.toml")

            told = [entry.text for entry in house.logged if entry.kind == "reload"]
            assert told == ["! peer 192.0.2.9: hold_time (needs a new session)"]

    run(main())


def test_reload_that_fails_by_a_mistake_of_ours_is_an_alarm_and_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: str) -> None:
        raise ZeroDivisionError("mistake")

    async def main() -> None:
        async with running(tmp_path) as house:
            monkeypatch.setattr(serve, "read", broken)
            hung_up = asyncio.Event()
            task = asyncio.create_task(serve._reload_when(hung_up, house.daemon, "rhi.toml"))
            hung_up.set()
            await house.until(lambda: house.daemon.reloads["failed"] == 1)
            hung_up.set()
            await house.until(lambda: house.daemon.reloads["failed"] == 2)
            task.cancel()

            assert "internal error: ZeroDivisionError('mistake')" in problem(house)
            # the alarm is raised once, and each attempt is told
            assert [entry.text[:6] for entry in house.logged if entry.kind == "reload"] == ["failed"] * 2

    run(main())


def test_second_daemon_with_the_same_state_file_ends_before_it_begins_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    monkeypatch.setattr(rhi, "Pool", lambda *arguments, **more: begun.append(arguments))
    state = tmp_path / "state.json"
    file = tmp_path / "rhi.toml"
    file.write_text(
        f'router_id = "192.0.2.10"\nas_number = 65001\nallow_empty = true\nstate_file = "{state}"\n'
    )
    first = StateFile(str(state))
    first.save(Saved(boot="first"))

    sentence = rf"{state}: the daemon with pid {os.getpid()} uses it"
    with closing(Log("text", "error")) as log, pytest.raises(StateInUseError, match=sentence):
        run(serve.serve(str(file), log, Signals(print)))

    assert begun == []
    assert first.load().boot == "first"


def test_reload_takes_over_the_options_that_need_no_restart(tmp_path: Path) -> None:
    options = Options(
        complete_within=30.0,
        reload_limit=Quota(count=0),
        state_file=None,
        pace=Pace(wait=77.0),
        stop_time=99.0,
    )

    async def main() -> None:
        async with running(tmp_path, reload_limit=Quota(count=3)) as house:
            told: list[float] = []
            house.daemon.on_options.append(lambda changed: told.append(changed.stop_time))
            await house.decided()

            await house.daemon.reload(replace(SETUP, options=options))

            assert told == [99.0]
            assert house.daemon.controller.pace.wait == 77.0
            with pytest.raises(ReloadRefused, match="at most 0 may be; give consent"):
                await house.daemon.reload(make_setup())

    run(main())


def test_no_reload_once_the_end_has_begun(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            leaving = asyncio.create_task(house.daemon.leave("SIGTERM", 20.0))
            await asyncio.sleep(0)

            assert await house.ask("POST", "/v1/reload") == (409, {"error": "the daemon ends"})
            await leaving

    run(main())


def test_never_last_that_comes_with_a_reload_raises_an_alarm_until_it_goes(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.daemon.reload(make_setup(service("dns", address(1), never_last=True)), consent=True)
            found = [alarm.subject for alarm in house.daemon.alarms.all]

            await house.daemon.reload(SETUP, consent=True)

            assert found == ["never_last"]
            assert house.daemon.alarms.all == []

    run(main())


def test_decision_that_fails_by_a_mistake_of_ours_is_an_alarm_and_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "LOOK_AGAIN", 0.01)
    setup = make_setup(
        service("dns", address(1), checks=("dns",)), service("web", address(2), checks=("web",))
    )

    async def main() -> None:
        async with running(tmp_path, setup) as house:
            await house.decided()
            reconciler = house.daemon.controller.reconciler
            judge, mistakes = reconciler._judge, [ZeroDivisionError("one"), ZeroDivisionError("two")]

            def broken(name: str, inputs: Inputs, now: float) -> Standing | None:
                if mistakes:
                    raise mistakes.pop()
                return judge(name, inputs, now)

            monkeypatch.setattr(reconciler, "_judge", broken)
            SwitchCheck.on["dns"] = False
            await house.until(lambda: len(reconciler.routes) == 1)
            await house.until(lambda: not house.daemon.alarms.all)

            told = [entry.text for entry in house.logged if entry.subject == "decision"]
            assert "internal error: ZeroDivisionError('two')" in told[0]
            assert told[-1].startswith("over: ")

    run(main())


def test_history_of_a_large_reload_stays_small(tmp_path: Path) -> None:
    many = make_setup(service("dns", *(f"198.51.100.{number}" for number in range(200))))

    async def main() -> None:
        async with running(tmp_path, many) as house:
            await house.decided()

            plan = await house.daemon.reload(make_setup(service("web", address(1))), consent=True)

            (text,) = [entry.text for entry in house.logged if entry.kind == "reload"]
            assert len(plan.lines()) > 200
            assert text == plan.summary()
            assert len(text) < 1000

    run(main())


def test_signal_after_the_end_of_the_event_loop_does_not_end_the_thread_that_heard_it() -> None:
    """That thread holds the deadline for as long as other threads take to end."""
    loop, heard = asyncio.new_event_loop(), list[str]()
    hand_over = serve.in_loop(loop, heard.append)

    hand_over("SIGTERM")
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    hand_over("SIGHUP")

    assert heard == ["SIGTERM"]


def test_second_daemon_ends_before_it_begins_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    monkeypatch.setattr(serve, "Daemon", lambda *arguments: begun.append(arguments))
    file = tmp_path / "rhi.toml"

    async def main() -> None:
        async with running(tmp_path) as house:
            with socket.create_server(("127.0.0.1", 0)) as other:
                for where, sentence in (
                    (f'socket = "{house.socket}"', "another daemon answers there"),
                    (f'listen = "127.0.0.1:{other.getsockname()[1]}"\ntoken_env = "HOME"', "in use"),
                    ('listen = "127.0.0.1:0"\ntoken_file = "/none"', "secret in file /none: No such file"),
                ):
                    file.write_text(
                        f'router_id = "192.0.2.10"\nas_number = 65001\nallow_empty = true\n[api]\n{where}\n'
                    )
                    with closing(Log("text", "error")) as log, pytest.raises(ControlError, match=sentence):
                        await serve.serve(str(file), log, Signals(print))

            assert begun == []
            assert (await house.ask("GET", "/v1/status"))[0] == 200

    run(main())

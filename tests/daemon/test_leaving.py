"""The end of the daemon: what each service's `on_exit` says, as a peer on loopback sees it."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon import leaving
from rhi.daemon.drains.machine import Pace, State
from rhi.daemon.policies import OnCrash, OnExit
from rhi.model.events import Event, RoutesReceived, SessionDown
from rhi.model.parameters import Parameters
from rhi.model.status import Flushed
from rhi.testing.collector import Collector
from tests.daemon.control.house import PATIENCE, House, make_setup, run, running
from tests.daemon.decision.build import address, service

QUICK = Pace(wait=0.05, acknowledge=PATIENCE, age=0.05)
# Seconds for an end that takes as long as its steps do, on a machine that may stand still in between.
TIME = 2 * PATIENCE


def setup_for(collector: Collector, **policies: OnExit) -> Any:
    """A service for each name, one address each; kept ones through graceful restart."""
    keeps = OnExit.KEEP in policies.values()
    peer = Parameters(as_number=65001, port=collector.port, graceful_restart=60 if keeps else None)
    services = [
        service(
            name,
            address(number),
            on_exit=policy,
            on_crash=OnCrash.FAIL_STATIC if keeps else OnCrash.WITHDRAW,
        )
        for number, (name, policy) in enumerate(policies.items(), 1)
    ]
    return make_setup(*services, peers={collector.host: peer})


class Router:
    """A peer that notes what it is told, in order."""

    def __init__(self, **parameters: Any) -> None:
        self.told: list[str] = []
        self.collector = Collector(on_event=self._note, **parameters)

    def _note(self, event: Event) -> None:
        if isinstance(event, RoutesReceived):
            attributes = event.attributes or {}
            mark = " marked" if "65535:0" in attributes.get("communities", ()) else ""
            self.told += [f"- {prefix}" for prefix in event.withdrawn]
            self.told += [f"+ {prefix}{mark}" for prefix in event.announced]
        elif isinstance(event, SessionDown):
            self.told.append(f"down: {event.reason}")

    def __enter__(self) -> "Router":
        return self

    def __exit__(self, *_: object) -> None:
        self.collector.close()


async def announced(house: House, router: Router, *prefixes: str) -> None:
    await house.until(lambda: {f"+ {prefix}" for prefix in prefixes} <= set(router.told))
    router.told.clear()


def states(house: House, target: str) -> list[State]:
    (drain,) = [each for each in house.daemon.controller.drains.all if str(each.target) == target]
    return [step.state for step in drain.steps]


def test_lesson_09_exit_withdraws_and_then_ends_the_session_with_a_message(tmp_path: Path) -> None:
    """Nothing is announced on the way, with whatever attributes."""

    async def main() -> None:
        with Router() as router:
            setup = setup_for(router.collector, dns=OnExit.WITHDRAW, web=OnExit.WITHDRAW)
            async with running(tmp_path, setup, pace=QUICK) as house:
                await announced(house, router, address(1), address(2))

                await house.daemon.leave("SIGTERM", TIME)
                await house.until(lambda: len(router.told) == 3)

                assert set(router.told[:2]) == {f"- {address(1)}", f"- {address(2)}"}
                assert "rhi ends (SIGTERM)" in router.told[2]
                assert states(house, "exit/withdraw")[-1] is State.DONE

    run(main())


def test_service_that_drains_is_marked_and_withdrawn_and_others_go_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        with Router() as router:
            setup = setup_for(router.collector, dns=OnExit.DRAIN, web=OnExit.WITHDRAW)
            async with running(tmp_path, setup, pace=QUICK) as house:
                await announced(house, router, address(1), address(2))

                await house.daemon.leave("SIGTERM", TIME)
                await house.until(lambda: len(router.told) == 4)

                assert set(router.told[:2]) == {f"+ {address(1)} marked", f"- {address(2)}"}
                assert router.told[2] == f"- {address(1)}"
                assert router.told[3].startswith("down")
                assert states(house, "exit/drain") == [
                    State.MARKED,
                    State.WAITING,
                    State.WITHDRAWING,
                    State.ACKNOWLEDGING,
                    State.AGING,
                    State.DONE,
                ]

    run(main())


def test_session_that_is_not_heard_of_yet_is_told_all_the_same(tmp_path: Path) -> None:
    """The event that it has come up may be on its way while the peer has the routes already."""

    async def main() -> None:
        with Router() as router:
            setup = setup_for(router.collector, dns=OnExit.DRAIN)
            async with running(tmp_path, setup, pace=QUICK) as house:
                await announced(house, router, address(1))
                house.daemon.controller.drains.sessions.established.clear()

                await house.daemon.leave("SIGTERM", TIME)
                await house.until(lambda: len(router.told) >= 2)

                assert router.told[:2] == [f"+ {address(1)} marked", f"- {address(1)}"]

    run(main())


def test_kept_services_stay_with_a_session_that_ends_without_a_word(tmp_path: Path) -> None:
    """And those that are not kept have been withdrawn before: mixed policies on one session."""

    async def main() -> None:
        with Router(graceful_restart=60) as router:
            setup = setup_for(router.collector, dns=OnExit.KEEP, web=OnExit.WITHDRAW)
            async with running(tmp_path, setup, pace=QUICK) as house:
                house.daemon.is_host_stopping = no
                await announced(house, router, address(1), address(2))

                await house.daemon.leave("SIGTERM", TIME)
                await house.until(lambda: len(router.told) == 2)

                assert router.told[0] == f"- {address(2)}"
                assert "NOTIFICATION" not in router.told[1]
                assert "ends" not in router.told[1]
                assert "routes are kept" in house.daemon.pool.status()[router.collector.host].last_error

    run(main())


def test_peer_whose_acknowledgement_is_not_known_is_told_that_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks at what peers have acknowledged take too long: it must not keep what has been withdrawn."""

    async def main() -> None:
        with Router(graceful_restart=60) as router:
            setup = setup_for(router.collector, dns=OnExit.KEEP, web=OnExit.WITHDRAW)
            async with running(tmp_path, setup, pace=replace(QUICK, acknowledge=0.05)) as house:
                house.daemon.is_host_stopping = no
                await announced(house, router, address(1), address(2))

                def flush(timeout: float) -> Flushed:
                    if any(not each.state.is_end for each in house.daemon.controller.drains.all):
                        raise RuntimeError("takes too long")
                    return Flushed(behind={router.collector.host: "has yet to acknowledge 1 route"})

                monkeypatch.setattr(house.daemon.pool, "flush", flush)
                await house.daemon.leave("SIGTERM", TIME)
                await house.until(lambda: router.told[-1].startswith("down: "))

                assert "rhi ends (SIGTERM)" in router.told[-1]

    run(main())


@pytest.mark.parametrize("answer", [None, RuntimeError("no thread can be had")])
def test_kept_services_stay_with_a_peer_that_has_yet_to_acknowledge_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Exception | None
) -> None:
    """Nothing was to leave, or nobody can tell who knows of it: that is no reason to end what is kept."""

    async def main() -> None:
        with Router(graceful_restart=60) as router:
            others = {} if answer is None else {"web": OnExit.WITHDRAW}
            setup = setup_for(router.collector, dns=OnExit.KEEP, **others)
            async with running(tmp_path, setup, pace=QUICK) as house:
                house.daemon.is_host_stopping = no
                await announced(house, router, address(1))

                def flush(timeout: float) -> Flushed:
                    if answer is not None and all(
                        each.state.is_end for each in house.daemon.controller.drains.all
                    ):
                        raise answer
                    behind = {} if answer else {router.collector.host: "has not acknowledged 51 bytes"}
                    return Flushed(behind=behind, peers=frozenset({router.collector.host}))

                monkeypatch.setattr(house.daemon.pool, "flush", flush)
                await house.daemon.leave("SIGTERM", TIME)
                await house.until(lambda: router.told[-1:] != [] and router.told[-1].startswith("down: "))

                assert "rhi ends" not in router.told[-1]
                told = " ".join(each.text for each in house.logged)
                assert ("no thread can be had" in told) is (answer is not None)

    run(main())


def test_lesson_14_nothing_is_kept_while_the_host_goes_down(tmp_path: Path) -> None:
    async def main() -> None:
        with Router(graceful_restart=60) as router:
            setup = setup_for(router.collector, dns=OnExit.KEEP)
            async with running(tmp_path, setup, pace=QUICK) as house:
                house.daemon.is_host_stopping = yes
                await announced(house, router, address(1))

                await house.daemon.leave("SIGTERM", TIME)
                await house.until(lambda: len(router.told) == 2)

                assert router.told[0] == f"- {address(1)}"
                assert "rhi ends (SIGTERM)" in router.told[1]

    run(main())


def test_lesson_07_end_without_kept_services_is_a_hard_reset(tmp_path: Path) -> None:
    """Graceful restart was agreed on, and must not keep anything (RFC 8538 §4)."""

    async def main() -> None:
        with Router(graceful_restart=60) as router:
            peer = Parameters(as_number=65001, port=router.collector.port, graceful_restart=60)
            setup = make_setup(service("dns", address(1)), peers={router.collector.host: peer})
            async with running(tmp_path, setup, pace=QUICK) as house:
                await announced(house, router, address(1))

                await house.daemon.leave("SIGTERM", TIME)
                await house.until(lambda: len(router.told) == 2)

                assert "Hard Reset" in router.told[1]

    run(main())


def test_guard_does_not_hold_what_ends(tmp_path: Path) -> None:
    async def main() -> None:
        with Router() as router:
            setup = setup_for(router.collector, dns=OnExit.WITHDRAW)
            async with running(tmp_path, setup, pace=QUICK) as house:
                await announced(house, router, address(1))
                await house.ask("PUT", "/v1/overrides/dns", {"action": "announce", "force": True})

                await house.daemon.leave("SIGTERM", TIME)

                assert states(house, "exit/withdraw")[-1] is State.DONE

    run(main())


def test_lesson_10_hooks_come_after_the_routes_have_left_and_before_sessions_end(tmp_path: Path) -> None:
    """So that an address is on the host for as long as packets may come."""

    async def main() -> None:
        with Router() as router:
            setup = setup_for(router.collector, dns=OnExit.DRAIN)
            async with running(tmp_path, setup, pace=QUICK) as house:
                await announced(house, router, address(1))
                seen: list[Any] = []

                async def broken(kept: frozenset[str]) -> None:
                    raise ZeroDivisionError

                async def hook(kept: frozenset[str]) -> None:
                    await house.until(lambda: len(router.told) == 2)
                    seen.extend([kept, states(house, "exit/drain")[-1], *router.told])

                house.daemon.before_end += [broken, hook]
                await house.daemon.leave("SIGTERM", TIME)

                assert seen == [frozenset(), State.DONE, f"+ {address(1)} marked", f"- {address(1)}"]
                assert "ZeroDivisionError" in str([each.text for each in house.logged])

    run(main())


def test_hook_that_hangs_does_not_keep_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, make_setup(service("dns", address(1))), pace=QUICK) as house:

            async def hook(kept: frozenset[str]) -> None:
                await asyncio.Event().wait()

            house.daemon.before_end.append(hook)
            await house.daemon.leave("SIGTERM", 2.5)

            assert house.daemon._is_closed

    run(main())


@pytest.mark.parametrize(("answer", "is_stopping"), [("stopping", True), ("running", False), ("", False)])
def test_host_is_asked_whether_it_goes_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, is_stopping: bool
) -> None:
    command = tmp_path / "systemctl"
    command.write_text(f"#!/bin/sh\necho {answer}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(leaving, "ASK_TIME", PATIENCE)

    assert asyncio.run(leaving.is_host_stopping()) is is_stopping


def test_host_that_does_not_say_is_not_going_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "ASK_TIME", 0.05)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert asyncio.run(leaving.is_host_stopping()) is False

    command = tmp_path / "systemctl"
    command.write_text("#!/bin/sh\nexec /bin/sleep 20\n")
    command.chmod(0o755)

    assert asyncio.run(leaving.is_host_stopping()) is False


async def yes() -> bool:
    return True


async def no() -> bool:
    return False

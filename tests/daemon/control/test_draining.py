"""Drains over the API, with a peer on loopback that is really told."""

from pathlib import Path
from typing import Any

import pytest

from rhi.model.events import Event, SessionDown
from rhi.model.parameters import Parameters
from rhi.testing.collector import Collector
from tests.daemon.control.house import PATIENCE, House, make_setup, run, running
from tests.daemon.decision.build import address, service

SETUP = make_setup(service("dns", address(1), checks=("dns",)), service("web", address(2), checks=("web",)))
QUICK = {"wait": 0.05, "acknowledge": PATIENCE, "age": 0}


def setup_for(collector: Collector) -> Any:
    peer = Parameters(as_number=65001, port=collector.port, connect_retry_time=1.0)
    return make_setup(
        service("dns", address(1), checks=("dns",)),
        service("web", address(2), checks=("web",)),
        peers={collector.host: peer},
    )


async def ask(house: House, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    found, answer = await house.ask(method, path, body)
    assert found == status, answer
    return answer


async def told(house: House, collector: Collector, *prefixes: str) -> None:
    """Wait until the peer holds exactly these."""
    await house.until(lambda: set(collector.routes()) == set(prefixes))


def test_drain_of_a_service_goes_to_its_end_and_back(tmp_path: Path) -> None:
    async def main() -> None:
        with Collector() as collector:
            async with running(tmp_path, setup_for(collector)) as house:
                await told(house, collector, address(1), address(2))

                begun = await ask(
                    house, "PUT", "/v1/drains/service/dns", {**QUICK, "reason": "kernel", "by": "ann"}
                )
                await told(house, collector, address(2))
                await house.until(lambda: house.daemon.controller.drains.all[0].state.value == "done")
                done = await ask(house, "GET", "/v1/drains/service/dns")
                listed = await ask(house, "GET", "/v1/drains")
                status = await ask(house, "GET", "/v1/status")
                overrides = await ask(house, "GET", "/v1/overrides")
                ended = await ask(house, "DELETE", "/v1/drains/service/dns")
                await told(house, collector, address(1), address(2))

                assert (begun["drain"], begun["state"], begun["by"]) == ("service/dns", "marked", "ann")
                assert [step["state"] for step in done["steps"]] == [
                    "marked", "waiting", "withdrawing", "acknowledging", "aging", "done",
                ]  # fmt: skip
                assert sorted(step["at"] for step in done["steps"]) == [s["at"] for s in done["steps"]]
                assert done["steps"][1]["text"] == "acknowledged by every peer"
                assert listed["items"] == status["drains"] == [done]
                assert overrides["items"][0]["action"] == "drain"
                assert ended["state"] == "cancelled"
                assert (await ask(house, "GET", "/v1/overrides"))["items"] == []

    run(main())


def test_drain_of_a_peer_closes_its_session_with_a_message_and_keeps_it_so(tmp_path: Path) -> None:
    async def main() -> None:
        heard: list[Event] = []
        with Collector() as collector:
            collector._also = heard.append
            async with running(tmp_path, setup_for(collector)) as house:
                await told(house, collector, address(1), address(2))
                path = f"/v1/drains/peer/{collector.host}"

                await ask(house, "PUT", path, {**QUICK, "close": True, "message": "line card"})
                await house.until(lambda: any(isinstance(each, SessionDown) for each in heard))
                down = next(each for each in heard if isinstance(each, SessionDown))
                drained = await ask(house, "GET", path)
                routes = await ask(house, "GET", "/v1/routes")
                await ask(house, "DELETE", path)
                await told(house, collector, address(1), address(2))

                assert "line card" in down.reason
                assert drained["state"] == "done"
                assert all(each["is_announced"] for each in routes["items"])

    run(main())


def test_override_that_drains_is_a_drain(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, SETUP) as house:
            await house.decided()
            await ask(house, "PUT", "/v1/overrides/dns", {"action": "drain", "drain_time": "2m"})
            drained = await ask(house, "GET", "/v1/drains/service/dns")
            await ask(house, "PUT", "/v1/overrides/dns", {"action": "announce"})

            assert drained["wait"] == 120.0
            await ask(house, "GET", "/v1/drains/service/dns", status=404)

    run(main())


def test_drain_of_a_service_that_is_drained_with_all_is_not_its_own(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, SETUP) as house:
            await house.decided()
            await ask(house, "PUT", "/v1/drains/all", {"by": "ann", "reason": "kernel"})

            refused = await ask(house, "DELETE", "/v1/drains/service/dns", status=404)

            assert refused["error"] == (
                "drain service/dns: has none of its own; it is drained with all (by ann: kernel)"
            )

    run(main())


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("PUT", "/v1/drains/dns", {}, 400, "drain 'dns': must be service/NAME, peer/NAME or all"),
        ("PUT", "/v1/drains/service/dsn", {}, 404, "service 'dsn': there is no such service"),
        ("PUT", "/v1/drains/peer/192.0.2.9", {}, 404, "peer '192.0.2.9': there is no such peer with a name"),
        ("PUT", "/v1/drains/all", {"close": True}, 400, "close and message are for a peer"),
        ("PUT", "/v1/drains/peer/192.0.2.1", {"message": "x"}, 400, "set close too"),
        ("PUT", "/v1/drains/all", {"wait": -1}, 400, "wait: "),
        ("PUT", "/v1/drains/all", {"wait": 9, "deadline": 8}, 400, "deadline: 8 s are over before the wait"),
        ("PUT", "/v1/drains/all", {"wiat": 1}, 400, "did you mean wait?"),
        ("GET", "/v1/drains/all", None, 404, "drain all: is not drained"),
        ("DELETE", "/v1/drains/service/dns", None, 404, "drain service/dns: is not drained"),
    ],
)
def test_refusal_of_a_drain_is_one_sentence(
    tmp_path: Path, method: str, path: str, body: Any, status: int, sentence: str
) -> None:
    async def main() -> None:
        async with running(tmp_path, SETUP) as house:
            answer = await ask(house, method, path, body, status)

            assert sentence in answer["error"]
            assert house.daemon.controller.drains.all == []

    run(main())

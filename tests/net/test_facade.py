"""Arguments that `rhi.Pool` and `rhi.aio.Pool` check alike, in the thread and the task of the caller."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rhi
from rhi.model.prefix import to_prefix
from rhi.model.route_set import RouteSet
from rhi.net.facade import PoolMethods, check_timeout
from tests.model.anything import refusal

PEERS = {"127.0.0.1": rhi.Parameters(as_number=65001, passive=True)}


class Noted(PoolMethods):
    """Notes what would be announced."""

    def __init__(self) -> None:
        self.routes: dict[rhi.Prefix, rhi.PathAttributes] = {}

    @property
    def listen_addresses(self) -> Any:
        raise AssertionError("nobody asked for this")

    def _announce(self, prefix: rhi.Prefix, attributes: rhi.PathAttributes) -> None:
        self.routes[prefix] = attributes

    def _withdraw(self, prefix: rhi.Prefix) -> None:
        del self.routes[prefix]

    def _replace(self, routes: RouteSet) -> None:
        self.routes = dict(routes.routes())

    def _configure(self, peers: Any, allow_reset: bool) -> None:
        raise AssertionError("nobody asked for this")

    def _mark_complete(self) -> None:
        raise AssertionError("nobody asked for this")

    def _shut_down(self, address: Any, message: str) -> None:
        raise AssertionError("nobody asked for this")

    def _bring_up(self, address: Any) -> None:
        raise AssertionError("nobody asked for this")

    def _release_quarantine(self, address: Any) -> None:
        raise AssertionError("nobody asked for this")


@pytest.fixture
def pool() -> Iterator[rhi.Pool]:
    with rhi.Pool("192.0.2.10", PEERS) as pool:
        yield pool


def test_announce_takes_attributes_of_the_route_or_beside_it() -> None:
    pool = Noted()
    med_5, med_6 = rhi.PathAttributes(med=5), rhi.PathAttributes(med=6)

    pool.announce(rhi.Route.of("192.0.2.1", med_5))
    pool.announce("192.0.2.2", med_6)
    pool.announce("192.0.2.3")

    given = [med_5, med_6, rhi.PathAttributes()]
    assert pool.routes == {to_prefix(f"192.0.2.{n}"): attributes for n, attributes in enumerate(given, 1)}


@pytest.mark.parametrize("attributes", [rhi.PathAttributes(med=5), {}])
def test_announce_route_with_attributes_besides_is_refused_by_name(attributes: Any) -> None:
    pool = Noted()

    message = refusal(pool.announce, rhi.Route.of("192.0.2.1"), attributes)

    assert message.startswith("route 192.0.2.1: is a Route with attributes of its own")
    assert pool.routes == {}


@pytest.mark.parametrize("attributes", [{}, "", 0, False, {"med": 5}, rhi.PathAttributes])
def test_attributes_of_another_type_are_refused(attributes: Any) -> None:
    pool = Noted()

    for call, route in ((pool.announce, "192.0.2.1"), (pool.replace, [rhi.Route.of("192.0.2.1")])):
        assert refusal(call, route, attributes).endswith(": must be PathAttributes")

    assert pool.routes == {}


@pytest.mark.parametrize("timeout", ["x", True, float("nan"), [], 1j])
def test_timeout_that_is_no_number_is_refused(timeout: Any) -> None:
    assert refusal(check_timeout, timeout).endswith(": must be a number of seconds, or None")


@pytest.mark.parametrize("timeout", [None, 0, -1, 0.5, float("inf")])
def test_timeout_that_is_a_number_is_taken(timeout: float | None) -> None:
    check_timeout(timeout)


@pytest.mark.parametrize("message", [5, None, b"noon"])
def test_close_with_a_message_that_is_no_text_is_refused_and_closes_nothing(
    pool: rhi.Pool, message: Any
) -> None:
    assert refusal(pool.close, message).endswith(": must be text")

    pool.configure({})
    assert pool.status() == {}


@pytest.mark.parametrize("observer", [5, rhi.Observer, print])
def test_observer_that_is_none_is_refused(observer: Any) -> None:
    async def in_a_loop() -> None:
        rhi.aio.Pool("192.0.2.10", observer=observer)

    calls: list[Callable[[], object]] = [
        lambda: rhi.Pool("192.0.2.10", observer=observer),
        lambda: rhi.Session("192.0.2.10", "127.0.0.1", PEERS["127.0.0.1"], observer=observer),
        lambda: asyncio.run(in_a_loop()),
    ]
    for call in calls:
        assert refusal(call).startswith("observer ")


def test_session_and_aio_check_in_the_caller_too() -> None:
    bad: Any = 5

    async def in_a_loop() -> None:
        async with rhi.aio.Session("192.0.2.10", "127.0.0.1", PEERS["127.0.0.1"]) as session:
            with pytest.raises(rhi.InvalidValueError, match="message 5: must be text"):
                await session.close(bad)
            with pytest.raises(rhi.InvalidValueError, match="timeout 'x'"):
                await session.flush("x")  # type: ignore[arg-type]

    asyncio.run(in_a_loop())
    with rhi.Session("192.0.2.10", "127.0.0.1", PEERS["127.0.0.1"]) as session:
        assert refusal(session.close, bad) == "message 5: must be text"
        assert refusal(session.flush, "x").startswith("timeout 'x'")

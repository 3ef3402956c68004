"""A daemon without peers and with checks that do what a test says, its API on a Unix socket, and a client."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, ClassVar, Literal

import aiohttp
from yarl import URL

from rhi.daemon.addresses.kernel import Kernel
from rhi.daemon.app import Daemon
from rhi.daemon.config.build import Setup
from rhi.daemon.config.models import ApiSettings
from rhi.daemon.config.options import Options
from rhi.daemon.control.server import Control
from rhi.daemon.decision.spec import Group, Quota, Service
from rhi.daemon.history import Entry
from rhi.daemon.metrics import Metrics
from rhi.health.base import Check, Result
from rhi.health.context import Context
from rhi.health.push import PushCheck
from rhi.model.parameters import Parameters
from tests.daemon.decision.build import address, service, specs

# Far above what anything here takes, for a machine that is busy.
PATIENCE = 20.0


class SwitchCheck(Check):
    """Passes while its switch is on."""

    type: Literal["switch"] = "switch"
    switch: str
    interval: float = 0.05
    rise: int = 1
    fall: int = 1

    on: ClassVar[dict[str, bool]] = {}

    async def probe(self, context: Context) -> Result:
        is_on = self.on.get(self.switch, True)
        return Result(is_on, "connected" if is_on else "refused", {"load": 0.5})


def make_setup(
    *services: Service, checks: Mapping[str, Check] | None = None, peers: Any = None, **fields: Any
) -> Setup:
    """Every check that a service names is a switch of the same name."""
    names = [name for each in services for name in (*each.checks, *each.dependencies)]
    return Setup(
        router_id=IPv4Address("192.0.2.1"),
        listen=(),
        peers=peers or {},
        dynamic_peers={},
        specs=specs(*services, **fields),
        checks={**{name: SwitchCheck(switch=name) for name in names}, **(checks or {})},
    )


SETUP = make_setup(
    service("dns", address(1), "2001:db8::1", checks=("dns/tcp", "dns/push")),
    service("web", address(2), "198.51.100.0/24", group="web"),
    checks={"dns/push": PushCheck(max_age=3600)},
    groups=(Group(name="default", floor=Quota(count=1)),),
)


@dataclass(slots=True)
class House:
    """All there is.

    Attributes:
        logged: what the daemon told.
        file: what its configuration file holds; an exception is raised instead.
    """

    daemon: Daemon
    control: Control
    metrics: Metrics
    socket: Path
    logged: list[Entry]
    file: Any
    session: aiohttp.ClientSession | None = None
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def read_file(self) -> Setup:
        if isinstance(self.file, Exception):
            raise self.file
        found: Setup = self.file
        return found

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and answer, as JSON where it is JSON; `path` is sent as it is."""
        assert self.session is not None
        url = URL(f"http://rhi{path}", encoded=True)
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
        async with self.session.request(method, url, data=data, headers=headers) as response:
            text = await response.text()
            is_json = text and response.content_type == "application/json"
            return response.status, json.loads(text) if is_json else text

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that comes."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.005)

    async def decided(self) -> None:
        """Wait until all services are known."""
        await self.until(lambda: self.daemon.controller.reconciler.is_decided)


@asynccontextmanager
async def running(
    tmp_path: Path, setup: Setup = SETUP, *, settings: ApiSettings | None = None, **options: Any
) -> AsyncIterator[House]:
    """A house from start to end; switches are on and push checks renewed at first."""
    SwitchCheck.on.clear()
    logged: list[Entry] = []
    reload_limit = options.pop("reload_limit", Quota(count=1))
    open_kernel = options.pop("open_kernel", Kernel)
    daemon = Daemon(
        setup,
        Options(complete_within=30.0, reload_limit=reload_limit, state_file=None, **options),
        logged.append,
        open_kernel=open_kernel,
    )
    for name, check in setup.checks.items():
        if isinstance(check, PushCheck):
            daemon.runner.renew(name)
    metrics = Metrics(daemon)
    socket = tmp_path / "rhi.sock"
    house: House

    def read() -> Setup:
        return house.read_file()

    control = Control(daemon, settings or ApiSettings(socket=str(socket)), read, metrics)
    house = House(daemon, control, metrics, socket, logged, setup)
    try:
        await control.start()
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session:
            house.session = session
            yield house
    finally:
        for writer in house.writers:
            writer.transport.abort()
        await asyncio.sleep(0)
        await control.close()
        metrics.close()
        await daemon.close()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine."""
    asyncio.run(main)


def with_peer(setup: Setup, name: str, **fields: Any) -> Setup:
    """The same with one peer that nobody answers for."""
    return replace(setup, peers={name: Parameters(as_number=65001, **fields)})

"""A real daemon in a thread of its own, and a real browser that looks at its page: chromium, headless.

The browser is on this machine and asks loopback only. Set RHI_SCREENSHOTS to a folder to have what the tests
see as pictures.
"""

import asyncio
import base64
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from rhi.daemon.config.build import Setup
from rhi.daemon.config.models import ApiSettings
from tests.daemon.control.house import PATIENCE, House, running
from tests.interop.lab.requirements import find_program

TOKEN: Final = "s3cret-of-the-tests"
_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip


class Home:
    """A daemon that runs in another thread.

    Attributes:
        house: what it consists of; use it through `do` only.
        port: of its API.
    """

    def __init__(self, tmp_path: Path, setup: Setup, port: int) -> None:
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(tmp_path, setup), daemon=True)
        self._servers: list[asyncio.Server] = []
        self.house: House
        self.port = port
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def do(self, act: Callable[[House], Any]) -> Any:
        """What `act` returns, called in the daemon's thread."""

        async def call() -> Any:
            return act(self.house)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    def forward(self) -> int:
        """A port that leads to the Unix socket, as `ssh -L` has it, for as long as the daemon runs."""

        async def serve() -> int:
            server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
            self._servers.append(server)
            port: int = server.sockets[0].getsockname()[1]
            return port

        return asyncio.run_coroutine_threadsafe(serve(), self._loop).result(PATIENCE)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(str(self.house.socket))
        await asyncio.gather(_carry(reader, inner_writer), _carry(inner_reader, writer))

    def close(self) -> None:
        """End the daemon."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE)

    def _run(self, tmp_path: Path, setup: Setup) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(tmp_path, setup))
        finally:
            self._loop.close()

    async def _serve(self, tmp_path: Path, setup: Setup) -> None:
        token = tmp_path / "token"
        token.write_text(TOKEN, encoding="utf-8")
        settings = ApiSettings(
            listen=f"127.0.0.1:{self.port}", token_file=str(token), socket=str(tmp_path / "rhi.sock")
        )
        async with running(tmp_path, setup, settings=settings) as house:
            self.house = house
            assert house.control.listen_address is not None
            self.port = house.control.listen_address.port
            self._ready.set()
            await self._stop.wait()
            for server in self._servers:
                server.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Browser:
    """One browser; `open` a page, then look at it."""

    def __init__(self, folder: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = find_program("chromium", package="chromium")
        for flag in (*_FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = Driver(find_program("chromedriver", package="chromium-driver"))
        self.driver = webdriver.Chrome(options=options, service=driver)
        self.driver.set_page_load_timeout(PATIENCE)

    def close(self) -> None:
        """End it."""
        self.driver.quit()

    def open(self, port: int, *, token: str | None = TOKEN) -> None:
        """The page of a daemon, in a tab that remembers nothing; logs begin anew."""
        self.driver.get("about:blank")
        self.complaints()
        self.addresses()
        self.size(1280, 900)
        self.media()
        self.driver.get(f"http://127.0.0.1:{port}/")
        if token is not None:
            self.find("#token").send_keys(token + "\n")
            self.until(lambda: self.text("#link") == "live")

    def find(self, selector: str) -> WebElement:
        """The first element that is like this."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What is seen of an element."""
        return self.find(selector).text

    def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Wait for something that comes."""
        WebDriverWait(self.driver, PATIENCE, 0.05).until(lambda _: condition(), what)

    def shows(self, selector: str, text: str) -> None:
        """Wait until an element has this text."""
        self.until(lambda: text in self.text(selector), f"{text!r} in {selector}")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def size(self, width: int, height: int) -> None:
        """The window, in CSS pixels, as of a phone if it is narrow."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )

    def media(self, **features: str) -> None:
        """What the reader prefers, such as `prefers_color_scheme="dark"`."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})

    def complaints(self) -> list[str]:
        """What the browser has written to its console since the last call."""
        return [entry["message"] for entry in self._log("browser")]

    def addresses(self) -> list[str]:
        """All that was asked for since the last call, but by the browser's own pages."""
        found = []
        for entry in self._log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return [address for address in found if urlsplit(address).scheme not in ("about", "chrome", "data")]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.driver.execute("getLog", {"type": kind})["value"]
        return found

    def accessible(self) -> list[tuple[str, str]]:
        """Role and name of everything that a screen reader tells of."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"]
        ]

    def picture(self, name: str) -> None:
        """A screenshot of the whole page, where one is wanted."""
        folder = os.environ.get("RHI_SCREENSHOTS")
        if folder:
            found = self.driver.execute_cdp_cmd(
                "Page.captureScreenshot", {"captureBeyondViewport": True, "format": "png"}
            )
            (Path(folder) / f"{name}.png").write_bytes(base64.b64decode(found["data"]))


@contextmanager
def at_home(tmp_path: Path, setup: Setup, port: int = 0) -> Iterator[Home]:
    """A daemon for as long as the block runs; `port`: of its API, a free one if it is 0."""
    home = Home(tmp_path, setup, port)
    try:
        yield home
    finally:
        home.close()

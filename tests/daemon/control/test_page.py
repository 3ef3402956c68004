"""What the daemon serves as its page, to whom, and what the files may not do. The page at work in a browser:
test_page_browser."""

import asyncio
import re
from importlib.resources import files
from pathlib import Path

import aiohttp
import pytest

from rhi.daemon.config.models import ApiSettings
from rhi.daemon.control import page
from rhi.daemon.control.auth import is_from_another_site, is_name_of_a_site
from rhi.daemon.control.openapi import description
from rhi.daemon.control.page import HEADERS, PAGE_FILES
from tests.daemon.control.house import run, running

FOLDER = files(page)
TEXTS = {file.file: FOLDER.joinpath(file.file).read_text(encoding="utf-8") for file in PAGE_FILES}


def over_tcp(tmp_path: Path) -> ApiSettings:
    (tmp_path / "token").write_text("s3cret", encoding="utf-8")
    return ApiSettings(
        listen="127.0.0.1:0", token_file=str(tmp_path / "token"), socket=str(tmp_path / "rhi.sock")
    )


def test_page_is_served_over_tcp_without_a_token_and_data_is_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            running(tmp_path, settings=over_tcp(tmp_path)) as house,
            aiohttp.ClientSession(f"http://{house.control.listen_address}") as client,
        ):
            for file in PAGE_FILES:
                async with client.get(file.path) as response:
                    assert (response.status, response.headers["Content-Type"]) == (200, file.media)
                    assert {name: response.headers[name] for name in HEADERS} == HEADERS
                    assert await response.text() == file.text(asks_for_token=True)
            for path in ("/v1/status", "/v1/events", "/metrics", "/openapi.json", "/page", "/page/page.js"):
                async with client.get(path) as response:
                    assert response.status == 401
            async with client.put("/v1/overrides/dns", data='{"action": "withdraw"}') as response:
                assert response.status == 401

    run(main())


def test_page_over_a_unix_socket_does_not_ask_for_a_token(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            status, text = await house.ask("GET", "/")

            assert (status, 'data-asks-for-token="no"' in text) == (200, True)

    run(main())


def test_page_is_not_described_as_an_endpoint() -> None:
    assert not {file.path for file in PAGE_FILES} & description()["paths"].keys()


def test_page_serves_all_files_of_its_folder() -> None:
    found = {each.name for each in FOLDER.iterdir()} - {"__init__.py", "__pycache__"}

    assert found == {file.file for file in PAGE_FILES}


def test_page_names_only_files_that_are_served() -> None:
    named = re.findall(r'(?:src|href)="([^#"]+)"', TEXTS["index.html"])
    named += [name for text in TEXTS.values() for name in re.findall(r'from "\./([^"]+)"', text)]

    assert len(named) > 5
    assert set(named) <= set(TEXTS)


@pytest.mark.parametrize("name", TEXTS)
def test_page_file_needs_nothing_from_elsewhere_and_makes_no_markup(name: str) -> None:
    text = TEXTS[name].replace('xmlns="http://www.w3.org/2000/svg"', "")

    assert "//" not in re.sub(r"(?m)(^|\s)//( .*)?$", "", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", text)
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|@import|url\(", text)
    assert "localStorage" not in text
    assert "document.cookie" not in text


def test_page_policy_allows_nothing_but_the_daemon_itself() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))

    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert set(policy.values()) == {"'none'", "'self'", "'script'"}


@pytest.mark.parametrize(
    ("method", "headers", "is_refused"),
    [
        ("PUT", {}, False),  # a program
        ("PUT", {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:9790"}, False),
        ("GET", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, False),  # typed in
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, False),  # a link
        ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),  # a form
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, True),
        ("POST", {"Sec-Fetch-Site": "same-site"}, True),  # another port of this host
        ("POST", {"Origin": "http://192.0.2.1:9790", "Host": "192.0.2.1:9790"}, False),  # a plain address
        ("POST", {"Origin": "http://192.0.2.1", "Host": "192.0.2.1:9790"}, True),
        ("POST", {"Origin": "null", "Host": "192.0.2.1:9790"}, True),
    ],
)
def test_request_for_a_page_of_another_site_is_refused(
    method: str, headers: dict[str, str], is_refused: bool
) -> None:
    assert is_from_another_site(method, headers) is is_refused


def test_order_for_a_page_of_another_site_is_not_carried_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            answer = await house.ask(
                "PUT", "/v1/overrides/dns", {"action": "withdraw"}, {"Origin": "http://www.example.com"}
            )
            await asyncio.sleep(0)

            assert answer == (403, {"error": "a page of another site may not ask this of a browser"})
            assert house.daemon.controller.overrides == {}

    run(main())


@pytest.mark.parametrize(
    ("host", "is_refused"),
    [
        ("rhi", False),
        ("localhost:9790", False),
        ("rhi.localhost:9790", False),
        ("127.0.0.1:9790", False),
        ("[::1]:9790", False),
        ("[fe80::1]", False),
        ("", False),
        ("www.example.com:9790", True),
        ("EXAMPLE.COM", True),
        ("localhost.example.com", True),
        ("com.", True),
        ("127.0.0.1.example.com", True),
    ],
)
def test_host_is_local_or_the_name_of_a_site(host: str, is_refused: bool) -> None:
    assert is_name_of_a_site(host) is is_refused


def test_order_over_a_tunnel_by_a_page_whose_name_leads_here_is_not_carried_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            # what a browser sends after DNS rebinding, over HTTP: nothing in it contradicts itself
            headers = {"Host": "www.example.com:9790", "Origin": "http://www.example.com:9790"}
            status, answer = await house.ask(
                "PUT", "/v1/overrides/dns", {"action": "withdraw"}, {**headers, "Content-Type": "text/plain"}
            )
            read, _ = await house.ask("GET", "/v1/status", headers={"Host": "www.example.com:9790"})
            await asyncio.sleep(0)

            assert status == read == 403
            assert answer["error"].startswith("Host www.example.com:9790: ")
            assert house.daemon.controller.overrides == {}

    run(main())

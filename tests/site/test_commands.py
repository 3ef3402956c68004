"""Every command of every page is run, in the order of the page, on a host with a router: see `stage`."""

import re
import shlex
import signal
from pathlib import Path

import pytest

from tests.site.blocks import Command, File, steps
from tests.site.stage import SOCKET, Stage, StageError, stage

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
# What the verbs of a page are about that has no configuration of its own.
HOUSE = """
router_id = "192.0.2.10"
as_number = 65001
state_file = "/var/lib/rhi/state.json"

[api]
socket = "/run/rhi/rhi.sock"
listen = "127.0.0.1:9790"
token_file = "/etc/rhi/token"

[peers."192.0.2.1"]
peer_as = 65000

[services.dns]
addresses = ["203.0.113.53", "203.0.113.10"]

[[services.dns.checks]]
type = "dns"
address = "127.0.0.1"
query = "example.com"
fast_interval = 0.2
"""

OTHERS = {"/etc/rhi/token": "a token of the tests\n", "/etc/rhi/rhi.toml.new": HOUSE}

# What other programs have left on the host: pages tell how to take it over.
LEFT = {
    "/etc/exabgp/exabgp.conf": """
process watch { run python -m exabgp healthcheck --cmd "true" --ip 203.0.113.10; encoder text; }
neighbor 192.0.2.1 {
    router-id 192.0.2.10; local-address 192.0.2.10; local-as 65001; peer-as 65000;
    api { processes [ watch ]; }
}
""",
    "/etc/anycast-healthchecker.conf": """
[DEFAULT]
interface = lo
[daemon]
pidfile = /run/anycast-healthchecker.pid
bird_conf = /etc/bird.d/anycast-prefixes.conf
bird_variable = ACAST_PS_ADVERTISE
""",
    "/etc/anycast-healthchecker.d/dns.conf": """
[dns.example.net]
check_cmd = /usr/bin/true
check_interval = 10
ip_prefix = 203.0.113.53/32
""",
    "/run/home/peers.json": '{"192.0.2.1": {"as_number": 65001}}',
}

# Commands that go on until they are told to end.
ENDLESS = re.compile(r"\brhi (run|speak|collect)\b|--watch\b|--keep\b|--follow\b|\bcurl .*-N\b")
OF_THE_DAEMON = re.compile(
    r"\brhi (status|announce|withdraw|drain|undrain|reload|plan|explain)\b|--unix-socket"
)

# Pages whose commands are run elsewhere, and where.
ELSEWHERE = {
    "routers/README.md": "tests/interop/test_loopback_recipes.py, with each router",
    "routers/options.md": "tests/interop/options.py, with each router",
    "unnumbered.md": "tests/interop/test_unnumbered.py, over a cable without addresses",
}

PAGES = [
    path
    for path in sorted(DOCS.rglob("*.md"))
    if str(path.relative_to(DOCS)) not in ELSEWHERE and any(isinstance(step, Command) for step in steps(path))
]


def name_of(path: Path) -> str:
    return str(path.relative_to(DOCS))


def test_pages_that_are_run_elsewhere_exist() -> None:
    assert [name for name in ELSEWHERE if not (DOCS / name).is_file()] == []


def test_blocks_are_files_and_commands_in_order(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```toml\n# /etc/rhi/rhi.toml\na = 1\n```\n\n```toml\nb = 2\n```\n"
        "```sh\nrhi check \\\n    X  # why\n\n# nothing\nls\n```\n"
        "```console\n$ one\nits answer\n$ two\n```\n```text\nno command\n```\n"
    )

    assert list(steps(page)) == [
        File("/etc/rhi/rhi.toml", "a = 1\n"),
        Command("rhi check X"),
        Command("ls"),
        Command("one"),
        Command("two"),
    ]


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_commands_do_what_they_say(page: Path, tmp_path: Path) -> None:
    with stage(tmp_path) as host:
        for path, text in {**OTHERS, **LEFT}.items():
            host.write(path, text)
        host.write("/etc/rhi/rhi.toml", HOUSE)
        has_daemon = False
        codes: list[tuple[str, int]] = []
        for step in steps(page):
            if isinstance(step, File):
                host.write(step.path, step.text)
                continue
            if not has_daemon and OF_THE_DAEMON.search(step.text):
                _start(host, "rhi run /etc/rhi/rhi.toml")
                has_daemon = True
            if "rhi run" in step.text:
                codes += host.stop() if has_daemon else []
                _start(host, step.text)
            elif "--watch" in step.text:
                host.start(f"script --quiet --return --command {shlex.quote(step.text)} /dev/null")
            elif ENDLESS.search(step.text):
                host.start(step.text)
            else:
                host.run(step.text)

            has_daemon |= "rhi run" in step.text or step.text.startswith("systemctl")

        if page.parent.name == "cookbook" and has_daemon:
            # a recipe is no recipe when nothing comes of it
            host.wait_for("rhi status", r"\b([1-9]\d*) of \1 addresses announced")
        codes += host.stop()

    wrong = [f"{command}: exit code {code}" for command, code in codes if code not in _ends_well(command)]
    assert "\n".join(wrong) == ""


def _ends_well(command: str) -> tuple[int, ...]:
    """Exit codes of what was told to end; who only looks on may be killed, or see the end of it."""
    return (
        (0,)
        if re.search(r"\brhi (run|speak|collect)\b", command)
        else (0, 1, -signal.SIGTERM, 128 + signal.SIGTERM)
    )


def _start(host: Stage, command: str) -> None:
    """The daemon, until it can be asked."""
    host.start(command)
    host.wait_for(f"test -S {SOCKET} && echo there", "there")


@pytest.mark.slow
@pytest.mark.interop
def test_command_that_fails_is_noticed(tmp_path: Path) -> None:
    with stage(tmp_path) as host, pytest.raises(StageError, match="exit code 2"):
        host.run("rhi check /etc/rhi/none.toml")

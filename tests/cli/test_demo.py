"""`rhi demo`: it works, and it notices when a step does not arrive at the collectors."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

import rhi
from rhi.cli import demo
from rhi.cli.demo import DNS, WEB, Story
from rhi.cli.stage import Daemon, DemoError, Service, Witnesses
from rhi.model.attributes import PathAttributes
from rhi.model.communities import Community
from tests.cli.command import COMMAND, PATIENCE, assert_one_sentence, run, running

pytestmark = pytest.mark.slow

MARKED = PathAttributes(communities=(Community(0xFFFF0000),))


class Puppet:
    """A daemon and a service in one that do what they are told, but for what `lacks` names.

    Attributes:
        story: which soon loses its patience, once something is lacking.
    """

    is_running = True
    story: Story

    def __init__(self, pool: rhi.Pool, lacks: str) -> None:
        self._pool = pool
        self._lacks = lacks

    def _does_lack(self, what: str) -> bool:
        if self._lacks != what:
            return False
        self.story._left = 0.6
        return True

    @property
    def is_healthy(self) -> bool:
        raise NotImplementedError

    @is_healthy.setter
    def is_healthy(self, value: bool) -> None:
        # first what is too much: a state in between must not be the right one
        if self._does_lack("the other"):
            self._pool.withdraw(DNS)
        self._do("recovery" if value else "failure", WEB, value)

    def ask(self, method: str, path: str, body: Any = None) -> None:
        assert path == "/v1/drains/service/dns"
        if method == "DELETE":
            self._do("undrain", DNS, True)
            return
        if self._does_lack("one mark only"):
            self._pool.announce(WEB, MARKED)
        self._pool.announce(DNS, rhi.PathAttributes() if self._does_lack("mark") else MARKED)
        threading.Timer(0.1, self._do, ("withdrawal", DNS, False)).start()

    def how_it_ended(self) -> str:
        return "code 1: a reason"

    def _do(self, what: str, route: str, is_there: bool) -> None:
        if self._does_lack(what):
            return
        if is_there:
            self._pool.announce(route)
        else:
            self._pool.withdraw(route)


@pytest.fixture
def witnesses() -> Iterator[Witnesses]:
    with closing(Witnesses()) as found:
        yield found


def play(witnesses: Witnesses, lacks: str) -> None:
    """The acts, with a puppet."""
    peers = {
        each.host: rhi.Parameters(as_number=65001, port=each.port, next_hop_4="192.0.2.1")
        for each in witnesses.collectors
    }
    with rhi.Pool("192.0.2.1", peers) as pool:
        pool.replace([DNS, WEB])
        puppet: Any = Puppet(pool, lacks)
        assert witnesses.wait_for(lambda routes: routes.keys() == {DNS, WEB}, PATIENCE, lambda: True)
        story = puppet.story = Story(witnesses, puppet)
        demo._fail_and_recover(story, puppet)
        demo._drain(story, puppet)


def test_demo_acts_that_go_well_are_told(witnesses: Witnesses, capfd: pytest.CaptureFixture[str]) -> None:
    play(witnesses, "nothing")

    out = capfd.readouterr().out
    told = [line.partition("both have ")[2].rpartition(",")[0] for line in out.splitlines() if "both" in line]
    assert told == [
        f"lost {WEB} and kept {DNS}",
        f"{WEB} again",
        f"{DNS} marked as leaving (GRACEFUL_SHUTDOWN)",
        f"lost {DNS} and kept {WEB}",
        f"{DNS} again, not marked",
    ]
    assert witnesses.sessions == 2


@pytest.mark.parametrize(
    ("lacks", "what"),
    [
        ("failure", f"have lost {WEB} and kept {DNS}"),
        ("the other", f"have lost {WEB} and kept {DNS}"),
        ("recovery", f"have {WEB} again"),
        ("mark", "marked as leaving"),
        ("one mark only", "marked as leaving"),
        ("withdrawal", f"have lost {DNS} and kept {WEB}"),
        ("undrain", f"have {DNS} again, not marked"),
    ],
)
def test_demo_act_that_does_not_arrive_fails(lacks: str, what: str, witnesses: Witnesses) -> None:
    with pytest.raises(DemoError, match="in vain waited for: both collectors") as found:
        play(witnesses, lacks)

    assert what in str(found.value)


def test_demo_is_told_of_what_was_over_before_it_looked(witnesses: Witnesses) -> None:
    """A machine that stands still for longer than the drain waits."""
    peers = {each.host: rhi.Parameters(as_number=65001, port=each.port) for each in witnesses.collectors}
    with rhi.Pool("192.0.2.1", peers) as pool:
        pool.announce(DNS)
        assert all(each.wait_for(lambda routes: DNS in routes, PATIENCE) for each in witnesses.collectors)
        pool.withdraw(DNS)
        assert all(each.wait_for(lambda routes: not routes, PATIENCE) for each in witnesses.collectors)

        assert witnesses.wait_for(lambda routes: routes.keys() == {DNS}, PATIENCE, lambda: True)
        assert witnesses.wait_for(lambda routes: not routes, PATIENCE, lambda: True)
        # what has been seen is not seen again
        assert not witnesses.wait_for(lambda routes: routes.keys() == {DNS}, 0.0, lambda: True)


def test_demo_of_a_dead_daemon_does_not_wait_for_it(witnesses: Witnesses) -> None:
    with rhi.Pool("192.0.2.1", {}) as pool:
        puppet: Any = Puppet(pool, "")
        puppet.is_running = False

        with pytest.raises(DemoError, match="the daemon has ended with code 1: a reason"):
            Story(witnesses, puppet).expect("have it", bool)


@pytest.mark.parametrize(("is_healthy", "status"), [(True, 200), (False, 503)])
def test_demo_service_fails_when_it_is_told_to(is_healthy: bool, status: int) -> None:
    with closing(Service()) as service:
        service.is_healthy = is_healthy
        with closing(HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)) as connection:
            connection.request("GET", "/")
            assert connection.getresponse().status == status


def test_demo_service_says_nothing_of_a_probe_that_gave_up(capfd: pytest.CaptureFixture[str]) -> None:
    with closing(Service()) as service:
        try:
            raise ConnectionResetError
        except ConnectionResetError:
            service._server.handle_error(None, ("127.0.0.1", 1))

    assert capfd.readouterr().err == ""


def test_demo_as_a_command_shows_all_and_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    code, out, err = run("demo")  # kills what takes 30 s

    assert (code, err) == (0, "")
    assert out.count("collectors") == 8
    assert out.splitlines()[-1].endswith("all routes have left, in one BGP session each; done")
    assert list(tmp_path.iterdir()) == []


def test_demo_whose_sessions_ended_in_between_fails(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Witnesses, "sessions", 3)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    with pytest.raises(SystemExit) as ended:
        demo.run([])

    for number, handler in before.items():
        signal.signal(number, handler)
    assert ended.value.code == 1
    assert_one_sentence(capfd.readouterr().err, "rhi demo")


def test_demo_without_the_libraries_of_the_daemon_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "pydantic.py").write_text("raise ModuleNotFoundError('not there', name='pydantic')")

    code, _, err = run("demo")

    assert code == 1
    assert_one_sentence(err, "rhi demo")
    assert "needs pydantic, which is not installed: pip install 'rhi[daemon]'" in err


def test_demo_page_that_is_not_there_is_noticed(tmp_path: Path) -> None:
    with Daemon(tmp_path, {}, []) as daemon:  # no services: it does not begin
        daemon._process.wait(PATIENCE)

        with pytest.raises(DemoError, match=r"http://127\.0\.0\.1:\d+/: "):
            daemon.show_page()

    assert "allow_empty" in daemon.how_it_ended()


def test_demo_that_is_kept_goes_on_until_it_is_interrupted() -> None:
    with running("demo", "--keep") as child:
        child.line("until Ctrl-C")
        code, out, err = child.end(signal.SIGINT)

    assert (code, err) == (0, "")
    assert out.endswith("in one BGP session each; done\n")


def test_demo_interrupted_says_so_and_leaves_nothing_running() -> None:
    with running("demo") as child:
        child.line("rhi run")
        pid = child.process.pid
        (daemon,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        code, _, err = child.end(signal.SIGINT)

    assert (code, err) == (1, "rhi demo: stopped before the end\n")
    assert not Path(f"/proc/{daemon}").exists()


def test_demo_that_is_killed_leaves_no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running("demo", "--keep") as child:
        child.line("until Ctrl-C")
        pid = child.process.pid
        (daemon,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        began = begin_of(daemon)
        child.process.kill()
        child.process.wait()

        deadline = time.monotonic() + 2 * PATIENCE
        while began and begin_of(daemon) == began and time.monotonic() < deadline:
            time.sleep(0.02)
        goes_on = bool(began) and begin_of(daemon) == began
        if goes_on:
            os.kill(int(daemon), signal.SIGKILL)

    assert began
    assert not goes_on


def begin_of(pid: str) -> str:
    """When a process began, which tells it from another one of its number; empty when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def test_demo_into_a_closed_pipe_still_runs_to_its_end() -> None:
    with subprocess.Popen([*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        code = process.wait(PATIENCE)
        assert process.stderr is not None
        err = process.stderr.read()

    assert (code, err) == (0, b"")

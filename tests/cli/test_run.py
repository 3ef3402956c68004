"""The daemon as a process: a service that fails and recovers, reloads, and the end."""

import json
import logging
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhi.cli import run as run_verb
from rhi.testing.collector import Collector
from tests.cli.command import PATIENCE, Service, run, running, wait_for_file

ADDRESS, OTHER = "203.0.113.10", "203.0.113.11"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as found:
        yield found


@pytest.fixture
def server() -> Iterator[Service]:
    with Service() as found:
        yield found


def write(file: Path, collector: Collector, port: int, *addresses: str, more: str = "") -> None:
    file.write_text(f"""
router_id = "192.0.2.10"
as_number = 65001

[peers."{collector.host}"]
port = {collector.port}
connect_retry_time = 0.2

[services.web]
addresses = {list(addresses)}
{more}
[[services.web.checks]]
type = "tcp"
address = "127.0.0.1"
port = {port}
interval = 0.1
rise = 1
fall = 1
""")


def ask(path: Path, request: str) -> str:
    """The answer of the API on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        client.sendall(f"{request} HTTP/1.1\r\nHost: rhi\r\nConnection: close\r\n\r\n".encode())
        with client.makefile("rb") as answer:
            return answer.read().decode()


def has(collector: Collector, *addresses: str) -> bool:
    return collector.wait_for(lambda routes: set(routes) == set(addresses), PATIENCE)


@pytest.mark.slow
def test_run_announces_while_the_check_passes_and_ends_with_a_signal(
    tmp_path: Path, collector: Collector, server: Service
) -> None:
    file = tmp_path / "rhi.toml"
    write(file, collector, server.port, ADDRESS)

    with running("run", str(file)) as child:
        assert has(collector, ADDRESS)
        server.close()
        assert has(collector)
        with Service(server.port):
            assert has(collector, ADDRESS)
            code, _, _ = child.end()

    assert code == 0
    assert has(collector)


@pytest.mark.slow
def test_run_takes_a_new_file_on_sighup_and_keeps_the_old_one_when_it_is_wrong(
    tmp_path: Path, collector: Collector, server: Service
) -> None:
    file = tmp_path / "rhi.toml"
    write(file, collector, server.port, ADDRESS)

    with running("run", str(file)) as child:
        assert has(collector, ADDRESS)
        write(file, collector, server.port, ADDRESS, OTHER)
        child.send(signal.SIGHUP)
        assert has(collector, ADDRESS, OTHER)
        write(file, collector, server.port, ADDRESS, more="polcy = 1")
        child.send(signal.SIGHUP)
        child.complaint("did you mean policy?")
        assert set(collector.routes()) == {ADDRESS, OTHER}
        write(file, collector, server.port, ADDRESS, more="med = 5")
        child.send(signal.SIGHUP)
        assert collector.wait_for(
            lambda routes: set(routes) == {ADDRESS} and routes[ADDRESS].get("med") == 5, PATIENCE
        )


@pytest.mark.slow
def test_run_has_an_api_that_reads_the_file_again_and_is_gone_at_the_end(
    tmp_path: Path, collector: Collector, server: Service
) -> None:
    file, path = tmp_path / "rhi.toml", tmp_path / "rhi.sock"
    write(file, collector, server.port, ADDRESS)
    with file.open("a") as more:
        more.write(f'[api]\nsocket = "{path}"\nmode = "0600"\n')

    with running("run", str(file)) as child:
        assert has(collector, ADDRESS)
        wait_for_file(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        explained = ask(path, f"GET /v1/explain/{ADDRESS}")
        metrics = ask(path, "GET /metrics")
        file.write_text(file.read_text().replace(ADDRESS, f"{ADDRESS}', '{OTHER}"))
        reloaded = ask(path, "POST /v1/reload")
        assert has(collector, ADDRESS, OTHER)
        code, _, _ = child.end()

    assert mode == 0o600
    assert json.loads(explained.partition("\r\n\r\n")[2])["is_announced"]
    assert "rhi_log_lines_dropped_total 0.0" in metrics
    assert reloaded.startswith("HTTP/1.1 200")
    assert code == 0
    assert not path.exists()


def test_run_with_an_api_that_cannot_listen_says_why_and_ends(tmp_path: Path) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text(
        'router_id = "192.0.2.1"\nas_number = 65001\nallow_empty = true\n'
        f'[api]\nsocket = "{tmp_path / "rhi.toml"}"\n'
    )

    done = run("run", str(file))

    assert done.code == 1
    assert f"rhi run: api.socket {file}: there is a file that is no socket" in done.err
    assert file.exists()


def test_run_with_a_wrong_file_names_all_problems_and_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text('router_id = "x"\n')

    done = run("run", str(file))

    assert done.code == 2
    assert len(done.err.splitlines()) >= 3
    assert all(line.startswith(str(file)) for line in done.err.splitlines())


def test_check_tells_right_files_from_wrong_ones(tmp_path: Path) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text('router_id = "192.0.2.1"\nas_number = 65001\nallow_empty = true\n')

    right = run("check", str(file))
    keeps = tmp_path / "keeps.toml"
    keeps.write_text(file.read_text() + '[peers."192.0.2.9"]\ngraceful_restart = 60\n')
    noted = run("check", str(keeps))
    schema = run("check", "--schema")
    nothing = run("check")
    absent = run("check", str(tmp_path / "none"))

    assert (right.code, right.out) == (0, f"{file}: is right\n")
    assert noted.code == 0
    assert noted.out.startswith(f"{keeps}: note: peers.192.0.2.9: graceful restart is on")
    assert schema.code == 0
    assert '"title": "Config"' in schema.out
    assert (nothing.code, nothing.err) == (2, "rhi check: CONFIG missing (try rhi check --help)\n")
    assert absent.code == 2


@pytest.mark.slow
def test_run_looks_for_the_neighbour_on_an_interface(tmp_path: Path) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text(
        'router_id = "192.0.2.10"\nas_number = 65001\n[peers.rhi-not-there]\n'
        '[services.host]\naddresses = "203.0.113.10"\n'
    )

    with running("run", str(file)) as child:
        assert "rhi-not-there" in child.complaint("Interface rhi-not-there does not exist")
        assert child.end().code == 0


def test_what_the_library_logs_comes_in_the_format_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def logs(*arguments: object) -> None:
        logging.getLogger("rhi").error("configure: no room for so many keys; nothing is changed")

    monkeypatch.setattr("rhi.daemon.serve.serve", logs)
    file = tmp_path / "rhi.toml"
    file.write_text(
        'router_id = "192.0.2.10"\nas_number = 65001\nallow_empty = true\n[log]\nformat = "json"\n'
    )

    assert run_verb.run([str(file)]) == 0

    (line,) = capfd.readouterr().err.splitlines()
    assert json.loads(line)["text"] == "configure: no room for so many keys; nothing is changed"

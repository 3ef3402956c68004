"""`rhi doctor` as a command; its sentences are tested with `rhi.daemon.doctor`."""

import json
from pathlib import Path
from typing import Any

import pytest

from rhi.cli import doctor
from rhi.cli.client import Client, NoDaemon
from rhi.daemon.doctor import reader
from rhi.daemon.doctor.system import System

RIGHT = 'router_id = "127.0.0.1"\nas_number = 65001\nallow_empty = true\n'


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A host without any address; returns what was asked of it."""
    asked: list[tuple[Any, ...]] = []

    def read_system(*arguments: Any) -> System:
        asked.append(arguments)
        return System(peers=arguments[2])

    monkeypatch.setattr(reader, "read_system", read_system)
    return asked


def test_doctor_with_warnings_only_exits_with_0(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text(RIGHT)

    code = doctor.run([str(file)])

    out = capfd.readouterr().out.splitlines()
    assert code == 0
    assert out[0].startswith("warning: router_id 127.0.0.1: is not an address of this host")
    assert out[1:] == ["1 finding"]


def test_doctor_with_an_error_exits_with_1_and_tells_it_as_json(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], host: list[tuple[Any, ...]]
) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text(RIGHT + 'listen = ["192.0.2.1:1179"]\n[peers."192.0.2.9"]\nport = 1790\n')

    code = doctor.run([str(file), "--json"])

    found = json.loads(capfd.readouterr().out)
    assert code == 1
    assert [each["code"] for each in found] == ["listen-address", "router-id-foreign"]
    assert host == [(str(file), {1179, 1790}, None)]


def test_doctor_asks_a_daemon_that_runs_for_its_peers(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text(RIGHT + '[api]\nsocket = "/run/rhi/x.sock"\n')
    peer = {"name": "192.0.2.9", "state": "ACTIVE", "remote_router_id": "127.0.0.1"}
    asked: list[str] = []

    def items(self: Client, path: str) -> list[Any]:
        asked.append(f"{self.address}{path}")
        return [peer]

    monkeypatch.setattr(Client, "items", items)
    code = doctor.run([str(file)])

    assert code == 1
    assert asked == ["/run/rhi/x.sock/v1/peers"]
    assert "error: peer 192.0.2.9: has our router id, 127.0.0.1" in capfd.readouterr().out


def test_doctor_without_a_daemon_goes_by_the_host_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: list[tuple[Any, ...]]
) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text(RIGHT + '[api]\nsocket = "/run/rhi/x.sock"\n')

    def items(self: Client, path: str) -> list[Any]:
        raise NoDaemon("none")

    monkeypatch.setattr(Client, "items", items)

    assert doctor.run([str(file)]) == 0
    assert host[0][2] is None


def test_doctor_of_a_wrong_file_tells_its_problems_and_exits_with_2(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], host: list[tuple[Any, ...]]
) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text(RIGHT + "polcy = 1\n")

    code = doctor.run([str(file)])

    assert code == 2
    assert capfd.readouterr().err.startswith(f"{file}:4: polcy: is no known key")
    assert host == []


def test_doctor_without_a_file_looks_at_that_of_the_unit() -> None:
    unit = (Path(__file__).parents[2] / "packaging/systemd/rhi.service").read_text()

    assert f"rhi run {doctor.parser().parse([]).config}\n" in unit


def test_doctor_describes_nothing_as_nothing() -> None:
    assert doctor.describe([]) == ["nothing is wrong"]

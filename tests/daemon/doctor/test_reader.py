"""The real host, as far as any host is like it; what needs a host of its own is in tests/interop."""

import os
import socket
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from rhi.daemon.doctor import reader
from rhi.daemon.doctor.system import Owner
from rhi.daemon.state_lock import StateLock


def test_read_system_knows_this_process_and_the_loopback_interface(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        system = reader.read_system(str(tmp_path), {port}, None)

    listener = system.listener(ip_address("127.0.0.1"), port)
    assert listener is not None
    assert listener.owner is not None
    assert listener.owner.pid == os.getpid()
    assert listener.owner.program == os.path.realpath(sys.executable)
    assert not listener.owner.is_rhi
    assert [each.port for each in system.listeners] == [port]
    assert system.has(ip_address("127.0.0.1"))
    assert system.has(ip_address("127.8.8.8"))
    assert not system.has(ip_address("203.0.113.77"))
    assert system.interfaces["lo"].is_up
    assert os.getegid() in system.groups
    assert system.changed_at > 0


def test_read_listeners_reads_ipv6_addresses() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        (found,) = reader.read_listeners({server.getsockname()[1]})

    assert found.address == ip_address("::1")


def test_is_taken_tells_listeners_of_both_families_from_others() -> None:
    anywhere = ip_address("0.0.0.0")
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both:
        assert reader.is_taken(anywhere, both.getsockname()[1])
    with socket.create_server(("::", 0), family=socket.AF_INET6) as only:
        port = only.getsockname()[1]
        assert reader.is_taken(ip_address("::1"), port)
        assert not reader.is_taken(anywhere, port)
    with socket.create_server(("0.0.0.0", 0)) as other:
        assert not reader.is_taken(ip_address("::"), other.getsockname()[1])
    assert not reader.is_taken(ip_address("192.0.2.1"), 1179)  # is not here: another finding


def test_read_sysctl_of_nothing_is_none() -> None:
    assert reader.read_sysctl("net/ipv4/nonesuch") is None
    assert reader.read_sysctl("net/ipv4/ip_forward") in ("0", "1")


@pytest.mark.parametrize(("address", "text"), [("127.0.0.1", ""), ("255.255.255.255", "Permission denied")])
def test_no_route_says_why(address: str, text: str) -> None:
    assert reader.no_route(ip_address(address)) == text


def test_files_that_are_right_are_no_findings(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))

        assert reader.unwritable(str(path)) == ""
    assert reader.unreadable(__file__) == ""
    assert reader.not_runnable("sh") == ""
    assert reader.not_runnable(sys.executable) == ""
    assert reader.uncreatable(str(tmp_path / "a" / "b" / "c")) == ""
    lock = StateLock(tmp_path / "lock")
    assert reader.unlockable(str(lock.path)) == ""
    lock.take()
    assert reader.unlockable(str(lock.path)) == ""  # a daemon that runs is none
    assert reader.unlockable(str(tmp_path / "none" / "lock")) == ""
    assert reader.unlockable(f"{__file__}/lock") == ""


def test_files_that_are_wrong_are_told(tmp_path: Path) -> None:
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_text("")
    os.mkfifo(pipe)

    assert reader.unreadable(str(tmp_path / "none")) == "No such file or directory"
    assert reader.unreadable(str(pipe)) == ""  # and is not waited for
    assert reader.unwritable(str(file)) == "is no socket"
    assert reader.unwritable(str(tmp_path / "none")) == "No such file or directory"
    assert reader.not_runnable("nonesuch") == "there is no such program"
    assert reader.not_runnable(str(tmp_path / "none")) == "there is no such program"
    assert reader.not_runnable(str(file)) == "may not be run"
    assert reader.unlockable(str(tmp_path)) == "Is a directory"
    assert reader.uncreatable(str(tmp_path)) == "it is a directory"
    assert reader.uncreatable(str(file / "x")) == f"{file} is no directory"


def test_directory_that_lacks_and_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    assert reader.uncreatable(str(tmp_path / "x")) == f"{tmp_path} may not be written to"
    assert reader.uncreatable(str(tmp_path / "a" / "b" / "x")) == (
        f"there is no directory {tmp_path}/a/b, and {tmp_path} may not be written to"
    )


@pytest.mark.parametrize(
    ("arguments", "is_rhi"),
    [
        (("/usr/bin/python3", "/opt/rhi/bin/rhi", "run", "/etc/rhi.toml"), True),
        (("rhi", "run", "x"), True),
        (("rhi", "collect"), False),
        (("python3", "-m", "http.server"), False),
    ],
)
def test_owner_is_rhi(arguments: tuple[str, ...], is_rhi: bool) -> None:
    assert Owner(1, "python3", "", arguments).is_rhi is is_rhi

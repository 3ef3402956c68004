"""The verbs that ask a running daemon, against a real one with a collector as its peer."""

import fcntl
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rhi.cli import main, overriding
from rhi.cli.explain import describe
from rhi.testing.collector import Collector
from tests.cli.command import COMMAND, PATIENCE, Service, running, wait_for_file

ADDRESS, OTHER = "203.0.113.10", "203.0.113.53"


@dataclass(slots=True)
class House:
    """A daemon with two services: `web`, and `dns` that a guard keeps."""

    file: Path
    socket: str
    collector: Collector

    def announces(self, *addresses: str) -> bool:
        return self.collector.wait_for(lambda routes: set(routes) == set(addresses), PATIENCE)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = tmp_path_factory.mktemp("house")
    file, path = place / "rhi.toml", str(place / "rhi.sock")
    with Collector() as collector, Service() as server:
        check = '[[services.NAME.checks]]\ntype = "tcp"\naddress = "127.0.0.1"\ninterval = 0.2\nrise = 1\n'
        check += f"port = {server.port}\n"
        file.write_text(f"""
router_id = "192.0.2.10"
as_number = 65001
[peers."{collector.host}"]
port = {collector.port}
connect_retry_time = 0.2
[services.web]
addresses = "{ADDRESS}"
{check.replace("NAME", "web")}
[services.dns]
addresses = "{OTHER}"
group = "dns"
{check.replace("NAME", "dns")}
[groups.dns]
floor = 1
[api]
socket = "{path}"
""")
        with running("run", str(file)):
            found = House(file, path, collector)
            wait_for_file(Path(path))
            assert found.announces(ADDRESS, OTHER)
            yield found


@pytest.fixture
def ask(house: House, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a verb in this process; returns its exit code, output and complaints."""
    monkeypatch.setenv("RHI_SOCKET", house.socket)

    def run(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        try:
            code = main(list(words))
        except SystemExit as ended:
            code = int(str(ended.code))
        return code, *capfd.readouterr()

    return run


@pytest.mark.slow
def test_verbs_withdraw_and_undrain_move_the_route(house: House, ask: Any) -> None:
    code, out, _ = ask("withdraw", "web", "--why", "test", "--for", "1h")

    assert code == 0
    assert "web: withdraw by " in out
    assert ": test, until " in out
    assert "web: healthy, 0 of 1 addresses announced\n" in out
    assert house.announces(OTHER)
    assert ask("undrain", "web")[1].startswith("web: its checks decide again\nweb: healthy, 1 of 1")
    assert house.announces(ADDRESS, OTHER)
    assert ask("undrain", "web")[1].startswith("web: its checks decided already\n")


@pytest.mark.slow
def test_verbs_drain_marks_first_and_withdraws_then(house: House, ask: Any) -> None:
    code, out, _ = ask("drain", "web", "--why", "kernel", "--wait", "1h", "--json")

    assert code == 0
    assert json.loads(out)["wait"] == 3600.0
    assert house.collector.wait_for(
        lambda routes: routes[ADDRESS].get("communities") == ["65535:0"], PATIENCE
    )
    assert "service/web" in ask("status")[1]
    assert house.collector.routes().keys() == {ADDRESS, OTHER}
    assert ask("drain", "web", "--wait", "0")[1].startswith("service/web: ")
    assert house.announces(OTHER)
    assert ask("undrain", "web", "--json")[1] == '{\n  "changed": true\n}\n'
    assert house.announces(ADDRESS, OTHER)


@pytest.mark.slow
def test_verbs_undrain_of_a_service_during_a_drain_of_all_says_what_holds_it(house: House, ask: Any) -> None:
    ask("drain", "--all", "--why", "kernel", "--wait", "1h")
    try:
        code, out, err = ask("undrain", "web")
        assert (code, out) == (1, "")
        assert err.startswith(
            "rhi undrain: web has no order of its own to take back; it is drained with all (by "
        )
        assert err.endswith(": kernel): rhi undrain --all ends that, or rhi announce web for it alone\n")
        assert ask("announce", "web")[0] == 0
        code, out, _ = ask("undrain", "web")
        assert code == 0
        assert out.startswith("web: its own order is taken back, and it is drained with all (by ")
    finally:
        assert ask("undrain", "--all")[0] == 0
    assert ask("undrain", "web")[1].startswith("web: its checks decided already\n")


@pytest.mark.slow
def test_verbs_drain_followed_shows_each_step_to_the_end(house: House, ask: Any) -> None:
    code, out, err = ask("drain", "web", "--wait", "0.1s", "--age", "0", "--follow", "--for", "1h")

    steps = [line.split()[1].rstrip(":") for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert steps[-4:] == ["withdrawing", "acknowledging", "aging", "done"]
    assert house.announces(OTHER)
    assert ask("undrain", "web")[1].startswith("web: its checks decide again")
    assert house.announces(ADDRESS, OTHER)


@pytest.mark.slow
def test_verbs_drain_that_a_guard_holds_ends_with_its_deadline_and_says_so(house: House, ask: Any) -> None:
    code, out, err = ask("drain", "dns", "--wait", "0", "--deadline", "0.1s", "--follow")

    assert code == 1
    assert out.splitlines()[-1].split(" ", 1)[1].startswith("deadline passed: ")
    assert err == "rhi drain: service/dns: deadline passed, 1 route left (kept by floor)\n"
    assert ask("undrain", "dns")[0] == 0


@pytest.mark.slow
def test_verbs_drain_of_a_peer_and_of_everything_is_taken_back(house: House, ask: Any) -> None:
    peer = house.collector.host

    of_peer = ask("drain", "--peer", peer, "--wait", "1h")
    assert of_peer[1].startswith(f"peer/{peer}: ")
    assert ask("undrain", "--peer", peer) == (0, f"peer/{peer}: the drain is taken back\n", "")
    assert ask("undrain", "--peer", peer) == (1, "", f"rhi undrain: drain peer/{peer}: is not drained\n")
    assert ask("drain", "--all", "--wait", "1h", "--json")[0] == 0
    assert json.loads(ask("undrain", "--all", "--json")[1])["state"] == "cancelled"
    assert house.announces(ADDRESS, OTHER)


@pytest.mark.slow
def test_verbs_withdraw_held_by_a_guard_says_so_and_force_overrules_it(house: House, ask: Any) -> None:
    held = ask("withdraw", "dns")[1]
    explained = ask("explain", OTHER)[1]
    forced = ask("withdraw", "dns", "--force")[1]

    assert "1 of 1 addresses announced, 1 of them only because a guard keeps them" in held
    assert "guard     dns: keeps this address (floor)" in explained
    assert "dns: withdraw by " in forced
    assert ", forced\n" in forced
    assert house.announces(ADDRESS)
    assert ask("undrain", "dns")[0] == 0
    assert house.announces(ADDRESS, OTHER)


@pytest.mark.slow
def test_verbs_announce_holds_a_service_whose_check_fails(house: House, ask: Any) -> None:
    try:
        assert ask("announce", "web")[0] == 0
        assert '"action": "announce"' in ask("status", "--json")[1]
    finally:
        assert ask("undrain", "web")[0] == 0


@pytest.mark.slow
def test_verbs_explain_tells_the_chain_with_times(house: House, ask: Any) -> None:
    code, out, _ = ask("explain", ADDRESS)
    as_json = json.loads(ask("explain", ADDRESS, "--json")[1])

    stages = [line.split()[0] for line in out.splitlines()[1:]]
    assert code == 0
    assert out.startswith(f"{ADDRESS}: announced\n")
    assert stages == [
        "check",
        "policy",
        "damping",
        "dwell",
        "override",
        "sharing",
        "guard",
        "route",
        "update",
    ]
    assert "sent with origin igp as_path 65001 next_hop 127.0.0.1 (since " in out
    assert as_json["is_announced"]


@pytest.mark.slow
def test_verbs_history_shows_the_last_entries_of_a_kind(house: House, ask: Any) -> None:
    out = ask("history", "--kind", "route", "--limit", "1000")[1]
    as_json = [json.loads(line) for line in ask("history", "--json", "--limit", "2")[1].splitlines()]

    assert all(" route " in line for line in out.splitlines())
    assert f"route    {ADDRESS}: announced (service web)" in out
    assert [entry["number"] for entry in as_json][1] == as_json[0]["number"] + 1


@pytest.mark.slow
def test_verbs_history_follows_until_a_signal(house: House, ask: Any) -> None:
    with running("history", "--follow", "--limit", "1000", "--socket", house.socket) as child:
        child.line("announced (service web)")
        ask("announce", "web", "--why", "followed")
        child.line("followed")
        code, _, err = child.end(signal.SIGINT)
        assert ask("undrain", "web")[0] == 0

    assert (code, err) == (0, "")


@pytest.mark.slow
def test_verbs_reload_shows_what_changed_and_refuses_what_takes_too_much(house: House, ask: Any) -> None:
    before = house.file.read_text()
    api = before[before.index("[api]") :]
    try:
        assert ask("reload") == (0, "nothing changes\n", "")
        house.file.write_text(before.replace("group =", "med = 5\ngroup ="))
        assert f"~ route {OTHER}: med none -> 5\n" in ask("reload")[1]
        house.file.write_text(before.replace("[services", "[servces"))
        code, out, err = ask("reload")
        assert (code, out) == (1, "")
        assert "did you mean services?" in err
        assert err.splitlines()[-1].startswith("rhi reload: the configuration cannot be used: ")
        house.file.write_text("allow_empty = true\n" + before.partition("[services")[0] + api)
        refused = ask("reload")
        assert refused[0] == 1
        assert "2 of 2 announced routes would be withdrawn" in refused[2]
        assert "give consent if it is meant" in refused[2]
        assert set(house.collector.routes()) == {ADDRESS, OTHER}
        assert f"- route {ADDRESS}" in ask("reload", "--consent")[1]
        assert house.announces()
    finally:
        house.file.write_text(before)
        assert ask("reload", "--consent")[0] == 0
        assert house.announces(ADDRESS, OTHER)


@pytest.mark.slow
def test_verbs_plan_shows_what_a_file_would_change_and_changes_nothing(house: House, ask: Any) -> None:
    other = house.file.with_name("other.toml")
    text = house.file.read_text()
    other.write_text(
        text.replace(ADDRESS, "203.0.113.99").replace("connect_retry_time = 0.2", "hold_time = 30")
    )

    own = ask("plan")
    code, out, err = ask("plan", str(other))
    as_json = json.loads(ask("plan", str(other), "--json")[1])
    other.write_text(text + "polcy = 1")
    wrong = ask("plan", str(other))
    other.write_text("allow_empty = true\n" + text.partition("[services")[0] + text[text.index("[api]") :])
    everything = ask("plan", str(other))

    assert own == (0, "nothing changes\n", "")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"- route {ADDRESS} (configuration)",
        "+ route 203.0.113.99",
        f"! peer {house.collector.host}: connect_retry_time, hold_time (needs a new session)",
        "1 of 2 announced routes would leave",
    ]
    assert [each["action"] for each in as_json["routes"]] == ["remove", "add"]
    assert everything[1].endswith("2 of 2 announced routes would leave, which a reload needs --consent for\n")
    assert wrong[0] == 2
    assert wrong[2].startswith(f"{other}:")
    assert set(house.collector.routes()) == {ADDRESS, OTHER}


@pytest.mark.slow
def test_verbs_plan_without_a_daemon_is_that_of_a_start(house: House, ask: Any, tmp_path: Path) -> None:
    code, out, err = ask("plan", str(house.file), "--socket", str(tmp_path / "none"))

    assert code == 0
    assert f"+ peer {house.collector.host}\n" in out
    assert "? service web: waits for the first verdict of its checks\n" in out
    assert err.endswith("as its api.socket would say; this is what a start would do\n")
    assert ask("plan", "--socket", str(tmp_path / "none"))[0] == 1


@pytest.mark.slow
def test_verbs_plan_of_a_large_file_says_what_to_do(house: House, ask: Any, tmp_path: Path) -> None:
    file = tmp_path / "large.toml"
    addresses = [f"2001:db8::{number:x}" for number in range(10_000)]
    file.write_text(f'router_id = "192.0.2.1"\nas_number = 65001\npeers = {{}}\nallow_empty = true\n'
                    f"[services.a]\naddresses = {addresses}\n")  # fmt: skip

    code, _, err = ask("plan", str(file))

    assert code == 1
    assert "is larger than the 131072 bytes of JSON that a daemon takes" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["drain", "wbe"], 1, "rhi drain: service 'wbe': there is no such service; did you mean web?"),
        (["undrain", ""], 1, "rhi undrain: /v1/overrides/: there is nothing here"),
        (["withdraw", "nothing-like"], 1, "there is no such service; there are: dns, web"),
        (["drain"], 2, "rhi drain: SERVICE missing, or --peer or --all instead"),
        (["drain", "web", "--all"], 2, "give one of SERVICE, --peer and --all"),
        (["drain", "--peer", "192.0.2.9"], 1, "there is no such peer"),
        (["drain", "web", "--close"], 2, "--close needs --peer"),
        (["drain", "--peer", "x", "--message", "y"], 2, "--message needs --close"),
        (["drain", "web", "--follow", "--json"], 2, "--follow and --json exclude each other"),
        (["undrain", "--all", "x"], 2, "give one of SERVICE, --peer and --all"),
        (["undrain", "--all"], 1, "rhi undrain: drain all: is not drained"),
        (["drain", "web", "--for", "soon"], 2, "rhi drain: --for: 'soon': must be a duration such as 90,"),
        (["drain", "web", "--for", "-5"], 2, "must be a duration"),
        (["drain", "web", "--for", "99999d"], 2, "rhi drain: --for: '99999d': must be at most 3650d"),
        (["drain", "web", "--for", "0"], 2, "--for: '0': must be longer than 0: it would be over at once"),
        (["announce", "web", "--for", "0s"], 2, "--for: '0s': must be longer than 0"),
        (["withdraw", "web", "--for", "nan"], 2, "--for: 'nan': must be a duration"),
        (["drain", "web", "--wait", "4000d"], 2, "--wait: '4000d': must be at most 3650d"),
        (["history", "--kind", "foo"], 2, "--kind: kind 'foo': there is no such kind; there are: "),
        (["history", "--kind", "rout"], 2, "there is no such kind; did you mean route?"),
        (["drain", "web", "--wy", "x"], 2, "unknown option --wy; did you mean --why?"),
        (["explain", "192.0.2.1"], 1, "rhi explain: address 192.0.2.1: no service has it"),
        (["explain", "nonsense"], 1, "'nonsense'"),
        (["plan", "/none.toml"], 2, "/none.toml: cannot be read: No such file or directory"),
        (["history", "--limit", "1001"], 2, "limit '1001': must be a number from 0 to 1000"),
        (["reload", "now"], 2, "too many arguments: now"),
        (["status", "--url", "http://127.0.0.1:1"], 1, "http://127.0.0.1:1: nobody answers"),
        (["status", "--url", "127.0.0.1:1"], 2, "must be such as http://127.0.0.1:9790"),
        (["status", "--url", "http://127.0.0.1:1", "--token-file", "/none"], 1, "secret in file /none"),
        (["status", "--socket", "/none/x"], 1, "rhi status: /none/x: no daemon listens there"),
        (["status", "--socket", "/" + "x" * 200], 1, "AF_UNIX path too long"),
    ],
)  # fmt: skip
def test_verbs_wrong_input_is_one_sentence(ask: Any, words: list[str], code: int, complaint: str) -> None:
    found, out, err = ask(*words)

    assert (found, out) == (code, "")
    assert complaint in err
    assert err.count("\n") == 1


def in_terminal(*words: str, until: bytes) -> tuple[int, bytes]:
    """Runs a verb in a terminal of 100 columns, and presses Ctrl-C when something has been shown twice."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(COMMAND[0], [*COMMAND, *words])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    shown, is_stopped = b"", False
    with os.fdopen(terminal, "rb", buffering=0) as file:
        try:
            while data := file.read(65536):
                shown += data
                if not is_stopped and shown.count(until) > 1:
                    is_stopped = True
                    os.write(terminal, b"\x03")
        except OSError:  # Linux tells so that the other side is closed
            pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


@pytest.mark.slow
def test_verbs_status_watched_in_a_terminal_is_shown_again_until_ctrl_c(house: House) -> None:
    code, shown = in_terminal("status", "--watch", "--socket", house.socket, until=b"SERVICES")

    assert code == 0
    assert b"2 of 2 addresses announced" in shown
    assert shown.startswith(b"\x1b[?1049h")
    assert b"\x1b[?1049l" in shown[-20:]  # the screen is as it was
    assert b"Traceback" not in shown


@pytest.mark.slow
@pytest.mark.parametrize("words", [["status"], ["explain", ADDRESS], ["history"], ["history", "--follow"]])
def test_verbs_that_cannot_write_fail(house: House, words: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, *words, "--socket", house.socket], stdout=full, stderr=subprocess.PIPE, check=False,
            timeout=30,
        )  # fmt: skip

    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_verbs_with_standard_output_closed_end_without_a_traceback(house: House) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" --socket {house.socket} >&-', "sh", *COMMAND, "status"],
        stderr=subprocess.PIPE, check=False, timeout=30,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_verbs_to_a_reader_who_has_left_end_quietly(house: House) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, "status", "--socket", house.socket],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.slow
def test_verbs_over_tcp_need_the_token(tmp_path: Path) -> None:
    file, token = tmp_path / "rhi.toml", tmp_path / "token"
    token.write_text("sesame\n")
    # an address that nothing else here connects from: its port is still free when the daemon takes it
    with socket.create_server(("127.0.9.79", 0)) as free:
        url = f"http://127.0.9.79:{free.getsockname()[1]}"
    file.write_text(
        'router_id = "192.0.2.1"\nas_number = 65001\nallow_empty = true\n'
        f'[api]\nlisten = "{url.removeprefix("http://")}"\ntoken_file = "{token}"\nsocket = "{tmp_path}/s"\n'
    )

    def ask(*words: str, **environment: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [*COMMAND, "status", *words], env={**os.environ, **environment}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    with running("run", str(file)) as child:
        child.complaint("every service is decided")
        wait_for_file(tmp_path / "s")
        with_file = ask("--url", url, "--token-file", str(token))
        with_variable = ask("--url", url, RHI_TOKEN="sesame")
        without = ask("--url", url)
        wrong = ask("--url", url, RHI_TOKEN="open")

    assert with_file[0] == with_variable[0] == 0
    assert with_file[1].startswith("rhi ")
    assert without == (1, "", f"rhi status: {url}: wants a token: give --token-file FILE, or RHI_TOKEN\n")
    assert wrong[0] == 1
    assert "the token is wrong" in wrong[2]


def test_explain_folds_long_lines_below_their_text() -> None:
    link = {"stage": "check", "subject": "web/tcp", "text": "up; " + "x " * 40, "since": None}

    lines = describe({"address": ADDRESS, "is_announced": False, "links": [link]}, 40)

    assert lines[0] == f"{ADDRESS}: not announced"
    assert lines[1].startswith("check     web/tcp: up; x")
    assert all(line.startswith(" " * 10 + "x") for line in lines[2:])
    assert max(map(len, lines)) <= 40


def test_override_is_told_with_all_that_was_asked_for() -> None:
    override = {"action": "withdraw", "by": "ann", "reason": "kernel", "force": True, "until": None}

    assert overriding.describe(override) == "withdraw by ann: kernel, forced"

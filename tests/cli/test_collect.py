"""`rhi collect` as a child process: what speakers tell it is what it shows."""

import json
import signal
import subprocess

import pytest

import rhi
from tests.cli.command import COMMAND, PATIENCE, running

pytestmark = pytest.mark.slow


def speaker(port: int, route: str, router_id: str = "192.0.2.10") -> rhi.Pool:
    parameters = rhi.Parameters(as_number=65001, port=port, med=5)
    return rhi.Pool(router_id, {"127.0.0.1": parameters}, [route])


def test_collect_shows_routes_that_come_and_go() -> None:
    with running("collect", "--listen", "127.0.0.1:0", "--as", "65009") as child:
        greeting = child.line("listening on 127.0.0.1:")
        with speaker(int(greeting.rpartition(":")[2].split()[0]), "203.0.113.10") as pool:
            child.line("127.0.0.1 + 203.0.113.10 origin igp as-path 65001 next-hop 127.0.0.1 med 5")
            pool.withdraw("203.0.113.10")
            child.line("127.0.0.1 - 203.0.113.10")
            assert pool.status()["127.0.0.1"].remote_asn == 65009
        child.line("Received notification[6:2]: Cease; Administrative Shutdown")
        code, _, err = child.end(signal.SIGINT)

    assert greeting.endswith(" as AS 65009")
    assert (code, err) == (0, "")


def test_collect_json_tells_two_speakers_at_one_address_apart() -> None:
    with running("collect", "--json", "--listen", "127.0.0.1:0") as child:
        where = child.event(event="listening")
        with (
            speaker(where["port"], "203.0.113.1", "192.0.2.1"),
            speaker(where["port"], "203.0.113.2", "192.0.2.2"),
        ):
            first = child.event(event="routes_received", announced=["203.0.113.1"])
            second = child.event(event="routes_received", announced=["203.0.113.2"])
        code, out, err = child.end()

    assert (where["host"], where["as_number"]) == ("127.0.0.1", 65000)
    assert first["peer"] != second["peer"]
    assert all(event["peer"].startswith("127.0.0.1") for event in (first, second))
    assert first["attributes"] == {"origin": "igp", "as_path": "65001", "next_hop": "127.0.0.1", "med": 5}
    assert all(isinstance(json.loads(line), dict) for line in out.splitlines())
    assert (code, err) == (0, "")


def test_collect_json_ends_with_the_status_of_sessions_as_they_were() -> None:
    with (
        running("collect", "--json", "--listen", "127.0.0.1:0") as child,
        speaker(child.event(event="listening")["port"], "203.0.113.1"),
    ):
        child.event(event="routes_received")
        code, out, err = child.end()

    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "status"
    (status,) = last["status"].values()
    assert (status["state"], status["remote_asn"]) == ("ESTABLISHED", 65001)
    assert status["received_routes"] == 1
    assert (code, err) == (0, "")


def test_collect_ends_when_nobody_reads_what_it_shows() -> None:
    words = [*COMMAND, "collect", "--json", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        process.stdout.close()
        with speaker(port, "203.0.113.1"):
            code = process.wait(PATIENCE)
        assert process.stderr is not None
        err = process.stderr.read()

    assert (code, err) == (0, b"")

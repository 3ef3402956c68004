"""Wrong input to the command: one sentence, the right exit code, no traceback, nothing done."""

import socket
import sys
from pathlib import Path

import pytest

from rhi.model.events import Event, SessionUp
from rhi.testing.collector import Collector
from tests.cli.command import PATIENCE, TO_NOBODY, assert_one_sentence, run
from tests.net.raw import wait_until

pytestmark = pytest.mark.slow

USAGE, FAILED = 2, 1

# Words, and what the sentence has to contain. All of these are wrong usage.
WRONG_USAGE = [
    ("", "give a verb"),
    ("bogus", "unknown verb 'bogus'"),
    ("spaek", "did you mean speak?"),
    ("speak", "AS_NUMBER, ROUTER_ID, PEER missing"),
    ("speak 65001", "ROUTER_ID, PEER missing"),
    ("speak 65001 192.0.2.10", "PEER missing"),
    ("speak --nonsense {to}", "unknown option --nonsense"),
    ("speak --hold 3 {to}", "did you mean --hold-time?"),
    ("speak --port", "--port: expected one argument"),
    ("speak --stdin=yes {to}", "--stdin: ignored explicit argument 'yes'"),
    ("speak 0 192.0.2.10 127.0.0.1", "AS number '0': must be an AS number from 1 to 4294967294"),
    ("speak x 192.0.2.10 127.0.0.1", "AS number 'x'"),
    ("speak 4294967295 192.0.2.10 127.0.0.1", "AS number '4294967295'"),
    ("speak 23456 192.0.2.10 127.0.0.1", "23456 is reserved"),
    ("speak ٦٥٠٠١ 192.0.2.10 127.0.0.1", "must be an AS number"),
    ("speak 65001 192.0.2 127.0.0.1", "router id '192.0.2'"),
    ("speak 65001 0.0.0.0 127.0.0.1", "router id 0.0.0.0: must not be zero"),
    ("speak 65001 ::1 127.0.0.1", "router id '::1': must be an IPv4 address"),
    ("speak 65001 192.0.2.10 router.example", "peer 'router.example': not an IPv4 or IPv6 address"),
    ("speak 65001 192.0.2.10 192.0.2.300", "peer '192.0.2.300': not an IPv4 or IPv6 address"),
    ("speak 65001 192.0.2.10 192.0.2.300", "nor the name of an interface, such as eth0"),
    ("speak 65001 192.0.2.10 0.0.0.0", "must be a unicast address"),
    ("speak 65001 192.0.2.10 224.0.0.5", "must be a unicast address"),
    ("speak 65001 192.0.2.10 fe80::1", "needs its zone, such as fe80::1%eth0"),
    ("speak 65001 192.0.2.10 2001:db8::1%lo", "only link-local addresses have a zone"),
    ("speak 65001 192.0.2.10 ::ffff:192.0.2.1", "write 192.0.2.1"),
    ("speak {to} 192.0.2.300", "octets must be 0 to 255"),
    ("speak {to} 192.0.02.3", "leading zeros"),
    ("speak {to} 192.0.2.1/24", "write 192.0.2.0/24"),
    ("speak {to} 192.0.2.0/33", "a number from 0 to 32"),
    ("speak {to} 2001:db8::/129", "a number from 0 to 128"),
    ("speak {to} fe80::1%lo", "a route has no zone"),
    ("speak {to} 192.0.2.1 not-a-route", "route 'not-a-route'"),
    ("speak --community 65536:1 {to}", "community '65536:1'"),
    ("speak --community no-exports {to}", "or one of"),
    ("speak --community 1:2:3 {to}", "--community: community '1:2:3'"),
    ("speak -4 2001:db8::1 {to}", "must be an IPv4 address"),
    ("speak -6 192.0.2.1 {to}", "must be an IPv6 address"),
    ("speak -4 0.0.0.0 {to}", "cannot be a next hop"),
    ("speak -6 :: {to}", "cannot be a next hop"),
    ("speak -6 fe80::1%lo {to}", "without %lo"),
    ("speak -4 224.0.0.1 {to}", "cannot be a next hop"),
    ("speak --port 0 {to}", "port '0': must be a number from 1 to 65535"),
    ("speak --port 65536 {to}", "port '65536'"),
    ("speak --port bgp {to}", "port 'bgp'"),
    ("speak --hold-time 2 {to}", "hold time 2: must be 0 (no timers) or 3 to 65535 seconds"),
    ("speak --hold-time 65536 {to}", "hold time '65536'"),
    ("speak --med=-1 {to}", "med '-1'"),
    ("speak --local-pref 4294967296 {to}", "local-pref '4294967296'"),
    ("speak --source localhost {to}", "source 'localhost'"),
    ("speak --source ::1 {to}", "source_ip ::1 is of the other address family"),
    ("speak --peer-as 0 {to}", "peer AS '0'"),
    ("speak --passive {to}", "--passive needs --listen ADDR:PORT"),
    ("speak --password-env A --password-file B {to}", "not allowed with argument"),
    ("speak --ao-key-file A --password-env B {to}", "not allowed with argument"),
    ("speak --listen 1790 {to}", "write ADDRESS:PORT"),
    ("speak --listen 127.0.0.1:99999 {to}", "listen port 99999"),
    ("speak --listen ::1:1790 {to}", "write ADDRESS:PORT"),
    ("collect --listen 127.0.0.1", "write ADDRESS:PORT"),
    ("collect --as 0", "AS number '0'"),
    ("collect --router-id 0.0.0.0", "router id 0.0.0.0"),
    ("collect something", "too many arguments: something"),
    ("demo something", "too many arguments: something"),
]


@pytest.mark.parametrize(("words", "part"), WRONG_USAGE, ids=[words or "nothing" for words, _ in WRONG_USAGE])
def test_wrong_usage_is_one_sentence_and_code_2(words: str, part: str) -> None:
    given = words.format(to=" ".join(TO_NOBODY)).split()

    code, out, err = run(*given)

    prog = f"rhi {given[0]}" if given and given[0] in ("speak", "collect", "demo") else "rhi"
    assert (code, out) == (USAGE, "")
    assert_one_sentence(err, prog)
    assert part in err


def test_argument_with_line_break_or_bytes_that_are_no_text_is_still_one_sentence() -> None:
    for strange in ("a\nb", "\x1b[31m", "\udcff\udcfe"):
        code, out, err = run("speak", *TO_NOBODY, strange)

        assert (code, out) == (USAGE, "")
        assert_one_sentence(err, "rhi speak")
        assert "\x1b" not in err


# Content of a file of routes, and what the sentence says behind the file's name.
BAD_FILES = {
    "address": (b"192.0.2.1\n\n# fine\n192.0.2.999\n", ":4: route '192.0.2.999': octets must be 0 to 255"),
    "attribute": (b"192.0.2.1 colour 7\n", ":1: unknown attribute 'colour'; known are med, local-pref"),
    "value missing": (b"announce 192.0.2.1 med\n", ":1: med: its value is missing"),
    "twice": (b"192.0.2.1 med 1 med 2\n", ":1: med: is given twice"),
    "number": (b"192.0.2.1 med -1\n", ":1: med '-1': must be a number from 0 to 4294967295"),
    "prepend": (b"192.0.2.1 prepend 255\n", ":1: prepend '255': must be a number from 0 to 254"),
    "community": (b"192.0.2.1 community 1:65536\n", ":1: community '1:65536'"),
    "large community": (b"192.0.2.1 large-community 1:2\n", ":1: large community '1:2'"),
    "extended community": (b"192.0.2.1 extended-community rt:1\n", ":1: extended community 'rt:1'"),
    "next hop": (b"192.0.2.1 next-hop 0.0.0.0\n", ":1: next hop 0.0.0.0: cannot be a next hop"),
    "next hop of other family": (
        b"192.0.2.1 next-hop ::1\n",
        ":1: route 192.0.2.1: next hop ::1 is of the other",
    ),
    "origin": (b"192.0.2.1 origin bgp\n", ":1: origin 'bgp': must be igp, egp or incomplete"),
    "other command": (b"withdraw 192.0.2.1\n", ":1: route 'withdraw'"),
    "not utf-8": (b"192.0.2.1\n\xff\xfe\n", ":2: is not UTF-8 text"),
    "binary": (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 9, ":1:"),
    "overlong": (b"192.0.2.1\n" + b"1" * 70000 + b"\n", ":2: is longer than 65535 bytes"),
    "overlong word": (b"1" * 60000 + b"\n", ":1: route '1"),
    "announce alone": (b"announce\n", ":1: announce: which route?"),
}


@pytest.mark.parametrize(("content", "part"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_bad_line_in_a_file_of_routes_names_file_and_line_and_connects_to_nobody(
    tmp_path: Path, content: bytes, part: str
) -> None:
    path = tmp_path / "routes"
    path.write_bytes(content)
    events: list[Event] = []

    with Collector(on_event=events.append) as collector:
        code, out, err = run("speak", "--port", str(collector.port), "--routes", str(path), *TO_NOBODY)

    assert (code, out) == (FAILED, "")
    assert_one_sentence(err, "rhi speak")
    assert f"{path}{part}" in err
    assert not any(isinstance(event, SessionUp) for event in events)


@pytest.mark.parametrize("option", ["--routes", "--password-file", "--ao-key-file"])
def test_file_that_cannot_be_read_is_one_sentence_and_code_1(tmp_path: Path, option: str) -> None:
    for path, why in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        code, out, err = run("speak", option, str(path), *TO_NOBODY)

        assert (code, out) == (FAILED, "")
        assert_one_sentence(err, "rhi speak")
        assert f"cannot read {path}: {why}" in err


def test_password_file_with_anything_but_a_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for content, why in (
        (b"", "has no key in its first line"),
        (b"\ns3cret\n", "has no key in its first line"),
        (b"s3cret" * 20, "a TCP MD5 key has at most 80 bytes"),
        (b"s3cret\nother s3cret\n", "has more than one line; the key is the first, and stands alone"),
        (b"s3cret\r\n\r\ns3cret", "has more than one line; the key is the first, and stands alone"),
    ):
        path.write_bytes(content)

        code, out, err = run("speak", "--password-file", str(path), *TO_NOBODY)

        assert (code, out) == (FAILED, "")
        assert_one_sentence(err, "rhi speak")
        assert f"{path}: {why}" in err
        assert "s3cret" not in err


@pytest.mark.parametrize("words", [("collect",), ("speak", *TO_NOBODY)], ids=["collect", "speak"])
def test_port_in_use_is_one_sentence_and_code_1(words: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        code, out, err = run(words[0], "--listen", address, *words[1:])

    assert (code, out) == (FAILED, "")
    assert_one_sentence(err, f"rhi {words[0]}")
    assert f"cannot listen on {address}: Address already in use" in err


def test_address_of_another_host_is_one_sentence_and_code_1() -> None:
    code, out, err = run("collect", "--listen", "192.0.2.77:1790")

    assert (code, out) == (FAILED, "")
    assert_one_sentence(err, "rhi collect")
    assert "cannot listen on 192.0.2.77:1790: Cannot assign requested address" in err


def as_nobody() -> list[str]:
    """The command without root's privileges, given up after importing: the source may be root's alone."""
    script = (
        "import os, sys, shutil, rhi.cli, rhi.cli.speak, rhi.cli.collect\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(rhi.cli.main())"
    )
    return [sys.executable, "-c", script]


def test_privileged_port_without_permission_is_one_sentence_and_code_1() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first <= 179:
        pytest.skip(f"any user may listen on ports from {first} here")

    code, out, err = run("collect", "--listen", "127.0.0.1:179", command=as_nobody())

    assert (code, out) == (FAILED, "")
    assert_one_sentence(err, "rhi collect")
    assert "cannot listen on 127.0.0.1:179: Permission denied; ports below 1024 need root" in err


@pytest.mark.parametrize("option", ["--routes", "--password-file"])
def test_file_without_permission_is_one_sentence_and_code_1(tmp_path: Path, option: str) -> None:
    path = tmp_path / "secret"
    path.write_text("192.0.2.1\n")
    path.chmod(0)

    code, out, err = run("speak", option, str(path), *TO_NOBODY, command=as_nobody())

    assert (code, out) == (FAILED, "")
    assert_one_sentence(err, "rhi speak")
    assert f"cannot read {path}: Permission denied" in err


def test_bad_lines_on_stdin_are_told_by_number_and_change_nothing() -> None:
    lines = [
        b"announce 192.0.2.1",
        b"anounce 192.0.2.2",
        b"announce 192.0.2.1 med 5 community 1",
        b"withdraw",
        b"withdraw 192.0.2.1 192.0.2.3",
        b"clear 192.0.2.1",
        b"flush now",
        b"announce \xff",
        b"announce " + b"9" * 70000,
        b"announce 192.0.2.4 next-hop 2001:db8::1",
        b"",
        b"# a comment",
        b"announce 192.0.2.9",
    ]
    with Collector() as collector:
        seen: list[set[str]] = []
        collector._also = lambda event: seen.append(set(collector.routes()))

        code, _, err = run(
            "speak", "--port", str(collector.port), "--stdin", *TO_NOBODY, stdin=b"\n".join(lines)
        )
        # what the command has said to the end is still to be read
        wait_until(lambda: any(seen) and not seen[-1], "the end of the session", PATIENCE)

    said = err.splitlines()
    numbers = [line.partition(", line ")[2].partition(":")[0] for line in said]
    assert code == FAILED
    assert numbers == ["2", "3", "4", "5", "6", "7", "8", "9", "10"]
    assert all(line.startswith("rhi speak: standard input, line ") and len(line) < 300 for line in said)
    assert max(seen, key=len) == {"192.0.2.1", "192.0.2.9"}


def test_stdin_that_is_closed_is_one_sentence_and_code_1() -> None:
    shell = ["sh", "-c", f'exec {sys.executable} -m rhi "$@" <&-', "sh"]

    code, _, err = run("speak", "--stdin", *TO_NOBODY, command=shell)

    assert code == FAILED
    assert_one_sentence(err, "rhi speak")
    assert "standard input is closed" in err


def test_stdin_of_an_absent_peer_fails_when_it_ends_and_says_so() -> None:
    script = "import sys, rhi.cli, rhi.cli.speak\nrhi.cli.speak.FLUSH_TIMEOUT = 0.3\nsys.exit(rhi.cli.main())"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])

        words = ("speak", "--port", port, "--stdin", *TO_NOBODY)
        code, _, err = run(*words, stdin=b"announce 192.0.2.1\n", command=[sys.executable, "-c", script])

    assert code == FAILED
    assert_one_sentence(err, "rhi speak")
    assert "end of input, but 127.0.0.1 is not established" in err

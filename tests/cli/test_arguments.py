"""Arguments and how a verb ends, in this process."""

import errno
import os
import signal
from collections.abc import Iterator

import pytest

from rhi.cli import main
from rhi.cli.arguments import daemon_libraries, one_sentence, stop_signals
from rhi.cli.speak import parser
from rhi.errors import InvalidValueError, ListenError, RhiError
from rhi.model.parameters import Role


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_parser_takes_options_between_and_behind_arguments() -> None:
    words = [
        "65001",
        "-m",
        "192.0.2.10",
        "192.0.2.1",
        "--med",
        "0",
        "203.0.113.1",
        "-6",
        "::1",
        "203.0.113.2",
    ]

    found = parser().parse(words)

    assert (found.as_number, str(found.router_id), str(found.peer)) == (65001, "192.0.2.10", "192.0.2.1")
    assert (found.med, found.multiprotocol, str(found.next_hop_6)) == (0, True, "::1")
    assert list(map(str, found.routes_given)) == ["203.0.113.1", "203.0.113.2"]


def test_parser_takes_the_words_of_the_command_that_rhi_replaces() -> None:
    found = parser().parse(["-6", "::1", "-m", "65001", "127.0.0.1", "127.0.0.1"])

    assert (str(found.next_hop_6), found.multiprotocol, found.as_number) == ("::1", True, 65001)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InvalidValueError("router id: no"), 2, "router id: no"),
        (ListenError(errno.EACCES, "cannot listen"), 1, "cannot listen"),
        (RhiError("no"), 1, "no"),
    ],
)
def test_one_sentence_ends_with_the_code_of_the_error(
    error: RhiError, code: int, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught, one_sentence("rhi test"):
        raise error

    assert caught.value.code == code
    assert capfd.readouterr().err == f"rhi test: {text}\n"


def test_daemon_libraries_that_are_not_there_end_with_what_to_install(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught, daemon_libraries("rhi test"):
        raise ModuleNotFoundError("not there", name="pydantic.types")

    assert caught.value.code == 1
    err = capfd.readouterr().err
    assert err == "rhi test: needs pydantic.types, which is not installed: pip install 'rhi[daemon]'\n"


def test_daemon_libraries_do_not_hide_that_a_module_of_ours_is_missing() -> None:
    with pytest.raises(ModuleNotFoundError), daemon_libraries("rhi test"):
        raise ModuleNotFoundError("not there", name="rhi.daemon.nowhere")


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_stop_signals_end_the_block_and_a_second_one_changes_nothing(sign: signal.Signals) -> None:
    done = []
    with stop_signals():
        try:
            os.kill(os.getpid(), sign)
            signal.pause()
        finally:
            os.kill(os.getpid(), sign)
            done.append("in good order")

    assert done == ["in good order"]


def test_main_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {verb}" in text for verb in ("speak", "collect", "demo"))
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("rhi ")


@pytest.mark.parametrize("words", [["speak", "--help"], ["help", "speak"]])
def test_main_help_of_a_verb(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)

    assert caught.value.code == 0
    assert "AS_NUMBER ROUTER_ID PEER" in capsys.readouterr().out


def test_parser_takes_restarts_roles_and_next_hops() -> None:
    words = "--graceful-restart 60 --long-lived-stale-time 3600 --complete-within 5 --keep-routes --stdin"
    words += " --role rs-client --role-strict --extended-next-hop -m 65001 192.0.2.10 192.0.2.1"

    found = parser().parse(words.split())

    assert (found.graceful_restart, found.long_lived_stale_time, found.complete_within) == (60, 3600, 5)
    assert (found.keep_routes, found.role_strict, found.extended_next_hop) == (True, True, True)
    assert found.role is Role.ROUTE_SERVER_CLIENT


def test_parser_takes_maximum_prefixes(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["65001", "192.0.2.10", "192.0.2.1"]

    assert parser().parse([*words, "--maximum-prefixes", "100"]).maximum_prefixes == 100
    assert parser().parse(words).maximum_prefixes is None
    with pytest.raises(SystemExit):
        parser().parse([*words, "--maximum-prefixes", "0"])
    assert "maximum prefixes '0'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("option", "needed"),
    [
        ("--passive", "--listen ADDR:PORT"),
        ("--dynamic=192.0.2.0/24", "--listen ADDR:PORT"),
        ("--max-dynamic-peers=9", "--dynamic PREFIX"),
        ("--max-dynamic-peers-per-source=9", "--dynamic PREFIX"),
        ("--extended-next-hop", "--multiprotocol"),
        ("--role-strict", "--role ROLE"),
        ("--long-lived-stale-time=9", "--graceful-restart S"),
        ("--keep-routes", "--graceful-restart S"),
        ("--complete-within=9", "--stdin"),
    ],
)
def test_speak_option_without_the_one_it_needs_is_refused(
    option: str, needed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["speak", option, "65001", "192.0.2.10", "192.0.2.1"])

    assert caught.value.code == 2
    assert f"{option.partition('=')[0]} needs {needed}" in capfd.readouterr().err


def test_speak_drain_and_keep_routes_exclude_each_other(capfd: pytest.CaptureFixture[str]) -> None:
    options = ["--drain", "0", "--keep-routes", "--graceful-restart", "9"]

    with pytest.raises(SystemExit) as caught:
        main(["speak", *options, "65001", "192.0.2.10", "192.0.2.1"])

    assert caught.value.code == 2
    assert "--drain withdraws the routes, and --keep-routes leaves them" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--drain=86401", "drain '86401': must be a number from 0 to 86400"),
        ("--graceful-restart=4096", "graceful restart '4096': must be a number from 1 to 4095"),
        ("--prepend=255", "prepend '255': must be a number from 0 to 254"),
        ("--large-community=1:2", "large community '1:2'"),
        ("--extended-community=lb:1", "extended community 'lb:1'"),
        ("--accept=192.0.2.1/24", "accept '192.0.2.1/24': bits are set past the length; write 192.0.2.0/24"),
        ("--reject=all", "reject 'all'"),
        ("--dynamic=192.0.2.1/24", "write 192.0.2.0/24"),
        ("--max-dynamic-peers=0", "max dynamic peers '0': must be a number from 1 to 1000000"),
        ("--max-dynamic-peers-per-source=x", "max dynamic peers per source 'x': must be a number"),
        ("--role=boss", "role boss: must be one of provider, rs, rs-client, customer, peer"),
    ],
)
def test_speak_wrong_value_is_refused(option: str, text: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["speak", option, "65001", "192.0.2.10", "192.0.2.1"])

    assert caught.value.code == 2
    assert text in capfd.readouterr().err.replace('"', "").replace("'boss'", "boss")

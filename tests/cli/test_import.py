"""`rhi import` as a command: what it prints is what `rhi check` takes, and what is wrong is one sentence."""

from pathlib import Path

import pytest

from rhi.cli import main
from rhi.daemon.serve import read
from tests.cli.command import assert_one_sentence, run

COMMAND = 'python -m exabgp healthcheck --cmd "curl -sf http://127.0.0.1/" --ip 203.0.113.10\n'


def test_import_prints_a_configuration_that_check_takes(tmp_path: Path) -> None:
    done = run("import", "exabgp", "-", "--as-number", "65009", "--peer", "192.0.2.1", stdin=COMMAND.encode())
    file = tmp_path / "rhi.toml"
    file.write_text(done.out)

    config, setup = read(str(file))

    assert done.code == 0
    assert done.err.splitlines() == [
        'rhi import: address_mode = "own": rhi adds and removes addresses, for which its unit has to give it '
        "CAP_NET_ADMIN (docs/systemd.md#rights)",
        "rhi import: router_id 192.0.2.10: an example; give this host's own by --router-id",
    ]
    assert (config.as_number, list(setup.peers), list(setup.specs.services)) == (
        65009,
        ["192.0.2.1"],
        ["service"],
    )
    assert run("check", str(file)).code == 0


def test_import_reads_directories_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    daemon, services = tmp_path / "daemon.conf", tmp_path / "services"
    services.mkdir()
    daemon.write_text("[DEFAULT]\ncheck_disabled = false\n[daemon]\n")
    (services / "b.conf").write_text("[b]\ncheck_cmd = b\nip_prefix = 203.0.113.2\n")
    (services / "a.conf").write_text("[a]\ncheck_cmd = a\nip_prefix = 203.0.113.1\n")
    (services / "c.txt").write_text("no configuration")

    assert main(["import", "anycast-healthchecker", str(daemon), str(services)]) == 0

    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("[services.")] == [
        "[services.a]",
        "[services.b]",
    ]


WRONG: list[tuple[list[str], str]] = [
    (["exabgp", "/nowhere"], "rhi import: /nowhere: cannot be read: No such file or directory\n"),
    (["exabgp", "{a}", "{a}"], "rhi import: {a} {a}: 2 files: give one\n"),
    (["json", "{a}"], "rhi import: {a}: no JSON: Expecting value (line 1, column 1)\n"),
    (["exabgp", "{b}"], "rhi import: {b}: is no UTF-8 text (byte 0)\n"),
    (["bird", "{a}"], "rhi import: invalid choice: 'bird' (choose from "),
    (
        ["exabgp", "{a}", "--router-id", "here"],
        "rhi import: {a}: as converted: router_id: 'here': must be an IPv4 address, such as 192.0.2.1\n",
    ),
    (
        ["exabgp", "{a}", "--peer", "rou.ter"],
        "rhi import: {a}: as converted: peers.\"rou.ter\": 'rou.ter': not an",
    ),
]


@pytest.mark.parametrize(("words", "expected"), WRONG, ids=[expected[:60] for _, expected in WRONG])
def test_import_of_what_is_wrong_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    (tmp_path / "a").write_text(COMMAND)
    (tmp_path / "b").write_bytes(b"\xff")
    names = {name: str(tmp_path / name) for name in "ab"}

    try:
        code = main(["import", *(word.format(**names) for word in words)])
    except SystemExit as end:
        code = int(str(end.code))

    out, err = capfd.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith(expected.format(**names))
    assert_one_sentence(err, "rhi import")

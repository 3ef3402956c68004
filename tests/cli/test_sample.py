"""`rhi sample` as a command: what it prints and what it refuses."""

import subprocess
from pathlib import Path

import pytest

from rhi.cli import sample
from tests.cli.command import COMMAND

CONFIG = """
router_id = "192.0.2.10"
as_number = 65001
[peers."127.0.0.1"]
peer_as = 65000
password_file = "/nonexistent/key"
[peers."192.0.2.2"]
source_ip = "192.0.2.10"
[services.dns]
addresses = ["203.0.113.53"]
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "rhi.toml"
    file.write_text(CONFIG)
    return str(file)


def refusal(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    """The one sentence that wrong usage ends with."""
    try:
        code: object = sample.run(list(words))
    except SystemExit as end:
        code = end.code
    out, err = capfd.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err


def test_sample_prints_one_of_each_peer(config: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert sample.run(["frr", "--config", config]) == 0

    out, err = capfd.readouterr()
    assert err == ""
    assert out.count("router bgp ") == 2
    # what the kernel would connect from, and where the key is
    assert " neighbor 127.0.0.1 remote-as 65001" in out
    assert "! 127.0.0.1 is what this host connects from now" in out
    assert "rhi has it in file /nonexistent/key" in out


def test_sample_of_one_peer_leaves_out_the_others(config: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert sample.run(["frr", "--config", config, "--peer", "192.0.2.2"]) == 0

    out = capfd.readouterr().out
    assert out.count("router bgp ") == 1
    assert "router bgp ROUTER_AS" in out
    assert "127.0.0.1" not in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ffr", "--config", "{config}"], "rhi sample: ROUTER 'ffr': did you mean frr?"),
        (["quagga", "--config", "{config}"], "ROUTER 'quagga': known are bird, frr, gobgp"),
        (["frr"], "rhi sample: --config missing"),
        (
            ["frr", "--config", "{config}", "--peer", "192.0.2.3"],
            "--peer '192.0.2.3': did you mean 192.0.2.2?",
        ),
        (["frr", "--config", "/nonexistent"], "/nonexistent: cannot be read"),
    ],
)
def test_sample_wrong_usage_is_one_sentence(
    config: str, capfd: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    said = refusal(capfd, *(word.format(config=config) for word in words))

    assert sentence in said


def test_sample_without_peers_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text('router_id = "192.0.2.10"\nas_number = 65001\nallow_empty = true\n')

    said = refusal(capfd, "frr", "--config", str(file))

    assert said == f"{file}: peers: there are none, so no router has a side of it\n"


@pytest.mark.slow
@pytest.mark.parametrize("words", [["sample", "bird", "--config"], ["check", "--schema"], ["check"]])
def test_verbs_that_only_print_say_when_they_cannot(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text(CONFIG.replace('password_file = "/nonexistent/key"\n', ""))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, *words, str(file)], stdout=full, stderr=subprocess.PIPE, timeout=30, check=False
        )

    reason = "rhi: standard output cannot be written to: No space left on device\n"
    assert (done.returncode, done.stderr.decode()) == (1, reason)

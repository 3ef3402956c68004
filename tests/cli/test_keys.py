"""Keys from files and from the environment: what is taken, and what is refused without being shown."""

import socket
from pathlib import Path

import pytest

import rhi
from rhi.cli.keys import ao_keys_from_file, password_from_environment, password_from_file
from rhi.model.tcp_ao import AoKey
from tests.cli.command import PATIENCE, TO_NOBODY, assert_one_sentence, run, running
from tests.net.raw import wait_until
from tests.net.test_security import needs_md5
from tests.net.test_tcp_ao import REFUSAL, needs_no_ao

KEYS = """# the first is used first
1 2 hmac-sha-1-96 s3cret with blanks

  3 4   aes-128-cmac-96 0x5ec7e7
"""


def refused(capfd: pytest.CaptureFixture[str]) -> str:
    """What was said on standard error, which shows no key."""
    err = capfd.readouterr().err
    assert_one_sentence(err, "rhi speak")
    assert "s3cret" not in err
    return err


def test_ao_key_file_has_one_key_a_line_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(KEYS)

    assert ao_keys_from_file("rhi speak", str(path)) == (
        AoKey("s3cret with blanks", 1, 2),
        AoKey("0x5ec7e7", 3, 4, "aes-128-cmac-96"),  # a key is bytes as they stand, never guessed at
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", ": has no key; write lines of SEND_ID RECEIVE_ID ALGORITHM KEY"),
        (b"# 1 1 hmac-sha-1-96 s3cret", ": has no key"),
        (b"s3cret", ", line 1: must be SEND_ID RECEIVE_ID ALGORITHM KEY"),
        (b"\n1 x hmac-sha-1-96 s3cret", ", line 2: must be SEND_ID"),
        (b"1 1 md5 s3cret", ", line 1: ao_keys: algorithm 'md5': must be hmac-sha-1-96 or"),
        (b"1 1 \xff s3cret", ", line 1: ao_keys: algorithm"),
        (b"1 256 hmac-sha-1-96 s3cret", ", line 1: ao_keys: receive_id 256: must be 0 to 255"),
        (b"1 99999999999999 hmac-sha-1-96 s3cret", ", line 1: RECEIVE_ID 9999999999...: must be 0 to 255"),
        (
            b"00255 1 hmac-sha-1-96 s3cret",
            ", line 1: SEND_ID 00255: must be 0 to 255, in at most three digits",
        ),
        (b"1 1 hmac-sha-1-96 " + b"s3cret" * 20, ", line 1: a TCP-AO key has at most 80 bytes"),
        (b"1 1 hmac-sha-1-96 s3cret\n1 2 hmac-sha-1-96 b", ": ao_keys: two keys have send_id 1"),
        (b"s3cret\n" * 20000, ": is no file of TCP-AO keys"),
    ],
)
def test_ao_key_file_with_anything_but_keys_is_refused_without_showing_it(
    content: bytes, why: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)

    with pytest.raises(SystemExit) as caught:
        ao_keys_from_file("rhi speak", str(path))

    assert caught.value.code == 1
    assert f"{path}{why}" in refused(capfd)


def test_password_from_environment_is_the_variable_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGP_KEY", " s3crét ")

    assert password_from_environment("rhi speak", "BGP_KEY") == " s3crét ".encode()


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "environment variable BGP_KEY: is not set, and should hold the TCP MD5 key"),
        ("", "environment variable BGP_KEY: must hold a key of 1 to 80 bytes"),
        ("s3cret" * 20, "environment variable BGP_KEY: must hold a key of 1 to 80 bytes"),
    ],
)
def test_password_from_environment_that_is_no_key_is_refused(
    value: str | None, why: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BGP_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("BGP_KEY", value)

    with pytest.raises(SystemExit) as caught:
        password_from_environment("rhi speak", "BGP_KEY")

    assert caught.value.code == 1
    assert why in refused(capfd)


def test_password_from_file_is_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"s3cret\r\n\n")

    assert password_from_file("rhi speak", str(tmp_path / "key")) == b"s3cret"


@pytest.mark.slow
@needs_md5
def test_speak_password_env_signs_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGP_KEY", "right")
    ours = rhi.Parameters(as_number=65000, passive=True, password="right")
    with rhi.Pool("192.0.2.1", {"127.0.0.1": ours}, listen=["127.0.0.1:0"]) as router:
        port = str(router.listen_addresses[0].port)
        with running("speak", "--password-env", "BGP_KEY", "--port", port, *TO_NOBODY):
            wait_until(
                lambda: router.status()["127.0.0.1"].state is rhi.State.ESTABLISHED, "session", PATIENCE
            )


@pytest.mark.slow
@needs_no_ao
def test_speak_with_ao_keys_on_a_kernel_without_tcp_ao_is_one_sentence_and_code_1(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(KEYS)

    code, out, err = run("speak", "--ao-key-file", str(path), *TO_NOBODY)

    assert (code, out) == (1, "")
    assert_one_sentence(err, "rhi speak")
    assert REFUSAL in err


@pytest.mark.slow
def test_speak_listens_on_several_addresses() -> None:
    options = ["--passive", "--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0", "--listen", "[::1]:0"]
    with running("speak", *options, *TO_NOBODY) as child:
        (line,) = wait_until(lambda: [text for text in child.out if "listening on" in text], "its greeting")

        addresses = [word.rstrip(",") for word in line.split() if word.endswith(",") and ":" in word]
        assert [address.rpartition(":")[0] for address in addresses] == ["127.0.0.1", "127.0.0.2", "[::1]"]
        for address in addresses:
            host, _, port = address.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()

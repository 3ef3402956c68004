"""tls and https checks against servers with good and bad certificates."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from rhi.health.base import CannotTellError, Result
from rhi.health.table import to_check
from tests.health.certificates import Authority, server_side
from tests.health.probing import ask, one_round, serve, silent
from tests.health.test_http import OK, answering


def against(authority: Authority, file: str, **options: Any) -> Result:
    """The result of a check that trusts this authority, against a server with this certificate."""

    async def main() -> Result:
        async with serve(silent, ssl=server_side(file)) as port:
            basic = {"type": "tls", "address": "127.0.0.1", "port": port, "ca_file": authority.ca_file}
            return await ask(to_check({**basic, **options}))

    return asyncio.run(main())


def test_tls_certificate_for_the_address_passes(authority: Authority) -> None:
    result = against(authority, authority.issue("127.0.0.1"))

    assert result.ok, result.detail
    assert 89 < result.measurements["days_left"] < 91


def test_tls_certificate_for_the_server_name_passes(authority: Authority) -> None:
    assert against(authority, authority.issue("a.example"), server_name="a.example").ok


def test_tls_certificate_for_another_name_fails(authority: Authority) -> None:
    result = against(authority, authority.issue("a.example"), server_name="b.example")

    assert not result.ok
    assert "Hostname mismatch" in result.detail


def test_tls_certificate_of_an_unknown_authority_fails(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority.new(tmp_path)

    assert "certificate: " in against(authority, stranger.issue("127.0.0.1")).detail


def test_tls_certificate_that_has_expired_fails(authority: Authority) -> None:
    result = against(authority, authority.issue("127.0.0.1", first_day=-10, last_day=-1))

    assert result.detail.endswith("certificate has expired")


def test_tls_certificate_with_too_few_days_fails(authority: Authority) -> None:
    file = authority.issue("127.0.0.1", last_day=5)

    assert against(authority, file, min_days=4).ok
    result = against(authority, file, min_days=14)
    assert result.detail == "the certificate ends in 5.0 days, which is fewer than 14"
    assert 4.9 < result.measurements["days_left"] < 5.1


def test_tls_without_verification_takes_any_certificate(authority: Authority) -> None:
    file = authority.issue("x.example", first_day=-10, last_day=-1)

    assert against(authority, file, verify=False, ca_file=None).ok


def test_tls_with_a_server_that_speaks_none_fails() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await asyncio.Event().wait()

    async def main() -> None:
        async with serve(greet) as port:
            result = await ask(to_check({"type": "tls", "address": "127.0.0.1", "port": port}))
            assert not result.ok
            assert "TLS: " in result.detail

    asyncio.run(main())


def test_tls_handshake_that_hangs_fails_at_the_time_out_and_leaves_nothing_open() -> None:
    async def main() -> None:
        async with serve(silent) as port:
            options = {"type": "tls", "address": "127.0.0.1", "port": port, "timeout": 0.05}
            await ask_again(options)
            before = len(list(Path("/proc/self/fd").iterdir()))
            for _ in range(5):
                await ask_again(options)
            await asyncio.sleep(0.01)
            # the far ends, in this very process, need their turn to notice
            assert len(list(Path("/proc/self/fd").iterdir())) <= before + 5

    async def ask_again(options: dict[str, Any]) -> None:
        report = await one_round(to_check(options))
        assert report.result == Result(False, "no answer within 0.05 s")

    asyncio.run(main())


def test_tls_files_that_are_missing_or_wrong_are_no_verdict(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("this is no certificate")

    for options in (
        {"ca_file": "/nowhere/ca.pem"},
        {"ca_file": str(wrong)},
        {"certificate_file": str(wrong)},
    ):
        check = to_check({"type": "tls", "address": "127.0.0.1", "port": 1, **options})
        with pytest.raises(CannotTellError, match="certificates or key: "):
            asyncio.run(ask(check))


def test_tls_own_certificate_is_shown_to_a_server_that_asks(authority: Authority) -> None:
    async def main() -> None:
        context = server_side(authority.issue("127.0.0.1"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.ca_file)
        async with serve(answering(OK), ssl=context) as port:
            options = {"type": "http", "url": f"https://127.0.0.1:{port}/", "ca_file": authority.ca_file}
            assert not (await ask(to_check(options))).ok
            mine = authority.issue("client.example")
            assert (await ask(to_check({**options, "certificate_file": mine}))).ok

    asyncio.run(main())


def test_https_is_verified_by_default(authority: Authority) -> None:
    async def main() -> None:
        file = authority.issue("www.example", "127.0.0.1")
        async with serve(answering(OK), ssl=server_side(file)) as port:
            url = f"https://127.0.0.1:{port}/"
            assert "certificate: " in (await ask(to_check({"type": "http", "url": url}))).detail
            assert (await ask(to_check({"type": "http", "url": url, "verify": False}))).ok
            named = {"type": "http", "url": f"https://www.example:{port}/", "address": "127.0.0.1"}
            trusting = {**named, "ca_file": authority.ca_file, "body": "ok"}
            result = await ask(to_check(trusting))
            assert result.ok, result.detail
            assert "days_left" in result.measurements
            assert not (await ask(to_check({**trusting, "min_days": 1000}))).ok
            assert not (await ask(to_check({**trusting, "server_name": "other.example"}))).ok

    asyncio.run(main())

"""http, tls and dns checks against servers that people run: HAProxy and dnsmasq, which fail and come back."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.health.certificates import Authority
from tests.health.probing import free_port, probe
from tests.health.test_haproxy import Listening, until
from tests.interop.lab.requirements import find_program

pytestmark = pytest.mark.slow

# What operators are told to have: a page that is there while enough servers are.
HAPROXY = """
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend health
    bind 127.0.0.1:{plain}
    bind 127.0.0.1:{tls} ssl crt {certificate}
    bind 127.0.0.1:{expired} ssl crt {expired_certificate}
    monitor-uri /health
    monitor fail if {{ nbsrv(app) lt 1 }}
    http-request return status 200 content-type text/plain string "welcome"
backend app
    server one 127.0.0.1:{server} check inter 50ms rise 1 fall 1
"""


@contextlib.contextmanager
def running(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def test_http_and_tls_of_a_haproxy_fail_with_its_servers_its_certificate_and_itself(
    tmp_path: Path, authority: Authority
) -> None:
    plain, tls, expired, server = free_port(), free_port(), free_port(), Listening()
    file = tmp_path / "haproxy.cfg"
    file.write_text(
        HAPROXY.format(
            plain=plain,
            tls=tls,
            expired=expired,
            server=server.port,
            certificate=authority.issue("127.0.0.1"),
            expired_certificate=authority.issue("127.0.0.1", first_day=-10, last_day=-1),
        )
    )
    trust = {"ca_file": authority.ca_file}
    http = {"type": "http", "url": f"http://127.0.0.1:{plain}/health"}
    https = {"type": "http", "url": f"https://127.0.0.1:{tls}/health", **trust}
    with running(find_program("haproxy", package="haproxy"), "-db", "-q", "-f", str(file)) as process:
        try:
            assert until(http, lambda result: result.ok).ok
            assert until(https, lambda result: result.ok).ok
            assert probe({**http, "url": f"http://127.0.0.1:{plain}/", "body": "wel*me"}).ok
            assert probe({"type": "tls", "address": "127.0.0.1", "port": tls, **trust}).ok
            for options in (
                {"type": "tls", "address": "127.0.0.1", "port": expired, **trust},
                {"type": "http", "url": f"https://127.0.0.1:{expired}/health", **trust},
            ):
                assert "certificate has expired" in probe(options).detail

            server.close()
            for options in (http, https):
                assert "503" in until(options, lambda result: not result.ok).detail
            server.open()
            assert until(http, lambda result: result.ok).ok
        finally:
            server.close()
        process.kill()
        process.wait()
        for options in (http, https):
            assert "Connection refused" in probe(options).detail


def test_dns_of_a_dnsmasq_fails_with_its_record_and_with_itself(tmp_path: Path) -> None:
    program, port = find_program("dnsmasq", package="dnsmasq-base"), free_port()
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.1 www.example\n")
    argv = [program, "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null"]
    argv += [
        f"--port={port}",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--user=root",
        "--group=root",
    ]
    argv += [f"--pid-file={tmp_path}/pid", "--local=/example/", f"--hostsdir={tmp_path}"]
    options = {"type": "dns", "address": "127.0.0.1", "port": port, "query": "www.example"}
    exact = {**options, "answer": "192.0.2.1"}
    with running(*argv) as process:
        assert until(exact, lambda result: result.ok).ok
        assert probe({**exact, "transport": "tcp"}).ok
        assert "NXDOMAIN" in probe({**options, "query": "none.example"}).detail
        assert probe({**options, "query": "none.example", "rcode": "NXDOMAIN"}).ok
        assert not probe({**options, "answer": "192.0.2.2"}).ok
        assert not probe({**options, "record": "AAAA"}).ok
        process.kill()
        process.wait()
        assert "Connection refused" in probe(options).detail
        assert "Connection refused" in probe({**options, "transport": "tcp"}).detail

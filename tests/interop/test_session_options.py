"""Sessions that are more than a connection to an address: TCP MD5 and TTL security.

Each is shown to work, and to keep out who does not have it. The router listens; where it dials is in
test_listening.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.bench import Kind
from tests.interop.lab import (
    ESTABLISHED,
    Bird,
    ExaBgp,
    Frr,
    GoBgp,
    Namespace,
    OpenBgpd,
    Router,
    running,
    speaking,
)
from tests.interop.options import PASSWORD, configure
from tests.interop.session import arguments, settings, wait_counted, with_daemons, with_kinds

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]


# The portable OpenBGPD 7.7 gives its listening socket no key.
@pytest.mark.feature("TCP MD5, we dial")
@with_kinds()
@with_daemons([Bird, Frr, GoBgp, ExaBgp])
def test_md5_password_is_used(
    wire: tuple[Namespace, Namespace], tmp_path: Path, daemon: type[Router], kind: Kind
) -> None:
    near, far = wire
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(f"{PASSWORD}\n")
    wrong.write_text("something else\n")
    with running(daemon(far, configure(daemon, settings(kind), "TCP MD5"))) as router:
        with speaking(near, arguments(kind, "--password-file", str(wrong))):
            wait_counted(far, "TCPMD5Failure")
            assert router.session_state(kind.source) != ESTABLISHED

        with speaking(near, arguments(kind, "--password-file", str(right))):
            for prefix in kind.routes(1):
                router.wait_route(prefix)


# ExaBGP answers with another TTL than 255 when it listens.
@pytest.mark.feature("TTL security")
@with_kinds()
@with_daemons([Bird, Frr, GoBgp, OpenBgpd])
def test_ttl_security_is_used(wire: tuple[Namespace, Namespace], daemon: type[Router], kind: Kind) -> None:
    near, far = wire
    config = configure(daemon, settings(kind), "TTL security")
    with running(daemon(far, config)) as router, speaking(near, arguments(kind, "--ttl-security")):
        for prefix in kind.routes(1):
            router.wait_route(prefix)


@pytest.mark.feature("TTL security")
@with_kinds()
@with_daemons([Bird, Frr, GoBgp])
def test_peer_with_ttl_security_hears_nobody_without(
    wire: tuple[Namespace, Namespace], daemon: type[Router], kind: Kind
) -> None:
    near, far = wire
    config = configure(daemon, settings(kind), "TTL security")
    with running(daemon(far, config)) as router, speaking(near, arguments(kind)):
        wait_counted(far, "TCPMinTTLDrop")
        assert router.session_state(kind.source) != ESTABLISHED


@pytest.mark.feature("TTL security")
@with_kinds()
@with_daemons([Bird])
def test_speaker_with_ttl_security_hears_nobody_without(
    wire: tuple[Namespace, Namespace], daemon: type[Router], kind: Kind
) -> None:
    near, far = wire
    with (
        running(daemon(far, daemon.configure(settings(kind)))) as router,
        speaking(near, arguments(kind, "--ttl-security")),
    ):
        wait_counted(near, "TCPMinTTLDrop")
        assert router.session_state(kind.source) != ESTABLISHED

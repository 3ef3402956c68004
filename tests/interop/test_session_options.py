"""Sessions that are more than a connection to an address: TCP MD5, TTL security, passive, link-local.

Each is shown to work, and where it protects something, to keep out who does not have it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.bench import EXTERNAL_AS, KINDS, ROUTER_4, ROUTER_6, ROUTER_AS, Kind, cable
from tests.interop.lab import (
    Bird,
    Frr,
    GoBgp,
    Namespace,
    Neighbour,
    Router,
    Settings,
    running,
    speaking,
    wait_until,
)

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

OVER_4, OVER_6 = (kind for kind in KINDS if not kind.internal)
PASSWORD = "not-a-secret-but-a-long-word"


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[Namespace, Namespace]]:
    with cable() as made:
        yield made


def settings(kind: Kind) -> Settings:
    local = ROUTER_4 if kind.transport == 4 else ROUTER_6
    peer = Neighbour(address=kind.source, local_address=local, remote_as=EXTERNAL_AS[2])
    return Settings(as_number=ROUTER_AS[2], router_id=ROUTER_4, neighbours=(peer,))


def arguments(kind: Kind, *options: str) -> list[str]:
    return [
        *["-m", "-4", kind.source_4, "-6", kind.source_6, "--source", kind.source, *options],
        *[str(EXTERNAL_AS[2]), kind.source_4, ROUTER_4 if kind.transport == 4 else ROUTER_6],
        *kind.routes(1),
    ]


def with_password(daemon: type[Router], kind: Kind) -> str:
    text = daemon.configure(settings(kind))
    if daemon is Bird:
        return text.replace("  passive;", f'  password "{PASSWORD}";\n  passive;')
    if daemon is Frr:
        return text.replace(
            f" neighbor {kind.source} passive", f" neighbor {kind.source} password {PASSWORD}"
        )
    return text.replace("    peer-as", f'    auth-password = "{PASSWORD}"\n    peer-as')


def with_ttl_security(daemon: type[Router], kind: Kind) -> str:
    text = daemon.configure(settings(kind))
    if daemon is Bird:
        return text.replace("  passive;", "  ttl security on;\n  passive;")
    if daemon is Frr:
        hops = f" neighbor {kind.source} ttl-security hops 1\n"
        return text.replace(f" neighbor {kind.source} timers", f"{hops} neighbor {kind.source} timers")
    security = "  [neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255\n"
    return text.replace("  [neighbors.transport", f"{security}  [neighbors.transport")


def daemons() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("daemon", [Bird, Frr, GoBgp], ids=lambda daemon: str(daemon.NAME))


def kinds() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", [OVER_4, OVER_6], ids=str)


@kinds()
@daemons()
def test_md5_password_is_used(
    wire: tuple[Namespace, Namespace], tmp_path: Path, daemon: type[Router], kind: Kind
) -> None:
    near, far = wire
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(f"{PASSWORD}\n")
    wrong.write_text("something else\n")
    with running(daemon(far, with_password(daemon, kind))) as router:
        with speaking(near, arguments(kind, "--password-file", str(wrong))):
            wait_dropped(far, "TCPMD5Failure")
            assert router.session_state(kind.source) != "established"

        with speaking(near, arguments(kind, "--password-file", str(right))):
            for prefix in kind.routes(1):
                router.wait_route(prefix)


@kinds()
@daemons()
def test_ttl_security_is_used(wire: tuple[Namespace, Namespace], daemon: type[Router], kind: Kind) -> None:
    near, far = wire
    with (
        running(daemon(far, with_ttl_security(daemon, kind))) as router,
        speaking(near, arguments(kind, "--ttl-security")),
    ):
        for prefix in kind.routes(1):
            router.wait_route(prefix)


@kinds()
@daemons()
def test_peer_with_ttl_security_hears_nobody_without(
    wire: tuple[Namespace, Namespace], daemon: type[Router], kind: Kind
) -> None:
    near, far = wire
    with running(daemon(far, with_ttl_security(daemon, kind))) as router, speaking(near, arguments(kind)):
        wait_dropped(far, "TCPMinTTLDrop")
        assert router.session_state(kind.source) != "established"


@kinds()
def test_speaker_with_ttl_security_hears_nobody_without(
    wire: tuple[Namespace, Namespace], kind: Kind
) -> None:
    near, far = wire
    with (
        running(Bird(far, Bird.configure(settings(kind)))) as bird,
        speaking(near, arguments(kind, "--ttl-security")),
    ):
        wait_dropped(near, "TCPMinTTLDrop")
        assert bird.session_state(kind.source) != "established"


@kinds()
def test_passive_speaker_waits_for_bird(wire: tuple[Namespace, Namespace], kind: Kind) -> None:
    near, far = wire
    active = Bird.configure(settings(kind)).replace(
        "  passive;", "  connect delay time 1;\n  connect retry time 1;"
    )
    listen = f"{kind.source}:179" if kind.transport == 4 else f"[{kind.source}]:179"
    with (
        running(Bird(far, active)) as bird,
        speaking(near, arguments(kind, "--passive", "--listen", listen)) as speaker,
    ):
        for prefix in kind.routes(1):
            bird.wait_route(prefix)

        assert speaker.stop() == 0
        bird.wait_gone(*kind.routes(1))


def test_session_over_link_local_addresses_sends_the_global_next_hop(
    wire: tuple[Namespace, Namespace],
) -> None:
    near, far = wire
    ours, theirs = link_local(near), link_local(far)
    peer = Neighbour(address=f"{ours}%eth0", local_address=theirs, remote_as=EXTERNAL_AS[2])
    config = Bird.configure(dataclasses.replace(settings(OVER_6), neighbours=(peer,)))
    options = ["-m", "-4", OVER_6.source_4, "-6", OVER_6.source_6]
    speak = [*options, str(EXTERNAL_AS[2]), OVER_6.source_4, f"{theirs}%eth0", *OVER_6.routes(1)]
    with running(Bird(far, config)) as bird, speaking(near, speak):
        assert bird.wait_route(OVER_6.route_4(1)).next_hops == (OVER_6.source_4,)
        assert bird.wait_route(OVER_6.route_6(1)).next_hops[0] == OVER_6.source_6


def wait_dropped(namespace: Namespace, counter: str) -> None:
    """Wait until that namespace's kernel has dropped one more segment for what `counter` counts."""

    def dropped() -> int:
        names, values = (
            line.split() for line in namespace.run("grep", "^TcpExt", "/proc/net/netstat").splitlines()
        )
        return int(values[names.index(counter)])

    before = dropped()
    wait_until(lambda: dropped() > before, f"one more {counter}")


def link_local(namespace: Namespace) -> str:
    found = re.search(r"inet6 (fe80::\S+)/64", namespace.run("ip", "-6", "address", "show", "dev", "eth0"))
    assert found is not None
    return found[1]

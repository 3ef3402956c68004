"""The router dials, `rhi` waits for it: passive peers, peers known by their prefix only, TCP MD5 for both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.bench import Kind
from tests.interop.lab import (
    DAEMONS,
    ESTABLISHED,
    Bird,
    ExaBgp,
    Frr,
    GoBgp,
    Namespace,
    OpenBgpd,
    Router,
    embedding,
    running,
    speaking,
    wait_until,
)
from tests.interop.options import PASSWORD, configure
from tests.interop.session import (
    OUR_AS,
    OVER_4,
    OVER_6,
    arguments,
    listen_address,
    settings,
    wait_counted,
    with_daemons,
    with_kinds,
)

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{PASSWORD}\n")
    return path


# GoBGP takes five seconds and more before it dials. Once is enough, and it is with a key, below.
@pytest.mark.feature("passive")
@with_daemons([Bird, Frr, OpenBgpd, ExaBgp])
def test_passive_speaker_waits_for_the_router(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    kind = OVER_4
    with speaking(near, arguments(kind, "--passive", "--listen", listen_address(kind))) as speaker:
        wait_until(lambda: "listening" in speaker.explain(), "rhi listens")
        with running(daemon(far, daemon.configure(settings(kind, passive=False)))) as router:
            for prefix in kind.routes(1):
                router.wait_route(prefix)

            assert speaker.stop() == 0
            router.wait_gone(*kind.routes(1))


@pytest.mark.feature("TCP MD5, the router dials", "passive")
@pytest.mark.parametrize(
    ("daemon", "kind"),
    [(daemon, kind) for daemon in DAEMONS for kind in (OVER_4, OVER_6) if (daemon, kind) != (GoBgp, OVER_6)],
    ids=lambda value: str(getattr(value, "NAME", value)),
)
def test_listener_with_a_key_takes_the_router_that_has_it(
    wire: tuple[Namespace, Namespace], key_file: Path, daemon: type[Router], kind: Kind
) -> None:
    near, far = wire
    options = ("--passive", "--listen", listen_address(kind), "--password-file", str(key_file))
    with speaking(near, arguments(kind, *options)) as speaker:
        wait_until(lambda: "listening" in speaker.explain(), "rhi listens")
        with running(daemon(far, configure(daemon, settings(kind, passive=False), "TCP MD5"))) as router:
            for prefix in kind.routes(1):
                router.wait_route(prefix)


@pytest.mark.feature("TCP MD5, the router dials")
@with_kinds()
@with_daemons([Bird])
def test_listener_with_another_key_hears_nothing(
    wire: tuple[Namespace, Namespace], tmp_path: Path, daemon: type[Router], kind: Kind
) -> None:
    near, far = wire
    key = tmp_path / "key"
    key.write_text("something else\n")
    options = ("--passive", "--listen", listen_address(kind), "--password-file", str(key))
    config = configure(daemon, settings(kind, passive=False), "TCP MD5")
    with running(daemon(far, config)) as router, speaking(near, arguments(kind, *options)):
        wait_counted(near, "TCPMD5Failure")
        assert router.session_state(kind.source) != ESTABLISHED


# ExaBGP answers with another TTL than 255 when it listens; what it dials itself is right.
@pytest.mark.feature("TTL security")
@with_kinds()
@with_daemons([ExaBgp])
def test_ttl_security_holds_when_the_router_dials(
    wire: tuple[Namespace, Namespace], daemon: type[Router], kind: Kind
) -> None:
    near, far = wire
    options = ("--passive", "--listen", listen_address(kind), "--ttl-security")
    with speaking(near, arguments(kind, *options)) as speaker:
        wait_until(lambda: "listening" in speaker.explain(), "rhi listens")
        config = configure(daemon, settings(kind, passive=False), "TTL security")
        with running(daemon(far, config)) as router:
            for prefix in kind.routes(1):
                router.wait_route(prefix)


@pytest.mark.feature("dynamic neighbours", "TCP MD5 for prefixes")
@with_daemons(DAEMONS)
def test_pool_takes_routers_from_a_prefix_with_its_key_and_no_others(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    """One router dials over IPv4 and IPv6; the prefix of IPv4 has a key, that of IPv6 is another one."""
    near, far = wire
    parameters = {"as_number": OUR_AS, "multiprotocol": True, "next_hop_6": OVER_4.source_6}
    both = settings(OVER_4, OVER_6, passive=False)
    with embedding(
        near,
        router_id=OVER_4.source_4,
        listen=[listen_address(OVER_4), listen_address(OVER_6)],
        dynamic_peers={
            "192.0.2.0/28": {**parameters, "password": PASSWORD},
            "2001:db8:ffff::/48": parameters,
        },
        routes=list(OVER_4.routes(1)),
    ) as pool:
        wait_until(lambda: pool.is_ready, "the pool is there")
        with running(daemon(far, configure(daemon, both, "TCP MD5"))) as router:
            for prefix in OVER_4.routes(1):
                router.wait_route(prefix)

            assert router.session_state(OVER_6.source) != ESTABLISHED
            pool.end("")
            router.wait_gone(*OVER_4.routes(1))

"""What `lab/lacks.py` says a daemon cannot do, put to the test.

A failure here is good news: the daemon has learned something, and the entry gives way to a test of it.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

import pytest

from rhi.model.prefix import Family
from rhi.wire.capabilities import Capability, FourOctetAs, GracefulRestart, Multiprotocol
from rhi.wire.iana import CapabilityCode, MessageType
from rhi.wire.messages import encode_message
from rhi.wire.open import Open
from tests.interop.bench import ROUTER_4
from tests.interop.lab import (
    DAEMONS,
    ESTABLISHED,
    ExaBgp,
    GoBgp,
    Namespace,
    Neighbour,
    OpenBgpd,
    Router,
    running,
    speaking,
)
from tests.interop.lab.lacks import Lack, lacks
from tests.interop.options import PASSWORD, configure
from tests.interop.session import OUR_AS, OVER_4, OVER_6, arguments, settings, wait_counted

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

ALL = [(daemon, feature, lack) for daemon in DAEMONS for feature, lack in lacks(daemon).items()]

# Sends the OPEN that it is given, and prints the one that it gets.
ASK: Final = """\
import socket, sys
speaker = socket.create_connection((sys.argv[1], 179), source_address=(sys.argv[2], 0), timeout=20)
speaker.sendall(bytes.fromhex(sys.argv[3]))
stream = speaker.makefile("rb")
header = stream.read(19)
assert header[18] == 1, header
print(stream.read(int.from_bytes(header[16:18], "big") - 19).hex())
"""
OUR_OPEN: Final = encode_message(
    MessageType.OPEN,
    Open(
        as_number=OUR_AS,
        hold_time=90,
        router_id=IPv4Address(OVER_4.source_4).packed,
        # those that some daemons send only to a peer that has them
        capabilities=(
            *(Multiprotocol.of(family) for family in Family),
            FourOctetAs(OUR_AS),
            GracefulRestart(60, keeps_on_notification=True),
        ),
    ).encode(),
)


@pytest.fixture(scope="module")
def offered(wire: tuple[Namespace, Namespace]) -> dict[type[Router], dict[int, Capability]]:
    """Capabilities in the OPEN of each daemon, with graceful restart where it can be configured."""
    near, far = wire
    found = {}
    for daemon in DAEMONS:
        with running(daemon(far, configure(daemon, settings(OVER_4), "graceful restart"))):
            answer = near.run(sys.executable, "-c", ASK, ROUTER_4, OVER_4.source, OUR_OPEN.hex())
        capabilities = Open.decode(bytes.fromhex(answer)).capabilities
        found[daemon] = {capability.code: capability for capability in capabilities}
    return found


def entries(kind: str) -> pytest.MarkDecorator:
    """Parametrizes with the entries that have an attribute."""
    found = [(daemon, lack, f"{daemon.NAME}-{name}") for daemon, name, lack in ALL if getattr(lack, kind)]
    return pytest.mark.parametrize(
        ("daemon", "lack"), [pytest.param(daemon, lack, id=name) for daemon, lack, name in found]
    )


@entries("option")
def test_option_is_refused(wire: tuple[Namespace, Namespace], daemon: type[Router], lack: Lack) -> None:
    _, far = wire
    router = daemon(far, daemon.add_options(daemon.configure(settings(OVER_4)), [lack.option]))
    try:
        with pytest.raises(AssertionError, match=lack.refusal):
            router.start()
    finally:
        router.close()


@entries("offers_no")
def test_capability_is_not_offered(
    offered: dict[type[Router], dict[int, Capability]], daemon: type[Router], lack: Lack
) -> None:
    assert lack.offers_no not in offered[daemon]


@entries("without_n_bit")
def test_graceful_restart_is_offered_without_n_bit(
    offered: dict[type[Router], dict[int, Capability]], daemon: type[Router], lack: Lack
) -> None:
    capability = offered[daemon][CapabilityCode.GRACEFUL_RESTART]

    assert isinstance(capability, GracefulRestart)
    assert not capability.keeps_on_notification


def test_gobgp_soft_reset_asks_nobody(wire: tuple[Namespace, Namespace]) -> None:
    near, far = wire
    config = GoBgp.configure(settings(OVER_4))
    with running(GoBgp(far, config)) as gobgp, speaking(near, arguments(OVER_4)) as speaker:
        gobgp.wait_route(OVER_4.route_4(1))

        command = ["gobgp", "--target", gobgp.api, "neighbor", OVER_4.source, "softresetin"]
        subprocess.run(command, check=True, capture_output=True, timeout=20)

        speaker.tell(f"announce {OVER_4.route_4(2)}")  # an answer would have come before
        gobgp.wait_route(OVER_4.route_4(2))
        gobgp.wait_changes(OVER_4.route_4(1), "announce")
        assert gobgp.gobgp("neighbor", OVER_4.source)["state"]["messages"]["sent"].get("refresh", 0) == 0


def test_exabgp_has_no_interface_for_a_link_local_neighbour(wire: tuple[Namespace, Namespace]) -> None:
    _, far = wire
    peer = Neighbour(address="fe80::1%eth0", local_address="fe80::2", remote_as=OUR_AS)
    exabgp = ExaBgp(far, ExaBgp.configure(dataclasses.replace(settings(OVER_6), neighbours=(peer,))))
    try:
        with pytest.raises(AssertionError, match="is an invalid IP address"):
            exabgp.start()
    finally:
        exabgp.close()


def test_openbgpd_listens_without_a_key(wire: tuple[Namespace, Namespace], tmp_path: Path) -> None:
    near, far = wire
    key = tmp_path / "key"
    key.write_text(f"{PASSWORD}\n")
    config = configure(OpenBgpd, settings(OVER_4), "TCP MD5")
    with (
        running(OpenBgpd(far, config)) as openbgpd,
        speaking(near, arguments(OVER_4, "--password-file", str(key))),
    ):
        wait_counted(far, "TCPMD5Unexpected")  # a segment with a key where the socket has none
        assert openbgpd.session_state(OVER_4.source) != ESTABLISHED

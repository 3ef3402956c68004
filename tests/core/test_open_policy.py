"""Our OPEN, the judgement of theirs, and what both agree on. Refusals byte by byte: test_open_exchange."""

from ipaddress import IPv4Address
from typing import Any

import pytest

from rhi.core.open_policy import (
    Negotiated,
    build_open,
    judge_open,
    negotiate_hold_time,
    offered_families,
)
from rhi.errors import NotificationError
from rhi.model.parameters import Parameters
from rhi.model.prefix import Family
from rhi.wire.capabilities import Capability, ExtendedMessage, FourOctetAs, Multiprotocol, RouteRefresh
from rhi.wire.open import Open

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
ROUTER_ID = IPv4Address("192.0.2.1")
MP4, MP6 = Multiprotocol.of(V4), Multiprotocol.of(V6)


def theirs(*capabilities: Capability, as_number: int = 65002, hold_time: int = 90) -> Open:
    return Open(
        as_number=as_number, hold_time=hold_time, router_id=b"\xc0\x00\x02\x02", capabilities=capabilities
    )


def judged(message: Open, *, transport: Family = V4, **ours: Any) -> Negotiated:
    parameters = Parameters(as_number=65001, **ours)
    return judge_open(build_open(parameters, ROUTER_ID, transport), message, parameters)


@pytest.mark.parametrize(
    ("multiprotocol", "transport", "families"),
    [(False, V4, (V4,)), (False, V6, (V6,)), (True, V4, (V4, V6)), (True, V6, (V4, V6))],
)
def test_offered_families_are_both_or_that_of_the_session(
    multiprotocol: bool, transport: Family, families: tuple[Family, ...]
) -> None:
    assert offered_families(Parameters(as_number=1, multiprotocol=multiprotocol), transport) == families


def test_build_open_without_capabilities_has_none() -> None:
    made = build_open(Parameters(as_number=4200000000), ROUTER_ID, V4, with_capabilities=False)

    assert (made.as_number, made.capabilities) == (23456, ())


def test_build_open_extended_messages_are_offered_unless_switched_off() -> None:
    for wanted in (True, False):
        made = build_open(Parameters(as_number=1, extended_messages=wanted), ROUTER_ID, V4)
        assert (ExtendedMessage() in made.capabilities) is wanted


@pytest.mark.parametrize(
    ("offer", "ours", "families"),
    [
        ((), {}, (V4,)),
        ((), {"transport": V6}, ()),
        ((), {"multiprotocol": True, "transport": V6}, (V4,)),
        ((MP4, MP6), {}, (V4,)),
        ((MP6, MP4), {"multiprotocol": True}, (V4, V6)),
        ((MP6,), {"multiprotocol": True}, (V6,)),
        ((MP6,), {}, ()),
        ((Multiprotocol(1, 128), Multiprotocol(25, 70)), {"multiprotocol": True}, ()),
    ],
)
def test_judge_open_families_are_those_of_both(
    offer: tuple[Capability, ...], ours: dict[str, Any], families: tuple[Family, ...]
) -> None:
    assert judged(theirs(*offer), **ours).families == families


def test_judge_open_tells_what_both_agree_on() -> None:
    found = judged(theirs(MP4, RouteRefresh(), ExtendedMessage(), FourOctetAs(65002)), hold_time=30)

    assert found == Negotiated(
        local_as=65001,
        remote_as=65002,
        remote_router_id=IPv4Address("192.0.2.2"),
        hold_time=30,
        families=(V4,),
        four_octet_as=True,
        route_refresh=True,
        enhanced_refresh=False,
        extended_next_hop=False,
        graceful_restart=False,
        hard_reset=False,
        max_message_size=65535,
        capabilities=(MP4, RouteRefresh(), ExtendedMessage(), FourOctetAs(65002)),
    )
    assert not found.is_internal


def test_judge_open_plain_peer_gets_plain_bgp() -> None:
    found = judged(theirs(as_number=65001))

    assert (found.four_octet_as, found.route_refresh, found.max_message_size) == (False, False, 4096)
    assert found.is_internal


def test_judge_open_large_messages_need_both_offers() -> None:
    assert judged(theirs(ExtendedMessage()), extended_messages=False).max_message_size == 4096


def test_judge_open_four_octet_number_stands_in_its_capability() -> None:
    assert judged(theirs(FourOctetAs(4200000000), as_number=23456)).remote_as == 4200000000


def test_judge_open_contradicting_as_capabilities_are_refused() -> None:
    with pytest.raises(NotificationError) as caught:
        judged(theirs(FourOctetAs(65002), FourOctetAs(65003)))

    assert (caught.value.code, caught.value.subcode) == (2, 2)


@pytest.mark.parametrize(
    ("local", "remote", "agreed"), [(90, 30, 30), (3, 65535, 3), (0, 90, 0), (90, 0, 0), (90, 3, 3)]
)
def test_negotiate_hold_time_is_the_smaller(local: int, remote: int, agreed: int) -> None:
    assert negotiate_hold_time(local, remote) == agreed


@pytest.mark.parametrize("remote", [1, 2])
def test_negotiate_hold_time_one_and_two_are_unacceptable(remote: int) -> None:
    with pytest.raises(NotificationError) as caught:
        negotiate_hold_time(0, remote)

    assert (caught.value.code, caught.value.subcode, caught.value.data) == (2, 6, b"")

"""Received attributes as people and JSON see them."""

import json

import pytest

from rhi.core.incoming import readable_attributes
from rhi.model.attributes import Origin
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.wire.attributes import Aggregator, AsSegment, RawAttribute
from rhi.wire.mp_nlri import MpReach, MpUnreach
from rhi.wire.update import Update


def test_received_every_attribute_has_its_name_and_text() -> None:
    attributes = {
        1: Origin.EGP,
        2: (AsSegment(2, (64500, 4200000000)), AsSegment(1, (64501, 64502)), AsSegment(4, (64503,))),
        3: b"\xc0\x00\x02\x01",
        4: 0,
        5: 100,
        6: True,
        7: Aggregator(64500, b"\xc0\x00\x02\x02"),
        8: (Community("no-export"), Community("65000:1")),
        9: b"\xc0\x00\x02\x03",
        10: (b"\xc0\x00\x02\x04", b"\xc0\x00\x02\x05"),
        16: (ExtendedCommunity.parse("rt:65000:1"),),
        17: (AsSegment(3, (4200000000,)),),
        18: Aggregator(4200000000, b"\xc0\x00\x02\x06"),
        32: (LargeCommunity(1, 2, 3),),
        99: RawAttribute(0xC0, b"\x01\xff"),
        250: RawAttribute(0x80, b""),
    }

    shown = readable_attributes(Update(attributes=attributes))

    assert shown == {
        "origin": "egp",
        "as_path": "64500 4200000000 {64501 64502} {64503}",
        "next_hop": "192.0.2.1",
        "med": 0,
        "local_pref": 100,
        "atomic_aggregate": True,
        "aggregator": "64500 192.0.2.2",
        "communities": ["65535:65281", "65000:1"],
        "originator_id": "192.0.2.3",
        "cluster_list": ["192.0.2.4", "192.0.2.5"],
        "extended_communities": ["rt:65000:1"],
        "as4_path": "4200000000",
        "as4_aggregator": "4200000000 192.0.2.6",
        "large_community": ["1:2:3"],
        "attribute_99": "01ff",
        "attribute_250": "",
    }
    assert json.loads(json.dumps(shown)) == shown


GLOBAL, LINK_LOCAL = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("fe80" + "00" * 13 + "01")


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        (b"\xc0\x00\x02\x01", "192.0.2.1"),
        (GLOBAL, "2001:db8::1"),
        (GLOBAL + LINK_LOCAL, "2001:db8::1,fe80::1"),
        (bytes(8) + b"\xc0\x00\x02\x01", "0000000000000000c0000201"),  # a VPN next hop
        (b"", ""),
    ],
)
def test_received_next_hop_of_mp_reach_is_shown(packed: bytes, text: str) -> None:
    shown = readable_attributes(Update(attributes={14: MpReach(1, 128, packed, ()), 15: MpUnreach(2, 1, ())}))

    assert shown == {"next_hop": text}


def test_received_both_next_hops_are_shown() -> None:
    update = Update(attributes={3: b"\xc0\x00\x02\x01", 14: MpReach(2, 1, GLOBAL, ())})

    assert readable_attributes(update) == {"next_hop": "192.0.2.1", "mp_next_hop": "2001:db8::1"}

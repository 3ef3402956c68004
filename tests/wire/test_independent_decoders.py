"""What rhi encodes, read by decoders that are not ours: scapy, and tshark where it is installed.

Both have to find the same routes, AS numbers, communities and capabilities, and nothing to complain about;
and to complain about a damaged message, or their silence would mean nothing.
"""

import subprocess
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from scapy.contrib import bgp as scapy_bgp
from scapy.packet import NoPayload, Packet, Padding, Raw

from tests.interop.lab.requirements import find_program
from tests.wire.samples import SAMPLES, Sample

# NEXT_HOP has three octets.
DAMAGED = Sample(
    name="damaged",
    kind=2,
    message=bytes.fromhex("ff" * 16 + "001d 02 0000 0006 400303 c00002"),
)


def named(sample: Sample) -> str:
    return sample.name.replace(" ", "-")


# --- scapy


def scapy_layers(packet: Packet) -> Iterator[Packet]:
    """The packet, its payloads, and all packets in its fields."""
    while not isinstance(packet, NoPayload):
        yield packet
        for value in packet.fields.values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, Packet):
                    yield from scapy_layers(item)
        packet = packet.payload


def scapy_decode(sample: Sample) -> list[Packet]:
    before = scapy_bgp.bgp_module_conf.use_2_bytes_asn
    scapy_bgp.bgp_module_conf.use_2_bytes_asn = not sample.four_octet_as
    try:
        return list(scapy_layers(scapy_bgp.BGP(sample.message)))
    finally:
        scapy_bgp.bgp_module_conf.use_2_bytes_asn = before


def of_kind(layers: list[Packet], kind: type[Packet]) -> list[Packet]:
    return [layer for layer in layers if isinstance(layer, kind)]


def communities_of(layers: list[Packet]) -> list[int]:
    """Scapy reads the first community of the list and leaves the others as bytes behind it."""
    found = []
    for layer in of_kind(layers, scapy_bgp.BGPPACommunity):
        rest = bytes(layer.payload)
        found.append(layer.community)
        found += [int.from_bytes(rest[i : i + 4], "big") for i in range(0, len(rest), 4)]
    return found


def capabilities_of(layers: list[Packet]) -> list[Packet]:
    """Scapy reads the first capability of a parameter, and is asked again for the bytes behind it."""
    found = of_kind(layers, scapy_bgp.BGPCapability)
    for layer in found:
        rest = bytes(layer.payload)
        if rest:
            found.append(scapy_bgp.BGPCapability(rest))
    return found


def scapy_complaints(layers: list[Packet]) -> list[Packet]:
    """Bytes that scapy could not read."""
    halfway = of_kind(layers, scapy_bgp.BGPPACommunity) + of_kind(layers, scapy_bgp.BGPCapability)
    unread = [layer for layer in layers if isinstance(layer, Raw | Padding)]
    return [layer for layer in unread if not any(layer is known.payload for known in halfway)]


def routes(found: Any) -> list[str]:
    return [str(ip_network(item.prefix)) for item in found or ()]


# Scapy reads no more than 100 AS numbers.
@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if len(sample.as_numbers) <= 100], ids=named)
def test_scapy_reads_the_message_as_it_was_meant(sample: Sample) -> None:
    layers = scapy_decode(sample)

    assert scapy_complaints(layers) == []
    assert layers[0].type == sample.kind
    assert layers[0].len == len(sample.message)
    assert tuple(layer.code for layer in capabilities_of(layers)) == sample.capabilities
    for update in of_kind(layers, scapy_bgp.BGPUpdate):
        reach = of_kind(layers, scapy_bgp.BGPPAMPReachNLRI)
        unreach = of_kind(layers, scapy_bgp.BGPPAMPUnreachNLRI)
        withdrawn = [item for layer in unreach for item in layer.afi_safi_specific.withdrawn_routes]
        announced = [item for layer in reach for item in layer.nlri]
        assert routes(update.nlri) + routes(announced) == list(sample.announced)
        assert routes(update.withdrawn_routes) + routes(withdrawn) == list(sample.withdrawn)
    paths = of_kind(layers, scapy_bgp.BGPPAASPath) + of_kind(layers, scapy_bgp.BGPPAAS4BytesPath)
    segments = [segment for path in paths for segment in path.segments]
    assert tuple(number for segment in segments for number in segment.segment_value) == sample.as_numbers
    assert tuple(f"{item >> 16}:{item & 0xFFFF}" for item in communities_of(layers)) == sample.communities


def test_scapy_complains_about_a_damaged_message() -> None:
    assert scapy_complaints(scapy_decode(DAMAGED)) != []


# --- tshark


def tshark_decode(samples: list[Sample], folder: Path, *, four_octet_as: bool) -> list[ElementTree.Element]:
    """The BGP protocol tree of each message, in order, each message a TCP segment of its own."""
    text2pcap = find_program("text2pcap", package="wireshark-common")
    tshark = find_program("tshark", package="tshark")
    dump, capture = folder / "messages.txt", folder / "messages.pcap"
    dump.write_text("".join(f"0000 {sample.message.hex(' ')}\n" for sample in samples), encoding="ascii")
    subprocess.run([text2pcap, "-q", "-T", "50000,179", dump, capture], check=True, capture_output=True)
    preference = f"bgp.asn_len:{4 if four_octet_as else 2} octet"
    command: list[str | Path] = [tshark, "-n", "-r", capture, "-o", preference, "-T", "pdml"]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    return ElementTree.fromstring(output).findall("packet")


def shown(packet: ElementTree.Element, *names: str) -> list[str]:
    """Values of all fields of these names, in the order of the message."""
    return [item.get("show", "") for item in packet.iter("field") if item.get("name") in names]


def tshark_complaints(packet: ElementTree.Element) -> list[str]:
    """Expert messages, and protocols that could not be decoded."""
    items = [
        item for item in packet.iter() if item.get("name", "").startswith(("_ws.expert", "_ws.malformed"))
    ]
    return [item.get("showname", item.get("name", "")) for item in items]


def tshark_routes(packet: ElementTree.Element, kinds: str) -> list[str]:
    """Routes below fields of the given names; tshark shows length and prefix side by side."""
    return [
        f"{shown(item, *PREFIXES)[0]}/{shown(item, 'bgp.prefix_length')[0]}"
        for above in packet.iter("field")
        if above.get("name") in kinds.split()
        for item in above.iter("field")
        if item.find("field[@name='bgp.prefix_length']") is not None
    ]


PREFIXES = [
    "bgp.nlri_prefix",
    "bgp.withdrawn_prefix",
    "bgp.mp_reach_nlri_ipv6_prefix",
    "bgp.mp_unreach_nlri_ipv6_prefix",
    "bgp.mp_reach_nlri_ipv4_prefix",
    "bgp.mp_unreach_nlri_ipv4_prefix",
]
ANNOUNCED = "bgp.update.nlri bgp.update.path_attribute.mp_reach_nlri"
WITHDRAWN = "bgp.update.withdrawn_routes bgp.update.path_attribute.mp_unreach_nlri"


@pytest.mark.parametrize("four_octet_as", [True, False], ids=["as4", "as2"])
def test_tshark_reads_all_messages_as_they_were_meant(four_octet_as: bool, tmp_path: Path) -> None:
    samples = [sample for sample in SAMPLES if sample.four_octet_as == four_octet_as]

    packets = tshark_decode(samples, tmp_path, four_octet_as=four_octet_as)

    assert len(packets) == len(samples)
    for sample, packet in zip(samples, packets, strict=True):
        assert (sample.name, tshark_complaints(packet)) == (sample.name, [])
        assert (sample.name, shown(packet, "bgp.type")) == (sample.name, [str(sample.kind)])
        assert (sample.name, shown(packet, "bgp.length")) == (sample.name, [str(len(sample.message))])
        assert (sample.name, tshark_routes(packet, ANNOUNCED)) == (sample.name, list(sample.announced))
        assert (sample.name, tshark_routes(packet, WITHDRAWN)) == (sample.name, list(sample.withdrawn))
        path = [item for item in packet.iter("field") if is_as_path(item)]
        numbers = [int(number) for item in path for number in shown(item, *AS_NUMBERS)]
        assert (sample.name, numbers) == (sample.name, list(sample.as_numbers))
        assert (sample.name, tshark_communities(packet)) == (sample.name, list(sample.communities))
        capabilities = tuple(map(int, shown(packet, "bgp.cap.type")))
        assert (sample.name, capabilities) == (sample.name, sample.capabilities)


AS_NUMBERS = [
    "bgp.update.path_attribute.as_path_segment.as2",
    "bgp.update.path_attribute.as_path_segment.as4",
]


def is_as_path(item: ElementTree.Element) -> bool:
    return item.get("name") == "bgp.update.path_attribute" and shown(
        item, "bgp.update.path_attribute.type_code"
    ) == ["2"]


def tshark_communities(packet: ElementTree.Element) -> list[str]:
    """Communities as text; tshark has one kind of field for registered ones, and a pair for all others."""
    prefix = "bgp.update.path_attribute.community"
    found = []
    for item in packet.iter("field"):
        if item.get("name") == f"{prefix}_wellknown":
            number = int(item.get("value", ""), 16)
            found.append(f"{number >> 16}:{number & 0xFFFF}")
        elif item.get("name") == prefix:
            found.append(":".join(shown(item, f"{prefix}_as", f"{prefix}_value")))
    return found


def test_tshark_complains_about_a_damaged_message(tmp_path: Path) -> None:
    [packet] = tshark_decode([DAMAGED], tmp_path, four_octet_as=True)

    assert tshark_complaints(packet) != []

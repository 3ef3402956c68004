"""What we send, read by decoders of others: scapy, and tshark where it is installed.

Sessions with a rich history are recorded, both directions. tshark must find nothing to complain of in any of
their messages; what scapy reads must be what was announced.
"""

import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from functools import cache
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from rhi.model.attributes import Origin, PathAttributes
from rhi.model.parameters import Parameters
from rhi.model.prefix import Prefix, to_prefix
from rhi.testing.pair import Pair
from tests.core.script import KEEPALIVE, NOTIFICATION, OPEN, ROUTE_REFRESH, UPDATE, cut, message

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # scapy on import
    bgp = pytest.importorskip("scapy.contrib.bgp")
    scapy = pytest.importorskip("scapy.all")

LEFT_AS = 4200000001
V4, V6 = to_prefix("203.0.113.1"), to_prefix("2001:db8::1")


def parameters(number: int, **more: Any) -> Parameters:
    common: dict[str, Any] = {"multiprotocol": True, "extended_messages": False, "hold_time": 30}
    return Parameters(as_number=number, **common, **more)


def rich(i: int) -> PathAttributes:
    """Every attribute in some route, in all combinations of short and long."""
    return PathAttributes(
        origin=Origin(i % 3),
        med=None if i % 2 else i,
        local_pref=i * 1000,
        prepend=i % 7 * 20,
        communities=["no-export", "blackhole", f"65000:{i}"][: i % 4]
        + [f"{i}:{j}" for j in range(i % 5 * 20)],
        large_communities=[f"4200000000:{i}:{j}" for j in range(i % 4 * 10)],
        extended_communities=[f"rt:65000:{i}", "ro:192.0.2.1:7", "rt:4200000000:1"][: i % 4],
    )


@cache
def recorded(internal: bool) -> tuple[bytes, bytes, dict[Prefix, PathAttributes]]:
    """A session as its two byte streams, and what the receiver holds in the end."""
    left_as = 65001 if internal else LEFT_AS
    left = parameters(left_as, next_hop_6="2001:db8:ffff::1", communities=["65000:99"])
    pair = Pair(left, parameters(left_as if internal else 65002, passive=True), seed=1).start()
    table = pair.left.table
    lengths = [to_prefix(f"{10 + n}.0.0.0/{n}" if n > 7 else "0.0.0.0/0") for n in range(7, 33)]
    lengths += [to_prefix(f"2001:db8::/{n}") for n in range(32, 129, 7)] + [to_prefix("::/0")]
    routes = {prefix: rich(i) for i, prefix in enumerate(lengths)} | {V4: rich(3), V6: rich(6)}
    table.replace(routes)
    pair.settle()
    pair.run(100)
    many = {to_prefix(f"100.64.{i // 256}.{i % 256}"): rich(4) for i in range(3000)}
    many |= {to_prefix(f"2001:db8:1::{i:x}"): rich(2) for i in range(1000)}
    pair.edit(lambda table: table.replace(routes | many))
    pair.inject(message(ROUTE_REFRESH, b"\x00\x02\x00\x01"))
    pair.left.peer.configure(parameters(left_as, next_hop_6="2001:db8:ffff::2", med=7), pair.now)
    pair.edit(lambda table: table.replace({V4: rich(3), V6: rich(6), **{p: rich(9) for p in lengths[:4]}}))
    pair.edit(lambda table: table.replace({V4: rich(3), V6: rich(6)}))
    assert pair.right.routes.keys() == {V4, V6}
    pair.right.peer.start(pair.now)
    pair.left.peer.stop(pair.now, message="maintenance")
    pair.settle()
    return bytes(pair.left.sent), bytes(pair.right.sent), {V4: rich(3), V6: rich(6)}


def packets(stream: bytes) -> Iterator[tuple[bytes, Any]]:
    """Each message with what scapy makes of it."""
    bgp.bgp_module_conf.use_2_bytes_asn = False
    scapy.conf.max_list_count = 10_000  # of routes and AS numbers in one field
    for kind, body in cut(stream):
        whole = message(kind, body)
        yield whole, bgp.BGPHeader(whole)


LAYERS = {
    OPEN: "BGPOpen",
    UPDATE: "BGPUpdate",
    NOTIFICATION: "BGPNotification",
    ROUTE_REFRESH: "BGPRouteRefresh",
}


@pytest.mark.parametrize("internal", [False, True])
def test_scapy_reads_every_message_to_its_last_byte(internal: bool) -> None:
    left, right, _ = recorded(internal)

    kinds = set()
    for whole, packet in [*packets(left), *packets(right)]:
        kinds.add(packet.type)
        assert packet.len == len(whole)
        assert not packet.haslayer(scapy.Padding)
        assert packet.type == KEEPALIVE or type(packet.payload).__name__ == LAYERS[packet.type]
        if packet.type == UPDATE:
            body = packet.payload
            fields = (body.withdrawn_routes_len, body.path_attr_len)
            nlri = sum(map(len, map(bytes, body.nlri)))
            assert len(whole) == 19 + 4 + sum(fields) + nlri
            assert sum(map(len, map(bytes, body.path_attr))) == body.path_attr_len
            codes = [each.type_code for each in body.path_attr]
            assert codes == sorted(set(codes))

    assert kinds == {OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH}


@pytest.mark.parametrize("internal", [False, True])
def test_scapy_reads_the_attributes_that_were_given(internal: bool) -> None:
    left, _, held = recorded(internal)
    found: dict[str, dict[int, Any]] = {}

    for _, packet in packets(left):
        if packet.type == UPDATE:
            for name, values in routes_of(packet.payload):
                found[name] = values

    for prefix, name in ((V4, "203.0.113.1/32"), (V6, "2001:db8::1/128")):
        given, read = held[prefix], found[name]
        path = [] if internal else [LEFT_AS] * (1 + (given.prepend or 0))
        communities = bytes(read[8]) if 8 in read else b""
        assert read[1].origin == given.origin
        assert [number for each in read[2].segments for number in each.segment_value] == path
        assert read[4].med == (7 if given.med is None else given.med)
        assert (read[5].local_pref if internal else None) == (given.local_pref if internal else None)
        assert communities == b"".join(each.to_bytes(4, "big") for each in given.communities or ())
    assert found["203.0.113.1/32"][3].next_hop == "192.0.2.1"
    assert 3 not in found["2001:db8::1/128"]
    assert IPv6Address(found["2001:db8::1/128"][14].nh_v6_addr) == IPv6Address("2001:db8:ffff::2")


def routes_of(update: Any) -> Iterator[tuple[str, dict[int, Any]]]:
    """Routes an UPDATE announces, with their attributes by code as scapy has them."""
    values = {each.type_code: each.attribute for each in update.path_attr}
    reach = values.get(14)
    for route in [*update.nlri, *(reach.nlri if reach is not None else ())]:
        yield route.prefix, values


# tshark


def capture(path: Path, left: bytes, right: bytes) -> None:
    """The session as a capture file: a TCP connection with one message a segment."""
    ends = [("192.0.2.1", 40000), ("192.0.2.2", 179)]
    at = [1000, 2000]
    frames = []

    def add(side: int, flags: str, payload: bytes = b"") -> None:
        (src, sport), (dst, dport) = ends[side], ends[1 - side]
        header = scapy.Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / scapy.IP(src=src, dst=dst)
        tcp = scapy.TCP(sport=sport, dport=dport, seq=at[side], ack=at[1 - side], flags=flags, window=65535)
        frames.append(header / tcp / scapy.Raw(payload) if payload else header / tcp)
        at[side] += len(payload) + ("S" in flags)

    add(0, "S")
    add(1, "SA")
    add(0, "A")
    mine, theirs = cut(left), cut(right)
    for number in range(max(len(mine), len(theirs))):
        for side, messages in enumerate((mine, theirs)):
            if number < len(messages):
                add(side, "PA", message(*messages[number]))
    scapy.wrpcap(str(path), frames)


def tshark(path: Path, *arguments: str) -> list[str]:
    result = subprocess.run(
        ["tshark", "-r", str(path), "-d", "tcp.port==179,bgp", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.splitlines()


needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None and os.environ.get("RHI_REQUIRE_LAB") != "1",
    reason="tshark is not installed",
)


@needs_tshark
@pytest.mark.parametrize("internal", [False, True])
def test_tshark_has_nothing_to_complain_of(tmp_path: Path, internal: bool) -> None:
    left, right, _ = recorded(internal)
    path = tmp_path / "session.pcap"
    capture(path, left, right)

    types = tshark(path, "-Y", "bgp", "-T", "fields", "-e", "bgp.type")
    complaints = tshark(
        path, "-Y", '_ws.malformed || (bgp && _ws.expert.group != "Sequence" && _ws.expert)', "-V"
    )

    assert sum(len(line.split(",")) for line in types) == len(cut(left)) + len(cut(right))
    assert complaints == []


@needs_tshark
def test_tshark_complains_of_a_broken_message(tmp_path: Path) -> None:
    """The test above can fail."""
    left, right, _ = recorded(False)
    path = tmp_path / "broken.pcap"
    broken = bytes.fromhex("0000 0005 40010200 00")  # ORIGIN of two octets
    capture(path, left + message(UPDATE, broken), right)

    assert tshark(path, "-Y", "_ws.malformed || (bgp && _ws.expert)") != []


def test_recorded_session_has_every_kind_of_message() -> None:
    left, right, _ = recorded(False)

    kinds = [kind for kind, _ in cut(left)]

    assert kinds[0] == OPEN
    assert kinds[-1] == NOTIFICATION
    assert kinds.count(UPDATE) > 40
    assert max(len(body) for _, body in cut(left)) + 19 <= 4096
    assert cut(right)[0][0] == OPEN

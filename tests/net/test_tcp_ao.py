"""TCP-AO: the socket options' bytes, their order on a socket, and the refusal on a kernel without them.

Offsets and sizes are those of struct tcp_ao_add and struct tcp_ao_del in Linux's include/uapi/linux/tcp.h,
as a C compiler lays them out on x86-64. The kernel that runs the tests may have no TCP-AO at all.
"""

import errno
import socket
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

import rhi
import rhi.aio
from rhi.errors import SocketOptionError
from rhi.model.prefix import IPNetwork
from rhi.model.tcp_ao import AoKey
from rhi.net.keys import SocketKeys, require_keys
from rhi.net.tcp_ao import add_ao_key, pack_add, pack_delete
from tests.net.raw import free_port, wait_until
from tests.net.test_security import active, established, passive

FOUR, SIX = ip_network("192.0.2.0/24"), ip_network("2001:db8::7")
ONE, TWO = AoKey("secret", 5, 6), AoKey(b"\0" * 80, 255, 0, "aes-128-cmac-96")
REFUSAL = (
    "TCP-AO for 127.0.0.1: not possible on this system (Protocol not available); "
    "it needs Linux 6.7 or newer, built with CONFIG_TCP_AO"
)


def kernel_has_ao() -> bool:
    try:
        require_keys([passive(ao_keys=[ONE])])
    except SocketOptionError:
        return False
    return True


needs_ao = pytest.mark.skipif(not kernel_has_ao(), reason="this kernel has no TCP-AO")
needs_no_ao = pytest.mark.skipif(kernel_has_ao(), reason="this kernel has TCP-AO")


def number(value: int, size: int) -> bytes:
    return value.to_bytes(size, sys.byteorder)


def test_add_has_the_kernels_layout() -> None:
    packed = pack_add(FOUR, ONE, is_first=True)

    assert len(packed) == 288
    assert packed[0:2] == number(socket.AF_INET, 2)
    assert packed[2:4] == bytes(2)  # port
    assert packed[4:8] == bytes([192, 0, 2, 0])
    assert packed[8:128] == bytes(120)
    assert packed[128:192] == b"hmac(sha1)" + bytes(54)
    assert packed[192:196] == bytes(4)  # interface
    assert packed[196:200] == number(0b11, 4)  # set_current, set_rnext
    assert packed[200:202] == bytes(2)
    assert list(packed[202:208]) == [24, 5, 6, 12, 0, 6]  # prefix, sndid, rcvid, maclen, keyflags, keylen
    assert packed[208:288] == b"secret" + bytes(74)


def test_add_over_ipv6_has_the_address_behind_port_and_flow() -> None:
    packed = pack_add(SIX, TWO, is_first=False)

    assert packed[0:2] == number(socket.AF_INET6, 2)
    assert packed[2:8] == bytes(6)
    assert packed[8:24] == SIX.network_address.packed
    assert packed[24:128] == bytes(104)
    assert packed[128:192] == b"cmac(aes128)" + bytes(52)
    assert packed[196:200] == bytes(4)
    assert list(packed[202:208]) == [128, 255, 0, 12, 0, 80]


def test_delete_has_the_kernels_layout() -> None:
    packed = pack_delete(FOUR, ONE)

    assert len(packed) == 144
    assert packed[0:8] == pack_add(FOUR, ONE, is_first=False)[0:8]
    assert packed[8:138] == bytes(130)  # address, interface, bits, reserved
    assert list(packed[138:144]) == [24, 5, 6, 0, 0, 0]  # prefix, sndid, rcvid, current_key, rnext, keyflags


class Recorder(socket.socket):
    """A socket that notes its options instead of setting them."""

    def __init__(self) -> None:
        super().__init__()
        self.set: list[tuple[Any, ...]] = []

    def setsockopt(self, *arguments: Any) -> None:
        self.set.append(arguments)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as sock:
        yield sock


def test_keys_of_a_connection_begin_with_the_first(recorder: Recorder) -> None:
    SocketKeys().set(recorder, {FOUR: (ONE, TWO)})

    assert recorder.set == [
        (socket.IPPROTO_TCP, 38, pack_add(FOUR, ONE, is_first=True)),
        (socket.IPPROTO_TCP, 38, pack_add(FOUR, TWO, is_first=False)),
    ]


def test_keys_of_a_listener_have_no_first_and_are_replaced_as_a_whole(recorder: Recorder) -> None:
    keys = SocketKeys(listens=True)
    keys.set(recorder, {FOUR: (ONE,)})
    keys.set(recorder, {FOUR: (ONE,)})
    keys.set(recorder, {FOUR: (TWO,)})

    assert [(option, value) for _, option, value in recorder.set] == [
        (38, pack_add(FOUR, ONE, is_first=False)),
        (39, pack_delete(FOUR, ONE)),
        (38, pack_add(FOUR, TWO, is_first=False)),
    ]


def test_keys_of_one_peer_go_from_tcp_md5_to_tcp_ao(recorder: Recorder) -> None:
    host: IPNetwork = ip_network("192.0.2.1")
    keys = SocketKeys(listens=True)
    keys.set(recorder, {host: b"md5"})
    keys.set(recorder, {host: (ONE,)})
    keys.set(recorder, {})

    assert [option for _, option, _ in recorder.set] == [14, 14, 38, 39]


@needs_no_ao
@pytest.mark.parametrize("makes", ["passive", "active", "dynamic"])
def test_pool_with_ao_keys_does_not_begin_on_a_kernel_without_tcp_ao(makes: str) -> None:
    port = free_port()
    parameters = active(port, ao_keys=[ONE]) if makes == "active" else passive(ao_keys=[ONE])
    named = {} if makes == "dynamic" else {"192.0.2.9": parameters}
    dynamic = {"127.0.0.0/8": parameters} if makes == "dynamic" else {}

    with pytest.raises(SocketOptionError) as caught:
        rhi.Pool("192.0.2.2", named, listen=[("127.0.0.1", port)], dynamic_peers=dynamic)

    assert caught.value.strerror == REFUSAL
    assert caught.value.errno == errno.ENOPROTOOPT
    rhi.Pool("192.0.2.2", listen=[("127.0.0.1", port)]).close()  # nothing was left behind


@needs_no_ao
def test_configure_with_ao_keys_on_a_kernel_without_tcp_ao_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with rhi.Pool("192.0.2.2", {"127.0.0.1": passive()}, listen=["127.0.0.1:0"]) as pool:
        pool.configure({"127.0.0.1": passive(ao_keys=[ONE], med=5), "127.0.0.2": passive()})

        assert list(pool.status()) == ["127.0.0.1"]
        assert pool.status()["127.0.0.1"].pending_changes == ()
    assert caplog.messages == [f"configure: {REFUSAL}; nothing is changed"]


def test_ao_is_refused_on_a_system_that_is_not_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "freebsd14")

    with socket.socket() as sock, pytest.raises(SocketOptionError, match="freebsd14 is not Linux"):
        add_ao_key(sock, FOUR, ONE)


@needs_ao
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ao_with_the_same_keys_on_both_sides_establishes(host: str) -> None:
    server_keys, client_keys = [AoKey("secret", 2, 1)], [AoKey("secret", 1, 2)]
    with (
        rhi.Pool("192.0.2.2", {host: passive(ao_keys=server_keys)}, listen=[(host, 0)]) as server,
        rhi.Pool("192.0.2.1", {host: active(server.listen_addresses[0].port, ao_keys=client_keys)}) as client,
    ):
        wait_until(lambda: established(client, host) and established(server, host), "session")

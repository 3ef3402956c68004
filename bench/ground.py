"""Where speaker and sink meet: two addresses of one loopback interface, in a network namespace if possible.

In the namespace the interface has one address with a short prefix, which makes the kernel take the sinks'
addresses as local too, though no interface has them; speakers that refuse a peer with an address of their
own do not notice. Without root there is no namespace: then only what can use any port and 127.0.0.0/8 can be
measured.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from bench.errors import Missing
from tests.interop.lab.namespace import Namespace, namespaces, remove_leftovers

SPEAKER_AS: Final = 65001
SINK_AS: Final = 65000
BGP_PORT: Final = 179


@dataclass(frozen=True, slots=True)
class Ground:
    """Addresses, and the way to run a command there.

    Attributes:
        speaker, sink: addresses.
        port: where the speaker listens.
        namespace: None when this is the machine's own network.
    """

    speaker: str
    sink: str
    port: int
    namespace: Namespace | None

    def command(self, command: Sequence[str]) -> list[str]:
        """The command that runs `command` there; its process id is that of `command` itself."""
        return list(command) if self.namespace is None else self.namespace.command(command)

    def sinks(self, number: int) -> list[str]:
        """So many addresses of sinks, the first of which is `sink`."""
        first = IPv4Address("127.0.16.0" if self.namespace is None else "10.255.252.0")
        return [self.sink, *(str(first + host) for host in range(1, number))]

    def require_namespace(self) -> None:
        """Raises Missing without one."""
        if self.namespace is None:
            raise Missing("needs root, for a network namespace")


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """A namespace for root, else the machine's loopback interface."""
    if os.geteuid() != 0:
        yield Ground("127.0.0.1", "127.0.0.2", free_port("127.0.0.1"), None)
        return
    remove_leftovers()
    with namespaces("bench") as (namespace,):
        namespace.add_address("lo", "10.255.255.1/22")
        yield Ground("10.255.255.1", "10.255.255.2", BGP_PORT, namespace)


def free_port(address: str = "127.0.0.1") -> int:
    """A port on which nobody listens."""
    with socket.create_server((address, 0)) as server:
        port: int = server.getsockname()[1]
        return port

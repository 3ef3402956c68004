"""A host as far as a diagnosis goes by it: plain values, and questions that are asked one by one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface

from rhi.model.prefix import IPAddress

LOOPBACK = "lo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One interface.

    Attributes:
        is_up: administratively, and with a carrier.
        addresses: with their networks.
    """

    is_up: bool = True
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has a socket; what cannot be told without rights is empty.

    Attributes:
        name: of the program.
        program: its file, or empty.
        arguments: its command line.
    """

    pid: int
    name: str
    program: str = ""
    arguments: tuple[str, ...] = ()

    @property
    def is_rhi(self) -> bool:
        """A daemon of ours."""
        return "run" in self.arguments and any(word.rpartition("/")[2] == "rhi" for word in self.arguments)

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket that listens; `owner` is None when it cannot be told."""

    address: IPAddress
    port: int
    owner: Owner | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePeer:
    """What a running daemon says of a peer."""

    name: str
    is_established: bool
    remote_router_id: str = ""


def sysctl_word(interface: str) -> str:
    """An interface in the name of a kernel option; sysctl(8) has / for dots, as of eth0.100."""
    return interface.replace(".", "/")


def _none(text: object) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """This host, as the user who asks sees it.

    Attributes:
        user, gid: whose rights count.
        groups: all of that user's, `gid` among them.
        capabilities: effective ones, such as `CAP_NET_RAW`.
        open_files: how many descriptors a process may have.
        has_md5: the kernel has TCP MD5 signatures.
        key_drops: segments dropped over keys since the kernel began, by its own names.
        interfaces: by name.
        listeners: TCP sockets that listen.
        is_taken: whether an address and port cannot be had because of another socket; the list of listeners
            does not tell those on `::` that take IPv4 too from those that do not.
        sysctl: a kernel option by its path below /proc/sys, None where there is none.
        unreadable, unwritable, not_runnable: why a file cannot be read, a file or socket written to, or a
            program run; empty when it can.
        uncreatable: why a file cannot be made or replaced where it is to be; empty when it can.
        unlockable: why a lock file that is there cannot be locked; empty when it can, or is not there.
        no_route: why there is no way to an address; empty when there is one.
        has_group: whether there is a group of that name.
        is_secret: whether a variable of the environment is set, and not empty.
        peers: of a daemon that runs with this configuration; None when none can be asked.
        clock: seconds since 1970; `changed_at`: when the configuration was last changed.
    """

    user: str = "root"
    gid: int = 0
    groups: frozenset[int] = frozenset({0})
    capabilities: frozenset[str] = frozenset()
    open_files: int = 1024
    has_md5: bool = True
    key_drops: Mapping[str, int] = field(default_factory=dict)
    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    is_taken: Callable[[IPAddress, int], bool] = lambda address, port: True
    sysctl: Callable[[str], str | None] = lambda name: None
    unreadable: Callable[[str], str] = _none
    unwritable: Callable[[str], str] = _none
    not_runnable: Callable[[str], str] = _none
    uncreatable: Callable[[str], str] = _none
    unlockable: Callable[[str], str] = _none
    no_route: Callable[[IPAddress], str] = _none
    has_group: Callable[[str], bool] = lambda name: True
    is_secret: Callable[[str], bool] = lambda name: True
    peers: tuple[LivePeer, ...] | None = None
    clock: float = 0.0
    changed_at: float = 0.0

    def has(self, address: IPAddress) -> bool:
        """Whether it is of this host; on the loopback interface all of a network is."""
        for name, interface in self.interfaces.items():
            for each in interface.addresses:
                if each.ip == address or (name == LOOPBACK and address in each.network):
                    return True
        return False

    def interfaces_of(self, address: IPAddress) -> list[str]:
        """Those that have it themselves."""
        return [
            name
            for name, interface in self.interfaces.items()
            if any(each.ip == address for each in interface.addresses)
        ]

    def is_bound(self, address: IPAddress) -> bool:
        """Whether an interface has it itself, rather than a network that it is in."""
        return bool(self.interfaces_of(address))

    def listener(self, address: IPAddress, port: int) -> Listener | None:
        """Who has that address and port, or all addresses of its family, or `::` for both."""
        for each in self.listeners:
            if each.port != port:
                continue
            is_any = each.address.is_unspecified and each.address.version in (6, address.version)
            is_same_family = each.address.version == address.version
            if each.address == address or is_any or (address.is_unspecified and is_same_family):
                return each
        return None

    def is_up(self, peer: str) -> bool:
        """Whether a running daemon says that there is a session."""
        return any(each.name == peer and each.is_established for each in self.peers or ())

    def number(self, name: str) -> int | None:
        """A kernel option that is a number."""
        text = self.sysctl(name)
        return int(text) if text is not None and text.strip().isdecimal() else None

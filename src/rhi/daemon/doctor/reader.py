"""This host as a `System`: from /proc, netlink, the file system and a few sockets. Changes nothing.

What cannot be read is taken as not there: a diagnosis that ends half-way helps nobody.
"""

import errno
import grp
import os
import pwd
import resource
import shutil
import socket
import stat
import time
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_interface
from pathlib import Path
from typing import Final

from pyroute2 import IPRoute

from rhi.daemon.doctor.system import Interface, Listener, LivePeer, Owner, System
from rhi.daemon.state_lock import open_lock
from rhi.errors import SocketOptionError
from rhi.model.prefix import IPAddress, to_address
from rhi.model.wording import os_error_text
from rhi.net.key_drops import read_key_drops
from rhi.net.sockopt import set_md5_key

# <linux/capability.h>
_CAPABILITIES: Final = {"CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13}
_LISTEN: Final = b"0A"
# <linux/if.h>
_IFF_UP: Final = 1
_IFF_LOWER_UP: Final = 1 << 16


def read_system(config_file: str, ports: Collection[int], peers: tuple[LivePeer, ...] | None) -> System:
    """This host now; of the sockets that listen only those on `ports`. `peers` are a running daemon's."""
    return System(
        user=_user(),
        gid=os.getegid(),
        groups=frozenset({os.getegid(), *os.getgroups()}),
        capabilities=read_capabilities(),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        has_md5=_has_md5(),
        key_drops=read_key_drops(),
        interfaces=read_interfaces(),
        listeners=tuple(read_listeners(ports)),
        is_taken=is_taken,
        sysctl=read_sysctl,
        unreadable=unreadable,
        unwritable=unwritable,
        not_runnable=not_runnable,
        uncreatable=uncreatable,
        unlockable=unlockable,
        no_route=no_route,
        has_group=_has_group,
        is_secret=lambda name: bool(os.environ.get(name)),
        peers=peers,
        clock=time.time(),
        changed_at=_changed_at(config_file),
    )


def read_sysctl(name: str) -> str | None:
    """A kernel option by its path below /proc/sys."""
    try:
        return Path("/proc/sys", name).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None


def read_capabilities() -> frozenset[str]:
    """The effective ones that matter here."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        mask = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    except (OSError, ValueError, StopIteration):
        return frozenset()
    return frozenset(name for name, bit in _CAPABILITIES.items() if mask >> bit & 1)


def read_interfaces() -> dict[str, Interface]:
    """All of them, with their addresses."""
    with IPRoute() as netlink:
        names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in netlink.get_links()}
        flags = {link["index"]: link["flags"] for link in netlink.get_links()}
        found: dict[int, list[str]] = {}
        for each in netlink.get_addr():
            address = each.get_attr("IFA_LOCAL") or each.get_attr("IFA_ADDRESS")
            found.setdefault(each["index"], []).append(f"{address}/{each['prefixlen']}")
    return {
        name: Interface(
            is_up=bool(flags[index] & _IFF_UP and flags[index] & _IFF_LOWER_UP),
            addresses=tuple(map(ip_interface, found.get(index, []))),
        )
        for index, name in names.items()
    }


def read_listeners(ports: Collection[int]) -> Iterator[Listener]:
    """TCP sockets that listen on one of `ports`, with their owners as far as we may see them."""
    found = [
        listener
        for file in ("/proc/self/net/tcp", "/proc/self/net/tcp6")
        for listener in _listening(file)
        if listener[1] in ports
    ]
    owners = _owners({inode for _, _, inode in found})
    for address, port, inode in found:
        yield Listener(address, port, owners.get(inode))


def is_taken(address: IPAddress, port: int) -> bool:
    """Whether another socket keeps us from an address and port; also when we may not try."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.version == 6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((str(address), port))
        except OSError as error:
            return error.errno in (errno.EADDRINUSE, errno.EACCES)
    return False


def unreadable(path: str) -> str:
    """Why a file cannot be read, or nothing."""
    try:
        # a pipe without a writer would be waited for
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError as error:
        return os_error_text(error)
    return ""


def unwritable(path: str) -> str:
    """Why a Unix socket cannot be written to, or nothing."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return "is no socket"
    except OSError as error:
        return os_error_text(error)
    return "" if os.access(path, os.W_OK) else "may not be written to"


def not_runnable(program: str) -> str:
    """Why a program cannot be run, or nothing."""
    if shutil.which(program) is not None:
        return ""
    if "/" in program and os.path.exists(program):
        return "may not be run"
    return "there is no such program"


def uncreatable(path: str) -> str:
    """Why a file cannot be made or replaced, or nothing; directories that lack are made for it."""
    if os.path.isdir(path):
        return "it is a directory"
    wanted = directory = Path(path).absolute().parent
    try:
        while not directory.exists():
            directory = directory.parent
    except OSError as error:
        return f"{directory}: {os_error_text(error)}"
    if not directory.is_dir():
        return f"{directory} is no directory"
    if os.access(directory, os.W_OK | os.X_OK):
        return ""
    lacks = "" if wanted == directory else f"there is no directory {wanted}, and "
    return f"{lacks}{directory} may not be written to"


def unlockable(path: str) -> str:
    """Why a lock file that is there cannot be locked, or nothing; also when a daemon has the lock."""
    try:
        os.close(open_lock(Path(path)))
    except (FileNotFoundError, NotADirectoryError):  # it will be made; or that of the directory is told
        return ""
    except OSError as error:
        return os_error_text(error)
    return ""


def no_route(address: IPAddress) -> str:
    """Why no packet can be sent to an address, or nothing. None is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
    except OSError as error:
        return os_error_text(error)
    return ""


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def _has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _has_md5() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            set_md5_key(probe, to_address("192.0.2.1", "probe"), b"probe")
        except SocketOptionError:
            return False
    return True


def _changed_at(file: str) -> float:
    try:
        return os.stat(file).st_mtime
    except OSError:
        return 0.0


def _listening(file: str) -> Iterator[tuple[IPAddress, int, int]]:
    """Address, port and inode of each, as Linux's net/ipv4/tcp_ipv4.c prints them."""
    try:
        lines = Path(file).read_bytes().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:
            address, _, port = fields[1].partition(b":")
            yield _address(bytes.fromhex(address.decode())), int(port, 16), int(fields[9])


def _address(packed: bytes) -> IPAddress:
    """From words in the host's byte order."""
    words = [packed[at : at + 4][::-1] for at in range(0, len(packed), 4)] if _IS_LITTLE else [packed]
    joined = b"".join(words)
    return IPv4Address(joined) if len(joined) == 4 else IPv6Address(joined)


_IS_LITTLE: Final = socket.htons(1) != 1


def _owners(inodes: set[int]) -> dict[int, Owner]:
    """Processes by the inodes of their sockets, as far as they may be looked into."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, Owner] = {}
    for process in Path("/proc").iterdir() if wanted else ():
        if not process.name.isdecimal():
            continue
        try:
            for descriptor in (process / "fd").iterdir():
                inode = wanted.get(os.readlink(descriptor))
                if inode is not None:
                    found.setdefault(inode, _owner(process))
        except OSError:
            continue  # it has ended, or is somebody else's
        if len(found) == len(wanted):
            break
    return found


def _owner(process: Path) -> Owner:
    words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    return Owner(
        pid=int(process.name),
        name=(process / "comm").read_text(errors="replace").strip(),
        program=os.readlink(process / "exe"),
        arguments=tuple(word for word in words if word),
    )

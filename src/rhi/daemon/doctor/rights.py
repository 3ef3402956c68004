"""What the daemon may do here: ports, files, sockets, limits. Pure; the host comes as a `System`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rhi.daemon.config.build import Setup, key_settings
from rhi.daemon.config.models import Config
from rhi.daemon.doctor.finding import Finding, error, warning
from rhi.daemon.doctor.system import System
from rhi.daemon.state_lock import lock_path
from rhi.model.prefix import to_address
from rhi.net.endpoint import ListenAddress

# Descriptors besides those of checks and sessions: the API's clients, logs, Python itself.
_SPARE_FILES: Final = 150
# A check and a session each may have two for a moment: the old connection and the new.
_FILES_EACH: Final = 2
# Files that checks name, and whether they are written to.
_CHECK_FILES: Final = ("ca_file", "certificate_file", "key_file")


def rights(config: Config, setup: Setup, system: System) -> Iterator[Finding]:
    """All of this kind."""
    yield from _listeners(config, system)
    yield from _keys(config, system)
    yield from _api(config, system)
    yield from _state(config, system)
    yield from _addresses(config, system)
    yield from _checks(setup, system)
    yield from _open_files(setup, system)
    yield from _clock(system)


def _listeners(config: Config, system: System) -> Iterator[Finding]:
    for text in config.listen:
        yield from _listener(f"listen {text}", ListenAddress.parse(text), system)
    if config.api.listen is not None:
        subject = f"api.listen {config.api.listen}"
        yield from _listener(subject, ListenAddress.parse(config.api.listen), system)


def _listener(subject: str, wanted: ListenAddress, system: System) -> Iterator[Finding]:
    taken = system.listener(wanted.address, wanted.port)
    is_ours = taken is not None and taken.owner is not None and taken.owner.is_rhi
    if taken is not None and not is_ours and system.is_taken(wanted.address, wanted.port):
        who = "another process" if taken.owner is None else str(taken.owner)
        hint = ", or run rhi doctor as root to see which" if taken.owner is None else ""
        yield error(
            "port-taken", subject, f"the port is taken by {who}",
            f"stop that, or give rhi another address or port{hint}",
        )  # fmt: skip
    lowest = system.number("net/ipv4/ip_unprivileged_port_start")
    lowest = 1024 if lowest is None else lowest
    if 0 < wanted.port < lowest and "CAP_NET_BIND_SERVICE" not in system.capabilities:
        yield error(
            "port-rights", subject, f"user {system.user} may not listen on a port below {lowest}",
            "give the daemon CAP_NET_BIND_SERVICE, as AmbientCapabilities= in its unit does",
        )  # fmt: skip
    is_free = wanted.address.is_unspecified or system.has(wanted.address)
    if not is_free and not system.number(f"net/ipv{wanted.address.version}/ip_nonlocal_bind"):
        yield error(
            "listen-address", subject, "is not an address of this host",
            f"add it to an interface, or set net.ipv{wanted.address.version}.ip_nonlocal_bind = 1",
        )  # fmt: skip


def _keys(config: Config, system: System) -> Iterator[Finding]:
    for table in ("peers", "dynamic_peers"):
        for name, peer in getattr(config, table).items():
            source = key_settings(config, peer)
            subject = f"{table}.{name}"
            if source.password_file is not None:
                yield from _secret_file(subject, "password_file", source.password_file, system)
            elif source.password_env is not None and not system.is_secret(source.password_env):
                yield _unset(subject, "password_env", source.password_env)


def _secret_file(subject: str, field: str, path: str, system: System) -> Iterator[Finding]:
    why = system.unreadable(path)
    if why:
        yield error(
            "file-unreadable", subject, f"{field} {path}: {why}",
            f"let user {system.user} read it, and nobody else",
        )  # fmt: skip


def _unset(subject: str, field: str, name: str) -> Finding:
    return error(
        "variable-unset", subject, f"{field}: the variable {name} is not set here",
        "set it for the daemon, as EnvironmentFile= in its unit does, or use a file",
    )  # fmt: skip


def _api(config: Config, system: System) -> Iterator[Finding]:
    api = config.api
    if api.token_file is not None:
        yield from _secret_file("api", "token_file", api.token_file, system)
    elif api.token_env is not None and not system.is_secret(api.token_env):
        yield _unset("api", "token_env", api.token_env)
    if api.socket is None:
        return
    subject = f"api.socket {api.socket}"
    why = system.uncreatable(api.socket)
    if why:
        yield error(
            "socket-directory", subject, f"cannot be made: {why}",
            f"make its directory, for user {system.user} to write to, as RuntimeDirectory= in the unit does",
        )  # fmt: skip
    if len(api.socket.encode()) > 100:
        yield error(
            "socket-path", subject, "its path is longer than the 107 bytes that a socket may have, with .new",
            "give it a shorter one",
        )  # fmt: skip
    if api.group is not None and not system.has_group(api.group):
        yield error(
            "socket-group", subject, f"there is no group {api.group}", f"add it: groupadd {api.group}"
        )


def _state(config: Config, system: System) -> Iterator[Finding]:
    if config.state_file is None:
        return
    why = system.uncreatable(config.state_file)
    if why:
        yield error(
            "state-file", f"state_file {config.state_file}", f"cannot be written: {why}",
            f"make its directory, for user {system.user} to write to, as StateDirectory= in the unit does",
        )  # fmt: skip
        return
    lock = lock_path(Path(config.state_file))
    why = system.unlockable(str(lock))
    if why:
        yield warning(
            "state-lock", f"state_file {config.state_file}",
            f"nothing keeps a second daemon from it, since {lock} cannot be locked: {why}",
            f"give it to the daemon's user: chown {system.user} {lock}",
        )  # fmt: skip


def _addresses(config: Config, system: System) -> Iterator[Finding]:
    """What adding addresses to interfaces takes."""
    for name, service in config.services.items():
        if service.address_mode == "none":
            continue
        subject, interface = f"service {name}", service.interface
        if interface is not None and interface not in system.interfaces:
            yield error(
                "no-interface", subject, f"there is no interface {interface}",
                "correct its name, or bring it about",
            )  # fmt: skip
        if service.address_mode == "own" and "CAP_NET_ADMIN" not in system.capabilities:
            yield error(
                "address-rights", subject, f"user {system.user} may not add addresses to interfaces",
                "give the daemon CAP_NET_ADMIN, as AmbientCapabilities= in its unit does",
            )  # fmt: skip


def _checks(setup: Setup, system: System) -> Iterator[Finding]:
    for name, check in setup.checks.items():
        subject = f"check {name}"
        for field in _CHECK_FILES:
            path = getattr(check, field, None)
            why = "" if path is None else system.unreadable(str(path))
            if why:
                yield error(
                    "file-unreadable", subject, f"{field} {path}: {why}", f"let user {system.user} read it"
                )
        yield from _ADVICE[check.type](subject, check, system) if check.type in _ADVICE else ()
        if getattr(check, "source", None) is not None:
            yield from _source(subject, check, system)
        interface = getattr(check, "interface", None)
        if interface is not None and interface not in system.interfaces:
            yield error(
                "check-interface", subject, f"there is no interface {interface}",
                "correct its name, or leave interface out",
            )  # fmt: skip


def _source(subject: str, check: Any, system: System) -> Iterator[Finding]:
    address = to_address(str(check.source).partition("%")[0], "source")
    if not system.has(address) and not system.number(f"net/ipv{address.version}/ip_nonlocal_bind"):
        yield error(
            "check-source", subject, f"source {check.source} is not an address of this host",
            "add it to an interface, or leave source out",
        )  # fmt: skip


def _exec(subject: str, check: Any, system: System) -> Iterator[Finding]:
    why = system.not_runnable(check.command[0])
    if why:
        yield error(
            "check-command", subject, f"command {check.command[0]}: {why}",
            f"install it, or let user {system.user} run it",
        )  # fmt: skip


def _haproxy(subject: str, check: Any, system: System) -> Iterator[Finding]:
    why = system.unwritable(str(check.socket))
    if why:
        yield error(
            "check-socket", subject, f"socket {check.socket}: {why}",
            f"have HAProxy make it, with rights for user {system.user}: stats socket {check.socket} mode 660 "
            "group GROUP level user",
        )  # fmt: skip


def _icmp(subject: str, check: Any, system: System) -> Iterator[Finding]:
    if "CAP_NET_RAW" in system.capabilities:
        return
    text = system.sysctl("net/ipv4/ping_group_range") or "1 0"
    low, high = (int(word) for word in text.split())
    if not any(low <= group <= high for group in system.groups):
        yield error(
            "ping-group", subject,
            f"no group of user {system.user} is in net.ipv4.ping_group_range = {low} {high}, and there is no "
            "CAP_NET_RAW",
            f'set net.ipv4.ping_group_range = "{system.gid} {system.gid}", or give the daemon CAP_NET_RAW',
        )  # fmt: skip


_ADVICE: Final = {"exec": _exec, "haproxy": _haproxy, "icmp": _icmp}


def _open_files(setup: Setup, system: System) -> Iterator[Finding]:
    sessions = len(setup.peers) + len(setup.checks)
    needed = _SPARE_FILES + _FILES_EACH * sessions
    if system.open_files < needed:
        yield warning(
            "open-files", "limits", f"{system.open_files} open files are fewer than the {needed} that "
            f"{len(setup.checks)} checks and {len(setup.peers)} peers may take",
            f"raise the limit, as LimitNOFILE={max(4096, 2 * needed)} in the unit does",
        )  # fmt: skip


def _clock(system: System) -> Iterator[Finding]:
    if system.clock < system.changed_at - 60:
        yield warning(
            "clock", "clock", "it is behind the time at which the configuration was changed",
            "have it set, by NTP for example: certificates are judged by it, and logs are ordered by it",
        )  # fmt: skip

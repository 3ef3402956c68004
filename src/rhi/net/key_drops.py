"""Segments that the kernel dropped over keys: how a wrong key is told apart from a dead host.

The kernel drops a segment with a wrong signature without a word, so to both ends it looks as if the other
were not there. It counts what it drops, for all connections of the network namespace together. So a count
that has grown while we waited for a peer is a hint and no proof, and is worded as one. What the *other*
kernel drops of ours, such as the first segment of a connection that we open, cannot be seen from here.
"""

from collections.abc import Mapping
from typing import Final

# As in Linux's net/ipv4/proc.c, with what it says about the segment, and what to look at.
_MEANINGS: Final = {
    "TCPMD5Failure": ("with a wrong TCP MD5 signature", "compare the keys"),
    "TCPMD5NotFound": ("without the TCP MD5 signature asked for", "has the peer a key?"),
    "TCPMD5Unexpected": ("with a TCP MD5 signature and no key set for it", "should there be one?"),
    "TCPAOBad": ("with a wrong TCP-AO signature", "compare the keys"),
    "TCPAOKeyNotFound": ("with a TCP-AO key id that is not set", "compare the ids"),
    "TCPAORequired": ("without the TCP-AO signature asked for", "has the peer a key?"),
}
# What a peer without a key of ours can have been refused for.
_WITHOUT_KEY: Final = frozenset({"TCPMD5Unexpected", "TCPAOKeyNotFound"})

KeyDrops = Mapping[str, int]


def read_key_drops(path: str = "/proc/thread-self/net/netstat") -> KeyDrops:
    """The counts by the kernel's names, since it began; empty where there are none."""
    try:
        with open(path, "rb") as file:
            lines = [line.split() for line in file if line.startswith(b"TcpExt:")]
        names, values = lines
        found = {name.decode(): value for name, value in zip(names, values, strict=True)}
        return {name: int(value) for name, value in found.items() if name in _MEANINGS}
    except (OSError, ValueError):
        return {}


def key_hint(before: KeyDrops, after: KeyDrops, *, has_key: bool) -> str:
    """What has been dropped between two readings that may concern a peer with or without a key; or empty."""
    found = []
    for name, (what, advice) in _MEANINGS.items():
        count = after.get(name, 0) - before.get(name, 0)
        if count > 0 and (has_key or name in _WITHOUT_KEY):
            segments = "1 segment" if count == 1 else f"{count} segments"
            found.append(f"the kernel dropped {segments}, of this peer or another, {what}: {advice}")
    return "; ".join(found)

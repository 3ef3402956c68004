"""What a `Peer` asks of its driver, besides sending bytes and arming a timer."""

from typing import NamedTuple


class Connect(NamedTuple):
    """Open a TCP connection to the peer; answer with `connection_made` or `connect_failed`."""

    connection: int


class Disconnect(NamedTuple):
    """Send what `data_to_send` still has for this connection, then close it; or stop connecting."""

    connection: int


Action = Connect | Disconnect

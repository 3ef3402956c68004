"""What a daemon tells over its Unix socket."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path


def metrics(path: Path) -> str:
    """Its metrics, as Prometheus would read them."""
    connection = http.client.HTTPConnection("rhi")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()

"""`rhi run` as a child of the test: services are up while their files exist, a router judges what it says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.interop.lab.namespace import Namespace
from tests.interop.lab.speaker import Speaker


class Daemon(Speaker):
    """One `rhi run` with a configuration file; may be started again after it ended.

    Attributes:
        folder: for the files of its services, and its own.
    """

    def __init__(self, namespace: Namespace, configuration: str) -> None:
        """`FOLDER` in the configuration is the folder."""
        super().__init__(namespace, ())
        self.folder = self._folder
        file = self.folder / "rhi.toml"
        file.write_text(configuration.replace("FOLDER", str(self.folder)))
        self.arguments = ["run", str(file)]

    def set(self, service: str, *, is_up: bool) -> None:
        """Make the check of a service pass, or fail."""
        file = Path(self.folder, service)
        if is_up:
            file.touch()
        else:
            file.unlink(missing_ok=True)


def service(name: str, route: str, *lines: str) -> str:
    """A service that is up while there is a file of its name."""
    return "\n".join([
        f"[services.{name}]", f'addresses = ["{route}"]', *lines,
        f"[[services.{name}.checks]]", 'type = "file"', f'path = "FOLDER/{name}"',
        "interval = 0.1", "rise = 1", "fall = 1", "",
    ])  # fmt: skip


@contextlib.contextmanager
def serving(namespace: Namespace, configuration: str, *up: str) -> Iterator[Daemon]:
    """Start a daemon with these services up, and end it whatever happens."""
    daemon = Daemon(namespace, configuration)
    for name in up:
        daemon.set(name, is_up=True)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.close()

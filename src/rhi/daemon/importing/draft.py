"""A configuration file in the making: tables with comments, and notes on what could not be taken over.

It is text in the end, not a `Config`: people go on with it, so it has comments, keeps an order, and leaves
out what is the default.
"""

import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from rhi.errors import RhiError

# Stand in a draft until somebody says better; what they are is in the notes.
ROUTER_ID: Final = "192.0.2.10"
AS_NUMBER: Final = 65001
_WIDTH: Final = 110


class SourceError(RhiError):
    """What is to be converted is wrong by itself; the message says where, and what would be right."""


class Table:
    """A table of the file: keys and comments in order.

    Attributes:
        title: what people call it, in notes.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.values: dict[str, Any] = {}
        self._lines: list[tuple[str | None, str]] = []

    def set(self, key: str, value: Any, because: str = "") -> None:
        """A key with its value, and a comment behind it; a key that is there already changes its value."""
        if key not in self.values:
            self._lines.append((key, because))
        self.values[key] = value

    def remove(self, key: str) -> None:
        """Take a key away, if it is there."""
        if self.values.pop(key, None) is not None:
            self._lines = [line for line in self._lines if line[0] != key]

    def comment(self, text: str) -> None:
        """A comment of its own."""
        self._lines.append((None, text))

    def lines(self) -> Iterable[str]:
        """Its text."""
        for key, text in self._lines:
            if key is None:
                yield from comment(text)
                continue
            behind = f" # {_one_line(text)}" if text else ""
            yield f"{toml(key, is_key=True)} = {toml(self.values[key])}{behind}"


@dataclass(slots=True)
class Service:
    """A service of the draft; its own checks follow it as tables."""

    table: Table
    checks: list[Table] = field(default_factory=list)


class Draft:
    """The whole file.

    Attributes:
        notes: what could not be taken over, each a sentence with its place.
    """

    def __init__(self, source: str) -> None:
        self.head = Table("")
        self.log = Table("log")
        self.peers: dict[str, Table] = {}
        self.dynamic_peers: dict[str, Table] = {}
        self.checks: dict[str, Table] = {}
        self.services: dict[str, Service] = {}
        self.notes: list[str] = []
        self.router_id: str | None = None
        self.as_number: int | None = None
        self._source = source

    def note(self, table: Table, text: str) -> None:
        """Something of the source that this table cannot say."""
        table.comment(text)
        self.notes.append(_one_line(f"{table.title}: {text}" if table.title else text))

    def add_peer(self, name: str) -> Table:
        """The table of a peer, by its address; a prefix is that of dynamic peers."""
        tables = self.dynamic_peers if "/" in name else self.peers
        return tables.setdefault(name, Table(f"peer {name}"))

    def add_check(self, name: str) -> Table:
        """The table of a check that services share."""
        return self.checks.setdefault(name, Table(f"check {name}"))

    def add_service(self, name: str) -> Service:
        """A new service; its name gets a number when there is one of that name."""
        free, count = name, 1
        while free in self.services:
            count += 1
            free = f"{name}-{count}"
        service = Service(Table(f"service {free}"))
        self.services[free] = service
        return service

    def text(self) -> str:
        """The file."""
        top = f"Made by rhi import from {self._source}. What has no equivalent is said where it would stand."
        lines = [*comment(top), "", *self._top()]
        for kind, tables in (("dynamic_peers", self.dynamic_peers), ("peers", self.peers)):
            for name, table in tables.items():
                lines += ["", f"[{kind}.{toml(name, is_key=True)}]", *table.lines()]
        for name, table in self.checks.items():
            lines += ["", f"[checks.{toml(name, is_key=True)}]", *table.lines()]
        for name, service in self.services.items():
            key = toml(name, is_key=True)
            lines += ["", f"[services.{key}]", *service.table.lines()]
            for table in service.checks:
                lines += ["", f"[[services.{key}.checks]]", *table.lines()]
        if self.log.values:
            lines += ["", "[log]", *self.log.lines()]
        return "\n".join(lines) + "\n"

    def _top(self) -> Iterable[str]:
        yield f"router_id = {toml(self.router_id or ROUTER_ID)}"
        yield f"as_number = {self.as_number or AS_NUMBER}"
        if not self.services or not (self.peers or self.dynamic_peers):
            yield "allow_empty = true # take this away when there are services and peers"
        yield from self.head.lines()

    def complete(self) -> None:
        """Say what is not known, and so stands there as an example."""
        if self.router_id is None:
            self.note(self.head, f"router_id {ROUTER_ID}: an example; give this host's own by --router-id")
        if self.as_number is None:
            self.note(self.head, f"as_number {AS_NUMBER}: an example; give our AS number by --as-number")
        if not self.peers and not self.dynamic_peers:
            self.note(self.head, "peers: the source names none; give them by --peer")
        if not self.services:
            self.note(self.head, "services: the source leads to none, so nothing is announced")


def comment(text: str) -> list[str]:
    """Lines of a comment."""
    return [f"# {line}" for line in _wrapped(_one_line(text))]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH - 2, break_long_words=False, break_on_hyphens=False)


def toml(value: Any, *, is_key: bool = False) -> str:
    """A value, or a key, as TOML has it."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{toml(key, is_key=True)} = {toml(each)}" for key, each in value.items())
        return f"{{ {pairs} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        is_bare = value.isascii() and value.replace("-", "").replace("_", "").isalnum()
        # JSON's strings are TOML's, but for this character
        return (
            value if is_key and is_bare else json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        )
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return json.dumps(value)


def _one_line(text: str) -> str:
    """Text of a source: printable, without what TOML and terminals take for more than text."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())

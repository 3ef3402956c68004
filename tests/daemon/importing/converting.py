"""Short forms for tests of converters."""

import tomllib
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from rhi.daemon.config.build import Setup, build
from rhi.daemon.config.load import check
from rhi.daemon.importing import anycast_healthchecker, exabgp, seed_json
from rhi.daemon.importing.draft import Draft, SourceError
from rhi.daemon.importing.verify import verify


class Converted(NamedTuple):
    """What came of a source: the file as TOML has it, the notes, the text."""

    file: dict[str, Any]
    notes: list[str]
    text: str

    @property
    def setup(self) -> Setup:
        return build(check(self.file, "x", {}))


def _titles(draft: Draft) -> list[str]:
    """What notes begin with, by the table that they are about."""
    services = [table for each in draft.services.values() for table in (each.table, *each.checks)]
    tables = [*draft.peers.values(), *draft.dynamic_peers.values(), *draft.checks.values(), *services]
    return [" ".join(f"{table.title}: ".split()) + " " for table in tables]


def finished(draft: Draft) -> Converted:
    """A draft as it is printed; it is a right configuration, and every note stands in it."""
    draft.complete()
    text = draft.text()
    verify(text)
    comments = " ".join(" ".join(line.removeprefix("# ") for line in text.splitlines()).split())
    for note in draft.notes:
        assert any(note.removeprefix(title) in comments for title in ("", *_titles(draft))), note
    return Converted(tomllib.loads(text), draft.notes, text)


def no_file(name: str) -> str:
    raise SourceError(f"{name}: is not there")


def sentence_of(convert: Callable[[str], Converted], text: str) -> str:
    """What is said of a source that cannot be converted."""
    with pytest.raises(SourceError) as caught:
        convert(text)
    return str(caught.value)


def from_exabgp(text: str, *addresses: str, files: dict[str, str] | None = None) -> Converted:
    draft = Draft("a test")
    exabgp.convert(text, draft, no_file if files is None else files.__getitem__, addresses)
    return finished(draft)


def healthcheck(options: str, *addresses: str) -> Converted:
    """From a command line with these options."""
    return from_exabgp(f"python3 -m exabgp healthcheck {options}", *addresses)


def from_anycast_healthchecker(*texts: str) -> Converted:
    draft = Draft("a test")
    anycast_healthchecker.convert([(f"file {number}", text) for number, text in enumerate(texts)], draft)
    return finished(draft)


def from_json(text: str, *, peers: tuple[str, ...] = (), addresses: tuple[str, ...] = ()) -> Converted:
    draft = Draft("a test")
    seed_json.convert(text, draft, peers, addresses)
    return finished(draft)

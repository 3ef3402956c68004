"""The router's side of a feature, read from docs/routers/options.md: what is documented is what was run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.interop.lab import Router, Settings

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "routers" / "options.md"
PASSWORD: Final = "not-a-secret-but-a-long-word"

loaded: set[tuple[str, str]] = set()  # sections and daemons whose lines have been asked for


def blocks() -> set[tuple[str, str]]:
    """All sections with the daemons that they have lines for."""
    return {
        (section, name)
        for section, text in _sections().items()
        for name in re.findall(r"^```(\w+)$", text, re.MULTILINE)
    }


def documented(feature: str, daemon: type[Router]) -> list[str] | None:
    """The lines of a section for a daemon; None where it has none.

    Raises:
        KeyError: there is no such section.
    """
    block = re.search(rf"^```{daemon.NAME}\n(.*?)^```$", _sections()[feature], re.MULTILINE | re.DOTALL)
    loaded.add((feature, daemon.NAME))
    return block[1].splitlines() if block else None


def configure(daemon: type[Router], settings: Settings, *features: str, **other: str) -> str:
    """A configuration with the options of features for its first neighbour, where the daemon needs some.

    `other`: words of the document to replace by others, such as `customer="peer"`.
    """
    lines = [line for feature in features for line in documented(feature, daemon) or []]
    words = {"ADDR": settings.neighbours[0].address, "SECRET": PASSWORD} | other
    for word, replacement in words.items():
        lines = [re.sub(rf"\b{word}\b", replacement, line) for line in lines]
    return daemon.add_options(daemon.configure(settings), lines)


def _sections() -> dict[str, str]:
    _, *parts = re.split(r"^## ", DOCUMENT.read_text(), flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts}

"""What a page tells its reader to do: files to write and commands to give, in their order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SHELLS = frozenset({"sh", "bash", "console"})
# The first line of a block that is a file: a comment that names its path and nothing else.
_PATH = re.compile(r"(?:#|//|;) (/[\w/.@-]+)")


@dataclass(frozen=True, slots=True)
class File:
    """A file to write."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """One line for a shell, without its comment."""

    text: str

    @property
    def words(self) -> list[str]:
        """For telling what it is; the shell has the last word on that."""
        return self.text.split()


def steps(page: Path) -> Iterator[File | Command]:
    """All that a page tells to do."""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        language, text = match[2], re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)
        first, _, rest = text.partition("\n")
        named = _PATH.fullmatch(first.strip())
        if named is not None:
            yield File(named[1], rest)
        elif language in _SHELLS:
            yield from _commands(text, is_dialogue=language == "console" or text.startswith("$ "))


def _commands(text: str, *, is_dialogue: bool) -> Iterator[Command]:
    """Lines, joined where they end in a backslash; of a dialogue those behind a prompt."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if is_dialogue and not line.startswith("$ "):
            continue
        command = re.sub(r"(^|\s+)#.*", "", line.removeprefix("$ ")).strip()
        if command:
            yield Command(command)

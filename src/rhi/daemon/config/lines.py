"""Which line of a TOML file a value stands in, for messages.

`tomllib` checks the file and tells no positions, so this reads it a second time, as far as keys go: headers,
keys and where multi-line values end. It is given only text that `tomllib` has accepted. A value inside an
inline table or an array is found at the line where that begins.
"""

import re
from collections.abc import Iterator
from typing import Final

# Names of keys and numbers of array items, from the top of the file.
Path = tuple[str | int, ...]

_KEY: Final = re.compile(
    r"""\s*(?:"(?P<basic>(?:[^"\\]|\\.)*)"|'(?P<literal>[^']*)'|(?P<bare>[A-Za-z0-9_-]+))\s*"""
)


def key_lines(text: str) -> dict[Path, int]:
    """The line, from 1, of each table and key of a valid TOML document."""
    found: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    for number, line in _statements(text):
        if line.startswith("["):
            is_array = line.startswith("[[")
            keys, _ = _keys(line[2 if is_array else 1 :])
            table = _resolve(keys, counts)
            if is_array:
                counts[table] = counts.get(table, 0) + 1
                table = (*table, counts[table] - 1)
            _note(found, table, number)
        else:
            keys, _ = _keys(line)
            _note(found, (*table, *keys), number)
    return found


def line_of(path: Path, lines: dict[Path, int]) -> int | None:
    """The line of a value, or of the nearest thing around it that has one."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def _note(found: dict[Path, int], path: Path, number: int) -> None:
    for length in range(1, len(path) + 1):
        found.setdefault(path[:length], number)


def _resolve(keys: tuple[str, ...], counts: dict[Path, int]) -> Path:
    """The path of a header; a name of an array of tables stands for its last item, but at the end."""
    path: Path = ()
    for position, key in enumerate(keys):
        path = (*path, key)
        if position < len(keys) - 1 and path in counts:
            path = (*path, counts[path] - 1)
    return path


def _keys(text: str) -> tuple[tuple[str, ...], str]:
    """A dotted key at the start of `text`, and what follows it."""
    keys: list[str] = []
    rest = text
    while (match := _KEY.match(rest)) is not None:
        keys.append(
            next(part for part in (match["basic"], match["literal"], match["bare"]) if part is not None)
        )
        rest = rest[match.end() :]
        if not rest.startswith("."):
            break
        rest = rest[1:]
    return tuple(keys), rest


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Lines in which a header or a key begins, with their numbers."""
    rest: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if rest:
            rest = _open_ends(line, rest)
            continue
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        yield number, stripped
        if not stripped.startswith("["):
            _, value = _keys(stripped)
            rest = _open_ends(value, [])


def _open_ends(line: str, still_open: list[str]) -> list[str]:
    """What is open at the end of a line of a value: brackets and multi-line texts, innermost last."""
    ends = list(still_open)
    at = 0
    while at < len(line):
        inside = ends[-1] if ends else ""
        if inside in ('"""', "'''"):
            if inside == '"""' and line[at] == "\\":
                at += 2
            elif line.startswith(inside, at):
                ends.pop()
                at += 3
            else:
                at += 1
            continue
        quote = next((mark for mark in ('"""', "'''", '"', "'") if line.startswith(mark, at)), "")
        if len(quote) == 3:
            ends.append(quote)
            at += 3
        elif quote:
            at = _end_of_text(line, at, quote)
        elif line[at] == "#":
            break
        else:
            if line[at] in "[{":
                ends.append(line[at])
            elif line[at] in "]}":
                ends.pop()
            at += 1
    return ends


def _end_of_text(line: str, start: int, quote: str) -> int:
    at = start + 1
    while at < len(line) and line[at] != quote:
        at += 2 if quote == '"' and line[at] == "\\" else 1
    return at + 1

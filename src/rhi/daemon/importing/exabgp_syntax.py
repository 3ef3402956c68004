"""The syntax of exabgp.conf: statements of words that end with `;` or hold more statements in braces."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rhi.daemon.importing.draft import SourceError

# Deeper than any real file, shallower than Python's stack.
_MAX_DEPTH: Final = 32
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|\#[^\n]*) | (?P<mark>[{};])
    | "(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)'
    | (?P<word>[^\s{};"'\#][^\s{};"']*)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class Statement:
    """Words, and what stands in the braces behind them.

    Attributes:
        line: where it begins.
    """

    words: list[str]
    line: int
    body: list["Statement"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its first word."""
        return self.words[0]

    @property
    def value(self) -> str:
        """The words behind the first."""
        return " ".join(self.words[1:])


def parse_statements(text: str) -> list[Statement]:
    """All statements of a file.

    Raises:
        SourceError: a brace, a semicolon or a quotation mark is missing; it names the line.
    """
    top = Statement([], 0)
    open_ones = [top]
    words: list[str] = []
    first = line = 1
    for line, mark, word in _tokens(text):
        if not mark:
            first = line if not words else first
            words.append(word)
        elif mark == ";":
            if words:
                open_ones[-1].body.append(Statement(words, first))
            words = []
        elif mark == "{":
            if not words:
                raise SourceError(f"line {line}: a brace without a name before it")
            if len(open_ones) > _MAX_DEPTH:
                raise SourceError(f"line {line}: braces are nested too deeply")
            open_ones[-1].body.append(Statement(words, first))
            open_ones.append(open_ones[-1].body[-1])
            words = []
        else:
            if words:
                raise SourceError(f"line {first}: {words[0]!r}: a semicolon is missing")
            if len(open_ones) == 1:
                raise SourceError(f"line {line}: a brace is closed that was not opened")
            open_ones.pop()
    if len(open_ones) > 1:
        raise SourceError(f"line {open_ones[-1].line}: the brace behind {open_ones[-1].name!r} is not closed")
    if words:
        raise SourceError(f"line {first}: {words[0]!r}: a semicolon is missing")
    return top.body


def _tokens(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, mark or nothing, word."""
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise SourceError(f"line {line}: a quotation mark is not closed")
        kind = match.lastgroup
        if kind == "mark":
            yield line, match[0], ""
        elif kind != "space":
            quoted = match[kind or 0]
            yield line, "", re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if kind != "word" else quoted
        line += match[0].count("\n")
        position = match.end()

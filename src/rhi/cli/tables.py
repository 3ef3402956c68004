"""Tables for terminals and pipes, made with rich.

    Section     a title, columns, rows; what a verb has to show, as plain values
    text_of     all of it as text: folded to a terminal's width, or one line a row for programs
    fitted      as much of it as a screen holds

Cells are text of daemons and routers. None of it is taken for markup, and nothing in it moves the cursor.
Colour comes only to terminals, and not when NO_COLOR is set; it never says what words do not.
"""

import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rhi.cli.output import one_line

# Wider than any row: without a terminal nothing is cut or folded.
_ENDLESS: Final = 100_000
# Rows of a section that a small screen shows at least.
_LEAST: Final = 2
# Letters a line that prose needs beside the other columns to be readable.
_LEAST_PROSE: Final = 16

_STYLES: Final = {
    "good": "green",
    "bad": "bold red",
    "unsure": "yellow",
    "dim": "dim",
    "title": "bold",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One text, and how it is meant: `good`, `bad`, `unsure`, `dim`, or nothing."""

    text: str
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of what is shown.

    Attributes:
        title: in the first column's head; empty for lines without a head.
        columns: heads of the other columns.
        rows: the most important first.
        left_out: how many rows there are besides.
        prose: how many of the last columns may be folded when there is little room.
    """

    title: str = ""
    columns: tuple[str, ...] = ()
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    left_out: int = 0
    prose: int = 1

    @property
    def height(self) -> int:
        """Lines it takes, with the empty one before it, when no row is folded."""
        return 1 + bool(self.title) + len(self.rows) + bool(self.left_out)

    def first(self, count: int) -> "Section":
        """The same with so many rows at most."""
        left_out = max(0, len(self.rows) - count)
        return replace(self, rows=self.rows[:count], left_out=self.left_out + left_out)


def console_of(*, is_terminal: bool, file: io.StringIO | None = None) -> Console:
    """A console for standard output, or one that writes into `file` as if it were that."""
    return Console(
        file=file or sys.stdout,
        force_terminal=is_terminal,
        width=None if is_terminal else _ENDLESS,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )


def text_of(sections: Iterable[Section], *, is_terminal: bool, width: int | None = None) -> str:
    """All sections as text that ends with a new line."""
    console = console_of(is_terminal=is_terminal, file=io.StringIO())
    if width is not None:
        console.width = width
    assert isinstance(console.file, io.StringIO)
    console.print(_group(sections, console.width, is_folded=True))
    lines = console.file.getvalue().splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def fitted(sections: list[Section], width: int, height: int) -> RenderableType:
    """As much as a screen holds: one line a row, and the longest sections lose their last rows."""
    fitting = [section.first(height) for section in sections]
    while sum(section.height for section in fitting) - 1 > height:
        longest = max(range(len(fitting)), key=lambda at: len(fitting[at].rows))
        if len(fitting[longest].rows) <= _LEAST:
            break
        fitting[longest] = fitting[longest].first(len(fitting[longest].rows) - 1)
    return _group(fitting, width, is_folded=False)


def _group(sections: Iterable[Section], width: int, *, is_folded: bool) -> Group:
    parts: list[RenderableType] = []
    for section in sections:
        if parts:
            parts.append("")
        if is_folded and section.title and _fixed_width(section) + _LEAST_PROSE > width:
            parts += _listed(section)
        else:
            parts.append(_table(section, width, is_folded=is_folded))
        if section.left_out:
            parts.append(Text(f"and {section.left_out} more", style=_STYLES["dim"]))
    return Group(*parts)


def _heads(section: Section) -> list[str]:
    """One for each column, of which there may be more than have a head."""
    count = max([1 + len(section.columns), *map(len, section.rows)])
    return [section.title.upper(), *section.columns, *[""] * count][:count]


def _fixed_width(section: Section) -> int:
    """Letters a line that are not prose."""
    heads = _heads(section)
    cells = [heads, *([cell.text for cell in row] for row in section.rows)]
    return sum(2 + max(len(row[at]) for row in cells) for at in range(len(heads) - section.prose))


def _table(section: Section, width: int, *, is_folded: bool) -> Table:
    table = Table(box=None, show_header=bool(section.title), header_style=_STYLES["title"], pad_edge=False)
    heads = _heads(section)
    used = [at for at, head in enumerate(heads) if head or any(row[at].text for row in section.rows)]
    prose = len(heads) - section.prose
    room = max(1, (width - _fixed_width(section)) // section.prose)
    for at in used:
        may_fold = is_folded and at >= prose
        overflow: OverflowMethod = "fold" if is_folded else "ellipsis"
        table.add_column(
            heads[at], overflow=overflow, no_wrap=not may_fold, max_width=None if at < prose else room
        )
    for row in section.rows:
        table.add_row(*(_text(row[at]) for at in used))
    return table


def _listed(section: Section) -> list[RenderableType]:
    """For narrow terminals: what would be a row becomes a paragraph."""
    found: list[RenderableType] = [Text(section.title.upper(), style=_STYLES["title"])]
    for name, *cells in section.rows:
        found.append(_text(name))
        parts: list[Text] = []
        for head, cell in zip(section.columns, cells, strict=False):
            if cell.text:
                parts.append(Text.assemble(head and f"{head} ", _text(cell)))
        found.append(Padding(Text(", ").join(parts), (0, 0, 0, 2)))
    return found


def _text(cell: Cell) -> Text:
    return Text(one_line(cell.text), style=_STYLES.get(cell.meaning, ""))

"""What is wrong with a file, as sentences with places."""

from dataclasses import dataclass

from rhi.daemon.config.lines import Path, line_of
from rhi.errors import RhiError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        path: of the value, from the top of the file.
        text: a sentence without the place: the value, and what would be right.
    """

    path: Path
    text: str


class ConfigError(RhiError):
    """A configuration file cannot be used; `problems` are all of its problems, each a line for people."""

    def __init__(self, file: str, problems: list[Problem], lines: dict[Path, int]) -> None:
        ordered = sorted(problems, key=lambda each: (line_of(each.path, lines) or 0, str(each.path)))
        self.problems = [_line(file, each, lines) for each in ordered]
        super().__init__("\n".join(self.problems))


def path_text(path: Path) -> str:
    """A path as people write it: `services.dns.checks[0].port`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        is_bare = part.replace("_", "").replace("-", "").isalnum() and part.isascii()
        text += ("." if text else "") + (part if is_bare else f'"{_printable(part)}"')
    return text


def _printable(key: str) -> str:
    """A key as one line, whatever it holds: as Python and TOML escape it."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in key)


def _line(file: str, problem: Problem, lines: dict[Path, int]) -> str:
    number = line_of(problem.path, lines)
    place = file if number is None else f"{file}:{number}"
    where = path_text(problem.path)
    return f"{place}: {where + ': ' if where else ''}{problem.text}"

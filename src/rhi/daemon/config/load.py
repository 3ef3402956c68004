"""Reading a configuration file."""

import copy
import json
import tomllib
from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError

from rhi.daemon.config.files import read_file
from rhi.daemon.config.lines import Path, key_lines
from rhi.daemon.config.models import Config
from rhi.daemon.config.problems import ConfigError, Problem
from rhi.daemon.config.rules import broken_rules
from rhi.daemon.config.sentences import problems_of
from rhi.model.wording import os_error_text

# Larger by far than any real file: reading the wrong one must not fill the memory.
MAX_FILE_BYTES = 16 * 1024 * 1024
# Tables and lists inside each other; a configuration has six. What looks at a document may go down by itself.
MAX_DEPTH: Final = 64


def load(file: str) -> Config:
    """The configuration in a file: JSON if its name ends in `.json`, else TOML.

    Raises:
        ConfigError: the file cannot be read or is wrong; it names every problem.
    """
    document, lines = parse(file)
    return check(document, file, lines)


def parse(file: str) -> tuple[object, dict[Path, int]]:
    """What JSON or TOML makes of a file, and the lines of its parts, for `check`.

    Raises:
        ConfigError: the file cannot be read, or is neither.
    """
    return _parse(file, _read(file))


def check(document: object, file: str, lines: dict[Path, int]) -> Config:
    """A configuration from what JSON or TOML made of it; `file` and `lines` are for the messages.

    Raises:
        ConfigError: it is wrong.
    """
    if not isinstance(document, dict):
        raise ConfigError(file, [Problem((), "must hold a table of settings")], {})
    if _is_deep(document):
        raise _too_deep(file)
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        problems = problems_of(error.errors(include_url=False), Config, document)
        problems += _further_problems(document, [problem.path for problem in problems])
        raise ConfigError(file, problems, lines) from None
    problems = broken_rules(config)
    if problems:
        raise ConfigError(file, problems, lines)
    return config


def schema() -> dict[str, Any]:
    """The JSON schema of a configuration file."""
    return Config.model_json_schema()


def _read(file: str) -> str:
    try:
        data = read_file(file, MAX_FILE_BYTES)
        if len(data) > MAX_FILE_BYTES:
            raise ConfigError(file, [Problem((), f"is larger than {MAX_FILE_BYTES} bytes")], {})
        return data.decode()
    except OSError as error:
        raise ConfigError(file, [Problem((), f"cannot be read: {os_error_text(error)}")], {}) from None
    except UnicodeDecodeError as error:
        raise ConfigError(file, [Problem((), f"is no UTF-8 text (byte {error.start})")], {}) from None


def _parse(file: str, text: str) -> tuple[object, dict[Path, int]]:
    try:
        if file.endswith(".json"):
            return json.loads(text), {}
        document = tomllib.loads(text)
    except json.JSONDecodeError as error:
        problem = Problem((), f"is no JSON: {error.msg} (line {error.lineno}, column {error.colno})")
        raise ConfigError(file, [problem], {}) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, [Problem((), f"is no TOML: {error}")], {}) from None
    except RecursionError:
        raise _too_deep(file) from None
    if _is_deep(document):
        raise _too_deep(file)
    return document, key_lines(text)


def _too_deep(file: str) -> ConfigError:
    return ConfigError(file, [Problem((), "is nested too deeply")], {})


def _is_deep(document: object) -> bool:
    """Whether there are more levels than MAX_DEPTH; goes through them without going down itself."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [item for each in level for item in _items(each)]
        if not level:
            return False
    return True


def _items(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


# For a file that lacks them, so that its other problems can be found.
_PLACEHOLDERS: Final = {"router_id": "192.0.2.1", "as_number": 64512}


def _further_problems(document: dict[str, Any], wrong: list[Path]) -> list[Problem]:
    """The rules that the rest of a document breaks, without the parts that are wrong by themselves."""
    rest = copy.deepcopy(document)
    cuts = [_cut(document, path) for path in wrong]
    for path in cuts:
        _remove(rest, path)
    try:
        config = Config.model_validate(_PLACEHOLDERS | rest)
    except ValidationError:
        return []
    return [
        problem for problem in broken_rules(config) if not any(_overlap(problem.path, path) for path in cuts)
    ]


def _cut(document: Any, path: Path) -> Path:
    """What to leave out because of a wrong value: itself, but no single items of a list."""
    value = document
    for length, part in enumerate(path):
        if isinstance(value, list):
            return path[: min(length, 2)]
        value = value.get(part) if isinstance(value, dict) else None
    return path


def _remove(document: Any, path: Path) -> None:
    for part in path[:-1]:
        if not (isinstance(document, dict) and part in document):
            return
        document = document[part]
    if path and isinstance(document, dict):
        document.pop(path[-1], None)


def _overlap(one: Path, other: Path) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]

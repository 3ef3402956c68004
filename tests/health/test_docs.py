"""docs/checks.md: every option is listed where it belongs, every default is right, every example is a
check."""

import re
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rhi.health.base import Check
from rhi.health.encryption import Encrypting
from rhi.health.table import CHECKS, to_check
from rhi.health.target import Connecting

TEXT = (Path(__file__).parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
PARTS = [part.partition("\n") for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]]
SECTIONS = {title: text for title, _, text in PARTS}
SHARED: dict[str, Any] = {  # abstract classes, which mypy takes for no types
    "Options of every check": Check,
    "Options of checks that connect": Connecting,
    "Options of TLS": Encrypting,
}


def options(section: str) -> dict[str, str]:
    """The options that a section lists, with their defaults."""
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]*)\|", SECTIONS[section], re.MULTILINE)
    return {name: default.strip() for names, default in rows for name in re.findall(r"`(\w+)`", names)}


def test_docs_have_a_section_for_each_type() -> None:
    assert [name for name in CHECKS if name not in SECTIONS] == []


def test_docs_list_the_shared_options() -> None:
    known: set[str] = set()
    for section, model in SHARED.items():
        assert set(options(section)) == set(model.model_fields) - known, section
        known |= set(model.model_fields)


@pytest.mark.parametrize("name", CHECKS)
def test_docs_list_the_options_of_a_type(name: str) -> None:
    model = CHECKS[name]
    shared = {field for base in SHARED.values() if issubclass(model, base) for field in base.model_fields}

    assert set(options(name)) == set(model.model_fields) - shared


@pytest.mark.parametrize("name", [*SHARED, *CHECKS])
def test_docs_defaults_are_those_of_the_models(name: str) -> None:
    model = SHARED.get(name) or CHECKS[name]
    for option, default in options(name).items():
        if re.fullmatch(r'true|false|[0-9.]+|`".*"`|`\[.*\]`', default):
            (value,) = tomllib.loads(f"x = {default.strip('`')}").values()
            found = model.model_fields[option].default
            assert (list(found) if isinstance(found, tuple) else found) == value, option


@pytest.mark.parametrize("name", CHECKS)
def test_docs_example_is_a_check(name: str) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```$", SECTIONS[name], re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        for example in tomllib.loads(block)["checks"]:
            assert to_check(example).type == name


def test_docs_name_the_types_that_share_options() -> None:
    named = SECTIONS["Options of checks that connect"].strip().partition("\n")[0]

    assert {name for name in CHECKS if re.search(rf"\b{name}\b", named)} == {
        name for name, model in CHECKS.items() if issubclass(model, Connecting)
    }


def test_docs_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = program.replace('"port": 80', f'"port": {port}, "interval": 0.05')
        exec(compile(program, "docs/checks.md", "exec"), {})

    assert capsys.readouterr().out == "web up connected\n"

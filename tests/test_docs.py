"""README.md and docs/: examples run, commands parse, lists are complete, links lead somewhere."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rhi.cli import GROUPS, VERBS, lines, module_of
from rhi.cli.arguments import Parser
from rhi.model import events
from rhi.model.parameters import LIVE_FIELDS, SESSION_FIELDS
from rhi.testing.collector import Collector

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*DOCUMENTS, *sorted((ROOT / "docs").glob("*/*.md"))]
DOCUMENTS += sorted((ROOT / "docs" / "routers").glob("*.md"))
# Those whose examples in Python are programs.
WITH_PROGRAMS = ["README.md", "docs/library.md", "docs/architecture.md"]
PARSERS: dict[str, Parser] = {verb: module_of(verb).parser() for verb in VERBS}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(name), re.MULTILINE | re.DOTALL)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_PROGRAMS)
def test_docs_programs_run(name: str, collector: Collector, capsys: pytest.CaptureFixture[str]) -> None:
    """All blocks of a document are one program; its router is a collector, on loopback."""
    names: dict[str, Any] = {"__name__": "__main__"}
    found = blocks(name, "python")
    assert found
    for block in found:
        program = re.sub(r'"192\.0\.2\.1": ', f'"{collector.host}": ', block)
        program = program.replace('"192.0.2.10", "192.0.2.1",', f'"192.0.2.10", "{collector.host}",')
        if "Peer(" not in program:
            program = re.sub(
                r"Parameters\(as_number=65001(?!, port)", rf"\g<0>, port={collector.port}", program
            )
            program = re.sub(r"(, port=\d+)(?=, passive=True)", "", program)

        exec(compile(program, name, "exec"), names)

    out = capsys.readouterr().out
    assert name != "docs/library.md" or out.endswith("True\n")


@pytest.mark.slow
def test_docs_example_of_the_readme_announces_and_withdraws(collector: Collector) -> None:
    heard: list[events.RoutesReceived] = []
    up = []

    def listen(event: events.Event) -> None:
        if isinstance(event, events.RoutesReceived):
            heard.append(event)
        up.append(isinstance(event, events.SessionUp))

    collector._also = listen
    (program,) = blocks("README.md", "python")
    program = program.replace('"192.0.2.1": ', f'"{collector.host}": ')
    program = program.replace("as_number=65001", f"as_number=65001, port={collector.port}")
    program += "    import time\n    while not pool.flush().behind and not pool.status()"
    program += f"['{collector.host}'].end_of_rib: time.sleep(0.01)\n    pool.flush()\n"

    assert len([line for line in blocks("README.md", "python")[0].splitlines() if line]) == 5
    exec(program, {})

    assert any(up)
    announced = {str(prefix) for event in heard for prefix in event.announced}
    assert "203.0.113.10" in announced


def commands(text: str) -> Iterator[list[str]]:
    """Words of every `rhi VERB ...` in shell blocks and in code spans."""
    found = re.findall(r"^```(?:sh|console)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found += [
        span for span in re.findall(r"`(rhi [a-z][^`]*)`", text) if "VERB" not in span and "..." not in span
    ]
    for block in found:
        for line in block.splitlines():
            for part in re.split(r"[|;]", line):
                words = shlex.split(part, comments=True)
                if words and words[0] == "rhi":
                    yield words[1:]


COMMANDS = [
    pytest.param(words, id=f"{path.stem}: {' '.join(words)}")
    for path in DOCUMENTS
    for words in commands(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("words", COMMANDS)
def test_docs_command_is_understood(words: list[str]) -> None:
    assert words[0] in VERBS
    if len(words) > 1:
        PARSERS[words[0]].parse(words[1:])


def test_docs_hold_commands_of_each_verb() -> None:
    assert {param.values[0][0] for param in COMMANDS} == set(VERBS)  # type: ignore[index]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_docs_links_lead_to_files_and_headings(path: Path) -> None:
    text = without_blocks(path)
    links = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text)

    dead = []
    for link, anchor in links:
        target = path.parent / link if link else path
        if "://" in link:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(f"{link}#{anchor}")
    assert dead == []


def without_blocks(path: Path) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """What a page's headings are called in links."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_docs_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE))

    assert named <= targets


def test_library_lists_live_and_session_parameters() -> None:
    text = text_of("docs/library.md")
    live = text.partition("withdraw nothing that stays:")[2].partition("These need")[0]
    session = text.partition("These need a new session:")[2].partition(". Changed")[0]

    assert set(re.findall(r"`(\w+)`", live)) == LIVE_FIELDS
    assert set(re.findall(r"`(\w+)`", session)) == SESSION_FIELDS


def test_command_lists_options_attributes_and_events() -> None:
    text = text_of("docs/command.md")
    options = {option for option in PARSERS["speak"]._option_string_actions if option.startswith("--")}
    options -= {"--help", "--next-hop-4", "--next-hop-6"}
    kinds = {events._kind(kind.__name__) for kind in events.Event.__subclasses__()}

    assert [option for option in sorted(options) if option not in text] == []
    assert [name for name in lines._ATTRIBUTES if f"| `{name}` |" not in text] == []
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in text] == []


def test_command_lists_options_of_verbs_of_a_running_daemon() -> None:
    text = text_of("docs/command.md").partition("## A running daemon")[2]
    options = {
        option
        for verb in GROUPS["a daemon that runs"]
        for option in PARSERS[verb]._option_string_actions
        if option.startswith("--")
    }

    assert [option for option in sorted(options - {"--help"}) if f"`{option}" not in text] == []


def test_rfc_names_tests_that_exist_and_all_deviations() -> None:
    text = text_of("docs/rfc.md")
    tests = re.findall(r"`(\w+/test_\w+\.py)`", text)
    marked = {
        name_of(path)
        for path in (ROOT / "src").rglob("*.py")
        if "Deviation:" in path.read_text(encoding="utf-8")
    }
    listed = set(re.findall(r"\(`(src/[\w/]+\.py)`\)", text))

    assert [name for name in tests if not (ROOT / "tests" / name).is_file()] == []
    assert listed == marked


@pytest.mark.slow
def test_readme_shows_what_the_demo_prints() -> None:
    (shown,) = blocks("README.md", "text")
    done = subprocess.run(
        [sys.executable, "-m", "rhi", "demo"], capture_output=True, text=True, check=True, timeout=40
    )

    def without_numbers(text: str) -> list[str]:
        return [re.sub(r"[ ]*\d+(\.\d+)?", "#", line) for line in text.splitlines()]

    assert without_numbers(shown) == without_numbers(done.stdout)

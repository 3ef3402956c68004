"""docs/lessons.md names every test that is called after a lesson, and no other."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "lessons.md"


def named() -> dict[int, set[str]]:
    """Files by the number of a lesson, as the page has them."""
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {int(number): set(re.findall(r"`([^`]+)`", files)) for number, files in rows}


def written() -> dict[int, set[str]]:
    """The same, as the tests have them."""
    found: dict[int, set[str]] = {}
    for file in TESTS.rglob("test_*.py"):
        for number in re.findall(
            r"^(?:async )?def test_lesson_(\d+)_", file.read_text(encoding="utf-8"), re.M
        ):
            found.setdefault(int(number), set()).add(str(file.relative_to(TESTS)))
    return found


def test_lessons_page_names_the_tests_of_every_lesson() -> None:
    assert named() == written()

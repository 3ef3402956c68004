"""docs/migration.md: every option of each source stands in its tables."""

import re
from pathlib import Path

import pytest

from rhi.daemon.importing import anycast_healthchecker, exabgp_options, seed_json

TEXT = (Path(__file__).parent.parent / "docs" / "migration.md").read_text(encoding="utf-8")


def rows_after(title: str) -> set[str]:
    """What stands in code in the first column of the tables of a section."""
    section = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("ExaBGP's healthcheck", {flags[0] for flags in exabgp_options.OPTIONS}),
        (
            "anycast-healthchecker",
            anycast_healthchecker.SERVICE_OPTIONS
            | anycast_healthchecker.REMARKS.keys()
            | anycast_healthchecker.CONVERTED,
        ),
        ("The Go library", set(seed_json.NAMES)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_migration_page_has_every_option(title: str, names: set[str]) -> None:
    assert names - rows_after(title) == set()

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rhi.daemon.config.lines import Path, key_lines, line_of

TEXT = '''\
router_id = "192.0.2.1"   # ours

[peers."192.0.2.9"]
hold_time = 9
"quoted key" = 1
a.b = 2

[services.dns]
addresses = [
  "203.0.113.1", # with [ brackets
  "203.0.113.2",
]
text = """
[not.a.table]
key = 1
"""
inline = { x = 1, y = [1, 2] }
after = \'\'\'one ] line\'\'\'

[[services.dns.checks]]
type = "tcp"

[[services.dns.checks]]
type = "dns"
[services.dns.checks.options]
deep = 1
'''


def test_key_lines_finds_keys_tables_and_items_of_arrays_of_tables() -> None:
    tomllib.loads(TEXT)

    lines = key_lines(TEXT)

    assert lines["router_id",] == 1
    assert lines["peers", "192.0.2.9"] == 3
    assert lines["peers", "192.0.2.9", "hold_time"] == 4
    assert lines["peers", "192.0.2.9", "quoted key"] == 5
    assert lines["peers", "192.0.2.9", "a", "b"] == 6
    assert lines["services", "dns", "addresses"] == 9
    assert lines["services", "dns", "inline"] == 17
    assert lines["services", "dns", "after"] == 18
    assert lines["services", "dns", "checks", 0, "type"] == 21
    assert lines["services", "dns", "checks", 1] == 23
    assert lines["services", "dns", "checks", 1, "options", "deep"] == 26
    assert ("services", "dns", "key") not in lines


def test_line_of_a_value_without_a_line_is_that_of_what_holds_it() -> None:
    lines = key_lines(TEXT)

    assert line_of(("services", "dns", "addresses", 1), lines) == 9
    assert line_of(("services", "dns", "inline", "y", 0), lines) == 17
    assert line_of(("services", "dns", "missing"), lines) == 8
    assert line_of(("nothing",), lines) is None


def paths(value: Any, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    if isinstance(value, dict):
        for key, item in value.items():
            found |= paths(item, (*path, key))
    return found


@given(st.text(alphabet=st.sampled_from("ab=[]{}\"'#\n .,1\\"), max_size=40))
def test_key_lines_of_any_valid_document_knows_all_its_keys(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    lines = key_lines(text)

    known = set(lines)
    for path in paths(document):
        assert line_of(path, lines) is not None
        assert any(path[:length] in known for length in range(1, len(path) + 1))

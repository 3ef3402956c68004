"""Whatever a source holds, it is converted or refused with a sentence; nothing else is raised."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from rhi.daemon.config.problems import ConfigError
from rhi.daemon.importing.draft import SourceError
from tests.daemon.importing import test_anycast_healthchecker, test_exabgp, test_seed_json
from tests.daemon.importing.converting import from_anycast_healthchecker, from_exabgp, from_json, healthcheck

REFUSED = (SourceError, ConfigError)
PIECES = [
    "{",
    "}",
    ";",
    '"',
    "'",
    "\\",
    "#",
    "%",
    "%(x)s",
    "=",
    "[",
    "]",
    "\n",
    "\x00",
    "\x7f",
    "-1",
    "0",
    "9" * 5000,
]
PIECES += [
    "--ip",
    "--config",
    "-F",
    "--neighbor *",
    " --ip-ifname 203.0.113.1%eth0 ",
    " --dynamic-ip-setup ",
    "::/0",
    "10.0.0.0/8",
    "1e999",
    "nan",
    "true",
    "null",
    "é",
    "🛰",
]


def mutated(text: str) -> st.SearchStrategy[str]:
    """The text with pieces cut out and put in."""
    edits = st.tuples(st.integers(0, len(text)), st.integers(0, 40), st.sampled_from(PIECES))

    def edit(edits: list[tuple[int, int, str]]) -> str:
        changed = text
        for at, length, piece in edits:
            changed = changed[:at] + piece + changed[at + length :]
        return changed

    return st.lists(edits, min_size=1, max_size=4).map(edit)


@given(mutated(test_exabgp.WHOLE))
def test_any_exabgp_conf_is_converted_or_refused(text: str) -> None:
    with contextlib.suppress(*REFUSED):
        from_exabgp(text)


@given(
    mutated(
        "--cmd 'a b' --ip 203.0.113.1 --ip 2001:db8::/126 --interval 5 --community 65001:1 --as-path '1 1'"
    )
)
def test_any_options_are_converted_or_refused(options: str) -> None:
    with contextlib.suppress(*REFUSED):
        healthcheck(options)


@given(mutated(test_anycast_healthchecker.DAEMON + test_anycast_healthchecker.SERVICES))
def test_any_anycast_healthchecker_file_is_converted_or_refused(text: str) -> None:
    with contextlib.suppress(*REFUSED):
        from_anycast_healthchecker(text)


@given(mutated(str({"192.0.2.1": test_seed_json.PEER}).replace("'", '"').replace("True", "true")))
def test_any_json_is_converted_or_refused(text: str) -> None:
    with contextlib.suppress(*REFUSED):
        from_json(text)

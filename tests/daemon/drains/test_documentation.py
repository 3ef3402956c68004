"""docs/operations.md tells what the tables say."""

import re
from pathlib import Path

from rhi.daemon.drains.machine import State
from rhi.daemon.policies import OnCrash, OnExit

TEXT = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()


def test_lesson_15_every_state_and_every_policy_is_written_down() -> None:
    rows = set(re.findall(r"^\| `([a-z -]+)` \|", TEXT, re.MULTILINE))

    assert rows == {state.value for state in State} | {policy.value for policy in OnCrash}
    assert all(f'on_exit = "{policy.value}"' in TEXT for policy in OnExit)
    assert all(state.value in TEXT.partition("```text")[2].partition("```")[0] for state in State)

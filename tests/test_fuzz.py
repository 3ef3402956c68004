"""The fuzz targets hold for their seeds and for a few thousand fixed mutations; `make fuzz` does more."""

import random

import pytest

from fuzz.__main__ import main
from fuzz.mutate import mutate
from fuzz.targets import TARGETS, Target, check


@pytest.mark.parametrize("name", TARGETS)
def test_fuzz_target_raises_nothing_undocumented(name: str) -> None:
    target, source = TARGETS[name], random.Random(1)

    for data in (b"", *target.seeds, *(mutate(source, target.seeds) for _ in range(200))):
        check(target, data)


def test_fuzz_finding_is_reported_with_its_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(data: bytes) -> None:
        raise IndexError(data)

    monkeypatch.setitem(TARGETS, "texts", Target(broken, (ValueError,), (b"x",)))
    monkeypatch.setattr("sys.argv", ["fuzz", "--target", "texts", "--input", "0a0b"])

    assert main() == 1
    assert "--target texts --input 0a0b" in capsys.readouterr().err

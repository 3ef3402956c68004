"""The comparison's own parts: what it reads from packets, how it counts, and how runs add up."""

from pathlib import Path

import pytest

from bench.detection.contestants import CONTESTANTS
from bench.detection.packets import withdrawn
from bench.detection.samples import FAST, FROM_DECISION, STEADY, TO_TABLE, Samples, plot, quantile, tables
from bench.plot import Axis, Scale

MARKER = b"\xff" * 16
KEEPALIVE = MARKER + b"\x00\x13\x04"


def update(*records: bytes) -> bytes:
    """An UPDATE that withdraws these."""
    body = len(b"".join(records)).to_bytes(2, "big") + b"".join(records) + b"\x00\x00"
    return MARKER + (19 + len(body)).to_bytes(2, "big") + b"\x02" + body


@pytest.mark.parametrize(
    ("payload", "routes"),
    [
        (b"", []),
        (KEEPALIVE, []),
        (update(), []),  # End-of-RIB
        (update(b"\x20\xcb\x00\x71\x01"), ["203.0.113.1"]),
        (KEEPALIVE + update(b"\x20\xcb\x00\x71\x01", b"\x18\xc0\x00\x02"), ["203.0.113.1", "192.0.2.0"]),
        (update(b"\x20\xcb\x00\x71\x01") + update(b"\x20\xcb\x00\x71\x02"), ["203.0.113.1", "203.0.113.2"]),
        (b"GET / HTTP/1.1\r\n\r\n", []),
    ],
)
def test_withdrawn_routes_are_read_from_a_segment(payload: bytes, routes: list[str]) -> None:
    assert withdrawn(payload) == routes


def test_quantile_is_the_smallest_value_that_the_share_does_not_exceed() -> None:
    values = [float(number) for number in range(100, 0, -1)]

    assert [quantile(values, share) for share in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]
    assert quantile([3.0], 0.99) == 3.0


def samples(shift: float) -> Samples:
    found = Samples({"pace": "x"})
    for number, name in enumerate((*STEADY, *FAST)):
        for repetition in range(10):
            found.add(name, TO_TABLE, 1 + shift + number / 10 + repetition / 100)
            found.add(name, FROM_DECISION, 0.001 * (repetition + 1))
    found.own["rhi"] = {"0.001": 3.0, "0.01": 4.0, "+Inf": 4.0}
    return found


def test_runs_add_up_and_are_told(tmp_path: Path) -> None:
    file = tmp_path / "samples.json"
    samples(0.0).save(file)
    both = samples(1.0)
    both.merge(Samples.load(file))

    text = tables(both)

    assert "| rhi | 20 | 1.09 s | 2.09 s | 2.09 s | 5.00 ms | 10.00 ms | 10.00 ms |" in text
    assert "- rhi, p99 no later than anycast-healthchecker: met, 2.090 s and 2.390 s" in text
    assert "- rhi, deciding probe to UPDATE under 10 ms at p99: **missed**, 10.00 ms" in text
    assert "- rhi: 8 changes, half within 1 ms, 99 % within 10 ms" in text
    assert plot(both).count("<polyline") == len(STEADY) + len(FAST)


def test_contestants_are_those_of_the_tables() -> None:
    assert {each.name for each in CONTESTANTS} == {*STEADY, *FAST}
    assert len({each.number for each in CONTESTANTS}) == len(CONTESTANTS)


@pytest.mark.parametrize(
    ("scale", "values", "marks"),
    [
        (Scale.LOGARITHMIC, [3.0, 400.0], [1.0, 10.0, 100.0, 1000.0]),
        (Scale.LINEAR, [0.3, 2.0], [0.0, 0.5, 1.0, 1.5, 2.0]),
        (Scale.LINEAR, [1.0, 100.0], [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
        (Scale.LINEAR, [0.2, 1.13], [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]),
    ],
)
def test_axis_has_round_marks_around_all_values(
    scale: Scale, values: list[float], marks: list[float]
) -> None:
    axis = Axis.of(scale, values)

    assert list(axis.marks) == pytest.approx(marks)
    assert (axis.share(axis.marks[0]), axis.share(axis.marks[-1])) == (0.0, 1.0)

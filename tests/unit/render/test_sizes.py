"""Counts by size as rows of a picture: none is lost, whatever is put together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model import histogram
from nowline.render.lines import Line
from nowline.render.sizes import by_size

values = st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-9)


def lines_of(found: list[float]) -> list[Line]:
    """Each value counted once, a second after the one before, as an answer tells it."""
    sizes = histogram.sizes(histogram.codes(np.array(found)))
    lines = []
    for size in np.unique(sizes).tolist():
        low, high = histogram.bounds(size)
        times = np.flatnonzero(sizes == size) * 1000
        tags = {"from": f"{low:.6g}", "to": f"{high:.6g}"}
        lines.append(Line(tags, times, np.ones(len(times))))
    return lines


@given(st.lists(values, min_size=1, max_size=60))
def test_no_count_is_lost_and_each_stands_where_it_belongs(found: list[float]) -> None:
    rows = by_size(lines_of(found), "ms")
    assert sum(line.values.sum() for _, line in rows) == len(found)
    for _, line in rows:
        low, high = float(line.tags["from"]), float(line.tags["to"])
        for at in line.times.tolist():
            value = found[at // 1000]
            assert low <= value + abs(value) * 1e-5
            assert value - abs(value) * 1e-5 <= high


def test_the_greatest_stands_first_and_nothing_between_is_left_out() -> None:
    rows = by_size(lines_of([16.5, 130.0]), "ms")
    assert rows[0][0] == "128 ms to 183 ms"
    assert len(rows) == 7
    assert [len(line.times) for _, line in rows] == [1, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("spread", [1.3, 2.0, 8.0])
def test_there_are_no_more_than_can_be_told_apart(spread: float) -> None:
    rows = by_size(lines_of([spread**power for power in range(-30, 31)]), "ms")
    assert 12 <= len(rows) <= 24


def test_zero_and_what_is_no_size() -> None:
    rows = by_size([*lines_of([0.0]), Line({"host": "a"}, np.zeros(1, np.int64), np.ones(1))], "ms")
    assert [name for name, _ in rows] == ["0 ms"]

"""Cells are found as a plain list would find them, however many there are and in what pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.grouping import fold
from nowline.model.partials import Partials, concatenate, merge
from nowline.model.query import MINUTE_MS, SECOND_MS
from nowline.rollup.cells import Cells
from reference import Row, columns, selection

START = 1_000_000
MANY = 70_000

rows = st.builds(
    Row,
    st.sampled_from([0, 1, 2, 900_000]),
    st.integers(START, START + 80_000),
    st.integers(-50, 50).map(float),
)
pieces = st.lists(
    st.lists(rows, max_size=12).map(lambda each: fold(*columns(each), SECOND_MS)), max_size=20
)


def same(found: Partials, expected: Partials) -> None:
    for name in ("key", "bucket", "count", "low", "high", "last", "last_at"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
    assert np.allclose(found.total, expected.total)


@given(
    pieces,
    st.dictionaries(st.sampled_from([0, 1, 2, 5, 900_000]), st.integers(0, 2), min_size=1),
    st.integers(0, 80),
    st.integers(1, 80),
)
def test_cells_are_found_by_series_and_time(
    taken: list[Partials], groups: dict[int, int], first: int, length: int
) -> None:
    cells = Cells()
    for each in taken:
        cells.add(each)
    start, end = START + first * SECOND_MS, START + (first + length) * SECOND_MS
    chosen = selection(groups)
    every = concatenate(taken)
    every = every.where((every.bucket >= start) & (every.bucket < end))
    inside, group = chosen.groups_of(every.key)
    for width_ms in (SECOND_MS, MINUTE_MS):
        expected = merge([every.where(inside).rekeyed(group, width_ms)])
        same(cells.find(chosen, start, end, width_ms), expected)


def crowd(value: float) -> Partials:
    """A cell of each of very many series in one second."""
    key = np.arange(MANY)
    return fold(key, np.full(MANY, START), np.full(MANY, value), SECOND_MS)


@pytest.mark.parametrize("ahead", [0, 3])
def test_very_many_cells_are_found_as_well(ahead: int) -> None:
    cells = Cells()
    for second in range(ahead):
        cells.add(fold(*columns([Row(7, START + second * SECOND_MS, 5.0)]), SECOND_MS))
    cells.add(crowd(1.0))
    cells.add(fold(*columns([Row(7, START, 2.0), Row(7, START + 9_000, 3.0)]), SECOND_MS))
    found = cells.find(selection({7: 0, 9: 1}), START, START + 60_000, MINUTE_MS)
    assert found.count.tolist() == [ahead + 3, 1]
    assert found.last.tolist() == [3.0, 1.0]
    every = cells.find(selection(dict.fromkeys(range(MANY), 0)), START, START + 60_000, MINUTE_MS)
    assert every.count.tolist() == [ahead + MANY + 2]


def test_seconds_of_very_many_cells_are_dropped_one_by_one() -> None:
    cells = Cells()
    cells.add(crowd(1.0))
    cells.add(fold(*columns([Row(7, START + 1_000, 2.0)]), SECOND_MS))
    cells.drop_before(START + 1_000)
    assert len(cells) == 1
    cells.drop_before(START + 2_000)
    assert len(cells) == 0


def test_cells_that_come_again_and_again_stay_few() -> None:
    cells = Cells()
    for value in range(100):
        cells.add(fold(*columns([Row(s, START, float(value)) for s in range(9)]), SECOND_MS))
        assert len(cells) <= 5 * 9
    found = cells.find(selection({3: 0}), START, START + SECOND_MS, SECOND_MS)
    assert (found.count.tolist(), found.last.tolist()) == ([100], [99.0])

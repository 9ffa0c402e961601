"""Sorted rows and their roll-ups, against the same in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model import histogram
from nowline.model.level import ROLLED_UP
from nowline.store import rolling
from nowline.store.base import Rows
from nowline.store.blockfile import Columns
from reference import Row, columns

# Few times and values, so that there are equal ones; ids on both sides of a radix digit.
ROW = st.builds(
    Row,
    st.sampled_from([0, 1, 2, 65_535, 65_536, 65_537, 1 << 33]),
    st.integers(0, 40).map(lambda step: step * 7_919),
    st.sampled_from([-2.5, 0.0, 0.1, 1.0, 3.0, 1e9]),
)
ROWS = st.lists(ROW, min_size=1, max_size=60)
WIDTHS = st.sampled_from([1, 10_000, 60_000, 300_000])


def in_order(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.series, row.time))


def ordered(rows: Sequence[Row]) -> Columns:
    return rolling.ordered(Rows(*columns(rows)))


def tuples(found: Columns, *names: str) -> list[tuple[Any, ...]]:
    assert set(found) == set(names)
    return list(zip(*(found[name].tolist() for name in names), strict=True))


def expected_partials(rows: Sequence[Row], width: int) -> list[tuple[Any, ...]]:
    """Every column but the sum, which is not exact."""

    def place(row: Row) -> tuple[int, int]:
        return row.series, row.time - row.time % width

    found = []
    for (series, bucket), group in groupby(in_order(rows), key=place):
        inside = list(group)
        values = [row.value for row in inside]
        last = inside[-1]
        after = last.time - bucket
        found.append(
            (series, bucket, len(inside), min(values), max(values), last.value, after),
        )
    return found


def assert_partials(found: Columns, rows: Sequence[Row], width: int) -> None:
    rest = {name: values for name, values in found.items() if name != "total"}
    names = ("series", "time", "count", "low", "high", "last", "after")
    expected = expected_partials(rows, width)
    assert tuples(rest, *names) == expected
    for total, (series, bucket, *_) in zip(found["total"].tolist(), expected, strict=True):
        inside = [
            row.value
            for row in rows
            if (row.series, row.time - row.time % width) == (series, bucket)
        ]
        assert math.isclose(total, math.fsum(inside), rel_tol=1e-12, abs_tol=1e-5)


def expected_bins(rows: Sequence[Row], width: int) -> list[tuple[int, int, int, int]]:
    codes = histogram.codes(np.array([row.value for row in rows])).tolist()
    counts = Counter(
        (row.series, row.time - row.time % width, code)
        for row, code in zip(rows, codes, strict=True)
    )
    return sorted((*place, count) for place, count in counts.items())


@given(ROWS)
def test_rows_are_ordered_and_those_of_one_time_stay_as_they_came(rows: list[Row]) -> None:
    assert tuples(ordered(rows), "series", "time", "value") == in_order(rows)


@given(ROWS, st.data())
def test_parts_in_the_order_they_came_make_the_whole(rows: list[Row], data: st.DataObject) -> None:
    parts = [ordered(part) for part in split(rows, data)]
    found = rolling.merged_rows(parts)
    assert tuples(found, "series", "time", "value") == in_order(rows)


@given(ROWS, WIDTHS)
def test_partials_are_those_of_the_rows(rows: list[Row], width: int) -> None:
    assert_partials(rolling.partials(ordered(rows), width), rows, width)


@given(ROWS)
def test_each_level_is_made_of_the_one_before(rows: list[Row]) -> None:
    parts = rolling.partials(ordered(rows), 1)
    binned = rolling.bins(ordered(rows), 1)
    for level in ROLLED_UP:
        parts = rolling.coarser(parts, level.width_ms)
        assert_partials(parts, rows, level.width_ms)
        binned = rolling.coarser_bins(binned, level.width_ms)
        assert tuples(binned, "series", "time", "bin", "count") == expected_bins(
            rows, level.width_ms
        )


@given(ROWS, WIDTHS, st.data())
def test_merged_parts_are_the_roll_up_of_all_rows(
    rows: list[Row], width: int, data: st.DataObject
) -> None:
    parts = [ordered(part) for part in split(rows, data)]
    merged = rolling.merged_partials([rolling.partials(part, width) for part in parts], width)
    assert_partials(merged, rows, width)
    binned = rolling.merged_bins([rolling.bins(part, width) for part in parts])
    assert tuples(binned, "series", "time", "bin", "count") == expected_bins(rows, width)


@pytest.mark.parametrize("hosts", [3, 3_000])
@pytest.mark.parametrize("size", [1.0, 1e9])
def test_many_rows_have_the_bins_that_each_of_them_has(hosts: int, size: float) -> None:
    # Of few series most places of a table are taken; of many, next to none.
    values = [0.0, 1.5, -2.0, size]
    rows = [Row(n % hosts, n, values[n % 4] * (1 + n % 7)) for n in range(90_000)]
    width = 60_000 if hosts < 10 else 30
    found = rolling.bins(ordered(rows), width)
    assert tuples(found, "series", "time", "bin", "count") == expected_bins(rows, width)
    coarser = rolling.coarser_bins(found, 600_000)
    assert tuples(coarser, "series", "time", "bin", "count") == expected_bins(rows, 600_000)


def split(rows: list[Row], data: st.DataObject) -> list[list[Row]]:
    """The rows in parts, none of them empty."""
    cuts = data.draw(st.sets(st.integers(1, len(rows)), max_size=4))
    edges = [0, *sorted(cuts - {len(rows)}), len(rows)]
    return [rows[at:to] for at, to in pairwise(edges)]


def test_a_sum_beyond_the_greatest_double_is_infinite() -> None:
    rows = [Row(0, time, 1.7e308) for time in range(3)]
    (total,) = rolling.partials(ordered(rows), 60_000)["total"]
    assert total == math.inf
    parts = [rolling.partials(ordered([row]), 60_000) for row in rows]
    assert rolling.merged_partials(parts, 60_000)["total"].tolist() == [math.inf]


def test_where_keeps_only_what_is_chosen() -> None:
    rows = ordered([Row(0, time, float(time)) for time in range(4)])
    found = rolling.where(rows, np.array([True, False, False, True]))
    assert tuples(found, "series", "time", "value") == [(0, 0, 0.0), (0, 3, 3.0)]

"""Bins added up in place, against merging them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model import histogram
from nowline.model.grouping import Shape
from nowline.model.histogram import Bins
from nowline.store import rolling, tally
from nowline.store.base import Rows
from nowline.store.tally import Tally
from reference import Row, columns

MINUTE = 60_000
SHAPE = Shape(0, 3, 10, 5, MINUTE)
ROW = st.builds(
    Row,
    st.integers(0, 2),
    st.integers(10 * MINUTE, 15 * MINUTE - 1),
    st.sampled_from([0.0, 1.0, -1.0, 5e-324, 1e-9, -1e300, 1.7e308, 3.3]),
)
PARTS = st.lists(st.tuples(st.booleans(), st.lists(ROW, max_size=12)), max_size=8)


def assert_same(found: Bins, expected: Bins) -> None:
    for name in ("key", "bucket", "bin", "count"):
        assert getattr(found, name).dtype == np.int64
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name


def tallied(parts: list[tuple[bool, list[Row]]]) -> Bins:
    """Parts are added as raw rows, or as the bins of their seconds."""
    made = Tally(SHAPE)
    for is_binned, rows in parts:
        if is_binned and rows:
            bins = rolling.bins(rolling.ordered(Rows(*columns(rows))), 1_000)
            made.add_bins(bins["series"], bins)
        else:
            series, time, value = columns(rows)
            made.add_rows(series, {"time": time, "value": value})
    return made.bins()


def expected(parts: list[tuple[bool, list[Row]]]) -> Bins:
    rows = [row for _, each in parts for row in each]
    return histogram.fold(*columns(rows), MINUTE)


@given(PARTS)
def test_bins_of_any_rows_are_those_of_merging(parts: list[tuple[bool, list[Row]]]) -> None:
    assert_same(tallied(parts), expected(parts))


@pytest.mark.parametrize("places", [0, 15 * 3, 15 * 200])
@pytest.mark.parametrize("rows_at_a_time", [2, 1 << 19])
def test_where_there_is_no_room_for_all_places_the_bins_are_the_same(
    monkeypatch: pytest.MonkeyPatch, places: int, rows_at_a_time: int
) -> None:
    monkeypatch.setattr(tally, "_MOST_PLACES", places)
    monkeypatch.setattr(tally, "_ROWS_AT_A_TIME", rows_at_a_time)
    rng = np.random.default_rng(3)
    parts = [
        (
            number % 2 == 0,
            [
                Row(int(key), int(time), float(value))
                for key, time, value in zip(
                    rng.integers(0, 3, 40),
                    rng.integers(10 * MINUTE, 15 * MINUTE, 40),
                    rng.choice([1.0, 1.01, 1.05, 2.0, -8.0, 1e9], 40),
                    strict=True,
                )
            ],
        )
        for number in range(12)
    ]
    assert_same(tallied(parts), expected(parts))


def test_nothing_is_nothing() -> None:
    assert_same(tallied([]), histogram.empty())
    assert_same(Tally(Shape(0, 1, 10, 0, MINUTE)).bins(), histogram.empty())

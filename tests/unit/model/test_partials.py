"""Partials merge to the same result, whatever they were folded from and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.grouping import fold
from nowline.model.partials import Partials, concatenate, empty, merge
from reference import Row, assert_equal, cells, columns

WIDTH = 1_000
rows = st.builds(
    Row,
    st.integers(0, 3),
    st.integers(0, 5_000),
    st.floats(-1e6, 1e6, allow_nan=False),
)
lists = st.lists(rows, max_size=40)
EVERY = {series: series for series in range(4)}


def folded(part: Sequence[Row], width_ms: int = WIDTH) -> Partials:
    return fold(*columns(part), width_ms)


def expected_last(part: Sequence[Row]) -> dict[tuple[int, int], float]:
    """The value with the latest time; of equal times, the one that came in last."""
    last: dict[tuple[int, int], Row] = {}
    for row in part:
        place = row.series, row.time // WIDTH * WIDTH
        if place not in last or row.time >= last[place].time:
            last[place] = row
    return {place: row.value for place, row in last.items()}


def lasts(partials: Partials) -> dict[tuple[int, int], float]:
    places = zip(partials.key.tolist(), partials.bucket.tolist(), strict=True)
    return dict(zip(places, partials.last.tolist(), strict=True))


@given(lists)
def test_fold_is_what_plain_python_says(part: list[Row]) -> None:
    assert_equal(folded(part), cells(part, EVERY, 0, 10_000, WIDTH))


@given(lists)
def test_of_equal_times_the_row_that_came_in_last_is_the_last(part: list[Row]) -> None:
    assert lasts(folded(part)) == expected_last(part)


@given(st.lists(lists, max_size=5))
def test_the_part_given_last_wins_a_tie(parts: list[list[Row]]) -> None:
    merged = merge([folded(part) for part in parts])
    assert lasts(merged) == expected_last([row for part in parts for row in part])


@given(st.lists(lists, max_size=5), st.randoms(use_true_random=False))
def test_merge_is_free_of_order_and_grouping(parts: list[list[Row]], random: Random) -> None:
    partials = [folded(part) for part in parts]
    expected = cells([row for part in parts for row in part], EVERY, 0, 10_000, WIDTH)
    assert_equal(merge(partials), expected)
    random.shuffle(partials)
    assert_equal(merge(partials), expected)
    middle = len(partials) // 2
    assert_equal(merge([merge(partials[:middle]), merge(partials[middle:])]), expected)


@given(lists)
def test_folding_by_seconds_and_then_minutes_is_folding_by_minutes(part: list[Row]) -> None:
    seconds = folded(part)
    minutes = merge([seconds.rekeyed(seconds.key, 60_000)])
    assert_equal(minutes, cells(part, EVERY, 0, 10_000, 60_000))


@given(lists)
def test_a_group_is_the_merge_of_its_series(part: list[Row]) -> None:
    seconds = folded(part)
    grouped = merge([seconds.rekeyed(seconds.key // 2, WIDTH)])
    assert_equal(grouped, cells(part, {s: s // 2 for s in range(4)}, 0, 10_000, WIDTH))


@given(lists)
def test_nothing_is_neutral(part: list[Row]) -> None:
    alone = folded(part)
    both = merge([empty(), alone, empty()])
    assert_equal(both, cells(part, EVERY, 0, 10_000, WIDTH))
    assert len(merge([])) == len(merge([empty()])) == len(concatenate([])) == 0


def test_where_keeps_rows_together() -> None:
    partials = folded([Row(0, 10, 1.0), Row(1, 2_000, 2.0), Row(2, 3_000, 3.0)])
    kept = partials.where(np.array([False, True, False]))
    assert_equal(kept, cells([Row(1, 2_000, 2.0)], EVERY, 0, 10_000, WIDTH))


def test_counts_do_not_lose_whole_numbers_to_floats() -> None:
    many = fold(np.zeros(3, np.int64), np.zeros(3, np.int64), np.ones(3), WIDTH)
    huge = merge([Partials(many.key, many.bucket, np.array([1 << 53]), *_rest(many)), many])
    assert huge.count.tolist() == [(1 << 53) + 3]


def _rest(partials: Partials) -> tuple[np.ndarray, ...]:
    return partials.total, partials.low, partials.high, partials.last, partials.last_at


def test_a_sum_beyond_the_greatest_double_is_infinite() -> None:
    zeros = np.zeros(2, np.int64)
    merged = fold(zeros, zeros, np.array([1.7e308, 1.7e308]), 1_000)
    assert merged.total.tolist() == [np.inf]

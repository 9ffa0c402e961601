"""Rows grouped by place are what they are when they are sorted and merged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model import grouping
from nowline.model.grouping import Shape, fold, grouped, tabled
from nowline.model.partials import Need, Partials, merge
from nowline.model.query import SECOND_MS
from reference import Row, columns

START = 1_000_000

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


@given(pieces, st.sampled_from([SECOND_MS, 7 * SECOND_MS, 10**12]))
def test_grouping_is_merging(taken: list[Partials], width_ms: int) -> None:
    expected = merge([each.rekeyed(each.key, width_ms) for each in taken])
    same(grouped(taken, width_ms), expected)


def test_a_full_table_is_grouped_as_rows_are_merged() -> None:
    number = np.arange(1_000)
    full = fold(number % 5, START + number % 97, np.sin(number), 10)
    same(grouped([full, full], 10), merge([full, full]))


@given(pieces, st.sampled_from([SECOND_MS, 7 * SECOND_MS]), st.integers(1, 20))
def test_parts_are_put_together_until_they_are_many_rows(
    taken: list[Partials], width_ms: int, few: int
) -> None:
    taken = [replace(each, key=each.key % 3) for each in taken]
    room = Shape(0, 3, START // width_ms, 100, width_ms)
    expected = merge([each.rekeyed(each.key, width_ms) for each in taken])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(grouping, "_FEW_ROWS", few)
        same(tabled(taken, room), expected)
        for need in Need:
            some = tabled(taken, room, need=need)
            for name in ("key", "bucket", "count", *need.value):
                assert np.allclose(getattr(some, name), getattr(expected, name)), name


def test_rows_that_are_in_place_already_stay_as_they_are() -> None:
    rows = fold(np.zeros(5, np.int64), START + np.arange(5) * 7, np.arange(5.0), 7)
    assert tabled([rows], Shape(0, 1, START // 7, 10, 7)).total is rows.total


def test_a_sum_beyond_the_greatest_double_is_infinite() -> None:
    great = fold(np.zeros(2, np.int64), np.array([START, START]), np.full(2, 1e308), SECOND_MS)
    assert grouped([great, great], SECOND_MS).total.tolist() == [np.inf]

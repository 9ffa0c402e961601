"""Rows grouped by place are what they are when they are sorted and merged."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.grouping import grouped
from nowline.model.partials import Partials, fold, merge
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


def test_a_sum_beyond_the_greatest_double_is_infinite() -> None:
    great = fold(np.zeros(2, np.int64), np.array([START, START]), np.full(2, 1e308), SECOND_MS)
    assert grouped([great, great], SECOND_MS).total.tolist() == [np.inf]

"""Rows that are put where they belong are the rows that sorting all of them gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model import grouping, histogram, partials
from nowline.model.histogram import Bins
from nowline.model.partials import Floats, Ints, Partials
from nowline.query.joining import joined

START = 1_800_000_000_000
WIDTH = 2_000
Sample = tuple[int, int, int]
# Few cells, so that parts meet in them; times within a bucket tell which value is the last.
samples = st.tuples(
    st.integers(0, 3), st.integers(0, 40_000).map(lambda ms: START + ms), st.integers(-9, 9)
)
short = st.lists(st.lists(samples, max_size=6), max_size=3)
long = st.lists(samples, min_size=80, max_size=120)


def columns(rows: list[Sample]) -> tuple[Ints, Ints, Floats]:
    key, time, value = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(key, np.int64), np.array(time, np.int64), np.array(value, np.float64)


def told(rows: Partials | Bins) -> dict[str, list[float]]:
    return {each.name: getattr(rows, each.name).tolist() for each in fields(rows)}


@given(short, long, short)
def test_partials_are_joined_as_they_are_merged(
    before: list[list[Sample]],
    middle: list[Sample],
    after: list[list[Sample]],
) -> None:
    rows = [grouping.fold(*columns(part), WIDTH) for part in (*before, middle, *after)]
    assert told(joined(rows, partials.merge)) == told(partials.merge(rows))


@given(short, long, short)
def test_bins_are_joined_as_they_are_merged(
    before: list[list[Sample]],
    middle: list[Sample],
    after: list[list[Sample]],
) -> None:
    rows = [histogram.fold(*columns(part), WIDTH) for part in (*before, middle, *after)]
    assert told(joined(rows, histogram.merge)) == told(histogram.merge(rows))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_parts_without_rows_join_to_none(count: int) -> None:
    assert len(joined([partials.empty()] * count, partials.merge)) == 0


def test_a_long_part_is_not_sorted_again() -> None:
    times = np.arange(START, START + 1_000_000, 1_000)
    rows = grouping.fold(np.zeros(1_000, np.int64), times, np.ones(1_000), 1_000)
    new = grouping.fold(np.zeros(2, np.int64), times[-1] + np.array([0, 1_000]), np.ones(2), 1_000)
    merged: list[int] = []

    def merge(parts: Sequence[Partials]) -> Partials:
        merged.append(sum(map(len, parts)))
        return partials.merge(parts)

    found = joined([rows, new], merge)
    assert (len(found), found.count[-2:].tolist()) == (1_001, [2, 1])
    # The two new ones, and that of the bucket which they share.
    assert merged == [3]

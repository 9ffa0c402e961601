"""Increases of running totals are what plain Python says, however late their samples come."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.rollup.revision import chain, collapse, empty, revise
from nowline.rollup.totals import Totals
from nowline.store.base import Rows
from reference import Row, columns, increases

FOREVER = 1 << 61


def rows(samples: Iterable[Row]) -> Rows:
    return Rows(*columns(samples))


def fold(totals: Totals, samples: Iterable[Row]) -> dict[tuple[int, int], float]:
    """What is added at each series and time; nothing that is too old for memory is folded in."""
    found = collapse(rows(samples))
    totals.learn(totals.baseless(found), empty())
    assert not totals.deep(found).any()
    return by_place(totals.fold(found, empty(), empty(), -FOREVER))


def by_place(added: Rows) -> dict[tuple[int, int], float]:
    sums: dict[tuple[int, int], float] = defaultdict(float)
    for series, time, value in zip(
        added.series.tolist(), added.time.tolist(), added.value.tolist(), strict=True
    ):
        sums[series, time] += value
    return dict(sums)


def summed(parts: Iterable[dict[tuple[int, int], float]]) -> dict[tuple[int, int], float]:
    sums: dict[tuple[int, int], float] = defaultdict(float)
    for part in parts:
        for place, value in part.items():
            sums[place] += value
    return dict(sums)


samples = st.builds(Row, st.integers(0, 3), st.integers(0, 40), st.integers(0, 100).map(float))


@given(st.lists(st.lists(samples, max_size=10), max_size=12))
def test_what_was_told_adds_up_to_the_increases(batches: list[list[Row]]) -> None:
    totals = Totals()
    told: list[dict[tuple[int, int], float]] = []
    for number, batch in enumerate(batches, 1):
        told.append(fold(totals, batch))
        so_far = [sample for each in batches[:number] for sample in each]
        assert summed(told) == increases(so_far)


@given(st.lists(samples, max_size=60), st.integers(1, 9), st.integers(1, 20))
def test_in_order_nothing_has_to_be_remembered(
    taken: list[Row], size: int, most_samples: int
) -> None:
    ordered = sorted({(s.series, s.time): s for s in taken}.values(), key=lambda s: s.time)
    totals = Totals(reach_ms=5, most_samples=most_samples)
    parts = [ordered[i : i + size] for i in range(0, len(ordered), size)]
    told = []
    for part in parts:
        known = rows(part)
        totals.learn(totals.baseless(collapse(known)), empty())
        told.append(by_place(totals.fold(collapse(known), empty(), empty(), -FOREVER)))
    assert summed(told) == increases(ordered)


@given(st.lists(samples, max_size=20), st.lists(samples, max_size=20))
def test_a_restart_goes_on_where_it_was(before: list[Row], after: list[Row]) -> None:
    first, second = Totals(), Totals()
    told = fold(first, before)
    second.restore(rows(before), start=-FOREVER, series=2)
    assert summed([told, fold(second, after)]) == increases([*before, *after])


@pytest.mark.parametrize(
    ("values", "added"),
    [
        ([5, 7, 7, 10], [0, 2, 0, 3]),
        ([5, 7, 1, 4], [0, 2, 1, 3]),
        ([5, 0, 0], [0, 0, 0]),
        ([-1e308, 1e308], [0, np.finfo(float).max]),
    ],
)
def test_a_drop_counts_the_new_value(values: list[float], added: list[float]) -> None:
    told = fold(Totals(), [Row(0, time, value) for time, value in enumerate(values)])
    assert list(told.values()) == added


def test_a_late_sample_revises_the_one_after_it() -> None:
    totals = Totals()
    assert fold(totals, [Row(0, 10, 5.0), Row(0, 30, 9.0)]) == {(0, 10): 0, (0, 30): 4}
    assert fold(totals, [Row(0, 20, 8.0)]) == {(0, 20): 3, (0, 30): -3}
    assert fold(totals, [Row(0, 20, 8.0)]) == {(0, 20): 0}
    assert fold(totals, [Row(0, 5, 1.0)]) == {(0, 5): 0, (0, 10): 4}
    assert fold(totals, [Row(0, 30, 10.0), Row(0, 30, 7.0)]) == {(0, 30): 1}


def test_a_sample_older_than_memory_takes_its_neighbours_from_elsewhere() -> None:
    totals = Totals(reach_ms=10)
    fold(totals, [Row(0, 10, 1.0), Row(0, 50, 6.0), Row(0, 100, 7.0)])
    late = rows([Row(0, 20, 3.0)])
    assert totals.deep(late).tolist() == [True]
    added = totals.fold(late, rows([Row(0, 10, 1.0), Row(0, 50, 6.0)]), empty(), -FOREVER)
    assert by_place(added) == {(0, 20): 2, (0, 50): -2}


def test_a_sample_older_than_all_that_is_kept_adds_nothing_to_others() -> None:
    totals = Totals(reach_ms=10)
    fold(totals, [Row(0, 1_000, 50.0), Row(0, 2_000, 60.0)])
    lost = rows([Row(0, 10, 1.0), Row(0, 20, 4.0)])
    added = totals.fold(lost, empty(), empty(), 500)
    assert by_place(added) == {(0, 10): 0, (0, 20): 3}


def test_what_was_told_of_a_sample_whose_neighbour_is_gone_is_taken_back() -> None:
    known, new, told = rows([Row(7, 10, 30.0)]), rows([Row(7, 5, 20.0)]), rows([Row(7, 10, 25.0)])
    assert by_place(revise(known, new, told)) == {(7, 5): 0, (7, 10): -15}
    again = rows([Row(7, 10, 31.0)])
    assert by_place(revise(known, again, told)) == {(7, 10): 0}


def test_memory_is_bounded() -> None:
    totals = Totals(reach_ms=1_000_000, most_samples=100)
    for time in range(0, 1_000, 10):
        fold(totals, [Row(series, time, float(time)) for series in range(5)])
        assert len(totals) <= 100
    same = [Row(series, 2_000, 5.0) for series in range(300)]
    fold(totals, same)
    assert len(totals) <= 100
    assert set(fold(totals, [s._replace(time=2_001, value=6.0) for s in same]).values()) == {1.0}


def test_chains_begin_anew_with_each_series() -> None:
    found = chain(collapse(rows([Row(2, 1, 5.0), Row(1, 2, 3.0), Row(1, 1, 2.0), Row(2, 2, 9.0)])))
    assert found.value.tolist() == [0, 1, 0, 4]
    assert chain(empty()).value.tolist() == []
    assert math.isclose(chain(rows([Row(0, 0, 1.0)])).value.sum(), 0)

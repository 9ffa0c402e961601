"""Rows in memory: none is lost, and they are in few runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from nowline.store import hot, rolling
from nowline.store.base import Rows
from nowline.store.hot import Run
from reference import Row, columns

NO_LIMIT = -(1 << 62)


def taken_in(sizes: Sequence[int], raw_from: int = NO_LIMIT) -> tuple[tuple[Run, ...], list[Row]]:
    """Appends of so many rows; the value of a row is its number, and many have the same time."""
    runs: tuple[Run, ...] = ()
    rows: list[Row] = []
    for size in sizes:
        first = len(rows)
        new = [Row(n % 3, n * 7 % 5, float(n)) for n in range(first, first + size)]
        runs = hot.added(runs, hot.runs_of(Rows(*columns(new)), raw_from))
        rows += new
    return runs, rows


def merged(runs: Sequence[Run]) -> list[Row]:
    if not runs:
        return []
    found = rolling.merged_rows([run.rows for run in runs])
    names = ("series", "time", "value")
    return [Row(*row) for row in zip(*(found[name].tolist() for name in names), strict=True)]


SIZES = st.lists(st.one_of(st.integers(0, 3), st.sampled_from([9, 70, 600])), max_size=120)


@given(SIZES)
def test_all_rows_are_there_in_the_order_in_which_they_came(sizes: list[int]) -> None:
    runs, rows = taken_in(sizes)
    assert merged(runs) == sorted(rows, key=lambda row: (row.series, row.time))
    assert hot.rows_in(runs) == len(rows)
    assert all(len(run) for run in runs)


@given(SIZES)
def test_there_are_few_runs(sizes: list[int]) -> None:
    runs, rows = taken_in(sizes)
    assert len(runs) <= 7 * (1 + math.log(max(1, len(rows)), 8))


def test_ten_thousand_appends_of_a_row_are_a_few_runs_that_were_rarely_rewritten() -> None:
    runs: tuple[Run, ...] = ()
    rewritten = 0
    for number in range(10_000):
        before = {id(run) for run in runs}
        runs = hot.added(runs, hot.runs_of(Rows(*columns([Row(0, number, 1.0)])), NO_LIMIT))
        rewritten += sum(len(run) for run in runs if id(run) not in before)
        assert len(runs) <= 7 * (1 + math.log(number + 1, 8))
    assert rewritten <= 10_000 * (2 + math.log(10_000, 8))


@given(st.lists(st.integers(0, 20), max_size=40))
def test_rows_older_than_what_is_kept_raw_are_apart(sizes: list[int]) -> None:
    runs, rows = taken_in(sizes, raw_from=2)
    for run in runs:
        assert run.oldest == min(run.rows["time"])
        assert (run.rows["time"] >= 2).all() if run.is_kept_raw else (run.rows["time"] < 2).all()
    assert sorted(merged(runs)) == sorted(rows)


def test_a_run_knows_its_roll_ups() -> None:
    run, *_ = taken_in([50])[0]
    assert run.minutes["count"].sum() == run.bins["count"].sum() == len(run)
    assert run.minute_bins["count"].sum() == len(run)

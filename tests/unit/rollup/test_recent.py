"""Samples in memory are found with their neighbours, and let go by time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowline.rollup.recent import Recent
from nowline.rollup.revision import collapse
from nowline.store.base import Rows
from reference import Row, columns

START = 1_000

samples = st.builds(
    Row, st.integers(0, 3), st.integers(START, START + 60), st.integers(0, 9).map(float)
)
batches = st.lists(st.lists(samples, min_size=1, max_size=6), max_size=50)


def filled(taken: list[list[Row]]) -> Recent:
    recent = Recent()
    recent.drop_before(START)
    for batch in taken:
        recent.add(collapse(Rows(*columns(batch))))
    return recent


def greatest(rows: list[Row]) -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for row in sorted(rows, key=lambda row: row.value):
        found[row.series, row.time] = row.value
    return found


def listed(rows: Rows) -> list[Row]:
    columns = (rows.series.tolist(), rows.time.tolist(), rows.value.tolist())
    return [Row(*row) for row in zip(*columns, strict=True)]


@given(batches, st.integers(0, 3), st.integers(-5, 70), st.integers(0, 20))
def test_what_is_around_has_all_between_and_both_neighbours(
    taken: list[list[Row]], series: int, first: int, length: int
) -> None:
    recent = filled(taken)
    low, high = START + first, START + first + length
    found = greatest(listed(recent.around(np.array([series]), np.array([low]), np.array([high]))))
    every = greatest([row for batch in taken for row in batch if row.series == series])
    times = sorted(time for _, time in every)
    wanted = [time for time in times if low <= time <= high]
    wanted += [time for time in times if time < low][-1:]
    wanted += [time for time in times if time > high][:1]
    assert {(series, time): every[series, time] for time in wanted}.items() <= found.items()
    assert found.items() <= every.items()


@given(batches, st.integers(0, 70))
def test_what_is_let_go_is_what_is_older(taken: list[list[Row]], later: int) -> None:
    recent = filled(taken)
    gone = [row for part in recent.drop_before(START + later) for row in listed(part)]
    every = greatest([row for batch in taken for row in batch])
    assert greatest(gone) == {at: v for at, v in every.items() if at[1] < START + later}
    assert recent.start == START + later
    left = recent.around(np.arange(4), np.zeros(4, np.int64), np.full(4, 1 << 40))
    assert greatest(listed(left)) == {at: v for at, v in every.items() if at[1] >= START + later}


def test_half_of_the_samples_are_before_the_median() -> None:
    recent = filled([[Row(0, START + time, 0.0)] for time in range(10)])
    assert recent.median_time() == START + 5

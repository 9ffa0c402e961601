"""What the pipeline should answer, worked out row by row in plain Python."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from nowline.model.partials import Floats, Ints, Partials
from nowline.store.catalogue import Selection


class Row(NamedTuple):
    series: int
    time: int
    value: float


class Cell(NamedTuple):
    """One expected partial; `last` are the values that may be told as the last one."""

    rows: int
    total: float
    low: float
    high: float
    last: frozenset[float]
    last_at: int


Cells = dict[tuple[int, int], Cell]


def columns(rows: Iterable[Row]) -> tuple[Ints, Ints, Floats]:
    """Series, time and value as arrays."""
    listed = list(rows)
    return (
        np.array([row.series for row in listed], np.int64),
        np.array([row.time for row in listed], np.int64),
        np.array([row.value for row in listed], np.float64),
    )


def cells(
    rows: Iterable[Row], groups: Mapping[int, int], start: int, end: int, width_ms: int
) -> Cells:
    """The partials of the rows in `[start, end)` by the group of their series, and bucket."""
    found: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        if row.series in groups and start <= row.time < end:
            bucket = row.time - row.time % width_ms
            found.setdefault((groups[row.series], bucket), []).append(row)
    return {place: _cell(inside) for place, inside in sorted(found.items())}


def _cell(rows: list[Row]) -> Cell:
    values = [row.value for row in rows]
    last_at = max(row.time for row in rows)
    last = frozenset(row.value for row in rows if row.time == last_at)
    return Cell(len(rows), math.fsum(values), min(values), max(values), last, last_at)


def increases(samples: Iterable[Row]) -> dict[tuple[int, int], float]:
    """What each series' running total grew by at each time at which there is a sample.

    Of several samples at one time the greatest counts.
    """
    totals: dict[int, dict[int, float]] = {}
    for sample in samples:
        of_series = totals.setdefault(sample.series, {})
        of_series[sample.time] = max(sample.value, of_series.get(sample.time, sample.value))
    found = {}
    for series, of_series in totals.items():
        before = None
        for time, value in sorted(of_series.items()):
            grown = value - before if before is not None and value >= before else value
            found[series, time] = 0.0 if before is None else grown
            before = value
    return found


def selection(groups: Mapping[int, int]) -> Selection:
    """The selection that puts each series into its group."""
    series = np.array(sorted(groups), np.int64)
    group = np.array([groups[s] for s in sorted(groups)], np.int64)
    return Selection(series, group, [{} for _ in set(groups.values())])


def assert_equal(partials: Partials, expected: Cells) -> None:
    """The partials are the expected ones, in order."""
    places = list(zip(partials.key.tolist(), partials.bucket.tolist(), strict=True))
    assert places == list(expected)
    for at, cell in enumerate(expected.values()):
        assert partials.count[at] == cell.rows
        assert math.isclose(partials.total[at], cell.total, rel_tol=1e-9, abs_tol=1e-6)
        assert partials.low[at] == cell.low
        assert partials.high[at] == cell.high
        assert partials.last[at] in cell.last
        assert partials.last_at[at] == cell.last_at

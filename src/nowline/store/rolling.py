"""Sorted rows in columns, and their roll-ups to every level. Pure.

All columns here are ordered by series, then time (bins then by bin). Rows that were sorted once
are rolled up by cutting them where series or bucket change, which costs a few passes and no sort.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nowline.model import histogram
from nowline.model.partials import Floats, Ints, newest_of
from nowline.store.base import Rows
from nowline.store.blockfile import BINS, PARTIALS, RAW, Columns, concatenate

_RADIX_BITS = 16
_RADIX_MASK = (1 << _RADIX_BITS) - 1
# A table that is mostly empty takes longer to fill than its few rows take to sort.
_MOST_PLACES_A_ROW = 4


def ordered(rows: Rows) -> Columns:
    """Raw rows by series, then time; of equal times in the order in which they came."""
    order = _order(rows.series, rows.time)
    return {"series": rows.series[order], "time": rows.time[order], "value": rows.value[order]}


def merged_rows(parts: Sequence[Columns]) -> Columns:
    """Raw rows of all parts in order; of equal times those of earlier parts come first."""
    if len(parts) == 1:
        return parts[0]
    rows = concatenate(parts, RAW)
    return ordered(Rows(rows["series"], rows["time"], rows["value"]))


def partials(rows: Columns, width_ms: int) -> Columns:
    """One partial a series and bucket of raw rows."""
    bucket = _buckets(rows["time"], width_ms)
    starts = _changes(rows["series"], bucket)
    value = rows["value"]
    ends = np.append(starts[1:], len(value)) - 1
    at = bucket[starts]
    return {
        "series": rows["series"][starts],
        "time": at,
        "count": ends - starts + 1,
        "total": _sum(value, starts),
        "low": np.minimum.reduceat(value, starts),
        "high": np.maximum.reduceat(value, starts),
        "last": value[ends],
        "after": rows["time"][ends] - at,
    }


def coarser(parts: Columns, width_ms: int) -> Columns:
    """One partial a series and bucket of finer partials, or of several of the same bucket.

    Of equal times of the last row the later partial's counts.
    """
    bucket = _buckets(parts["time"], width_ms)
    starts = _changes(parts["series"], bucket)
    last_at = parts["time"] + parts["after"]
    newest = newest_of(last_at, starts)
    at = bucket[starts]
    return {
        "series": parts["series"][starts],
        "time": at,
        "count": np.add.reduceat(parts["count"], starts),
        "total": _sum(parts["total"], starts),
        "low": np.minimum.reduceat(parts["low"], starts),
        "high": np.maximum.reduceat(parts["high"], starts),
        "last": parts["last"][newest],
        "after": last_at[newest] - at,
    }


def merged_partials(parts: Sequence[Columns], width_ms: int) -> Columns:
    """One partial a series and bucket of all parts, later ones being newer."""
    if len(parts) == 1:
        return parts[0]
    rows = concatenate(parts, PARTIALS)
    order = _order(rows["series"], rows["time"])
    return coarser({name: values[order] for name, values in rows.items()}, width_ms)


def bins(rows: Columns, width_ms: int) -> Columns:
    """Histogram bins of raw rows by series and bucket."""
    code = histogram.codes(rows["value"])
    return _binned(rows["series"], _buckets(rows["time"], width_ms), code, None)


def coarser_bins(parts: Columns, width_ms: int) -> Columns:
    """Bins by wider buckets."""
    bucket = _buckets(parts["time"], width_ms)
    return _binned(parts["series"], bucket, parts["bin"], parts["count"])


def merged_bins(parts: Sequence[Columns]) -> Columns:
    """Bins of all parts, each once."""
    if len(parts) == 1:
        return parts[0]
    rows = concatenate(parts, BINS)
    order = _order(rows["series"], rows["time"])
    return _binned(*(rows[name][order] for name in ("series", "time", "bin", "count")))


def where(columns: Columns, chosen: NDArray[np.bool_]) -> Columns:
    """Only the rows where `chosen` is true."""
    if chosen.all():
        return columns
    return {name: values[chosen] for name, values in columns.items()}


def _binned(series: Ints, bucket: Ints, code: Ints, count: Ints | None) -> Columns:
    """Bins of rows that are ordered by series and bucket, but not by bin."""
    starts = _changes(series, bucket)
    cell = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(series))))
    # Codes are of a few hundred kinds, and lie far apart where there are zeros among the values.
    codes, kind = _distinct(code)
    found, counted = _counted(cell * len(codes) + kind, len(starts) * len(codes), count)
    of = found // len(codes)
    return {
        "series": series[starts[of]],
        "time": bucket[starts[of]],
        "bin": codes[found - of * len(codes)],
        "count": counted,
    }


def _distinct(code: Ints) -> tuple[Ints, Ints]:
    """The distinct codes, ascending, and which of them each one is."""
    least, greatest = int(code.min()), int(code.max())
    if greatest - least >= len(code):
        return np.unique(code, return_inverse=True)
    place = code - least
    seen = np.zeros(greatest - least + 1, bool)
    seen[place] = True
    number = np.cumsum(seen) - 1
    return np.flatnonzero(seen) + least, number[place]


def _counted(places: Ints, end: int, count: Ints | None) -> tuple[Ints, Ints]:
    """The distinct places, all below `end`, ascending, and how many rows, or counts, each has."""
    if end > _MOST_PLACES_A_ROW * len(places):
        return _counted_by_sorting(places, count)
    if count is None:
        table: Ints = np.bincount(places).astype(np.int64, copy=False)
    else:
        table = np.zeros(end, np.int64)
        np.add.at(table, places, count)
    found = np.flatnonzero(table)
    return found, table[found]


def _counted_by_sorting(places: Ints, count: Ints | None) -> tuple[Ints, Ints]:
    if count is None:
        found, counted = np.unique(places, return_counts=True)
        return found, counted.astype(np.int64, copy=False)
    order = np.argsort(places, kind="stable")
    places = places[order]
    first = np.flatnonzero(np.concatenate(([True], places[1:] != places[:-1])))
    return places[first], np.add.reduceat(count[order], first)


def _order(series: Ints, time: Ints) -> Ints:
    """The order by series, then time, that keeps equals as they are.

    Rows come in order of time, but for the late ones: a radix sort by series is then enough.
    """
    order = _order_of(series)
    by_series, by_time = series[order], time[order]
    is_late = (by_series[1:] == by_series[:-1]) & (by_time[1:] < by_time[:-1])
    if is_late.any():
        return np.lexsort((time, series))
    return order


def _order_of(numbers: Ints) -> Ints:
    """The order of numbers from 0 on that keeps equals as they are, by 16 bits at a time."""
    order: Ints = np.argsort((numbers & _RADIX_MASK).astype(np.uint16), kind="stable")
    while (numbers := numbers >> _RADIX_BITS).any():
        order = order[np.argsort((numbers & _RADIX_MASK).astype(np.uint16)[order], kind="stable")]
    return order


def _buckets(time: Ints, width_ms: int) -> Ints:
    # Several times faster than the remainder: NumPy divides by multiplying.
    return time // width_ms * width_ms


def _changes(series: NDArray[Any], bucket: NDArray[Any]) -> Ints:
    """Where a new series or bucket begins."""
    changes = (series[1:] != series[:-1]) | (bucket[1:] != bucket[:-1])
    return np.flatnonzero(np.concatenate((np.ones(min(1, len(series)), bool), changes)))


def _sum(values: Floats, starts: Ints) -> Floats:
    # A sum beyond the greatest double is infinite, and told as null.
    with np.errstate(over="ignore"):
        found: Floats = np.add.reduceat(values, starts)
    return found

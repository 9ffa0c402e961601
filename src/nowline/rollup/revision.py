"""Increases of running totals, worked out from samples. Pure.

The increase of a sample is its value less the one before it, or its whole value where it is less
than that: the source has started anew. The first sample of a series adds nothing. Of several
samples at one time the greatest counts: totals only grow, so it is the newest one, or the one
before the source started anew. That makes increases a matter of which samples there are, not of
the order in which they came.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Floats, Ints
from nowline.store.base import Rows

Mask = NDArray[np.bool_]
_MOST = float(np.finfo(np.float64).max)


def empty() -> Rows:
    """No rows."""
    ints = np.empty(0, np.int64)
    return Rows(ints, ints, np.empty(0))


def where(rows: Rows, chosen: Mask) -> Rows:
    """Only the rows where `chosen` is true."""
    return Rows(rows.series[chosen], rows.time[chosen], rows.value[chosen])


def since(rows: Rows, first: int, most: int | None = None) -> Rows:
    """The rows from that one on, so many at most."""
    chosen = slice(first, None if most is None else first + most)
    return Rows(rows.series[chosen], rows.time[chosen], rows.value[chosen])


def concatenate(*parts: Rows) -> Rows:
    """The rows of all parts, one after the other; those of a part alone are not copied."""
    filled = [part for part in parts if len(part.time)]
    if len(filled) <= 1:
        return filled[0] if filled else empty()
    return Rows(
        np.concatenate([part.series for part in filled]),
        np.concatenate([part.time for part in filled]),
        np.concatenate([part.value for part in filled]),
    )


def collapse(rows: Rows) -> Rows:
    """One row per series and time, with the greatest value, ordered by series, then time."""
    rows = _ordered(rows)
    starts = np.flatnonzero(_begins(rows.series, rows.time))
    if len(starts) == len(rows.time):
        return rows
    value = np.maximum.reduceat(rows.value, starts)
    return Rows(rows.series[starts], rows.time[starts], value)


def newest(rows: Rows) -> Rows:
    """The last row of each series, of rows that are ordered by series."""
    return where(rows, np.append(rows.series[1:] != rows.series[:-1], True)[: len(rows.series)])


def firsts(rows: Rows) -> Mask:
    """Which rows are the first of their series, of rows that are ordered by series."""
    return _begins(rows.series)


def increase(before: Floats, value: Floats) -> Floats:
    """What a source added between two samples."""
    with np.errstate(over="ignore", invalid="ignore"):
        grown = np.minimum(value - before, _MOST)
    return np.where(value >= before, grown, value)


def chain(rows: Rows) -> Rows:
    """The increases of collapsed rows that have nothing before them."""
    before = np.concatenate((rows.value[:1], rows.value[:-1]))
    added = np.where(firsts(rows), 0.0, increase(before, rows.value))
    return Rows(rows.series, rows.time, added)


def revise(known: Rows, new: Rows, told: Rows) -> Rows:
    """What to add to the increases told so far when new samples come between known ones.

    There is a row for each new sample and for the one after it.

    Args:
        known: Samples from before, in any order; of each series at least the neighbours of every
            new sample, and all between its new samples.
        new: The new samples.
        told: The increases that were told of the first known samples where that is not 0.
    """
    both = concatenate(known, new)
    is_new = np.arange(len(both.time)) >= len(known.time)
    order = np.lexsort((both.time, both.series))
    both, is_new = _take(both, order), is_new[order]
    starts = np.flatnonzero(_begins(both.series, both.time))
    existed = np.logical_or.reduceat(~is_new, starts)
    touched = np.logical_or.reduceat(is_new, starts)
    was = np.maximum.reduceat(np.where(is_new, -np.inf, both.value), starts)
    rows = Rows(both.series[starts], both.time[starts], np.maximum.reduceat(both.value, starts))
    before = _told_before(rows, existed, was, told)
    # The first known sample may have had one before it that is kept no longer.
    after = np.where(firsts(rows) & existed, before, chain(rows).value)
    follows = np.concatenate(([False], (touched & (rows.value > was))[:-1])) & ~firsts(rows)
    affected = touched | follows
    with np.errstate(over="ignore"):
        added = np.clip(after - before, -_MOST, _MOST)
    return where(Rows(rows.series, rows.time, added), affected)


def _told_before(rows: Rows, existed: Mask, was: Floats, told: Rows) -> Floats:
    """The increase that was told of each row; 0 of those that are new."""
    old = chain(where(Rows(rows.series, rows.time, was), existed))
    heads = firsts(old)
    value = old.value.copy()
    value[heads] = _looked_up(where(old, heads), told)
    before = np.zeros(len(rows.time))
    before[existed] = value
    return before


def _looked_up(rows: Rows, told: Rows) -> Floats:
    """The sum of `told` at each of these rows, which have one time per series."""
    at = np.searchsorted(rows.series, told.series)
    at[at == len(rows.series)] = 0
    fits = (rows.series[at] == told.series) & (rows.time[at] == told.time) if len(at) else at > 0
    sums = np.zeros(len(rows.series))
    np.add.at(sums, at[fits], told.value[fits])
    return sums


def _begins(*columns: Ints) -> Mask:
    """Which rows differ from the one before in any of the columns."""
    changes = np.zeros(max(len(columns[0]) - 1, 0), bool)
    for column in columns:
        changes |= column[1:] != column[:-1]
    return np.concatenate(([True], changes))[: len(columns[0])]


def _ordered(rows: Rows) -> Rows:
    return _take(rows, np.lexsort((rows.time, rows.series)))


def _take(rows: Rows, order: Ints) -> Rows:
    return Rows(rows.series[order], rows.time[order], rows.value[order])

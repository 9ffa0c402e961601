"""From rows to values: what each aggregation makes of partials and of bins. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Floats, Ints, Need, Partials
from nowline.model.query import Aggregation
from nowline.model.series import MetricType

_VALUES: dict[Aggregation, Callable[[Partials], Floats]] = {
    Aggregation.AVG: lambda rows: rows.total / rows.count,
    Aggregation.SUM: lambda rows: rows.total,
    Aggregation.COUNT: lambda rows: rows.count.astype(np.float64),
    Aggregation.MIN: lambda rows: rows.low,
    Aggregation.MAX: lambda rows: rows.high,
    Aggregation.LAST: lambda rows: rows.last,
}

_NEEDS = {
    **dict.fromkeys((Aggregation.AVG, Aggregation.SUM, Aggregation.COUNT), Need.SUMS),
    Aggregation.RATE: Need.SUMS,
    Aggregation.MIN: Need.LOW,
    Aggregation.MAX: Need.HIGH,
}


def reads_increases(aggregation: Aggregation, kind: MetricType | None) -> bool:
    """Whether the rows wanted are the increases of running totals, not the totals."""
    cumulative = kind is MetricType.CUMULATIVE
    return cumulative and aggregation in {Aggregation.SUM, Aggregation.RATE}


def need_of(aggregation: Aggregation) -> Need:
    """What its values are made of, but for the rise of gauges."""
    return _NEEDS.get(aggregation, Need.ALL)


def value_of(
    rows: Partials,
    aggregation: Aggregation,
    kind: MetricType | None,
    lengths_ms: Callable[[Ints], Ints],
) -> Floats:
    """The value of each partial.

    Args:
        rows: Partials by group; of a rate, those that count (see `reads_increases`).
        aggregation: Neither a percentile nor the rate of a gauge.
        kind: The metric's type.
        lengths_ms: Tells how much time each of these buckets stands for.
    """
    if aggregation is not Aggregation.RATE:
        return _VALUES[aggregation](rows)
    of_observations = kind is MetricType.DISTRIBUTION
    amount = rows.count.astype(np.float64) if of_observations else rows.total
    return amount * 1000 / lengths_ms(rows.bucket)


@dataclass(frozen=True, slots=True)
class Rises:
    """How much the series of each group rose in each bucket, ordered by group, then bucket."""

    group: Ints
    bucket: Ints
    amount: Floats


def rises(rows: Partials, before: Partials, group: Ints) -> Rises:
    """The rise from each bucket's last value to the next one's, summed by group.

    A series that fell has started anew: its new value is what it rose by. The first value of a
    series tells of no rise.

    Args:
        rows: Partials by series, ordered by series, then bucket; keys are indices into `group`.
        before: The same of the time just before them, at most one a series.
        group: The group of each series.
    """
    then, has_one = _values_before(rows, before)
    key, bucket, now = rows.key, rows.bucket, rows.last
    if not has_one.all():
        key, bucket, now, then = key[has_one], bucket[has_one], now[has_one], then[has_one]
    # A rise beyond the greatest double is infinite, and told as null.
    with np.errstate(over="ignore"):
        amount = np.where(now < then, now, now - then)
    return _summed(group[key], bucket, amount)


def _values_before(rows: Partials, before: Partials) -> tuple[Floats, NDArray[np.bool_]]:
    """The value that each row's series had before it, and which rows there is one for."""
    then, has_one = np.roll(rows.last, 1), np.ones(len(rows), np.bool_)
    firsts = np.flatnonzero(_is_new(rows.key))
    series = rows.key[firsts]
    known = np.isin(series, before.key)
    has_one[firsts] = known
    then[firsts[known]] = before.last[np.searchsorted(before.key, series[known])]
    return then, has_one


def _summed(group: Ints, bucket: Ints, amount: Floats) -> Rises:
    """The sum of each group and bucket that there is, by counting instead of sorting."""
    if not len(group):
        return Rises(group, bucket, amount)
    # Several times faster than `np.unique`, which does not order them by comparing.
    ordered = np.sort(bucket)
    buckets = ordered[_is_new(ordered)]
    cell = group * len(buckets) + np.searchsorted(buckets, bucket)
    total = np.bincount(cell, weights=amount).astype(np.float64)
    seen = np.flatnonzero(np.bincount(cell))
    return Rises(seen // len(buckets), buckets[seen % len(buckets)], total[seen])


def _is_new(numbers: Ints) -> NDArray[np.bool_]:
    """Which numbers differ from the one before."""
    changes = np.ones(len(numbers), np.bool_)
    np.not_equal(numbers[1:], numbers[:-1], out=changes[1:])
    return changes

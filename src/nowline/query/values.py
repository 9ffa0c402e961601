"""From rows to values: what each aggregation makes of partials and of bins. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nowline.model.partials import Floats, Ints, Partials, merge
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


def reads_increases(aggregation: Aggregation, kind: MetricType | None) -> bool:
    """Whether the rows wanted are the increases of running totals, not the totals."""
    cumulative = kind is MetricType.CUMULATIVE
    return cumulative and aggregation in {Aggregation.SUM, Aggregation.RATE}


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
    both = _with_baselines(rows, before)
    same = np.flatnonzero(both.key[1:] == both.key[:-1]) + 1
    now, then = both.last[same], both.last[same - 1]
    amount = np.where(now < then, now, now - then)
    key, bucket = group[both.key[same]], both.bucket[same]
    order = np.lexsort((bucket, key))
    key, bucket = key[order], bucket[order]
    changes = (np.diff(key) != 0) | (np.diff(bucket) != 0)
    starts = np.concatenate(([0], np.flatnonzero(changes) + 1))[: len(key)].astype(np.int64)
    return Rises(key[starts], bucket[starts], np.add.reduceat(amount[order], starts))


def _with_baselines(rows: Partials, before: Partials) -> Partials:
    """Rows, and ahead of each series' own the one before, whose bucket is no bucket's."""
    earlier = replace(before, bucket=np.full(len(before), np.iinfo(np.int64).min))
    return merge([earlier, rows])

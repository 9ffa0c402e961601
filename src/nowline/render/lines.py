"""Points as lines to draw: gaps stay gaps, and zeros stand where nothing happened. Pure.

As on the page (web/src/series/{shape,rolling,share,stack}.ts), but each line has times of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Floats, Ints
from nowline.model.points import Points

# A silence of this many usual steps is a gap.
_GAP_STEPS = 2.5
# Longer silences are unknown even where a missing bucket means zero.
_ZERO_FILL_BUCKETS = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One series.

    Attributes:
        tags: What it is of.
        times: Ascending starts of buckets, epoch milliseconds.
        values: A finite value for each; NaN is a gap.
    """

    tags: dict[str, str]
    times: Ints
    values: Floats

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where it has values."""
        found: NDArray[np.bool_] = ~np.isnan(self.values)
        return found

    @property
    def latest(self) -> float | None:
        """Its newest value."""
        known = self.values[self.known]
        return float(known[-1]) if len(known) else None

    def runs(self) -> list[tuple[Ints, Floats]]:
        """Its parts without a gap in them, times and values."""
        known = np.flatnonzero(self.known)
        cuts = np.flatnonzero(np.diff(known) > 1) + 1
        parts = np.split(known, cuts) if len(known) else []
        return [(self.times[each], self.values[each]) for each in parts]

    def scaled(self, by: float) -> Line:
        """The same with every value so many times as large."""
        with np.errstate(over="ignore"):
            values = self.values * by
        return replace(self, values=np.where(np.isfinite(values), values, np.nan))


@dataclass(frozen=True, slots=True)
class Layer:
    """Where a line of a stack begins and ends at each time; NaN where it has a gap."""

    times: Ints
    base: Floats
    top: Floats


def lines_of(points: Points) -> list[Line]:
    """The series of an answer; what is no finite number is no value."""
    good = np.isfinite(points.value)
    group, bucket, value = points.group[good], points.bucket[good], points.value[good]
    edges = np.searchsorted(group, np.arange(len(points.tags) + 1))
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return [
        Line(tags, bucket[first:end], value[first:end])
        for tags, (first, end) in zip(points.tags, pairs, strict=True)
        if end > first
    ]


def closed(line: Line, bucket_ms: int, now: int) -> Line:
    """Without the buckets that are still filling: sums and counts would dip there."""
    kept = line.times + bucket_ms <= now
    return replace(line, times=line.times[kept], values=line.values[kept])


def with_gaps(line: Line, bucket_ms: int) -> Line:
    """The line with a gap in each silence that is longer than usual."""
    steps = np.diff(line.times)
    usual = (
        bucket_ms if len(steps) < 2 else max(bucket_ms, int(np.sort(steps)[(len(steps) - 1) // 2]))
    )
    silent = line.times[:-1][steps > _GAP_STEPS * usual]
    return _joined(line, silent + bucket_ms, np.full(len(silent), np.nan))


def zero_filled(line: Line, bucket_ms: int, first: int, last: int) -> Line:
    """The line with a zero for each empty bucket from `first` to `last`.

    What was silent for longer than anybody would count is a gap.
    """
    if not len(line.times):
        return line
    times = np.concatenate(([first - bucket_ms], line.times, [last + bucket_ms]))
    steps = np.diff(times)
    short = (steps > bucket_ms) & (steps <= _ZERO_FILL_BUCKETS * bucket_ms)
    long = steps > _ZERO_FILL_BUCKETS * bucket_ms
    long[0] = long[-1] = False
    pairs = zip(times[:-1][short].tolist(), times[1:][short].tolist(), strict=True)
    zeros = [np.arange(start + bucket_ms, end, bucket_ms, dtype=np.int64) for start, end in pairs]
    filled = np.concatenate([np.empty(0, np.int64), *zeros])
    gaps = times[:-1][long] + bucket_ms
    values = np.concatenate((np.zeros(len(filled)), np.full(len(gaps), np.nan)))
    return _joined(line, np.concatenate((filled, gaps)), values)


def rolled(line: Line, buckets: int) -> Line:
    """Each value as the sum of its own bucket and those before it; a gap begins anew."""
    parts: list[tuple[Ints, Floats]] = []
    for times, values in line.runs():
        if len(values) < buckets:
            continue
        sums = np.convolve(values, np.ones(buckets), "valid")
        parts.append((np.append(times[buckets - 1 :], times[-1] + 1), np.append(sums, np.nan)))
    if not parts:
        return replace(line, times=line.times[:0], values=line.values[:0])
    return Line(line.tags, *(np.concatenate(each)[:-1] for each in zip(*parts, strict=True)))


def share_of(part: Sequence[Line], whole: Sequence[Line]) -> list[Line]:
    """What one count is of another at each time, in percent; nothing of nothing is no share."""
    times, totals = _totals(whole)
    own_times, own = _totals(part)
    counted = np.zeros(len(times))
    if len(own_times):
        at = np.minimum(np.searchsorted(own_times, times), len(own_times) - 1)
        counted = np.where(own_times[at] == times, own[at], 0.0)
    known = totals > 0
    values = 100 * counted[known] / totals[known]
    return [Line({}, times[known], values)] if known.any() else []


def stacked(lines: Sequence[Line]) -> list[Layer]:
    """The lines on one another, the first at the bottom; a gap adds nothing there."""
    if not lines:
        return []
    times = np.unique(np.concatenate([line.times for line in lines]))
    height = np.zeros(len(times))
    layers = []
    for line in lines:
        values = _over(line, times)
        base, top = height, height + values
        layers.append(Layer(times, np.where(np.isnan(values), np.nan, base), top))
        height = np.where(np.isnan(values), height, top)
    return layers


def _over(line: Line, times: Ints) -> Floats:
    """The line at these times: drawn over where others alone have points, but not over its gaps."""
    values = np.full(len(times), np.nan)
    for own, known in line.runs():
        first, end = np.searchsorted(times, [own[0], own[-1] + 1])
        values[first:end] = np.interp(times[first:end], own, known)
    return values


def _totals(lines: Sequence[Line]) -> tuple[Ints, Floats]:
    if not lines:
        return np.empty(0, np.int64), np.empty(0)
    times, at = np.unique(np.concatenate([line.times for line in lines]), return_inverse=True)
    values = np.concatenate([line.values for line in lines])
    totals: Floats = np.bincount(at, weights=values, minlength=len(times)).astype(np.float64)
    return times, totals


def _joined(line: Line, times: Ints, values: Floats) -> Line:
    if not len(times):
        return line
    all_times = np.concatenate((line.times, times))
    order = np.argsort(all_times, kind="stable")
    return replace(
        line, times=all_times[order], values=np.concatenate((line.values, values))[order]
    )

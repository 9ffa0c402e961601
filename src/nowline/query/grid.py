"""The buckets of a range: all of one width from the epoch on, or the days of a time zone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from nowline.model import histogram, partials
from nowline.model.histogram import Bins
from nowline.model.partials import Ints, Partials
from nowline.model.query import DAY_MS

_EPOCH = date(1970, 1, 1).toordinal()
_MONDAY = date(1970, 1, 5).toordinal()
_LAST_ORDINAL = date.max.toordinal()


_Rows = TypeVar("_Rows", Partials, Bins)


@dataclass(frozen=True, slots=True)
class Grid:
    """Buckets, and what they are told as.

    Attributes:
        step_ms: The width of the steps from the epoch on that each bucket is made of.
        edges: Where the buckets begin and the last one ends; None where each step is a bucket.
        told: The time that each bucket is told as; None for its start.
    """

    step_ms: int
    edges: Ints | None = None
    told: Ints | None = None

    def starts(self, start: int, end: int) -> Ints:
        """What the buckets that `[start, end)` touches are told as."""
        if self.edges is None:
            first, last = start // self.step_ms, -(-end // self.step_ms)
            return np.arange(first, last, dtype=np.int64) * self.step_ms
        inside = (self.edges[1:] > start) & (self.edges[:-1] < end)
        return self._told(self.edges)[inside]

    def of(self, time: Ints) -> Ints:
        """What the bucket of each time is told as."""
        if self.edges is None:
            return time // self.step_ms * self.step_ms
        return self._told(self.edges)[_index(self.edges, time)]

    def ends(self, told: Ints) -> Ints:
        """Where each bucket ends."""
        return self._bounds(told)[1]

    def lengths(self, told: Ints, start: int, end: int, now: int) -> Ints:
        """How many milliseconds of each bucket lie in `[start, end)`, before `now` if any do."""
        first, last = self._bounds(told)
        first, last = np.maximum(first, start), np.minimum(last, end)
        passed = np.minimum(last, now)
        return np.maximum(np.where(passed > first, passed, last) - first, 1)

    def partials(self, rows: Partials) -> Partials:
        """Partials of steps as partials of buckets."""
        return rows if self.edges is None else partials.merge([self._placed(rows)])

    def bins(self, rows: Bins) -> Bins:
        """Bins of steps as bins of buckets."""
        return rows if self.edges is None else histogram.merge([self._placed(rows)])

    def _placed(self, rows: _Rows) -> _Rows:
        return replace(rows, bucket=self.of(rows.bucket))

    def _told(self, edges: Ints) -> Ints:
        return edges[:-1] if self.told is None else self.told

    def _bounds(self, told: Ints) -> tuple[Ints, Ints]:
        if self.edges is None:
            return told, told + self.step_ms
        at = _index(self._told(self.edges), told)
        return self.edges[at], self.edges[at + 1]


def _index(ascending: Ints, time: Ints) -> Ints:
    """Where the last one is that is not after each time."""
    # A step that is wider than the distance of the edges may begin before the first one.
    return np.maximum(np.searchsorted(ascending, time, side="right") - 1, 0)


def of_zone(zone: ZoneInfo, start: int, end: int, days: int) -> Grid:
    """Buckets of that many local days, from midnight to midnight, that `[start, end)` touches.

    Days count from 1 January 1970, and whole weeks from a Monday. A day on which the clock is
    put forward or back is one bucket of 23 or 25 hours; a day that a zone left out is none.
    """
    origin = _MONDAY if days % 7 == 0 else _EPOCH
    first = datetime.fromtimestamp(start / 1000, zone).date().toordinal()
    ordinal = first - (first - origin) % days
    edges = [_midnight(zone, ordinal)]
    while edges[-1] < end:
        ordinal += days
        edges.append(_midnight(zone, ordinal))
    return of_edges(np.unique(np.array(edges, np.int64)))


def of_edges(edges: Ints, told: Ints | None = None) -> Grid:
    """Buckets between these edges, ascending, made of the widest steps that fit a day."""
    return Grid(int(np.gcd.reduce(np.append(edges, DAY_MS))), edges, told)


def moved_back(grid: Grid, start: int, end: int, back_ms: int, zone: ZoneInfo | None) -> Grid:
    """The buckets of an earlier time, each told as the one of `[start, end)` that it compares to.

    With a zone, whole days go back by the clock on the wall.
    """
    told = grid.starts(start, end)
    last = grid.edges[-1] if grid.edges is not None else told[-1] + grid.step_ms
    edges = moments_back(np.append(told, last).tolist(), back_ms, zone)
    # Of an hour that the clock left out, later buckets would otherwise begin before earlier ones.
    return of_edges(np.maximum.accumulate(np.array(edges, np.int64)), told)


def moments_back(moments: Sequence[int], back_ms: int, zone: ZoneInfo | None) -> list[int]:
    """Each moment, that much earlier; with a zone, whole days by the clock on the wall."""
    if zone is None or back_ms % DAY_MS:
        return [moment - back_ms for moment in moments]
    days = timedelta(milliseconds=back_ms)
    local = (datetime.fromtimestamp(moment / 1000, zone) for moment in moments)
    return [_epoch_ms(moment - days) for moment in local]


def _midnight(zone: ZoneInfo, ordinal: int) -> int:
    """When a local day begins; of a midnight that comes twice, the first.

    Of a midnight that the clock jumps over, Python reckons by the time before the jump (PEP 495),
    which is the moment of the jump.
    """
    day = date.fromordinal(min(max(ordinal, 1), _LAST_ORDINAL))
    return _epoch_ms(datetime(day.year, day.month, day.day, tzinfo=zone))


def _epoch_ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

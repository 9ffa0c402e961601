"""From the query as asked to exactly what to read. Pure: the time comes as an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from nowline.errors import invalid
from nowline.model.level import Level
from nowline.model.query import DAY_MS, HOUR_MS, Aggregation, Fill, Query, TimeRange
from nowline.model.series import MetricType
from nowline.query.grid import Grid, moments_back, moved_back, of_zone
from nowline.query.limits import check, check_histogram, check_whole
from nowline.query.ranges import (
    WIDTHS_MS,
    auto_ms,
    back_ms,
    interval_ms,
    range_of,
    rounded,
    second_after,
)
from nowline.query.ranges import zone as zone_of
from nowline.query.retention import FOR_EVER, Kept, finest

_MOST_POINTS = 100_000
# Of a histogram: from where to where the values of a line are.
SIZE_KEYS = ("from", "to")
# Wider than any range: all of it is one bucket, of whole days.
ALL_TIME_MS = 10_000_000 * DAY_MS
# Where `auto` would read about this many raw rows for percentiles, it takes hours, which have bins.
_MANY_ROWS = 1_000_000
_MANY_ROWS_SPAN_MS = 12 * HOUR_MS
_USUAL_GAP_MS = 10_000


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of the metric that is asked about.

    Attributes:
        type: Its type, None if there is no such metric.
        series: How many series it has.
    """

    type: MetricType | None = None
    series: int = 0


UNKNOWN = Subject()


@dataclass(frozen=True, slots=True)
class Part:
    """One range that a plan reads, `[start, end)`, and its buckets.

    Attributes:
        back_ms: How far back it lies from the range asked for.
    """

    start: int
    end: int
    grid: Grid
    back_ms: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read: one metric's series in `[start, end)`, in buckets of `width_ms`.

    Attributes:
        finest: The finest level that is kept of all of it.
        zone: Whose days the buckets are, where they are of whole days.
        compare_ms: How far back the range to compare with lies, 0 for none.
        now: The end of the second that it is.
        family: The same for a range that moves or grows with the clock: its edges are rounded, so
            that neither they nor its length tell.
    """

    metric: str
    aggregation: Aggregation
    filters: Mapping[str, tuple[str, ...]]
    group_by: tuple[str, ...]
    start: int
    end: int
    width_ms: int
    max_points: int
    finest: Level = Level.RAW
    zone: ZoneInfo | None = None
    fill: Fill = Fill.NONE
    compare_ms: int = 0
    now: int = field(default=ALL_TIME_MS, compare=False)
    family: tuple[str, int] = field(default=("", 0), compare=False)

    @property
    def level(self) -> Level:
        """The coarsest level that the buckets are made of."""
        step = self.grid().step_ms
        return next(level for level in reversed(Level) if step % level.width_ms == 0)

    def buckets(self) -> int:
        """How many buckets the range touches; of a zone's days, about so many."""
        return -(-self.end // self.width_ms) - self.start // self.width_ms

    @property
    def keys(self) -> tuple[str, ...]:
        """What the tags of its lines are called."""
        return SIZE_KEYS if self.aggregation is Aggregation.HISTOGRAM else self.group_by

    @property
    def is_thinned(self) -> bool:
        """Whether points may be left out: counts by size add up, so none of them may."""
        return self.aggregation is not Aggregation.HISTOGRAM

    def grid(self) -> Grid:
        """The buckets."""
        if self.zone is None or self.width_ms % DAY_MS:
            return Grid(self.width_ms)
        days = of_zone(self.zone, self.start, self.end, self.width_ms // DAY_MS)
        return self._coarse(days)

    def part(self) -> Part:
        """The range asked for."""
        return Part(self.start, self.end, self.grid())

    def compared(self) -> Part:
        """The range to compare with, its buckets told as those of the range asked for."""
        moved = moments_back((self.start, self.end), self.compare_ms, self.zone)
        start, end = (max(0, moment) for moment in moved)
        grid = moved_back(self.grid(), self.start, self.end, self.compare_ms, self.zone)
        return Part(start, end, self._coarse(grid), self.compare_ms)

    def _coarse(self, grid: Grid) -> Grid:
        width = self.finest.width_ms
        return grid if width <= grid.step_ms else replace(grid, step_ms=width)


def plan(query: Query, now_ms: int, kept: Kept = FOR_EVER, subject: Subject = UNKNOWN) -> Plan:
    """Check a query and lay down what to read.

    A range that begins before what is kept in full is read from the finest level that still
    covers it: its buckets become multiples of that level's, and its edges move outwards to them.

    Raises:
        NowlineError: INVALID with the field at fault; UNPROCESSABLE when it would cost too much.
    """
    if not query.metric_name:
        raise invalid("metric_name", "must not be empty")
    if not 1 <= query.max_points <= _MOST_POINTS:
        raise invalid("max_points", f"must be from 1 to {_MOST_POINTS}")
    if query.aggregation is Aggregation.HISTOGRAM:
        check_histogram(query, subject.type)
    start, end = range_of(query.time_range, now_ms)
    width, family = _width(query, end - start, subject), _family(query.time_range, start, end)
    if query.time_range.start is None:
        start = rounded(start, end)
    planned = Plan(
        metric=query.metric_name,
        aggregation=query.aggregation,
        filters=_filters(query.filters),
        group_by=tuple(dict.fromkeys(query.group_by)),
        start=start,
        end=end,
        width_ms=width,
        max_points=query.max_points,
        zone=zone_of(query.timezone, end),
        fill=query.fill,
        compare_ms=back_ms(query.compare, now_ms),
        now=second_after(now_ms),
        family=family,
    )
    # Of what was asked: whether it is too much does not hang on how long a level is kept.
    check(planned.buckets(), compares_days=bool(planned.zone and planned.compare_ms))
    if query.aggregation is Aggregation.HISTOGRAM and query.interval != "auto":
        check_whole(planned.buckets(), query.max_points)
    return keep(planned, kept, subject.type)


def keep(planned: Plan, kept: Kept, kind: MetricType | None) -> Plan:
    """The plan over what is kept: widened to the finest level that covers its range."""
    oldest = max(0, planned.start - planned.compare_ms)
    whole = planned.aggregation.is_binned and kind is not MetricType.DISTRIBUTION
    level = finest(kept, planned.now - oldest, binned=whole)
    until = finest(kept, planned.now - planned.end, binned=whole)
    if level is until is planned.finest is Level.RAW:
        return planned
    return replace(
        planned,
        start=planned.start // level.width_ms * level.width_ms,
        end=-(-planned.end // until.width_ms) * until.width_ms,
        width_ms=-(-planned.width_ms // level.width_ms) * level.width_ms,
        finest=level,
    )


def _family(time_range: TimeRange, start: int, end: int) -> tuple[str, int]:
    grows = time_range.start is not None and time_range.end is None
    return ("from", start) if grows else ("last", end - start)


def _width(query: Query, span_ms: int, subject: Subject) -> int:
    if query.interval != "auto":
        return interval_ms(query.interval)
    width = auto_ms(span_ms, query.max_points)
    if not _reads_many_rows(query.aggregation, span_ms, subject):
        return width
    return next(w for w in WIDTHS_MS if w >= max(width, HOUR_MS))


def _reads_many_rows(aggregation: Aggregation, span_ms: int, subject: Subject) -> bool:
    """Whether percentiles would come from very many raw rows, as if each series came every 10 s."""
    if not aggregation.is_binned or subject.type is MetricType.DISTRIBUTION:
        return False
    rows = subject.series * span_ms // _USUAL_GAP_MS
    return span_ms >= _MANY_ROWS_SPAN_MS and rows > _MANY_ROWS


def _filters(filters: Mapping[str, str | list[str]]) -> dict[str, tuple[str, ...]]:
    listed = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in filters.items()}
    return {key: tuple(sorted(set(values))) for key, values in sorted(listed.items())}

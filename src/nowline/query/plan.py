"""From the query as asked to exactly what to read. Pure: the time comes as an argument."""

from __future__ import annotations

from dataclasses import dataclass

from nowline.errors import Code, FieldError, NowlineError, invalid
from nowline.model.moment import epoch_ms
from nowline.model.query import (
    DAY_MS,
    MINUTE_MS,
    SECOND_MS,
    Aggregation,
    Query,
    TimeRange,
    duration_ms,
)

_HOUR_MS = 60 * MINUTE_MS
# The widths that `auto` chooses from: those that people read off an axis without arithmetic.
_WIDTHS_MS = (
    *(n * SECOND_MS for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE_MS for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR_MS for n in (1, 2, 3, 6, 12)),
    *(n * DAY_MS for n in (1, 7, 30, 365)),
)
_MOST_BUCKETS = 1_000_000
_MOST_POINTS = 100_000
_DEFAULT_LAST = "1h"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read: one metric's series in `[start, end)`, in buckets of `width_ms`."""

    metric: str
    aggregation: Aggregation
    filters: dict[str, tuple[str, ...]]
    group_by: tuple[str, ...]
    start: int
    end: int
    width_ms: int
    max_points: int

    def buckets(self) -> int:
        """How many buckets the range touches."""
        return -(-self.end // self.width_ms) - self.start // self.width_ms


def plan(query: Query, now_ms: int) -> Plan:
    """Check a query and lay down what to read.

    Raises:
        NowlineError: INVALID with the field at fault; UNPROCESSABLE when it would cost too much.
    """
    if not query.metric_name:
        raise invalid("metric_name", "must not be empty")
    if not 1 <= query.max_points <= _MOST_POINTS:
        raise invalid("max_points", f"must be from 1 to {_MOST_POINTS}")
    start, end = _range(query.time_range, now_ms)
    planned = Plan(
        metric=query.metric_name,
        aggregation=query.aggregation,
        filters=_filters(query.filters),
        group_by=tuple(dict.fromkeys(query.group_by)),
        start=start,
        end=end,
        width_ms=_width(query.interval, end - start, query.max_points),
        max_points=query.max_points,
    )
    _limit(planned)
    return planned


def interval_ms(interval: str) -> int:
    """The width that an interval other than `auto` asks for.

    Raises:
        NowlineError: INVALID when it is not a duration.
    """
    width = duration_ms(interval)
    if width is None:
        raise invalid(
            "interval", f"`{interval}` is not auto or a duration such as 1s, 5m, 1h or 1d"
        )
    return width


def reach_ms(time_range: TimeRange, now_ms: int, default: str) -> int:
    """How far back from now a range that is open at its end goes, for a live channel.

    Raises:
        NowlineError: INVALID when the range has an end, or nothing tells its start.
    """
    if time_range.end is not None:
        raise invalid("time_range.end", "a live query goes on: it has no end")
    if time_range.start is None and time_range.last is None:
        time_range = TimeRange(last=default)
    start, end = _range(time_range, now_ms)
    return end - start


def _width(interval: str, span_ms: int, max_points: int) -> int:
    if interval != "auto":
        return interval_ms(interval)
    # One more bucket than the span holds whole ones may be touched at its edges.
    fitting = (w for w in _WIDTHS_MS if span_ms // w + 2 <= max(max_points, 3))
    return next(fitting, _WIDTHS_MS[-1])


def _range(time_range: TimeRange, now_ms: int) -> tuple[int, int]:
    if time_range.start is None and time_range.end is None:
        return _last(_DEFAULT_LAST if time_range.last is None else time_range.last, now_ms)
    if time_range.last is not None:
        raise invalid("time_range.last", "give either `last` or `start` and `end`")
    if time_range.start is None:
        raise invalid("time_range.start", "is missing")
    start = _moment("time_range.start", time_range.start)
    end = _second_after(now_ms)
    if time_range.end is not None:
        end = _moment("time_range.end", time_range.end)
    if end <= start:
        raise invalid("time_range.end", "must be after `start`")
    return start, end


def _last(text: str, now_ms: int) -> tuple[int, int]:
    span = duration_ms(text)
    if span is None or span > now_ms:
        raise invalid("time_range.last", f"`{text}` is not a duration such as 90s, 5m, 1h or 7d")
    end = _second_after(now_ms)
    return end - span, end


def _second_after(now_ms: int) -> int:
    """The end of the second that it is now: "up to now" takes in the newest row."""
    return now_ms // SECOND_MS * SECOND_MS + SECOND_MS


def _moment(field: str, moment: str | float) -> int:
    at = epoch_ms(moment)
    if at is None or at < 0:
        raise invalid(field, "must be an RFC 3339 time with a zone, or epoch milliseconds")
    return at


def _filters(filters: dict[str, str | list[str]]) -> dict[str, tuple[str, ...]]:
    listed = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in filters.items()}
    return {key: tuple(sorted(set(values))) for key, values in sorted(listed.items())}


def _limit(planned: Plan) -> None:
    if planned.buckets() > _MOST_BUCKETS:
        detail = (
            f"The query asks for {planned.buckets():,} buckets a series; the limit is "
            f"{_MOST_BUCKETS:,}. Ask for a shorter time_range or a wider interval."
        )
        errors = (FieldError("too narrow for this time_range", field="interval"),)
        raise NowlineError(Code.UNPROCESSABLE, detail, errors=errors)

"""Times, widths and zones as a query tells them, checked. Pure."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from nowline.errors import invalid
from nowline.model.moment import epoch_ms, zone_named
from nowline.model.query import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    TimeRange,
    duration_ms,
)

# The widths that `auto` chooses from: those that people read off an axis without arithmetic.
WIDTHS_MS = (
    *(n * SECOND_MS for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE_MS for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR_MS for n in (1, 2, 3, 6, 12)),
    *(n * DAY_MS for n in (1, 7, 30, 365)),
)
_DEFAULT_LAST = "1h"
# What the start of a range up to now is rounded to, and the share of the range that may be.
_ROUND_MS = (DAY_MS, HOUR_MS, 5 * MINUTE_MS, MINUTE_MS)
_ROUND_SHARE = 288
# Calendars end with the year 9999; a little earlier there is room for the bucket it ends in.
_LAST_LOCAL_MS = 250_000_000_000_000


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


def auto_ms(span_ms: int, max_points: int) -> int:
    """The narrowest width of which a range needs no more buckets than `max_points`."""
    # One more bucket than the span holds whole ones may be touched at its edges.
    fitting = (w for w in WIDTHS_MS if span_ms // w + 2 <= max(max_points, 3))
    return next(fitting, WIDTHS_MS[-1])


def reach_ms(time_range: TimeRange, now_ms: int, default: str) -> int:
    """How far back from now a range that is open at its end goes, for a live channel.

    Raises:
        NowlineError: INVALID when the range has an end, or nothing tells its start.
    """
    if time_range.end is not None:
        raise invalid("time_range.end", "a live query goes on: it has no end")
    if time_range.start is None and time_range.last is None:
        time_range = TimeRange(last=default)
    start, end = range_of(time_range, now_ms)
    return end - start


def range_of(time_range: TimeRange, now_ms: int) -> tuple[int, int]:
    """`[start, end)` in epoch milliseconds.

    Raises:
        NowlineError: INVALID with the field at fault.
    """
    if time_range.start is None and time_range.end is None:
        return _last(_DEFAULT_LAST if time_range.last is None else time_range.last, now_ms)
    if time_range.last is not None:
        raise invalid("time_range.last", "give either `last` or `start` and `end`")
    if time_range.start is None:
        raise invalid("time_range.start", "is missing")
    start = _moment("time_range.start", time_range.start)
    end = second_after(now_ms)
    if time_range.end is not None:
        end = _moment("time_range.end", time_range.end)
    if end <= start:
        raise invalid("time_range.end", "must be after `start`")
    return start, end


def rounded(start: int, end: int) -> int:
    """The start of a range up to now, earlier by less than a 288th of it: five minutes in a day.

    Whole minutes and hours are read from roll-ups, where an odd start would have raw rows read.
    """
    fitting = (width for width in _ROUND_MS if width * _ROUND_SHARE <= end - start)
    width = next(fitting, 1)
    return start // width * width


def back_ms(compare: str | None, now_ms: int) -> int:
    """How far back the range to compare with lies, 0 for none.

    Raises:
        NowlineError: INVALID when it is not a duration.
    """
    if compare is None:
        return 0
    back = duration_ms(compare)
    if back is None or back > now_ms:
        raise invalid("compare", f"`{compare}` is not a duration such as 1h, 1d or 7d")
    return back


def zone(name: str | None, end: int) -> ZoneInfo | None:
    """The time zone of that IANA name.

    Raises:
        NowlineError: INVALID when there is none, or the range ends after the calendar does.
    """
    if name is None:
        return None
    if end > _LAST_LOCAL_MS:
        raise invalid("time_range.end", "is too late for a time zone's calendar")
    return zone_named(name)


def second_after(now_ms: int) -> int:
    """The end of the second that it is now: "up to now" takes in the newest row."""
    return now_ms // SECOND_MS * SECOND_MS + SECOND_MS


def _last(text: str, now_ms: int) -> tuple[int, int]:
    span = duration_ms(text)
    if span is None or span > now_ms:
        raise invalid("time_range.last", f"`{text}` is not a duration such as 90s, 5m, 1h or 7d")
    end = second_after(now_ms)
    return end - span, end


def _moment(field: str, moment: str | float) -> int:
    at = epoch_ms(moment)
    if at is None or at < 0:
        raise invalid(field, "must be an RFC 3339 time with a zone, or epoch milliseconds")
    return at

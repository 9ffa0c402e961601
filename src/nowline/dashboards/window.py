"""The span of time that a file shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from nowline.errors import NowlineError, invalid
from nowline.model.moment import moment_of, zone_named
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Query, TimeRange, duration_ms

USUAL = "1h"
# Buckets that are read off a chart without arithmetic, and the longest span that each is for.
_BUCKETS = (
    (15 * MINUTE_MS, "1s"),
    (HOUR_MS, "10s"),
    (6 * HOUR_MS, "1m"),
    (DAY_MS, "5m"),
    (3 * DAY_MS, "15m"),
    (7 * DAY_MS, "30m"),
    (31 * DAY_MS, "2h"),
    (92 * DAY_MS, "6h"),
)
# Bars are to be told apart, not only seen.
_BAR_BUCKETS = (
    (15 * MINUTE_MS, "15s"),
    (HOUR_MS, "1m"),
    (6 * HOUR_MS, "5m"),
    (DAY_MS, "15m"),
    (3 * DAY_MS, "1h"),
    (7 * DAY_MS, "2h"),
    (31 * DAY_MS, "12h"),
)
_WIDEST = "1d"
_MOST_SPAN_MS = 3660 * DAY_MS
# Years after this cannot be told on a zone's clock.
_MOST_END_MS = 250_000_000_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, epoch milliseconds, and the zone whose clock tells it.

    Attributes:
        timezone: An IANA name.
        is_fixed: Whether it is one that charts with a span of their own show all the same.
    """

    start: int
    end: int
    timezone: str
    is_fixed: bool = False

    @property
    def span_ms(self) -> int:
        """How long it is."""
        return self.end - self.start

    def of(self, query: Query, *, chart: bool = False, bars: bool = False) -> Query:
        """What a widget asks, for this window: its own span of time, if it names one, to its end.

        Its buckets are as wide as it says, but no narrower than can be told apart.

        Args:
            query: What is asked.
            chart: Whether it is shown over time.
            bars: Whether each bucket is a bar.
        """
        own = None if chart and self.is_fixed else duration_ms(query.time_range.last or "")
        span = self.span_ms if own is None else min(own, self.end)
        interval = _longer(query.interval, _bucket_for(span, bars=bars))
        time_range = TimeRange(start=self.end - span, end=self.end)
        return Query(
            query.metric_name,
            time_range,
            query.aggregation,
            query.group_by,
            query.filters,
            interval,
            timezone=query.timezone or self.timezone,
            max_points=_MOST_POINTS,
        )


# More than any of the buckets above makes: what stands on a chart is all there is.
_MOST_POINTS = 5000


def window_of(
    span: str | None, start: str | None, end: str | None, timezone: str, now_ms: int
) -> Window:
    """The window that a request names: the last `span` up to `end`, or from `start` on.

    Args:
        span: Such as `1h`.
        start: RFC 3339 or epoch milliseconds.
        end: The same; None for now.
        timezone: An IANA name.
        now_ms: The time, epoch milliseconds.

    Raises:
        NowlineError: INVALID with the parameter at fault.
    """
    zone_named(timezone)
    if span is not None and start is not None:
        raise invalid("range", "give either `range` or `from`")
    until = _second_after(now_ms) if end is None else moment_of("to", end)
    since = until - _span(span or USUAL) if start is None else moment_of("from", start)
    if since < 0 or until > _MOST_END_MS:
        raise invalid("from" if since < 0 else "to", "is not within what calendars tell")
    if since >= until:
        raise invalid("from", "must be before `to`")
    if until - since > _MOST_SPAN_MS:
        raise invalid("from", "is more than ten years before `to`")
    return Window(since, until, timezone, is_fixed=start is not None)


def _span(text: str) -> int:
    span = duration_ms(text)
    if span is None or span > _MOST_SPAN_MS:
        raise _bad_span(text)
    return span


def _bad_span(text: str) -> NowlineError:
    return invalid("range", f"`{text}` is not a duration such as 5m, 1h or 7d")


def _second_after(now_ms: int) -> int:
    return now_ms // SECOND_MS * SECOND_MS + SECOND_MS


def _bucket_for(span_ms: int, *, bars: bool) -> str:
    buckets = _BAR_BUCKETS if bars else _BUCKETS
    return next((bucket for most, bucket in buckets if span_ms <= most), _WIDEST)


def _longer(own: str, other: str) -> str:
    return own if (duration_ms(own) or 0) >= (duration_ms(other) or 0) else other

"""What a dashboard asks: the query as it comes in, and the buckets and points of its answer."""

from __future__ import annotations

import re
from enum import Enum

import msgspec

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
# A row may be this far ahead of the server's clock.
MOST_AHEAD_MS = 5 * MINUTE_MS

_UNITS_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
_DURATION = re.compile(r"([1-9][0-9]{0,8})(s|m|h|d|w)")


class Aggregation(Enum):
    """How the rows of a bucket become one value.

    `count` counts rows. `rate` is per second: of a counter's sum, of a cumulative metric's
    increase, of a distribution's observations, of a gauge's rise. `histogram` is no one value: it
    counts the observations of a distribution by their size, a line for each size.
    """

    AVG = "avg"
    SUM = "sum"
    COUNT = "count"
    MIN = "min"
    MAX = "max"
    LAST = "last"
    RATE = "rate"
    P50 = "p50"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    HISTOGRAM = "histogram"

    # Each is there once: this spares every look into a table by aggregation the hash of its name.
    __hash__ = object.__hash__

    @property
    def quantile(self) -> float | None:
        """The quantile that it asks for, from 0 to 1; None if it is not a percentile."""
        return _QUANTILES.get(self)

    @property
    def is_binned(self) -> bool:
        """Whether it is made of histogram bins."""
        return self is Aggregation.HISTOGRAM or self in _QUANTILES


_QUANTILES = {
    Aggregation.P50: 0.5,
    Aggregation.P90: 0.9,
    Aggregation.P95: 0.95,
    Aggregation.P99: 0.99,
}


class Fill(Enum):
    """What stands in a bucket without rows: no point, null, zero, or the value before it."""

    NONE = "none"
    NULL = "null"
    ZERO = "zero"
    PREVIOUS = "previous"


class TimeRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`[start, end)`, or the time up to now in `last`, e.g. `1h`.

    Times are RFC 3339 or epoch milliseconds; `end` is now where it is left out.
    """

    start: str | int | float | None = None
    end: str | int | float | None = None
    last: str | None = None


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A question about one metric (CONTRACT: query).

    `interval` is the bucket width: `auto`, or a number with s, m, h, d or w. `timezone` names an
    IANA zone whose days the buckets of whole days are. `compare` is how far back the range lies
    that this one is compared with.
    """

    metric_name: str
    time_range: TimeRange = TimeRange()
    aggregation: Aggregation = Aggregation.AVG
    group_by: tuple[str, ...] = ()
    filters: dict[str, str | list[str]] = {}
    interval: str = "auto"
    max_points: int = 1000
    timezone: str | None = None
    fill: Fill = Fill.NONE
    compare: str | None = None


def duration_ms(text: str) -> int | None:
    """Milliseconds in a text such as `90s`, `5m`, `1d`; None where it is not one."""
    match = _DURATION.fullmatch(text)
    return int(match[1]) * _UNITS_MS[match[2]] if match else None

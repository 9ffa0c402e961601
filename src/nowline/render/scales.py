"""Scales with round ticks, of values and of time. Pure.

As on the page (web/src/series/scale.ts, chart/time-axis.ts).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

_MOST_INTERVALS = 4
_TENS = (1, 2, 2.5, 5, 10)
_TWOS = tuple(2**power for power in range(11))
# Between ticks, round to a reader of clocks; from a day on in whole days.
_STEPS_MS = (
    *(n * SECOND_MS for n in (5, 15, 30)),
    *(n * MINUTE_MS for n in (1, 2, 5, 15, 30)),
    *(n * HOUR_MS for n in (1, 2, 6, 12)),
)
_STEPS_DAYS = (1, 2, 7, 14, 30, 90, 180, 365, 730, 1825)
# Differences beyond these are no doubles any more.
_GREATEST, _LEAST = 1e300, 1e-300


@dataclass(frozen=True, slots=True)
class Scale:
    """What a height on a chart means.

    Attributes:
        low: The value at its bottom.
        high: The value at its top, greater than `low`.
        ticks: At most six round values from one to the other.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Where a value stands, 0 at the bottom and 1 at the top."""
        return (value - self.low) / (self.high - self.low)


def nice_scale(low: float, high: float, base: int = 10, floor: float = 0) -> Scale:
    """A scale that covers `low` to `high`; it stands on `floor` unless values go below it."""
    low, high = max(low, -_GREATEST), min(high, _GREATEST)
    bottom = min(floor, low)
    top = high if high - bottom > _LEAST else bottom + max(1.0, abs(bottom))
    step = _round_up((top - bottom) / _MOST_INTERVALS, base)
    start = math.floor(bottom / step + 1e-9)
    count = max(1, math.ceil(top / step - start - 1e-9))
    ticks = tuple(float(f"{(start + i) * step:.12g}") for i in range(count + 1))
    return Scale(start * step, (start + count) * step, ticks)


def _round_up(rough: float, base: int) -> float:
    if base != 10 and rough < 1:
        base = 10
    magnitude = float(base) ** math.floor(math.log(rough) / math.log(base) + 1e-9)
    steps = _TENS if base == 10 else _TWOS
    return next((s for s in steps if s * magnitude >= rough * (1 - 1e-9)), base) * magnitude


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment on the axis, epoch milliseconds, and what is written there."""

    at: int
    label: str


def time_ticks(start: int, end: int, most: int, zone: ZoneInfo) -> list[Tick]:
    """Round moments of the zone's clock from `start` to `end`, at most about `most` of them."""
    step = next((each for each in _STEPS_MS if (end - start) / each <= most), None)
    if step is None:
        return _days(start, end, most, zone)
    first = local(start, zone)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    offset = int(midnight.timestamp() * 1000)
    at = offset + -(-(start - offset) // step) * step
    return [Tick(each, _clock(each, step, zone)) for each in range(at, end + 1, step)]


def local(moment: int, zone: ZoneInfo) -> datetime:
    """A moment, epoch milliseconds, on the zone's clock."""
    return datetime.fromtimestamp(moment / 1000, zone)


def _days(start: int, end: int, most: int, zone: ZoneInfo) -> list[Tick]:
    span = (end - start) / DAY_MS
    step = next((each for each in _STEPS_DAYS if span / each <= most), _STEPS_DAYS[-1])
    day = local(start, zone).date()
    day += timedelta(days=-day.toordinal() % step)
    found = []
    while (
        at := int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
    ) <= end:
        if at >= start:
            found.append(Tick(at, f"{day.day} {day:%b}" if step < 365 else f"{day:%b %Y}"))
        day += timedelta(days=step)
    return found


def _clock(moment: int, step: int, zone: ZoneInfo) -> str:
    at = local(moment, zone)
    if step >= HOUR_MS and at.hour == at.minute == 0:
        return f"{at.day} {at:%b}"
    return f"{at:%H:%M:%S}" if step < MINUTE_MS else f"{at:%H:%M}"

"""Series as single numbers: cards, gauges, slices and rows of tables. Pure.

As on the page (web/src/series/reduce.ts, panels/{reading,totals}.ts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nowline.model.partials import Floats, Ints
from nowline.render.drawing import SERIES_COLOURS, Drawing
from nowline.render.lines import Line
from nowline.render.settings import Settings

# The slot of what is none of the series.
OTHER_SLOT = -1
# Reports are rarely later than this.
_FRESH_MS = 5000
# A report or two may be missing at the start of a span before it counts as shorter.
_COVERED = 0.9


@dataclass(frozen=True, slots=True)
class Reading:
    """A number now, and the same `over_ms` earlier."""

    value: float | None
    before: float | None
    over_ms: int

    @property
    def difference(self) -> float | None:
        """The change in the value's own unit."""
        if self.value is None or self.before is None:
            return None
        return self.value - self.before

    @property
    def percent(self) -> float | None:
        """The change in percent of what was before."""
        if self.value is None or self.before is None:
            return None
        if self.before == 0:
            return 0.0 if self.value == 0 else None
        return (self.value - self.before) / abs(self.before) * 100


@dataclass(frozen=True, slots=True)
class Total:
    """One series as one number."""

    label: str
    slot: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a whole, and its share of it from 0 to 1."""

    label: str
    slot: int
    value: float
    share: float


def reading_of(settings: Settings, drawing: Drawing) -> Reading:
    """The one number that a widget makes of its queries, and the same a while before."""
    if not drawing.answers:
        return Reading(None, None, 0)
    span = drawing.end - drawing.start
    over = max(settings.over_ms or span, drawing.bucket_ms)
    tables = [_table(lines) for lines in drawing.answers]
    end = drawing.end
    if settings.per_ms is not None:
        end = _settled(tables[0][0], drawing.bucket_ms, end)
    part = _reading(tables[0], settings, over, end)
    if settings.share and len(tables) > 1:
        return _share(part, _reading(tables[1], settings, over, end))
    by = 1.0 if settings.per_ms is None else over / settings.per_ms
    return replace(part, value=_divided(part.value, by), before=_divided(part.before, by))


def totals(settings: Settings, drawing: Drawing) -> list[Total]:
    """Each series as the one number that the widget makes of it, the largest first."""
    found = [
        Total(series.label, series.slot, _total(series.line, settings, drawing))
        for series in drawing.series
    ]
    return sorted(found, key=lambda each: (each.value is None, -(each.value or 0)))


def slices(all_totals: Sequence[Total]) -> list[Slice]:
    """The parts of a whole, the largest first; those past the first eight are one: "other"."""
    parts = [each for each in all_totals if each.value is not None and each.value > 0]
    values = [each.value or 0.0 for each in parts]
    # Shares first: a sum of great numbers may be none.
    greatest = max(values, default=1.0)
    whole = sum(value / greatest for value in values)
    sizes = [value / greatest / whole for value in values]
    named = [
        Slice(part.label, slot, value, share)
        for part, slot, value, share in zip(
            parts, _slots(parts[:SERIES_COLOURS]), values, sizes, strict=False
        )
    ]
    rest = len(parts) - len(named)
    if not rest:
        return named
    other = (sum(each[SERIES_COLOURS:]) for each in (values, sizes))
    return [*named, Slice(f"other ({rest})", OTHER_SLOT, *other)]


def _slots(parts: Sequence[Total]) -> list[int]:
    """A colour of its own for each: that of its series where no larger one has it."""
    taken: set[int] = set()
    slots = {}
    for part in sorted(parts, key=lambda each: each.label):
        free = ((part.slot + at) % SERIES_COLOURS for at in range(SERIES_COLOURS))
        own = next((slot for slot in free if slot not in taken), part.slot)
        taken.add(own)
        slots[id(part)] = own
    return [slots[id(part)] for part in parts]


def _total(line: Line, settings: Settings, drawing: Drawing) -> float | None:
    if settings.reduce == "last":
        return line.latest
    span = settings.over_ms or drawing.end - drawing.start
    values = line.values[line.known & (line.times >= drawing.end - span)]
    if not len(values):
        return None
    if settings.reduce == "avg":
        return _finite(values.mean())
    # What is shown per second or minute does not add up: the sum of a span is its rate.
    by = 1.0 if settings.per_ms is None else drawing.bucket_ms / span
    return _finite(values.sum() * by)


def _table(lines: Sequence[Line]) -> tuple[Ints, Floats]:
    """All values of several lines, in the order of their times, then of the lines."""
    if not lines:
        return np.empty(0, np.int64), np.empty(0)
    times = np.concatenate([line.times for line in lines])
    values = np.concatenate([line.values for line in lines])
    order = np.argsort(times, kind="stable")
    return times[order], values[order]


def _reading(table: tuple[Ints, Floats], settings: Settings, over: int, end: int) -> Reading:
    times, values = table
    if settings.reduce == "last":
        return _since_oldest(times, values, over, end)
    value = _reduced(times, values, settings.reduce, (end - over, end))
    before = _reduced(times, values, settings.reduce, (end - 2 * over, end - over))
    # Where silence means that nothing happened, and something was counted before.
    is_zero = value is None and before is not None and settings.zero_fill
    return Reading(0.0 if is_zero and settings.reduce == "sum" else value, before, over)


def _since_oldest(times: Ints, values: Floats, over: int, end: int) -> Reading:
    """The newest value against the span's oldest, over no more time than there is data for."""
    if not len(times):
        return Reading(None, None, over)
    newest = np.searchsorted(times, times[-1])
    first = np.searchsorted(times, end - over)
    has_older = first < newest
    covers = end - int(times[first if has_older else 0])
    before = float(values[first]) if has_older else None
    return Reading(float(values[newest]), before, covers if covers < _COVERED * over else over)


def _reduced(times: Ints, values: Floats, how: str, span: tuple[int, int]) -> float | None:
    first, end = np.searchsorted(times, span)
    chosen = values[first:end]
    if not len(chosen):
        return None
    return _finite(chosen.sum() if how == "sum" else chosen.mean())


def _share(part: Reading, whole: Reading) -> Reading:
    def of(some: float | None, everything: float | None) -> float | None:
        return None if not everything or everything < 0 else 100 * (some or 0.0) / everything

    return Reading(of(part.value, whole.value), of(part.before, whole.before), whole.over_ms)


def _settled(times: Ints, bucket_ms: int, end: int) -> int:
    """The end of the newest span whose buckets have all closed, if reports have not stopped."""
    newest = int(times[-1]) if len(times) else None
    is_fresh = newest is not None and end - newest < max(3 * bucket_ms, _FRESH_MS)
    return newest if is_fresh and newest is not None else end


def _divided(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

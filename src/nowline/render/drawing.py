"""A widget's answers put together as one drawing: lines with names and colours. Pure.

As on the page (web/src/panels/drawing.ts, marks.ts).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from nowline.model.query import Aggregation
from nowline.model.sheet import Labelled, Rows
from nowline.render.lines import (
    Line,
    closed,
    lines_of,
    rolled,
    share_of,
    with_gaps,
    zero_filled,
)
from nowline.render.settings import TONES, Settings, Threshold
from nowline.render.sizes import by_size
from nowline.render.units import text_of

SERIES_COLOURS = 8
# Fewer values than this say nothing about what is usual.
_LEAST_VALUES = 10
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart, and how it looks.

    Attributes:
        label: What it is called.
        slot: Which of the series colours it has.
        line: What is drawn of it.
    """

    label: str
    slot: int
    line: Line


@dataclass(frozen=True, slots=True)
class Mark:
    """A threshold whose place on the scale is known."""

    at: float
    above: bool
    label: str
    tone: str

    @property
    def words(self) -> str:
        """What it means to be beyond it."""
        return f"{'above' if self.above else 'below'} {self.label}"

    def is_crossed(self, value: float) -> bool:
        """Whether a value is on the far side of it."""
        return value > self.at if self.above else value < self.at


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a widget shows.

    Attributes:
        series: By query, then by name.
        answers: The answers as they came, by query.
        marks: Where its thresholds stand.
        bucket_ms: How wide the buckets of its first query are.
        start: From when on it shows something, epoch milliseconds.
        end: Up to when.
        counts_sizes: Whether the series are sizes, and the values counts, which have no unit.
    """

    series: list[Series]
    answers: list[list[Line]]
    marks: list[Mark]
    bucket_ms: int
    start: int
    end: int
    counts_sizes: bool = False


class Palette:
    """Gives each metric one colour for the whole dashboard, in the order in which they stand there.

    Args:
        metrics: The metrics of the dashboard in its own order.
    """

    def __init__(self, metrics: Iterable[str]) -> None:
        names = dict.fromkeys(metrics)
        self._slots = {name: at % SERIES_COLOURS for at, name in enumerate(names)}

    def slot(self, metric: str) -> int:
        """The colour of a metric."""
        return self._slots.get(metric, 0)


def draw(
    settings: Settings, queries: Sequence[Labelled], rows: Sequence[Rows], palette: Palette
) -> Drawing:
    """Put the answers to a widget's queries together."""
    answers = [lines_of(each.points()) for each in rows]
    pairs = list(zip(queries, rows, answers, strict=True))
    if settings.share and len(pairs) > 1:
        pairs = [(queries[0], rows[0], share_of(answers[0], answers[1]))]
    series = _series(settings, pairs, palette)
    first = rows[0] if rows else None
    return Drawing(
        series,
        answers,
        _marks(settings, series),
        first.bucket_ms if first else 1000,
        min((each.start for each in rows), default=0),
        max((each.end for each in rows), default=1),
        any(each.query.aggregation is Aggregation.HISTOGRAM for each in queries),
    )


def crossed(marks: Sequence[Mark], value: float | None) -> Mark | None:
    """The most serious mark that a value is on the far side of."""
    if value is None:
        return None
    beyond = [mark for mark in marks if mark.is_crossed(value)]
    return max(beyond, key=lambda mark: TONES.index(mark.tone), default=None)


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key to sort names by in which numbers stand by their size."""
    parts = _NUMBERS.split(text.casefold())
    return [
        (1, int(part[:18]), part) if part.isdecimal() else (0, 0, part) for part in parts if part
    ]


def _series(
    settings: Settings, pairs: Sequence[tuple[Labelled, Rows, list[Line]]], palette: Palette
) -> list[Series]:
    taken: dict[str, int] = {}
    found: list[Series] = []
    times = [line.times for _, _, lines in pairs for line in lines if len(line.times)]
    first, last = (
        min((int(t[0]) for t in times), default=0),
        max((int(t[-1]) for t in times), default=0),
    )
    for query, rows, lines in pairs:
        metric = query.query.metric_name
        slot = palette.slot(metric) + taken.get(metric, 0)
        taken[metric] = taken.get(metric, 0) + len(lines)
        if query.query.aggregation is Aggregation.HISTOGRAM:
            sized = by_size(lines, settings.unit)
            shaped = [(name, closed(line, rows.bucket_ms, rows.end)) for name, line in sized]
        else:
            shaped = [
                (_label(line, query), _shaped(line, query, rows, settings, (first, last)))
                for line in lines
            ]
            shaped.sort(key=lambda pair: natural(pair[0]))
        found += [
            Series(label, (slot + at) % SERIES_COLOURS, line)
            for at, (label, line) in enumerate(shaped)
        ]
    return found


def _shaped(
    line: Line, query: Labelled, rows: Rows, settings: Settings, reach: tuple[int, int]
) -> Line:
    bucket_ms = rows.bucket_ms
    counts_up = query.query.aggregation in {Aggregation.SUM, Aggregation.COUNT}
    first, last = reach
    if counts_up:
        line = closed(line, bucket_ms, rows.end)
        last = min(last, rows.end // bucket_ms * bucket_ms - bucket_ms)
    if settings.zero_fill and not settings.share:
        line = zero_filled(line, bucket_ms, first, last)
    else:
        line = with_gaps(line, bucket_ms)
    if settings.rolling_ms is not None:
        return rolled(line, round(settings.rolling_ms / bucket_ms) or 1)
    return line if settings.per_ms is None else line.scaled(settings.per_ms / bucket_ms)


def _label(line: Line, query: Labelled) -> str:
    """What a legend calls a series: the values of its tags, or its query's label without them."""
    return " · ".join(value for _, value in sorted(line.tags.items())) or query.label


def _marks(settings: Settings, series: Sequence[Series]) -> list[Mark]:
    usual = _usual(series[0].line) if series else None
    units = {"value": 1.0, "limit": settings.limit, "baseline": usual}
    found = ((each, units[each.of]) for each in settings.thresholds)
    return [_mark(each, unit, settings) for each, unit in found if unit is not None]


def _mark(threshold: Threshold, unit: float, settings: Settings) -> Mark:
    at = threshold.value * unit
    label = threshold.label or text_of(at, settings.unit, settings.decimals)
    return Mark(at, threshold.above, label, threshold.tone)


def _usual(line: Line) -> float | None:
    """What is usual: the middle of what was measured, the newest value left out."""
    before = line.values[line.known][:-1]
    return median(before.tolist()) if len(before) >= _LEAST_VALUES else None

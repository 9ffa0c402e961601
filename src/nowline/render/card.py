"""One number, how it changed, and a small line of its past (web/src/panels/metric)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from nowline.render.drawing import crossed
from nowline.render.geometry import Box
from nowline.render.lettering import Face, Weight
from nowline.render.numbers import Reading, reading_of
from nowline.render.panel import SMALL, STRONG, Panel, state
from nowline.render.units import NOTHING, Written, span_of, write

# From this height on the number is read from afar, and its past stands below it.
_TALL: Final = 150
# A change that rounds to nothing is no change.
_STILL: Final = 0.05
_MOST_PERCENT: Final = 999
_SPARK: Final = 64


@dataclass(frozen=True, slots=True)
class Change:
    """How a number changed: in words, and whether that is good.

    Attributes:
        text: The change itself; empty where it stood still.
        over: Over which time.
        tone: `good`, `bad` or empty.
    """

    text: str
    over: str
    tone: str


def draw(panel: Panel, box: Box) -> None:
    """A card: beside its past where it is low, above it where it is tall."""
    reading = reading_of(panel.settings, panel.drawing)
    if box.h >= _TALL:
        _number(panel, box.x, box.y + 52, box.w, reading.value, 56)
        _below(panel, box.x, box.y + 80, box.w, reading)
        _spark(panel, box.without_top(104))
        return
    left = min(box.w, max(148.0, (box.w - 16) / 2.2))
    _number(panel, box.x, box.bottom - 24, left, reading.value, 28)
    _below(panel, box.x, box.bottom - 5, left, reading)
    height = min(box.h, _SPARK)
    _spark(panel, Box(box.x + left + 16, box.bottom - height, box.w - left - 16, height))


def change_of(reading: Reading, unit: str, good: str | None) -> Change | None:
    """How a number changed; None where there is nothing to compare with.

    Of a percentage that is the change in points: a percentage of it would be read wrongly.
    """
    amount = reading.difference if unit == "percent" else reading.percent
    if amount is None:
        return None
    over = span_of(reading.over_ms)
    if not abs(amount) >= _STILL:
        return Change("", f"steady for {over}", "")
    direction = "up" if amount > 0 else "down"
    tone = "" if good is None else "good" if direction == good else "bad"
    size = min(abs(amount), _MOST_PERCENT)
    sign = "▲ +" if amount > 0 else "▼ −"  # noqa: RUF001 - the minus of typesetters
    text = f"{sign}{size:.{1 if size < 10 else 0}f}{' points' if unit == 'percent' else '%'}"
    return Change(text, f"in {over}", tone)


def _number(
    panel: Panel, x: float, y: float, width: float, value: float | None, size: float
) -> None:
    colours, settings = panel.colours, panel.settings
    written = Written(NOTHING, "")
    if value is not None:
        written = write(value, settings.unit, settings.decimals)
    mark = crossed(panel.drawing.marks, value)
    colour = (
        colours.tone(mark.tone) if mark else colours.text if value is not None else colours.muted
    )
    face, small = Face(size, Weight.MEDIUM), Face(size * (0.5 if size < 40 else 0.36))
    needed = face.width(written.figure) + 3 + small.width(written.unit)
    shrunk = min(1.0, width / needed) if needed else 1.0
    face, small = Face(size * shrunk, Weight.MEDIUM), Face(small.size * shrunk)
    panel.canvas.text(x, y, written.figure, face, colour)
    panel.canvas.text(x + face.width(written.figure) + 3, y, written.unit, small, colours.muted)


def _below(panel: Panel, x: float, y: float, width: float, reading: Reading) -> None:
    if panel.settings.limit is not None or crossed(panel.drawing.marks, reading.value):
        state(panel, x, y, width, reading.value)
        return
    change = change_of(reading, panel.settings.unit, panel.settings.good)
    if change is None:
        return
    colours = panel.colours
    if change.text:
        colour = colours.tone(change.tone) if change.tone else colours.text
        panel.canvas.text(x, y, change.text, STRONG, colour)
        x += STRONG.width(change.text) + 5
    panel.canvas.text(x, y, change.over, SMALL, colours.muted)


def _spark(panel: Panel, box: Box) -> None:
    if not panel.drawing.series or box.w < 24 or box.h < 12:
        return
    series = panel.drawing.series[0]
    values = series.line.values[series.line.known]
    low = min(0.0, float(values.min())) if len(values) else 0.0
    high = float(values.max()) if len(values) else 1.0
    span = (high / 2 - low / 2) or 0.5
    start, end = panel.drawing.start, panel.drawing.end
    colour = panel.colours.of_slot(series.slot)
    with panel.canvas.clipped(box.inset(-3, -3, -3, 0)):
        for times, own in series.line.runs():
            x = box.x + (times - start) / (end - start) * box.w
            y = box.bottom - 2 - (own / 2 - low / 2) / span * (box.h - 4)
            if len(x) == 1:
                panel.canvas.dot(float(x[0]), float(y[0]), 2.5, colour)
                continue
            panel.canvas.area(x, y, np.full(len(x), box.bottom), colour, 0.08)
            panel.canvas.line(x, y, colour, 1.5)

"""Pies and gauges (web/src/chart/{Pie,Gauge}.svelte)."""

from __future__ import annotations

from typing import Final

from nowline.render.drawing import crossed
from nowline.render.geometry import Box
from nowline.render.lettering import Face, Weight
from nowline.render.numbers import Slice, Total, reading_of, slices, totals
from nowline.render.panel import SHAPES, SMALL, STRONG, Panel, more, note, said
from nowline.render.scales import nice_scale
from nowline.render.units import base_of, text_of, write

_PIE_ROW: Final = 22
_HOLE: Final = 31 / 48
_MOST_GAUGES: Final = 6
# Two thirds of a turn, open at the bottom.
_FROM, _TO = -1 / 3, 1 / 3
_INNER: Final = 38 / 47
_TALLEST, _WIDEST = 220.0, 260.0


def draw_pie(panel: Panel, box: Box) -> None:
    """A pie with a table of its parts."""
    parts = slices(totals(panel.settings, panel.drawing))
    if not parts:
        note(panel.canvas, box, "Nothing to divide in this span of time.", panel.colours.muted)
        return
    size = min(box.w * 0.4, box.h - 4)
    radius = size / 2
    centre = (box.x + radius + 4, box.y + box.h / 2)
    _pieces(panel, centre, radius, parts)
    left = size + 24
    _parts(panel, box.inset(left, 0, 2, 0), parts)


def _pieces(panel: Panel, centre: tuple[float, float], radius: float, parts: list[Slice]) -> None:
    inner = radius * _HOLE if panel.settings.donut else 0.0
    start = 0.0
    for part in parts:
        end = start + part.share
        colours = panel.colours
        colour = colours.of_slot(part.slot)
        panel.canvas.ring(centre, inner, radius, (start, end), colour, colours.surface)
        start = end
    if panel.settings.donut:
        text = panel.text_of(sum(part.value for part in parts))
        size = min(radius * 13 / 48 * 1.1, 1.7 * inner / max(Face(1, Weight.MEDIUM).width(text), 1))
        face = Face(size, Weight.MEDIUM)
        y = centre[1] + face.size * 0.36
        panel.canvas.text(centre[0], y, text, face, panel.colours.text, "center")


def _parts(panel: Panel, box: Box, parts: list[Slice]) -> None:
    canvas, colours = panel.canvas, panel.colours
    most = max(1, int(box.h // _PIE_ROW))
    shown = parts if len(parts) <= most else parts[: most - 1]
    rows = len(shown) + (len(shown) < len(parts))
    y = box.y + (box.h - rows * _PIE_ROW) / 2 + 15
    for part in shown:
        percent = text_of(100 * part.share, "percent", 1 if part.share < 0.1 else 0)
        canvas.box(Box(box.x, y - 8, 8, 8), colours.of_slot(part.slot), radius=2)
        canvas.text(box.right, y, percent, STRONG, colours.text, "right")
        room = box.w - 14 - 52
        if box.w > 240:
            value = panel.text_of(part.value)
            canvas.text(box.right - 52, y, value, SMALL, colours.muted, "right")
            room -= SMALL.width(value) + 10
        canvas.text(box.x + 14, y, SMALL.fit(part.label, room), SMALL, colours.text)
        y += _PIE_ROW
    if len(shown) < len(parts):
        canvas.text(box.x + 14, y, f"… {len(parts) - len(shown)} more", SMALL, colours.muted)


def draw_gauges(panel: Panel, box: Box) -> None:
    """A gauge for each series, the largest first."""
    gauges = _gauges(panel)
    shown = gauges[:_MOST_GAUGES]
    if len(gauges) > _MOST_GAUGES:
        more(panel, box, len(gauges) - _MOST_GAUGES, "smaller ones")
        box = box.inset(0, 0, 0, 20)
    width = box.w / max(1, len(shown))
    for at, gauge in enumerate(shown):
        _gauge(panel, Box(box.x + at * width, box.y, width, box.h), gauge)


def _gauges(panel: Panel) -> list[Total]:
    found = totals(panel.settings, panel.drawing)
    # The share of a span is that of its sums, not the mean of its buckets' shares.
    if panel.settings.share and panel.settings.reduce != "last":
        value = reading_of(panel.settings, panel.drawing).value
        return [Total(each.label, each.slot, value) for each in found]
    return found


def _gauge(panel: Panel, box: Box, gauge: Total) -> None:
    canvas, colours, settings = panel.canvas, panel.colours, panel.settings
    caption = SMALL.fit(gauge.label, box.w - 8)
    unit = min(min(box.h - 20, _TALLEST) / 84, min(box.w, _WIDEST) / 100)
    centre = (box.x + box.w / 2, box.y + (box.h - 20 - 84 * unit) / 2 + 50 * unit)
    below = min(box.bottom - 4, centre[1] + 33 * unit + 24)
    canvas.text(centre[0], below, caption, SMALL, colours.muted, "center")
    low, high = _ends(panel, gauge.value)
    outer = 47 * unit
    canvas.ring(centre, outer * _INNER, outer, (_FROM, _TO), colours.hover)
    mark = crossed(panel.drawing.marks, gauge.value)
    if gauge.value is not None:
        colour = colours.tone(mark.tone) if mark else colours.of_slot(gauge.slot)
        turns = (_FROM, _turn(gauge.value, low, high))
        canvas.ring(centre, outer * _INNER, outer, turns, colour)
    for each in panel.drawing.marks:
        at = _turn(each.at, low, high)
        tick = (at - 0.002, at + 0.002)
        canvas.ring(centre, outer * 35 / 47, outer * 49 / 47, tick, colours.tone(each.tone))
    _figure(panel, centre, unit, gauge.value)
    end = Face(min(12.0, max(8.0, 7 * unit)))
    for x, value in ((-37, low), (37, high)):
        text = text_of(value, settings.unit)
        canvas.text(centre[0] + x * unit, centre[1] + 33 * unit, text, end, colours.muted, "center")


def _figure(panel: Panel, centre: tuple[float, float], unit: float, value: float | None) -> None:
    colours, (x, y) = panel.colours, centre
    mark = crossed(panel.drawing.marks, value)
    if value is None:
        panel.canvas.text(x, y + 2 * unit, "–", Face(18 * unit), colours.muted, "center")  # noqa: RUF001
        return
    written = write(value, panel.settings.unit, panel.settings.decimals)
    figure, small = Face(18 * unit, Weight.MEDIUM), Face(9 * unit)
    width = figure.width(written.figure)
    whole = width + (1.5 * unit + small.width(written.unit) if written.unit else 0)
    left = x - whole / 2
    panel.canvas.text(left, y + 2 * unit, written.figure, figure, colours.text)
    panel.canvas.text(left + width + 1.5 * unit, y + 2 * unit, written.unit, small, colours.muted)
    if mark is not None:
        face = Face(min(13.0, max(8.0, 7 * unit)))
        words = said(mark)
        text = words if face.width(words) <= 72 * unit else SHAPES[mark.tone]
        panel.canvas.text(x, y + 14 * unit, text, face, colours.tone(mark.tone), "center")


def _ends(panel: Panel, value: float | None) -> tuple[float, float]:
    settings = panel.settings
    low = settings.low or 0.0
    usual = 100.0 if settings.unit == "percent" else None
    high = next((end for end in (settings.high, settings.limit, usual) if end is not None), None)
    if high is not None:
        return low, high
    most = max(value or 0.0, low, *(mark.at for mark in panel.drawing.marks))
    return low, nice_scale(low, most, base_of(settings.unit), low).high


def _turn(value: float, low: float, high: float) -> float:
    share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0
    return _FROM + (_TO - _FROM) * max(0.0, min(1.0, share))

"""Tables, and bars by group: one row for each series (web/src/panels/table, chart/GroupsPanel)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nowline.render.drawing import crossed
from nowline.render.geometry import Box
from nowline.render.numbers import Total, totals
from nowline.render.panel import SMALL, STRONG, Panel, largest, more
from nowline.render.scales import Scale, nice_scale
from nowline.render.units import base_of

_ROW: Final = 28
_MOST_BARS: Final = 20
_LYING_ROW: Final = 24
_WIDEST_BAR: Final = 48
_VALUE_ROOM: Final = 18


def draw_table(panel: Panel, box: Box) -> None:
    """Names, bars and values, the largest first, as many as there is room for."""
    rows = totals(panel.settings, panel.drawing)
    canvas, colours = panel.canvas, panel.colours
    canvas.text(box.x, box.y + 13, "Name", SMALL, colours.muted)
    canvas.text(box.right, box.y + 13, "Value ↓", SMALL, colours.muted, "right")
    _rule(panel, box, box.y + 20)
    room = max(1, int((box.h - 20) // _ROW))
    shown = rows if len(rows) <= room else rows[: room - 1]
    full = (
        panel.settings.high or panel.settings.limit or max((r.value or 0 for r in rows), default=0)
    )
    for at, row in enumerate(shown):
        line = Box(box.x, box.y + 20 + at * _ROW, box.w, _ROW)
        _table_row(panel, line, row, full)
        if at + 1 < len(rows):
            _rule(panel, box, line.bottom)
    if len(shown) < len(rows):
        rest = Box(box.x, box.y + 20 + len(shown) * _ROW, box.w, 22)
        more(panel, rest, len(rows) - len(shown))


def _table_row(panel: Panel, box: Box, row: Total, full: float) -> None:
    canvas, colours = panel.canvas, panel.colours
    y = box.y + _ROW / 2 + 4
    mark = crossed(panel.drawing.marks, row.value)
    value = panel.text_of(row.value)
    colour = colours.tone(mark.tone) if mark else colours.text
    canvas.text(box.right, y, value, STRONG, colour, "right")
    name = box.w * 0.44
    canvas.text(box.x, y, SMALL.fit(row.label, name), SMALL, colours.text)
    room = max(64.0, STRONG.width(value) + 8)
    track = Box(box.x + name + 12, box.y + _ROW / 2 - 3, box.w - name - 24 - room, 6)
    canvas.box(track, colours.hover, radius=2)
    share = min(1.0, max(0.0, (row.value or 0) / full)) if full > 0 else 0.0
    fill = colours.tone(mark.tone) if mark else colours.of_slot(0)
    canvas.box(Box(track.x, track.y, track.w * share, track.h), fill, radius=2)


def _rule(panel: Panel, box: Box, y: float) -> None:
    panel.canvas.line([box.x, box.right], [y, y], panel.colours.hairline, 1)


def draw_bars(panel: Panel, box: Box) -> None:
    """A bar for each group: upright where all names fit below them, else lying."""
    rows = totals(panel.settings, panel.drawing)
    shown = rows[:_MOST_BARS]
    words = [f"marked at {mark.label}" for mark in panel.drawing.marks]
    scale = _scale(panel, rows)
    widest = max(
        largest([row.label for row in shown], SMALL), largest(_values(panel, shown), STRONG)
    )
    lies = widest + 12 > box.w / max(1, len(shown))
    if lies:
        shown = _that_fit(box, shown, rows, words=bool(words))
    if len(shown) < len(rows):
        words.append(f"… {len(rows) - len(shown)} smaller ones")
    if words:
        text = SMALL.fit(", ".join(words), box.w)
        panel.canvas.text(box.x, box.bottom - 4, text, SMALL, panel.colours.muted)
        box = box.inset(0, 0, 0, 20)
    if lies:
        _lying(panel, box, shown, scale)
    else:
        _upright(panel, box, shown, scale)


def _that_fit(box: Box, shown: list[Total], rows: list[Total], *, words: bool) -> list[Total]:
    room = int(box.h // _LYING_ROW)
    if len(shown) <= room and len(shown) == len(rows) and not words:
        return shown
    return shown[: max(1, int((box.h - 20) // _LYING_ROW))]


def _values(panel: Panel, rows: Sequence[Total]) -> list[str]:
    return [panel.text_of(row.value) for row in rows]


def _scale(panel: Panel, rows: Sequence[Total]) -> Scale:
    floor = panel.settings.low or 0.0
    values = [row.value or 0.0 for row in rows] + [mark.at for mark in panel.drawing.marks]
    most = max([*values, panel.settings.high or floor])
    return nice_scale(min([*values, floor]), most, base_of(panel.settings.unit), floor)


def _share(scale: Scale, value: float | None) -> float:
    return max(0.0, min(1.0, scale.share(scale.low if value is None else value)))


def _colour(panel: Panel, row: Total) -> str:
    mark = crossed(panel.drawing.marks, row.value)
    return panel.colours.tone(mark.tone) if mark else panel.colours.of_slot(row.slot)


def _upright(panel: Panel, box: Box, rows: Sequence[Total], scale: Scale) -> None:
    canvas, colours = panel.canvas, panel.colours
    column = box.w / max(1, len(rows))
    ground, height = box.bottom - 20, box.h - 20 - _VALUE_ROOM
    for at, row in enumerate(rows):
        middle, width = box.x + (at + 0.5) * column, min(column * 0.7, _WIDEST_BAR)
        length = _share(scale, row.value) * height
        bar = Box(middle - width / 2, ground - length, width, length)
        canvas.box(bar, _colour(panel, row), radius=2)
        value = panel.text_of(row.value)
        canvas.text(middle, bar.y - 5, value, STRONG, colours.text, "center")
        label = SMALL.fit(row.label, column - 4)
        canvas.text(middle, box.bottom - 4, label, SMALL, colours.muted, "center")
    _rule(panel, box, ground)
    for mark in panel.drawing.marks:
        y = ground - _share(scale, mark.at) * height
        canvas.line([box.x, box.right], [y, y], colours.tone(mark.tone), 1, dashed=True)


def _lying(panel: Panel, box: Box, rows: Sequence[Total], scale: Scale) -> None:
    canvas, colours = panel.canvas, panel.colours
    names = min(box.w * 0.36, largest([row.label for row in rows], SMALL)) + 8
    room = largest(_values(panel, rows), STRONG) + 12
    track = box.inset(names, 0, room, 0)
    height = min(box.h / max(1, len(rows)), 40)
    for at, row in enumerate(rows):
        y = box.y + (at + 0.5) * height
        label = SMALL.fit(row.label, names - 8)
        canvas.text(box.x, y + 4, label, SMALL, colours.muted)
        length = _share(scale, row.value) * track.w
        canvas.box(Box(track.x, y - 6, length, 12), _colour(panel, row), radius=2)
        value = panel.text_of(row.value)
        canvas.text(track.x + length + 6, y + 4, value, STRONG, colours.text)
    bottom = box.y + len(rows) * height
    canvas.line([track.x, track.x], [box.y, bottom], colours.hairline, 1)
    for mark in panel.drawing.marks:
        x = track.x + _share(scale, mark.at) * track.w
        canvas.line([x, x], [box.y, bottom], colours.tone(mark.tone), 1, dashed=True)

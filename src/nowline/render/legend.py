"""Which line is what, and what it is now (web/src/chart/Legend.svelte)."""

from __future__ import annotations

from typing import Final

from nowline.render.drawing import Series
from nowline.render.geometry import Box
from nowline.render.panel import SMALL, STRONG, Panel, more

INLINE: Final = 5
_LINE: Final = 20
_ROW: Final = 18
_MOST_ROWS: Final = 2
_GAP: Final = 14
_SWATCH: Final = 16
# Of a widget's height, for the table below.
_MOST_SHARE: Final = 0.4
_COLUMN: Final = 260


def above(panel: Panel, box: Box) -> float:
    """Few series, in a line above their chart.

    Returns:
        How high it is.
    """
    x, y = box.x, box.y + 13
    for series in panel.drawing.series:
        value = panel.text_of(series.line.latest)
        label = SMALL.fit(series.label, min(box.w * 0.6, box.w - _SWATCH - 6 - STRONG.width(value)))
        width = _SWATCH + SMALL.width(label) + 6 + STRONG.width(value)
        if x > box.x and x + width > box.right:
            x, y = box.x, y + _LINE
            if y > box.y + _LINE * _MOST_ROWS:
                return _LINE * _MOST_ROWS
        _entry(panel, x, y, series, label)
        panel.canvas.text(x + width, y, value, STRONG, panel.colours.text, "right")
        x += width + _GAP
    return y - box.y - 13 + _LINE


def below(panel: Panel, box: Box) -> float:
    """Many series, in columns below their chart, the largest first.

    Returns:
        How high it is.
    """
    all_series = sorted(panel.drawing.series, key=_by_value)
    columns = max(1, int(box.w // _COLUMN))
    most = max(1, int(box.h * _MOST_SHARE // _ROW))
    rows = min(most, -(-len(all_series) // columns))
    is_cut = rows * columns < len(all_series)
    shown = all_series[: (rows - 1 if is_cut and rows > 1 else rows) * columns]
    top = box.bottom - rows * _ROW
    width = (box.w - _GAP * (columns - 1)) / columns
    for at, series in enumerate(shown):
        x = box.x + at % columns * (width + _GAP)
        _row(panel, x, top + at // columns * _ROW + 13, width, series)
    if len(shown) < len(all_series):
        more(panel, box, len(all_series) - len(shown), "more series")
    return rows * _ROW + 6


def _row(panel: Panel, x: float, y: float, width: float, series: Series) -> None:
    value = panel.text_of(series.line.latest)
    label = SMALL.fit(series.label, width - _SWATCH - 8 - STRONG.width(value))
    _entry(panel, x, y, series, label)
    panel.canvas.text(x + width, y, value, STRONG, panel.colours.text, "right")


def _entry(panel: Panel, x: float, y: float, series: Series, label: str) -> None:
    swatch = Box(x, y - 5.5, 10, 3)
    panel.canvas.box(swatch, panel.colours.of_slot(series.slot), radius=1.5)
    panel.canvas.text(x + _SWATCH, y, label, SMALL, panel.colours.muted)


def _by_value(series: Series) -> tuple[bool, float]:
    latest = series.line.latest
    return (latest is None, -(latest or 0.0))

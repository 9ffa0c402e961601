"""A row for each group, the value as colour (web/src/chart/heat-map.ts, HeatMap.svelte)."""

from __future__ import annotations

from typing import Final

import numpy as np

from nowline.model.partials import Floats, Ints
from nowline.render.geometry import Box
from nowline.render.heat import HeatScale, heat_scale
from nowline.render.panel import SMALL, TINY, Panel, largest
from nowline.render.scales import Scale
from nowline.render.theme import mixed
from nowline.render.time_chart import Plot, times
from nowline.render.units import text_of

_AXIS: Final = 24
_RIGHT: Final = 14
_WIDEST_LABELS: Final = 0.34
_SWATCHES: Final = 6
# Colours that nobody can tell apart are one: each is drawn at once.
_SHADES: Final = 24
_LETTER: Final = 13


def draw(panel: Panel, box: Box) -> None:
    """A heatmap with its scale above."""
    settings, series = panel.settings, panel.drawing.series
    values = np.concatenate([np.empty(0), *(each.line.values for each in series)])
    scale = heat_scale(values[np.isfinite(values)], settings.low, settings.high)
    colour = panel.colours.of_slot(series[0].slot if series else 0)
    _scale(panel, box, scale, colour)
    box = box.without_top(22)
    most = box.w * _WIDEST_LABELS
    left = min(most, largest([each.label for each in series], SMALL)) + 8
    inner = box.inset(left, 0, _RIGHT, _AXIS)
    plot = Plot(inner, Scale(0, 1, ()), panel.drawing.start, panel.drawing.end)
    _labels(panel, plot, left)
    with panel.canvas.clipped(inner):
        _cells(panel, plot, scale, colour)
    times(panel, plot)


def _scale(panel: Panel, box: Box, scale: HeatScale, colour: str) -> None:
    canvas, colours, y = panel.canvas, panel.colours, box.y + 12
    high = ("≥ " if scale.is_cut else "") + _written(panel, scale.high)
    right = box.right - _RIGHT
    canvas.text(right, y, high, TINY, colours.muted, "right")
    x = right - TINY.width(high) - 6 - _SWATCHES * 16
    alphas = scale.alpha(np.linspace(scale.low, scale.high, _SWATCHES))
    for at, alpha in enumerate(alphas.tolist()):
        canvas.box(Box(x + at * 16, y - 8, 14, 8), mixed(colour, colours.surface, alpha))
    canvas.text(x - 6, y, _written(panel, scale.low), TINY, colours.muted, "right")


def _written(panel: Panel, value: float) -> str:
    return text_of(value, "") if panel.drawing.counts_sizes else panel.text_of(value)


def _labels(panel: Panel, plot: Plot, width: float) -> None:
    series = panel.drawing.series
    row = plot.box.h / max(1, len(series))
    # Where rows are lower than letters, only some have their name.
    step = max(1, -(-_LETTER // max(1, int(row))))
    for at in range(0, len(series), step):
        y = plot.box.y + (at + 0.5) * row + 4
        label = SMALL.fit(series[at].label, width - 8)
        panel.canvas.text(plot.box.x - width, y, label, SMALL, panel.colours.muted)


def _cells(panel: Panel, plot: Plot, scale: HeatScale, colour: str) -> None:
    row = plot.box.h / max(1, len(panel.drawing.series))
    cell = panel.drawing.bucket_ms / (plot.end - plot.start) * plot.box.w
    gaps = (1.0 if cell > 4 else 0.0, 1.0 if row > 4 else 0.0)
    shades: dict[int, list[Box]] = {}
    for at, series in enumerate(panel.drawing.series):
        known = series.line.known
        place = (plot.box.y + at * row, max(0.5, cell - gaps[0]), row - gaps[1])
        _add_row(
            shades, plot, place, series.line.times[known], scale.alpha(series.line.values[known])
        )
    for shade, boxes in sorted(shades.items()):
        panel.canvas.boxes(boxes, mixed(colour, panel.colours.surface, shade / _SHADES))


def _add_row(
    shades: dict[int, list[Box]],
    plot: Plot,
    place: tuple[float, float, float],
    at: Ints,
    alphas: Floats,
) -> None:
    y, width, height = place
    pairs = zip(plot.x(at).tolist(), np.rint(alphas * _SHADES).astype(int).tolist(), strict=True)
    for x, shade in pairs:
        shades.setdefault(shade, []).append(Box(x, y, width, height))

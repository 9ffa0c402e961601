"""Lines, areas and bars over time (web/src/chart/time-chart.ts, panels/chart/TimePanel.svelte)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from nowline.model.partials import Floats, Ints
from nowline.render import legend
from nowline.render.drawing import Mark
from nowline.render.geometry import Box
from nowline.render.lettering import Face, Weight
from nowline.render.lines import Layer, stacked
from nowline.render.panel import SMALL, TINY, Panel, largest, state
from nowline.render.scales import Scale, nice_scale, time_ticks
from nowline.render.units import base_of, text_of

_VALUE: Final = Face(16, Weight.MEDIUM)
_AXIS: Final = 24
_RIGHT: Final = 14
_TICK: Final = 72
_LINE: Final = 1.5
_DOT: Final = 2.5
_AREA_ALPHA, _LAYER_ALPHA, _BAR_ALPHA = 0.08, 0.55, 0.85
# How much of its bucket a bar, or all that stand beside one another, may take.
_BAR_FILL: Final = 0.8
_WIDEST_BAR: Final = 40


@dataclass(frozen=True, slots=True)
class Plot:
    """Where times and values are on the page."""

    box: Box
    scale: Scale
    start: int
    end: int

    def x(self, times: Ints) -> Floats:
        """Where times are."""
        found: Floats = self.box.x + (times - self.start) / (self.end - self.start) * self.box.w
        return found

    def y(self, values: Floats) -> Floats:
        """Where values are."""
        span = self.scale.high / 2 - self.scale.low / 2
        found: Floats = self.box.bottom - (values / 2 - self.scale.low / 2) / span * self.box.h
        return found

    @property
    def ground(self) -> float:
        """Where areas and bars stand: at zero, or where the scale begins above it."""
        return min(max(self.scale.low, 0.0), self.scale.high)


def draw(panel: Panel, box: Box) -> None:
    """A chart over time with its axes and legend."""
    box = _words(panel, box)
    layers = stacked([each.line for each in panel.drawing.series]) if _is_stacked(panel) else []
    plot = _plot(panel, box, layers)
    _axes(panel, plot)
    with panel.canvas.clipped(plot.box.inset(-1, -3, -1, -1)):
        if panel.settings.chart == "bar":
            _bars(panel, plot, layers)
        elif layers:
            _layers(panel, plot, layers)
        else:
            _lines(panel, plot)
    _thresholds(panel, plot)


def _is_stacked(panel: Panel) -> bool:
    return panel.settings.stack and panel.settings.chart != "line"


def _words(panel: Panel, box: Box) -> Box:
    """What stands above and below the chart; returns what remains for it."""
    series = panel.drawing.series
    if len(series) == 1 and (panel.settings.limit is not None or panel.settings.thresholds):
        latest = series[0].line.latest
        text = panel.text_of(latest)
        panel.canvas.text(box.x, box.y + 15, text, _VALUE, panel.colours.text)
        left = _VALUE.width(text) + 10
        state(panel, box.x + left, box.y + 15, box.w - left, latest)
        return box.without_top(26)
    if 1 < len(series) <= legend.INLINE:
        return box.without_top(legend.above(panel, box) + 4)
    if len(series) > legend.INLINE:
        return box.inset(0, 2, 0, legend.below(panel, box))
    return box.without_top(4)


def _plot(panel: Panel, box: Box, layers: Sequence[Layer]) -> Plot:
    scale = _scale(panel, layers)
    labels = [text_of(tick, panel.settings.unit) for tick in scale.ticks]
    inner = box.inset(max(30, largest(labels, TINY) + 8), 6, _RIGHT, _AXIS)
    return Plot(inner, scale, panel.drawing.start, max(panel.drawing.end, panel.drawing.start + 1))


def _scale(panel: Panel, layers: Sequence[Layer]) -> Scale:
    settings = panel.settings
    if layers:
        columns = [each for layer in layers for each in (layer.top, layer.base)]
    else:
        columns = [series.line.values for series in panel.drawing.series]
    values = np.concatenate([np.empty(0), *columns])
    values = values[np.isfinite(values)]
    ends = [settings.high or 0.0, *(mark.at for mark in panel.drawing.marks)]
    floor = settings.low or 0.0
    low = float(values.min()) if len(values) else floor
    high = max(float(values.max()) if len(values) else 0.0, *ends)
    return nice_scale(low, high, base_of(settings.unit), floor)


def _axes(panel: Panel, plot: Plot) -> None:
    canvas, colours, box = panel.canvas, panel.colours, plot.box
    heights = plot.y(np.array(plot.scale.ticks)).tolist()
    step = max(1, -(-14 * len(heights) // max(1, int(box.h) + 14)))
    for tick, y in list(zip(plot.scale.ticks, heights, strict=True))[::step]:
        canvas.line([box.x, box.right], [y, y], colours.grid, 1)
        label = text_of(tick, panel.settings.unit)
        canvas.text(box.x - 8, y + 4, label, TINY, colours.muted, "right")
    times(panel, plot)


def times(panel: Panel, plot: Plot) -> None:
    """Moments of the clock below a plot."""
    box = plot.box
    most = max(2, min(8, int(box.w // _TICK)))
    ticks = time_ticks(plot.start, plot.end, most, panel.zone)
    for tick, x in zip(ticks, plot.x(np.array([t.at for t in ticks], np.int64)), strict=True):
        half = TINY.width(tick.label) / 2
        if box.x - 4 <= x - half and x + half <= box.right + _RIGHT:
            panel.canvas.text(x, box.bottom + 17, tick.label, TINY, panel.colours.muted, "center")


def _lines(panel: Panel, plot: Plot) -> None:
    ground = plot.y(np.array([plot.ground]))[0]
    alpha = _AREA_ALPHA if panel.settings.chart == "area" else 0
    for series in panel.drawing.series:
        for times_, values in series.line.runs():
            x, y = plot.x(times_), plot.y(values)
            colour = panel.colours.of_slot(series.slot)
            _run(panel, x, y, np.full(len(x), ground), colour, alpha)


def _run(panel: Panel, x: Floats, top: Floats, base: Floats, colour: str, alpha: float) -> None:
    """A part of a line without a gap, filled down to its base; one point alone is a dot."""
    if len(x) == 1:
        panel.canvas.dot(float(x[0]), float(top[0]), _DOT, colour)
        return
    if alpha:
        panel.canvas.area(x, top, base, colour, alpha)
    panel.canvas.line(x, top, colour, _LINE)


def _layers(panel: Panel, plot: Plot, layers: Sequence[Layer]) -> None:
    x = plot.x(layers[0].times)
    for series, layer in zip(panel.drawing.series, layers, strict=True):
        colour = panel.colours.of_slot(series.slot)
        known = np.flatnonzero(np.isfinite(layer.top))
        cuts = np.flatnonzero(np.diff(known) > 1) + 1
        for run in np.split(known, cuts) if len(known) else []:
            top, base = plot.y(layer.top[run]), plot.y(layer.base[run])
            _run(panel, x[run], top, base, colour, _LAYER_ALPHA)


def _bars(panel: Panel, plot: Plot, layers: Sequence[Layer]) -> None:
    all_series = panel.drawing.series
    places = 1 if layers else max(1, len(all_series))
    bucket = panel.drawing.bucket_ms / (plot.end - plot.start) * plot.box.w
    together = min(bucket * _BAR_FILL, _WIDEST_BAR * places)
    width = together / places
    for at, series in enumerate(all_series):
        line = series.line
        times_, base, top = line.times, np.full(len(line.times), plot.ground), line.values
        if layers:
            times_, base, top = layers[at].times, layers[at].base, layers[at].top
        left = plot.x(times_) + (bucket - together) / 2 + (0 if layers else at * width)
        boxes = _upright(left, plot.y(top), plot.y(base), max(0.5, width))
        panel.canvas.boxes(boxes, panel.colours.of_slot(series.slot), _BAR_ALPHA)


def _upright(left: Floats, top: Floats, base: Floats, width: float) -> list[Box]:
    rows = zip(left.tolist(), top.tolist(), base.tolist(), strict=True)
    return [
        Box(x, min(end, start), width, abs(start - end))
        for x, end, start in rows
        if abs(start - end) > 0
    ]


def _thresholds(panel: Panel, plot: Plot) -> None:
    canvas, box = panel.canvas, plot.box
    for mark in panel.drawing.marks:
        y = float(plot.y(np.array([mark.at]))[0])
        if not box.y - 1 <= y <= box.bottom + 1:
            continue
        colour = panel.colours.tone(mark.tone)
        canvas.line([box.x, box.right], [y, y], colour, 1, dashed=True)
        _threshold_label(panel, box, mark, y)


def _threshold_label(panel: Panel, box: Box, mark: Mark, y: float) -> None:
    is_at_top = y - box.y < 16
    label = SMALL.fit(mark.label, box.w - 8)
    place = y + 14 if is_at_top else y - 4
    panel.canvas.text(box.right - 4, place, label, SMALL, panel.colours.tone(mark.tone), "right")

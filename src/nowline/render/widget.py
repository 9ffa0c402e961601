"""A widget in its frame: title, subtitle, and whatever it shows."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from nowline.model.dashboard import Widget, WidgetType
from nowline.model.sheet import Labelled, Shown, queries_of
from nowline.render import card, feed, heatmap, prose, rows, time_chart
from nowline.render import round as circles
from nowline.render.canvas import Canvas
from nowline.render.drawing import Palette, draw
from nowline.render.geometry import Box
from nowline.render.lettering import Face, Weight
from nowline.render.panel import SMALL, Panel, note
from nowline.render.settings import Settings, settings_of
from nowline.render.theme import Colours

_TITLE: Final = Face(13, Weight.MEDIUM)
_ASKING: Final = frozenset({WidgetType.CHART, WidgetType.METRIC, WidgetType.TABLE})
_EMPTY: Final = "No data in this span of time."


def draw_widget(
    canvas: Canvas, box: Box, shown: Shown, palette: Palette, colours: Colours, zone: ZoneInfo
) -> None:
    """A widget with its frame; one that cannot be drawn says so in its place."""
    canvas.box(box, colours.surface, edge=colours.hairline, radius=8)
    inner = box.inset(12, 10, 12, 10)
    queries, problem = asked(shown)
    settings = settings_of(shown.widget, queries)
    _head(canvas, inner, shown.widget, settings, colours)
    body = inner.without_top(24)
    if problem is not None:
        note(canvas, body, problem, colours.bad)
        return
    panel = Panel(canvas, colours, settings, draw(settings, queries, shown.answers, palette), zone)
    with canvas.clipped(box):
        _draw_body(panel, body, shown)


def asked(shown: Shown) -> tuple[list[Labelled], str | None]:
    """What a widget asks, and why it cannot be shown, if it cannot."""
    if shown.problem is not None:
        return [], shown.problem
    try:
        queries = queries_of(shown.widget)
    except msgspec.ValidationError as error:
        return [], f"This widget asks something that is no query: {error}"
    return queries[: len(shown.answers)], None


def _head(canvas: Canvas, box: Box, widget: Widget, settings: Settings, colours: Colours) -> None:
    title = _TITLE.fit(widget.title or "", box.w)
    canvas.text(box.x, box.y + 13, title, _TITLE, colours.text)
    left = _TITLE.width(title) + 8 if title else 0
    subtitle = SMALL.fit(settings.subtitle, box.w - left) if box.w - left > 24 else ""
    canvas.text(box.x + left, box.y + 13, subtitle, SMALL, colours.muted)


def _draw_body(panel: Panel, box: Box, shown: Shown) -> None:
    kind = shown.widget.type
    if kind in _ASKING and not any(
        line.known.any() for lines in panel.drawing.answers for line in lines
    ):
        note(panel.canvas, box, _EMPTY, panel.colours.muted)
    elif kind is WidgetType.METRIC:
        card.draw(panel, box)
    elif kind is WidgetType.TABLE:
        rows.draw_table(panel, box)
    elif kind is WidgetType.TEXT:
        prose.draw(panel, box)
    elif kind is WidgetType.FEED:
        feed.draw(panel, box, shown.events)
    elif kind is WidgetType.CHART and panel.settings.is_known:
        _draw_chart(panel, box)
    else:
        words = f"A file cannot show a widget of the kind “{_kind(shown.widget)}”."
        note(panel.canvas, box, words, panel.colours.muted)


def _draw_chart(panel: Panel, box: Box) -> None:
    match panel.settings.chart:
        case "pie":
            circles.draw_pie(panel, box)
        case "gauge":
            circles.draw_gauges(panel, box)
        case "heatmap":
            heatmap.draw(panel, box)
        case "bar" if panel.settings.by_group:
            rows.draw_bars(panel, box)
        case _:
            time_chart.draw(panel, box)


def _kind(widget: Widget) -> str:
    if widget.type is WidgetType.CHART:
        return f"chart: {str(widget.config.get('chart'))[:40]}"
    return str(widget.type.value)

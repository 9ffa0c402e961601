"""What a dashboard's content must be beyond its shape. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from nowline.errors import NowlineError, invalid
from nowline.model.dashboard import (
    GRID_COLUMNS,
    MEDIUM_COLUMNS,
    SMALL_COLUMNS,
    Content,
    Position,
    Widget,
    WidgetType,
    over_own_span,
)
from nowline.model.query import Query, duration_ms

REFRESH_INTERVALS = ("live", "1s", "5s", "30s", "1m", "1h", "1d")
PREVIOUS = "previous"
"""The comparison with the span before."""
_ASKING = frozenset({WidgetType.CHART, WidgetType.METRIC, WidgetType.TABLE})


def check(content: Content) -> None:
    """Refuse what cannot be shown.

    Raises:
        NowlineError: INVALID with the field at fault.
    """
    _check_refresh("refresh_interval", content.refresh_interval)
    if not content.name.strip():
        raise invalid("name", "is empty")
    known: set[str] = set()
    for at, widget in enumerate(content.widgets):
        _check_widget(f"widgets[{at}]", widget)
        if widget.id in known:
            raise invalid(f"widgets[{at}].id", f"another widget has the id `{widget.id}`")
        known.add(widget.id)


def query_of(widget: Widget) -> Query | None:
    """What a widget asks, over the span of its own if the query has none; None if it asks nothing.

    Raises:
        msgspec.ValidationError: It asks something that is no query.
    """
    raw = widget.config.get("query")
    if raw is None:
        return None
    return over_own_span(widget, msgspec.convert(raw, Query))


def refresh_of(widget: Widget) -> str | None:
    """How often a widget is refreshed; None for as often as its dashboard."""
    refresh = widget.config.get("refresh_interval")
    return refresh if refresh in REFRESH_INTERVALS else None


def queries_of(widget: Widget) -> list[Query]:
    """All that a widget asks: its one query, and those that are listed."""
    listed = widget.config.get("queries")
    entries = listed if isinstance(listed, list) else []
    asked = [each.get("query") for each in entries if isinstance(each, dict)]
    read = (as_query(raw) for raw in (widget.config.get("query"), *asked))
    return [over_own_span(widget, query) for query in read if query is not None]


def as_query(raw: object) -> Query | None:
    """What a document calls a query; None if it is none."""
    try:
        return msgspec.convert(raw, Query)
    except msgspec.ValidationError:
        return None


def _check_widget(path: str, widget: Widget) -> None:
    _check_position(f"{path}.position", widget.position, GRID_COLUMNS)
    if widget.layouts is not None:
        _check_position(f"{path}.layouts.medium", widget.layouts.medium, MEDIUM_COLUMNS)
        _check_position(f"{path}.layouts.small", widget.layouts.small, SMALL_COLUMNS)
    if widget.type is WidgetType.TEXT and not isinstance(widget.config.get("text"), str):
        raise invalid(f"{path}.config.text", "is missing, or is no text")
    if widget.type in _ASKING:
        _check_query(f"{path}.config.query", widget)
        _check_overrides(f"{path}.config", widget.config)


def _check_position(path: str, position: Position | None, columns: int) -> None:
    if position is not None and position.x + position.w > columns:
        raise invalid(f"{path}.w", f"reaches beyond the {columns} columns")


def _check_overrides(path: str, config: dict[str, Any]) -> None:
    """Refuse what goes before the dashboard's own span, refresh and comparison, but is none."""
    span = config.get("time_range")
    if span is not None and not (isinstance(span, dict) and set(span) == {"last"}):
        raise invalid(f"{path}.time_range", 'is not an object with `last`, such as {"last": "7d"}')
    if span is not None and not _is_duration(span["last"]):
        raise invalid(f"{path}.time_range.last", "is not a number with s, m, h, d or w")
    _check_refresh(f"{path}.refresh_interval", config.get("refresh_interval"))
    back = config.get("compare")
    if back is not None and back != PREVIOUS and not _is_duration(back):
        raise invalid(f"{path}.compare", f"is neither `{PREVIOUS}` nor a duration such as `1d`")


def _check_refresh(field: str, interval: object) -> None:
    if interval is not None and interval not in REFRESH_INTERVALS:
        raise invalid(field, f"is not one of {', '.join(REFRESH_INTERVALS)}")


def _is_duration(value: object) -> bool:
    return isinstance(value, str) and duration_ms(value) is not None


def _check_query(path: str, widget: Widget) -> None:
    try:
        query_of(widget)
    except msgspec.ValidationError as error:
        raise _bad_query(path, error) from error


def _bad_query(path: str, error: msgspec.ValidationError) -> NowlineError:
    reason, _, place = str(error).partition(" - at `$")
    return invalid(path + place.removesuffix("`"), reason)

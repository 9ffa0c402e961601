"""What a dashboard's content must be beyond its shape. Pure."""

from __future__ import annotations

import msgspec

from nowline.errors import NowlineError, invalid
from nowline.model.dashboard import GRID_COLUMNS, Content, Widget, WidgetType
from nowline.model.query import Query

REFRESH_INTERVALS = ("live", "1s", "5s", "30s", "1m", "1h", "1d")
_ASKING = frozenset({WidgetType.CHART, WidgetType.METRIC, WidgetType.TABLE})


def check(content: Content) -> None:
    """Refuse what cannot be shown.

    Raises:
        NowlineError: INVALID with the field at fault.
    """
    interval = content.refresh_interval
    if interval is not None and interval not in REFRESH_INTERVALS:
        raise invalid("refresh_interval", f"is not one of {', '.join(REFRESH_INTERVALS)}")
    if not content.name.strip():
        raise invalid("name", "is empty")
    known: set[str] = set()
    for at, widget in enumerate(content.widgets):
        _check_widget(f"widgets[{at}]", widget)
        if widget.id in known:
            raise invalid(f"widgets[{at}].id", f"another widget has the id `{widget.id}`")
        known.add(widget.id)


def query_of(widget: Widget) -> Query | None:
    """What a widget asks; None if it asks nothing.

    Raises:
        msgspec.ValidationError: It asks something that is no query.
    """
    raw = widget.config.get("query")
    return None if raw is None else msgspec.convert(raw, Query)


def queries_of(widget: Widget) -> list[Query]:
    """All that a widget asks: its one query, and those that are listed."""
    listed = widget.config.get("queries")
    entries = listed if isinstance(listed, list) else []
    asked = [each.get("query") for each in entries if isinstance(each, dict)]
    read = (as_query(raw) for raw in (widget.config.get("query"), *asked))
    return [query for query in read if query is not None]


def as_query(raw: object) -> Query | None:
    """What a document calls a query; None if it is none."""
    try:
        return msgspec.convert(raw, Query)
    except msgspec.ValidationError:
        return None


def _check_widget(path: str, widget: Widget) -> None:
    position = widget.position
    if position.x + position.w > GRID_COLUMNS:
        raise invalid(f"{path}.position.w", f"reaches beyond the {GRID_COLUMNS} columns")
    if widget.type is WidgetType.TEXT and not isinstance(widget.config.get("text"), str):
        raise invalid(f"{path}.config.text", "is missing, or is no text")
    if widget.type in _ASKING:
        _check_query(f"{path}.config.query", widget)


def _check_query(path: str, widget: Widget) -> None:
    try:
        query_of(widget)
    except msgspec.ValidationError as error:
        raise _bad_query(path, error) from error


def _bad_query(path: str, error: msgspec.ValidationError) -> NowlineError:
    reason, _, place = str(error).partition(" - at `$")
    return invalid(path + place.removesuffix("`"), reason)

"""Dashboards: widgets on a grid, who owns them, and who may see and change them."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import msgspec

from nowline.model.query import Query, TimeRange
from nowline.model.user import Principal, Scope

GRID_COLUMNS = 12
MEDIUM_COLUMNS = 6
SMALL_COLUMNS = 2
_MOST_ROWS = 1000
_MOST_WIDGETS = 200
_MOST_VALUES = 200

WidgetId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Column = Annotated[int, msgspec.Meta(ge=0, lt=GRID_COLUMNS)]
_Width = Annotated[int, msgspec.Meta(ge=1, le=GRID_COLUMNS)]
_Row = Annotated[int, msgspec.Meta(ge=0, le=_MOST_ROWS)]
_Height = Annotated[int, msgspec.Meta(ge=1, le=100)]
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
TagValues = Annotated[list[str], msgspec.Meta(max_length=_MOST_VALUES)]


class WidgetType(Enum):
    """What a widget is."""

    CHART = "chart"
    METRIC = "metric"
    TABLE = "table"
    ALERT = "alert"
    FEED = "feed"
    TEXT = "text"


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a widget stands on a grid, in columns and rows from its left upper corner."""

    x: _Column
    y: _Row
    w: _Width
    h: _Height


class Layouts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a widget stands where there is less room than for twelve columns.

    Attributes:
        medium: On the six columns of a tablet; None for what follows from the wide layout.
        small: On the two columns of a phone; None for what follows from the wide layout.
    """

    medium: Position | None = None
    small: Position | None = None


class Widget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One panel of a dashboard; what `config` holds depends on the type.

    Attributes:
        id: Distinct on the dashboard.
        type: What it is.
        position: Where it stands on the twelve columns of the wide layout.
        config: What it shows.
        title: What it is called; None for what follows from what it shows.
        layouts: Where it stands on smaller screens; None if that follows from `position`.
    """

    id: WidgetId
    type: WidgetType
    position: Position
    config: dict[str, Any]
    title: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    layouts: Layouts | None = None


def over_own_span(widget: Widget, query: Query) -> Query:
    """The query over the span that its widget names, unless it names one itself."""
    span = widget.config.get("time_range")
    last = span.get("last") if isinstance(span, dict) else None
    if not isinstance(last, str) or query.time_range != TimeRange():
        return query
    return msgspec.structs.replace(query, time_range=TimeRange(last=last))


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person makes of a dashboard.

    Attributes:
        name: What it is called.
        description: What it is for.
        widgets: Its widgets.
        refresh_interval: How often it is refreshed, such as `5s`; None for `1s`.
        filters: By tag, the values that its queries are narrowed to.
        is_public: Whether all users may see it.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    description: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    widgets: Annotated[list[Widget], msgspec.Meta(max_length=_MOST_WIDGETS)]
    refresh_interval: str | None = None
    filters: dict[Tag, TagValues] = {}
    is_public: bool = False


class Dashboard(msgspec.Struct, frozen=True):
    """A dashboard that is kept. Times are epoch milliseconds.

    Attributes:
        id: A UUID.
        owner_id: The user, or the key, that made it.
        owner: That one's name.
        version: Counts its changes, from 1 on.
        created_at: When it was made.
        updated_at: When it was changed last.
        content: What it shows.
    """

    id: str
    owner_id: str
    owner: str
    version: int
    created_at: int
    updated_at: int
    content: Content

    def is_seen_by(self, principal: Principal) -> bool:
        """Whether it may be seen: by all if it is public, else by its owner and admins."""
        return self.content.is_public or self.is_changed_by(principal)

    def is_changed_by(self, principal: Principal) -> bool:
        """Whether it is the principal's to change, who may change dashboards at all."""
        return self.owner_id == principal.id or Scope.ADMIN in principal.scopes


class Version(msgspec.Struct, frozen=True):
    """What a dashboard was at some time.

    Attributes:
        version: Its number.
        at: Since when it was so, epoch milliseconds.
        by: Who made it so.
        content: What it showed.
    """

    version: int
    at: int
    by: str
    content: Content

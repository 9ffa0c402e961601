"""What watching a whole dashboard means: the live channels of its widgets, under their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from nowline.api.dashboard_templates import Templates
from nowline.dashboards.content import query_of, refresh_of
from nowline.dashboards.service import Dashboards
from nowline.live.commands import INTERVALS_MS, Wanted
from nowline.model.dashboard import Widget
from nowline.model.query import Query
from nowline.model.user import Principal

_USUAL = "1s"


class Watched:
    """Finds the channels of dashboards.

    Args:
        templates: The built-in ones.
        dashboards: Those that people made.
    """

    def __init__(self, templates: Templates, dashboards: Dashboards) -> None:
        self._templates = {
            name: _wanted(each.widgets, INTERVALS_MS[_USUAL]) for name, each in templates.items()
        }
        self._dashboards = dashboards

    async def channels(self, dashboard_id: str, principal: Principal) -> list[Wanted]:
        """The channels of a dashboard. Its filters hold where a query has none of its own.

        Raises:
            NowlineError: NOT_FOUND: there is none that the principal may see.
        """
        known = self._templates.get(dashboard_id)
        if known is not None:
            return known
        content = (await self._dashboards.get(dashboard_id, principal)).content
        every_ms = INTERVALS_MS[content.refresh_interval or _USUAL]
        filters = {tag: values for tag, values in content.filters.items() if values}
        return _wanted(content.widgets, every_ms, filters)


def _wanted(
    widgets: Iterable[Widget], every_ms: int, filters: Mapping[str, list[str]] | None = None
) -> list[Wanted]:
    asked = ((widget, query_of(widget)) for widget in widgets)
    return [
        Wanted(widget.id, _narrowed(query, filters or {}), _every_ms(widget, every_ms))
        for widget, query in asked
        if query is not None
    ]


def _every_ms(widget: Widget, usual_ms: int) -> int:
    own = refresh_of(widget)
    return usual_ms if own is None else INTERVALS_MS[own]


def _narrowed(query: Query, filters: Mapping[str, list[str]]) -> Query:
    return msgspec.structs.replace(query, filters={**filters, **query.filters})

"""What whoever holds a link may see and ask: what stands on the dashboard, and no more. Pure.

A question is permitted if it is that of a widget but for its span of time, its buckets and what
fills their gaps. The span may not reach further back than the link shows, nor may buckets be so
wide that they do.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import msgspec

from nowline.dashboards.content import as_query, queries_of
from nowline.dashboards.narrowing import Filters, chosen, met_together, narrowed
from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Content, Widget
from nowline.model.moment import epoch_ms
from nowline.model.query import HOUR_MS, MINUTE_MS, Query, duration_ms
from nowline.model.share import Share

# Clocks differ, and a page asks for a round span.
_SLACK_MS = 5 * MINUTE_MS
# What a query without a span of time looks back.
_USUAL_SPAN_MS = HOUR_MS
# A bucket begins before the span that it is the first of.
_WIDEST_SHARE = 12
_FEWEST_POINTS = 24


class Permitted:
    """What a share lets its holders see of a dashboard.

    Args:
        content: The dashboard's.
        share: The share.

    Attributes:
        filters: Those of the dashboard and of the share: both have to be met.
        widgets: The widgets, their queries narrowed by these.
    """

    def __init__(self, content: Content, share: Share) -> None:
        self.filters = met_together(chosen(content.filters), share.filters)
        self.widgets = [_narrowed(widget, self.filters) for widget in content.widgets]
        asked = (query for widget in self.widgets for query in queries_of(widget))
        self._reach_ms = _reaches(asked, share.look_back_ms)

    @property
    def asks(self) -> Hashable:
        """Equal where the same may be asked."""
        return frozenset(self._reach_ms.items())

    def check(self, query: Query, now_ms: int, every_ms: int = 0) -> None:
        """Refuse what no widget asks.

        Args:
            query: What is asked.
            now_ms: The time, epoch milliseconds.
            every_ms: How often it is told anew; live buckets are at least as wide.

        Raises:
            NowlineError: FORBIDDEN.
        """
        reach_ms = self._reach_ms.get(_subject(query))
        if reach_ms is None:
            raise NowlineError(Code.FORBIDDEN, "No widget of this dashboard asks this.")
        start = _start(query, now_ms)
        if start is None or start < now_ms - reach_ms - _SLACK_MS:
            detail = f"This link looks back {_words(reach_ms)} and no further."
            raise NowlineError(Code.FORBIDDEN, detail)
        widest = max(reach_ms // _WIDEST_SHARE, MINUTE_MS)
        if _width_ms(query) > widest or every_ms > widest or query.max_points < _FEWEST_POINTS:
            detail = f"Over this link buckets may be {_words(widest)} wide and no wider."
            raise NowlineError(Code.FORBIDDEN, detail)


def _narrowed(widget: Widget, filters: Filters) -> Widget:
    """The widget as the link shows it; what is called a query and is none is left out."""
    config = {name: each for name, each in widget.config.items() if name != "query"}
    query = _query(widget.config.get("query"), filters)
    if query is not None:
        config["query"] = query
    if "queries" in config:
        entries = config["queries"] if isinstance(config["queries"], list) else []
        config["queries"] = [each for entry in entries for each in _entry(entry, filters)]
    return msgspec.structs.replace(widget, config=config)


def _entry(entry: object, filters: Filters) -> Iterable[Mapping[str, Any]]:
    if isinstance(entry, dict) and (query := _query(entry.get("query"), filters)) is not None:
        yield entry | {"query": query}


def _query(raw: object, filters: Filters) -> dict[str, Any] | None:
    query = as_query(raw)
    if query is None:
        return None
    found: dict[str, Any] = msgspec.to_builtins(narrowed(query, filters))
    return found


def _reaches(queries: Iterable[Query], look_back_ms: int) -> dict[Hashable, int]:
    """By what is asked, how far back; a query that names a span of its own is shown all of it."""
    reaches: dict[Hashable, int] = {}
    for query in queries:
        own = duration_ms(query.time_range.last or "") or 0
        subject = _subject(query)
        reaches[subject] = max(look_back_ms, own, reaches.get(subject, 0))
    return reaches


def _subject(query: Query) -> Hashable:
    """What a query is about: equal for those that differ in time and buckets alone."""
    filters = {tag: [v] if isinstance(v, str) else v for tag, v in query.filters.items()}
    asked = tuple((tag, tuple(sorted(set(values)))) for tag, values in sorted(filters.items()))
    return query.metric_name, query.aggregation, frozenset(query.group_by), asked


def _start(query: Query, now_ms: int) -> int | None:
    """The oldest that a query reads; None where that cannot be told."""
    span, back_ms = query.time_range, 0
    if query.compare is not None:
        compared = duration_ms(query.compare)
        if compared is None:
            return None
        back_ms = compared
    if span.start is not None:
        start = epoch_ms(span.start)
        return None if start is None else start - back_ms
    last = _USUAL_SPAN_MS if span.last is None else duration_ms(span.last)
    return None if last is None else now_ms - last - back_ms


def _width_ms(query: Query) -> int:
    return 0 if query.interval == "auto" else duration_ms(query.interval) or 0


def _words(duration: int) -> str:
    hours, minutes = duration // HOUR_MS, duration // MINUTE_MS
    return f"{hours} h" if hours and duration % HOUR_MS == 0 else f"{minutes} min"

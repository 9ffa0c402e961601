"""Opens watched queries: equal questions get equal keys, so that they share one channel."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from nowline.clock import Clock
from nowline.model.query import SECOND_MS, Fill, Query, TimeRange
from nowline.query.engine import Engine
from nowline.query.listing import CatalogueWatch
from nowline.query.ranges import reach_ms
from nowline.query.watch import History, MetricWatch, Stored

_DEFAULT_REACH = "5m"


class Watches:
    """Makes what live channels show."""

    def __init__(self, engine: Engine, history: History, stored: Stored, clock: Clock) -> None:
        self._engine = engine
        self._history = history
        self._stored = stored
        self._clock = clock

    def metric(self, query: Query, interval_ms: int) -> tuple[str, MetricWatch]:
        """The key of a query that is refreshed at this interval, and what answers it.

        Unless the query says otherwise, its buckets are as wide as the interval, or wider where
        there would be more than `max_points` of them. `fill` and `compare` mean nothing here.

        Raises:
            NowlineError: INVALID or UNPROCESSABLE, as for any query.
        """
        now = self._clock.now_ms()
        reach = reach_ms(query.time_range, now, _DEFAULT_REACH)
        moves = query.time_range.start is None
        ranged = query
        if moves:
            span = TimeRange(start=now - reach, end=now)
            ranged = msgspec.structs.replace(query, time_range=span)
        # A frame has points of one range only, and those that something happened to.
        planned = self._engine.plan(msgspec.structs.replace(ranged, fill=Fill.NONE, compare=None))
        if query.interval == "auto":
            narrowest = max(SECOND_MS, interval_ms // SECOND_MS * SECOND_MS)
            planned = replace(planned, width_ms=max(planned.width_ms, narrowest))
        watch = MetricWatch(
            planned, self._engine, self._history, self._stored, self._clock, moves=moves
        )
        return _key(query, ("last", reach) if moves else ("from", planned.start)), watch

    def catalogue(self) -> tuple[str, CatalogueWatch]:
        """The same for the list of metrics."""
        return "catalogue", CatalogueWatch(self._engine.catalogue)


def _key(query: Query, reach: tuple[str, int]) -> str:
    filters = {k: [v] if isinstance(v, str) else sorted(set(v)) for k, v in query.filters.items()}
    parts = (
        query.metric_name,
        query.aggregation,
        sorted(filters.items()),
        query.group_by,
        query.interval,
        query.max_points,
        query.timezone,
        reach,
    )
    return msgspec.json.encode(parts).decode()

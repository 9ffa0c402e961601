"""Opens watched queries: equal questions get equal keys, so that they share one channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

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

    def metric(self, query: Query, interval_ms: int) -> tuple[str, Callable[[], MetricWatch]]:
        """The key of a query that is refreshed at this interval, and how to watch it.

        Who finds something of that key need not plan the query again, which is most of the work
        when many come at once: queries of one key are refused or taken together.

        Raises:
            NowlineError: INVALID or UNPROCESSABLE, as for any query: from here, or when it is
                watched.
        """
        now = self._clock.now_ms()
        reach = reach_ms(query.time_range, now, _DEFAULT_REACH)
        if query.time_range.start is None:
            span = TimeRange(start=now - reach, end=now)
            moving = msgspec.structs.replace(query, time_range=span)
            watch = partial(self._watch, moving, interval_ms, moves=True)
            return _key(query, ("last", reach)), watch
        standing = self._watch(query, interval_ms, moves=False)
        return _key(query, ("from", standing.start)), lambda: standing

    def _watch(self, query: Query, interval_ms: int, *, moves: bool) -> MetricWatch:
        """Unless the query says otherwise, its buckets are as wide as the interval.

        They are wider where there would be more than `max_points` of them. `fill` and `compare`
        mean nothing here: a frame has points of one range only, and those that something
        happened to.
        """
        planned = self._engine.plan(msgspec.structs.replace(query, fill=Fill.NONE, compare=None))
        if query.interval == "auto":
            narrowest = max(SECOND_MS, interval_ms // SECOND_MS * SECOND_MS)
            planned = replace(planned, width_ms=max(planned.width_ms, narrowest))
        return MetricWatch(
            planned, self._engine, self._history, self._stored, self._clock, moves=moves
        )

    def catalogue(self) -> tuple[str, Callable[[], CatalogueWatch]]:
        """The same for the list of metrics."""
        return "catalogue", partial(CatalogueWatch, self._engine.catalogue)


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

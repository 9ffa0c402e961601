"""Answers: the store's part and the windows' part of a range, merged and finished.

The windows hold every row from their start on, the store every row before it, so each row is
counted in one place and the newest one is always there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nowline.clock import Clock
from nowline.model.partials import Floats, Partials, empty, merge
from nowline.model.points import Points
from nowline.model.query import SECOND_MS, Aggregation, Query
from nowline.query.downsample import lttb
from nowline.query.plan import Plan, plan
from nowline.store.base import Span, Store
from nowline.store.catalogue import Catalogue, Selection


class Recent(Protocol):
    """The newest rows, in memory, from `start` on."""

    start: int

    def partials(self, selection: Selection, start: int, end: int, width_ms: int) -> Partials:
        """Partials of the selected series in whole seconds of `[start, end)`."""
        ...


@dataclass(slots=True)
class Answered:
    """How many queries were answered and how long that took, for `/metrics`."""

    queries: int = 0
    seconds: float = 0.0


class Engine:
    """Answers plans."""

    def __init__(self, catalogue: Catalogue, store: Store, recent: Recent, clock: Clock) -> None:
        self.catalogue = catalogue
        self.answered = Answered()
        self._clock = clock
        self._store = store
        self._recent = recent

    async def ask(self, query: Query) -> tuple[Plan, Points]:
        """Plan a query as of now and answer it.

        Raises:
            NowlineError: INVALID or UNPROCESSABLE (see `plan`).
        """
        planned = plan(query, self._clock.now_ms())
        started = time.perf_counter()
        points = await self.run(planned)
        self.answered.queries += 1
        self.answered.seconds += time.perf_counter() - started
        return planned, points

    async def run(self, planned: Plan) -> Points:
        """The points of a plan, at most `max_points` per series."""
        selection = self.catalogue.select(planned.metric, planned.filters, planned.group_by)
        rows = await self.partials(selection, planned.start, planned.end, planned.width_ms)
        return thin(finish(rows, selection, planned.aggregation), planned.max_points)

    async def partials(self, selection: Selection, start: int, end: int, width_ms: int) -> Partials:
        """Partials of the selection by group and bucket over `[start, end)`."""
        if not len(selection.series):
            return empty()
        hot_start = -(-max(start, self._recent.start) // SECOND_MS) * SECOND_MS
        hot_end = end // SECOND_MS * SECOND_MS
        if hot_start >= hot_end:
            return await self._store.partials(selection, Span(start, end, width_ms))
        # Read before anything is awaited: meanwhile the windows may let go of their oldest rows.
        newest = self._recent.partials(selection, hot_start, hot_end, width_ms)
        older = [
            await self._store.partials(selection, Span(*edge, width_ms))
            for edge in ((start, hot_start), (hot_end, end))
            if edge[0] < edge[1]
        ]
        return merge([*older, newest])


def finish(rows: Partials, selection: Selection, aggregation: Aggregation) -> Points:
    """The aggregation's value of each partial."""
    return Points(selection.tags, rows.key, rows.bucket, _VALUES[aggregation](rows))


def thin(points: Points, most: int) -> Points:
    """At most `most` points of each group, chosen so that the line keeps its shape."""
    starts = np.flatnonzero(np.diff(points.group, prepend=-1))
    ends = np.append(starts[1:], len(points))
    if len(starts) == 0 or int((ends - starts).max()) <= most:
        return points
    kept = np.concatenate(
        [
            start + lttb(points.bucket[start:end], points.value[start:end], most)
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
    )
    return Points(points.tags, points.group[kept], points.bucket[kept], points.value[kept])


_VALUES: dict[Aggregation, Callable[[Partials], Floats]] = {
    Aggregation.AVG: lambda rows: rows.total / rows.count,
    Aggregation.SUM: lambda rows: rows.total,
    Aggregation.COUNT: lambda rows: rows.count.astype(np.float64),
    Aggregation.MIN: lambda rows: rows.low,
    Aggregation.MAX: lambda rows: rows.high,
    Aggregation.LAST: lambda rows: rows.last,
}

"""The way of the rows through this server, second by second: in, through the log, out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nowline.collect.metrics import Describer, Metric
from nowline.model.series import MetricType, Point

ROWS = Metric("nowline.ingest.rows", "count", "Rows made durable", MetricType.COUNTER)
REJECTED = Metric("nowline.ingest.rejected", "count", "Rows refused", MetricType.COUNTER)
DEPTH = Metric("nowline.log.depth", "count", "Records of the log held for a reader of it")
LAG = Metric(
    "nowline.log.lag_ms", "ms", "Age of the oldest record that a reader of the log has yet to read"
)
QUERIES = Metric("nowline.query.count", "count", "Queries answered", MetricType.COUNTER)
QUERY_TIME = Metric(
    "nowline.query.mean_ms", "ms", "Mean time of the queries of a second; none without queries"
)
HITS = Metric("nowline.cache.hits", "count", "Values found in a cache", MetricType.COUNTER)
LOOKUPS = Metric("nowline.cache.lookups", "count", "Values looked for in it", MetricType.COUNTER)


@dataclass(frozen=True, slots=True)
class FlowState:
    """What the parts have counted since the start.

    Attributes:
        rows: Rows made durable.
        rejected: Rows refused.
        depth: By reader of the log, the records held for it.
        lag_s: By reader of the log, the age of the oldest record that it has yet to read.
        queries: Queries answered.
        query_s: The time in them.
        hits: By cache, what was found in it.
        misses: By cache, what was not.
    """

    rows: int
    rejected: int
    depth: Mapping[str, int]
    lag_s: Mapping[str, float]
    queries: int
    query_s: float
    hits: Mapping[str, int]
    misses: Mapping[str, int]


class FlowCollector:
    """Samples what the parts have counted since the previous sample.

    Args:
        state: Asks the parts.
    """

    def __init__(self, state: Callable[[], FlowState]) -> None:
        self._state = state
        self._previous = state()
        self._point = Describer().point

    def sample(self) -> list[Point]:
        """The points of now, without a time (see `collect.schedule`)."""
        before, now = self._previous, self._state()
        self._previous = now
        return [
            self._point(ROWS, now.rows - before.rows),
            self._point(REJECTED, now.rejected - before.rejected),
            *self._log(now),
            *self._queries(before, now),
            *self._caches(before, now),
        ]

    def _log(self, now: FlowState) -> list[Point]:
        depth = [self._point(DEPTH, held, {"group": group}) for group, held in now.depth.items()]
        lag = [self._point(LAG, 1000 * age, {"group": group}) for group, age in now.lag_s.items()]
        return depth + lag

    def _queries(self, before: FlowState, now: FlowState) -> list[Point]:
        queries = now.queries - before.queries
        if not queries:
            return [self._point(QUERIES, 0)]
        mean_ms = 1000 * (now.query_s - before.query_s) / queries
        return [self._point(QUERIES, queries), self._point(QUERY_TIME, round(mean_ms, 3))]

    def _caches(self, before: FlowState, now: FlowState) -> list[Point]:
        points = []
        for kind, found in now.hits.items():
            hits = found - before.hits.get(kind, 0)
            missed = now.misses[kind] - before.misses.get(kind, 0)
            points.append(self._point(HITS, hits, {"kind": kind}))
            points.append(self._point(LOOKUPS, hits + missed, {"kind": kind}))
        return points

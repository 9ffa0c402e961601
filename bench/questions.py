"""The questions of a dashboard, how each contender is asked them, and the right answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.dataset import METRIC, PROMETHEUS_METRIC, REGIONS, Dataset, host
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS

Values = dict[tuple[str, int], float]
"""By region, where grouped, and start of the bucket in epoch milliseconds."""

_MOST_POINTS = 20_000


class Of(Enum):
    """Which series: one host, all together, or all by region."""

    HOST = "host"
    ALL = "all"
    REGION = "region"


class Request(NamedTuple):
    """What to send: a GET, or with a body a POST of JSON."""

    path: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """`avg` or `p95` of some series in buckets over `[start, end)`; `raw` for the points."""

    value: str
    of: Of
    start: int
    end: int
    width_ms: int
    series: int = 0


class Dialect(ABC):
    """How a contender is asked.

    Attributes:
        approximates: Whether its nearest answer to a percentile of all points is of another kind.
    """

    approximates = False

    @abstractmethod
    def request(self, asked: Question) -> Request:
        """What to send."""

    @abstractmethod
    def values(self, asked: Question, body: bytes) -> Values:
        """What came back."""


class ProductDialect(Dialect):
    """Nowline's queries."""

    def request(self, asked: Question) -> Request:
        """A query."""
        return Request("/api/v1/metrics/query", msgspec.json.encode(self.query(asked)))

    def query(self, asked: Question) -> dict[str, object]:
        """The query, as JSON has it."""
        return {
            "metric_name": METRIC,
            "aggregation": "last" if asked.value == "raw" else asked.value,
            "filters": {"host": host(asked.series)} if asked.of is Of.HOST else {},
            "group_by": ["region"] if asked.of is Of.REGION else [],
            "time_range": {"start": asked.start, "end": asked.end},
            "interval": f"{asked.width_ms // 1000}s",
            "max_points": _MOST_POINTS,
        }

    def values(self, asked: Question, body: bytes) -> Values:  # noqa: ARG002
        """The points."""
        points = msgspec.json.decode(body, type=_Answer).data
        times = np.array([each.timestamp[:-1] for each in points], "datetime64[ms]").astype(int)
        pairs = zip(points, times.tolist(), strict=True)
        return {(each.tags.get("region", ""), time): each.value for each, time in pairs}


class PromQL(Dialect):
    """The HTTP API of Prometheus, which VictoriaMetrics speaks as well."""

    approximates = True

    def request(self, asked: Question) -> Request:
        """A range of evaluations, each a millisecond before its bucket's end; or the points."""
        if asked.value == "raw":
            query = f"{self._name(asked)}[{(asked.end - asked.start) // 1000}s]"
            at = f"&time={asked.end / 1000 - 0.001:.3f}"
            return Request(f"/api/v1/query?query={quote(query)}{at}")
        first, last = asked.start + asked.width_ms, asked.end
        span = f"&start={first / 1000 - 0.001:.3f}&end={last / 1000 - 0.001:.3f}"
        query = quote(self._expression(asked))
        return Request(f"/api/v1/query_range?query={query}{span}&step={asked.width_ms // 1000}")

    def values(self, asked: Question, body: bytes) -> Values:
        """The samples."""
        found: Values = {}
        back = 0 if asked.value == "raw" else asked.width_ms - 1
        for line in msgspec.json.decode(body, type=_Prometheus).data.result:
            group = line.metric.get("region", "") if asked.of is Of.REGION else ""
            for time, value in line.values:
                found[group, round(time * 1000) - back] = float(value)
        return found

    def _expression(self, asked: Question) -> str:
        rows = f"{self._name(asked)}[{asked.width_ms // 1000}s]"
        if asked.value == "p95":
            return self._percentile(rows)
        average = f"avg_over_time({rows})"
        if asked.of is Of.HOST:
            return average
        # Every series has as many points: the average of averages is that of all.
        return (
            f"avg({average}) by ({asked.of.value})" if asked.of is Of.REGION else f"avg({average})"
        )

    def _percentile(self, rows: str) -> str:
        """Of each series, then of those: there is no percentile of all points."""
        return f"quantile(0.95, quantile_over_time(0.95, {rows}))"

    def _name(self, asked: Question) -> str:
        chosen = f'{{host="{host(asked.series)}"}}' if asked.of is Of.HOST else ""
        return PROMETHEUS_METRIC + chosen


class MetricsQL(PromQL):
    """VictoriaMetrics: percentiles of all points by its histograms."""

    def _percentile(self, rows: str) -> str:
        return f"histogram_quantile(0.95, sum(histogram_over_time({rows})) by (vmrange))"


class InfluxQL(Dialect):
    """InfluxDB 1.x."""

    def request(self, asked: Question) -> Request:
        """A SELECT."""
        field = {"raw": "value", "avg": "mean(value)", "p95": "percentile(value, 95)"}[asked.value]
        where = f"time >= {asked.start}ms AND time < {asked.end}ms"
        if asked.of is Of.HOST:
            where += f" AND host = '{host(asked.series)}'"
        groups = [] if asked.value == "raw" else [f"time({asked.width_ms // 1000}s)"]
        groups += ["region"] if asked.of is Of.REGION else []
        by = f" GROUP BY {', '.join(groups)}" if groups else ""
        query = quote(f'SELECT {field} FROM "{METRIC}" WHERE {where}{by}')
        return Request(f"/query?db=bench&epoch=ms&q={query}")

    def values(self, asked: Question, body: bytes) -> Values:  # noqa: ARG002
        """The rows."""
        (result,) = msgspec.json.decode(body, type=_Influx).results
        return {
            (each.tags.get("region", ""), time): value
            for each in result.series
            for time, value in each.values
        }


class _Point(msgspec.Struct):
    timestamp: str
    value: float
    tags: dict[str, str]


class _Answer(msgspec.Struct):
    data: list[_Point]


class _Line(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Lines(msgspec.Struct):
    result: list[_Line]


class _Prometheus(msgspec.Struct):
    data: _Lines


class _Series(msgspec.Struct):
    values: list[tuple[int, float]]
    tags: dict[str, str] = {}


class _Result(msgspec.Struct):
    series: list[_Series] = []


class _Influx(msgspec.Struct):
    results: list[_Result]


def truth(asked: Question, data: Sequence[Dataset]) -> Values:
    """The answer, worked out from the data themselves."""
    if asked.value == "p95":
        return _percentiles(asked, data)
    groups = {"": slice(asked.series, asked.series + 1) if asked.of is Of.HOST else slice(None)}
    if asked.of is Of.REGION:
        groups = {f"r{n}": slice(n, None, REGIONS) for n in range(REGIONS)}
    size = -(-(asked.end - asked.start) // asked.width_ms)
    total = {group: np.zeros(size) for group in groups}
    count = {group: np.zeros(size) for group in groups}
    for times, values in _rows(asked, data):
        at = (times - asked.start) // asked.width_ms
        for group, members in groups.items():
            chosen = values[:, members]
            total[group] += np.bincount(at, chosen.sum(axis=1), size)
            count[group] += np.bincount(at, minlength=size) * chosen.shape[1]
    return {
        (group, asked.start + int(n) * asked.width_ms): float(total[group][n] / count[group][n])
        for group in groups
        for n in np.flatnonzero(count[group])
    }


def _percentiles(asked: Question, data: Sequence[Dataset]) -> Values:
    found: dict[int, list[NDArray[np.float64]]] = {}
    for times, values in _rows(asked, data):
        buckets = times // asked.width_ms * asked.width_ms
        for bucket in np.unique(buckets).tolist():
            found.setdefault(bucket, []).append(values[buckets == bucket].reshape(-1))
    return {
        ("", bucket): float(np.percentile(np.concatenate(parts), 95))
        for bucket, parts in found.items()
    }


def _rows(
    asked: Question, data: Sequence[Dataset]
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Times and values of all data within the range."""
    found = []
    for each in data:
        start, end = max(asked.start, each.start_ms), min(asked.end, each.end_ms)
        if start < end:
            chunk = each.chunk(-(-start // each.step_ms) * each.step_ms, end)
            found.append((chunk.times, chunk.hundredths / 100))
    return found


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of question; asked again it is about another host and an earlier range.

    Attributes:
        what: How it is called in the results.
        most: How often it is asked at most.
        apart_ms: Between two places of its ranges: more than a range and all moves together.
    """

    what: str
    value: str
    of: Of
    span_ms: int
    width_ms: int
    most: int
    apart_ms: int = 0

    def question(self, end: int, moves: int, series: int, place: int = 0) -> Question:
        """The question over a range that ends before `end`.

        Args:
            end: Epoch milliseconds.
            moves: How many buckets, minutes at least, to go back.
            series: How many there are to choose the host from.
            place: Questions at different places are about different hosts or ranges.
        """
        last = end // self.width_ms * self.width_ms - max(self.width_ms, MINUTE_MS) * moves
        last -= self.apart_ms * place
        chosen = (37 + 101 * moves + 13 * place) % series
        return Question(self.value, self.of, last - self.span_ms, last, self.width_ms, chosen)


_HOUR, _DAY, _YEAR = HOUR_MS, DAY_MS, 365 * DAY_MS
ONE_SERIES = Shape("one series, 24 h at 1m", "avg", Of.HOST, _DAY, MINUTE_MS, 60)
RAW = Shape("one series, raw points of 1 h", "raw", Of.HOST, _HOUR, 10_000, 60)
GROUPED = Shape("by region, 24 h at 5m", "avg", Of.REGION, _DAY, 5 * MINUTE_MS, 20, 30 * _HOUR)
PERCENTILE = Shape("p95 of all, 24 h at 1h", "p95", Of.ALL, _DAY, _HOUR, 7, 48 * _HOUR)
FINE_PERCENTILE = Shape("p95 of all, 24 h at 5m", "p95", Of.ALL, _DAY, 5 * MINUTE_MS, 6)
YEAR = Shape("by region, a year at 1d", "avg", Of.REGION, _YEAR, _DAY, 9)
YEAR_OF_ONE = Shape("one series, a year at 1d", "avg", Of.HOST, _YEAR, _DAY, 9)

DIFFERENT = {ONE_SERIES: 10, RAW: 2, GROUPED: 5, PERCENTILE: 3}
"""Twenty widgets, no two of them about the same rows."""
DIFFERENT_WITH_YEARS = {ONE_SERIES: 10, RAW: 2, GROUPED: 4, PERCENTILE: 2, YEAR: 1, YEAR_OF_ONE: 1}

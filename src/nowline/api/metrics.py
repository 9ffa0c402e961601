"""Questions about metrics, and the catalogue of them."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError
from nowline.model.query import MINUTE_MS, Query
from nowline.query.engine import Engine
from nowline.query.plan import Plan
from nowline.query.watch import Entry, entry


class Meta(msgspec.Struct, frozen=True):
    """How a query was answered: bucket width, level read, points, and milliseconds taken."""

    interval: str
    level: str
    points: int
    cached: bool
    took_ms: float


class Point(msgspec.Struct, frozen=True):
    """One bucket: its start, its value (null where it has none), its `group_by` tags."""

    timestamp: str
    value: float | None
    tags: dict[str, str]


class Answer(msgspec.Struct, frozen=True):
    """The answer to a query, ordered by tags, then time."""

    data: list[Point]
    meta: Meta


class MetricList(msgspec.Struct, frozen=True):
    """The catalogue."""

    metrics: list[Entry]


class TagValues(msgspec.Struct, frozen=True):
    """The values of one tag of one metric."""

    values: list[str]


class _Encoded(msgspec.Struct, frozen=True):
    data: msgspec.Raw
    meta: Meta


@post("/api/v1/metrics/query", status_code=200, opt={"action": Action.READ}, tags=["metrics"])
async def query(data: JSONBody[Query], engine: NamedDependency[Engine]) -> Response[Any]:
    """Ask for one metric over a time range, in buckets."""
    started = time.perf_counter()
    planned, points = await engine.ask(data)
    took = time.perf_counter() - started
    meta = Meta(
        interval=_interval(planned.width_ms),
        level=_level(planned),
        points=len(points),
        cached=False,
        took_ms=round(took * 1000, 3),
    )
    body = msgspec.json.encode(_Encoded(msgspec.Raw(points.to_json()), meta))
    return Response(body, media_type="application/json")


@get("/api/v1/metrics", opt={"action": Action.READ}, tags=["metrics"])
async def catalogue(engine: NamedDependency[Engine], search: FromQuery[str] = "") -> MetricList:
    """List the metrics whose name contains `search`."""
    return MetricList([entry(metric) for metric in engine.catalogue.search(search)])


@get("/api/v1/metrics/{name:str}/tags/{key:str}", opt={"action": Action.READ}, tags=["metrics"])
async def tag_values(
    engine: NamedDependency[Engine], name: FromPath[str], key: FromPath[str]
) -> TagValues:
    """List the values of a tag."""
    metric = engine.catalogue.metrics.get(name)
    if metric is None:
        raise NowlineError(Code.NOT_FOUND, f"There is no metric `{name}`.")
    return TagValues(sorted(metric.tags.get(key, ())))


def _interval(width_ms: int) -> str:
    """A width as people write it, in the largest unit that fits."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if width_ms % size == 0:
            return f"{width_ms // size}{unit}"
    return f"{width_ms // 1000}s"


def _level(planned: Plan) -> str:
    return "raw" if planned.width_ms % MINUTE_MS else "1m"


routes = [query, catalogue, tag_values]

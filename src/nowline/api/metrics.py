"""Questions about metrics, and the catalogue of them."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from nowline.api.body import decode
from nowline.api.leaving import while_there
from nowline.api.problems import problem_bytes
from nowline.api.tables import MEDIA_TYPE as CSV
from nowline.api.tables import to_csv
from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError, invalid
from nowline.model.query import Query
from nowline.query import answers
from nowline.query.engine import Engine
from nowline.query.listing import Entry, entry

PATH = "/api/v1/metrics/query"
MOST_QUERIES = 100
_ASKED = {"action": Action.READ, "direct": True}


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


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to a query, ordered by tags, then time.

    `compare` is there where it was asked for: the points of the earlier range, moved to today's
    time.
    """

    data: list[Point]
    meta: Meta
    compare: list[Point] | None = None


class MetricList(msgspec.Struct, frozen=True):
    """The catalogue."""

    metrics: list[Entry]


class TagValues(msgspec.Struct, frozen=True):
    """The values of one tag of one metric."""

    values: list[str]


class QueryBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The questions of a whole dashboard."""

    queries: list[msgspec.Raw]


@post(PATH, status_code=200, opt=_ASKED, tags=["metrics"])
async def query(
    request: Request[Any, Any, Any], data: JSONBody[Query], engine: NamedDependency[Engine]
) -> Response[Any]:
    """Ask for one metric over a time range, in buckets; as CSV with `Accept: text/csv`."""
    started = time.perf_counter()
    answer = await while_there(request, engine.ask(data))
    if prefers_csv(request.headers.get("accept", "")):
        return Response(to_csv(answer.points, answer.plan.keys), media_type=CSV)
    return Response(answer_bytes(answer, started), media_type="application/json")


@post("/api/v1/metrics/query/batch", status_code=200, opt=_ASKED, tags=["metrics"])
async def query_batch(
    request: Request[Any, Any, Any], data: JSONBody[QueryBatch], engine: NamedDependency[Engine]
) -> Response[Any]:
    """Ask several questions at once; each gets its answer or its own error, in order."""
    if len(data.queries) > MOST_QUERIES:
        raise invalid("queries", f"there are {len(data.queries)}; the limit is {MOST_QUERIES}")
    started = time.perf_counter()
    asked = [_query(raw) for raw in data.queries]
    good = [each for each in asked if isinstance(each, Query)]
    found = iter(await while_there(request, engine.ask_all(good)))
    results = [next(found) if isinstance(each, Query) else each for each in asked]
    body = b",".join([_result(each, started) for each in results])
    return Response(b'{"results":[%b]}' % body, media_type="application/json")


def _query(raw: msgspec.Raw) -> Query | NowlineError:
    try:
        return decode(bytes(raw), Query)
    except NowlineError as error:
        return error


def _result(answer: answers.Answer | Exception, started: float) -> bytes:
    if isinstance(answer, Exception):
        return b'{"error":%b}' % problem_bytes(answer)[2]
    return answer_bytes(answer, started)


def answer_bytes(answer: answers.Answer, started: float) -> bytes:
    """An `Answer` as JSON: its points are bytes already, and too many to be copied often.

    Args:
        answer: It.
        started: When it was asked, by `time.perf_counter`.
    """
    took = time.perf_counter() - started
    meta = Meta(
        interval=_interval(answer.plan.width_ms),
        level=answer.plan.level.value,
        points=len(answer.points),
        cached=answer.cached,
        took_ms=round(took * 1000, 3),
    )
    parts = [b'{"data":', answer.data(), b',"meta":', msgspec.json.encode(meta)]
    if (compare := answer.compare()) is not None:
        parts += [b',"compare":', compare]
    return b"".join([*parts, b"}"])


def prefers_csv(accept: str) -> bool:
    """Whether CSV is asked for before anything else that this route can give."""
    for part in accept.split(","):
        media_type = part.partition(";")[0].strip().lower()
        if media_type in {"text/csv", "application/json", "*/*", "application/*"}:
            return media_type == "text/csv"
    return False


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


routes = [query, query_batch, catalogue, tag_values]

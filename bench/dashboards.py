"""The product's dashboards: twenty widgets in one request, and while data come in."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from bench.asking import AT_HAND, Asking, Row, WrongAnswerError, timed
from bench.connection import Connection
from bench.dataset import Chunk
from bench.product import INGEST_KEY
from bench.questions import (
    DIFFERENT,
    DIFFERENT_WITH_YEARS,
    GROUPED,
    ONE_SERIES,
    PERCENTILE,
    YEAR,
    ProductDialect,
    Request,
    Shape,
)

Queries = list[dict[str, object]]

_DASHBOARDS = 5
_AGAIN = 5
_POINTS_PER_S = 10_000
_POSTS_PER_S = 10
_QUERIES_PER_S = 20
_READERS = 4
_dialect = ProductDialect()


async def batches(asking: Asking) -> list[Row]:
    """Twenty widgets that share nothing, and a dashboard as people make them; cold and again."""
    made = {"20 different widgets in a batch": _different, "a dashboard": _dashboard}
    return [row for what, make in made.items() for row in await _measure(asking, what, make)]


async def _measure(asking: Asking, what: str, make: Callable[[Asking], Queries]) -> list[Row]:
    connection = await asking.contender.connect()
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(_DASHBOARDS):
        request = _batch(make(asking))
        answer, spent = await timed(connection, request)
        if b'"error":' in answer or AT_HAND in answer:
            raise WrongAnswerError(f"{what}: {answer[:300]!r}")
        cold.append(spent)
        warm += [(await timed(connection, request))[1] for _ in range(_AGAIN)]
    connection.close()
    return [asking.row(f"{what}, cold", cold), asking.row(f"{what}, again", warm)]


def _batch(queries: Queries) -> Request:
    return Request("/api/v1/metrics/query/batch", msgspec.json.encode({"queries": queries}))


def _different(asking: Asking) -> Queries:
    has_years = len(asking.data) > 1
    asked = asking.questions(DIFFERENT_WITH_YEARS if has_years else DIFFERENT)
    return [_dialect.query(each) for each in asked]


def _dashboard(asking: Asking) -> Queries:
    """One range for all; several values of the same rows."""
    years = 2 if len(asking.data) > 1 else 0
    return [
        *(_dialect.query(each) for each in asking.questions({ONE_SERIES: 12 - years})),
        *_each(asking, GROUPED, ("avg", "sum", "min", "max")),
        *_each(asking, PERCENTILE, ("p50", "p90", "p95", "p99")),
        *_each(asking, YEAR, ("avg", "max")[:years]),
    ]


def _each(asking: Asking, shape: Shape, values: Sequence[str]) -> Queries:
    (asked,) = asking.questions({shape: 1})
    return [_dialect.query(replace(asked, value=value)) for value in values]


async def while_ingesting(asking: Asking, seconds: int) -> Row:
    """The widgets of a dashboard, each a request, over the last 24 hours, while points come in."""
    until = time.perf_counter() + seconds
    reading = (_read(asking, number, until) for number in range(_READERS))
    written, *read = await asyncio.gather(_write(asking, until), *reading)
    taken = [each for own in read for each in own]
    row = asking.row("dashboard queries while points come in", taken)
    within = [each < 100 for each in taken]
    return row | {
        "within_100_ms_percent": round(100 * sum(within) / len(within), 2),
        "ingest_p99_ms": round(sorted(written)[int(len(written) * 0.99)], 2),
        "points_per_s": round(len(written) * _points_a_post(asking) / seconds),
    }


def _points_a_post(asking: Asking) -> int:
    """About a tenth of a second's, the same for each series."""
    series = asking.data[-1].series
    return max(1, _POINTS_PER_S // _POSTS_PER_S // series) * series


async def _read(asking: Asking, number: int, until: float) -> list[float]:
    """One reader, who asks at no fixed time."""
    rng = random.Random(number)
    connection = await asking.contender.connect()
    queries = [{**each, "time_range": {"last": "24h"}} for each in _dashboard(asking)]
    taken: list[float] = []
    while time.perf_counter() < until:
        await asyncio.sleep(rng.expovariate(_QUERIES_PER_S / _READERS))
        body = msgspec.json.encode(rng.choice(queries))
        taken.append((await timed(connection, Request("/api/v1/metrics/query", body)))[1])
    connection.close()
    return taken


async def _write(asking: Asking, until: float) -> list[float]:
    """Points of now, as a fleet of agents posts them; the milliseconds each request took."""
    connection = await Connection.open(
        asking.contender.url, {"Authorization": f"Bearer {INGEST_KEY}"}
    )
    rng = np.random.default_rng(1)
    series = asking.data[-1].series
    steps = _points_a_post(asking) // series
    taken: list[float] = []
    due = time.perf_counter()
    while time.perf_counter() < until:
        times = int(time.time() * 1000) - np.arange(steps)[::-1]
        values = rng.integers(4_000, 6_000, (steps, series), np.int16)
        body = Chunk(times, values).json()
        request = Request("/api/v1/ingest/metrics", body)
        taken.append((await timed(connection, request))[1])
        due += values.size / _POINTS_PER_S
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    connection.close()
    return taken

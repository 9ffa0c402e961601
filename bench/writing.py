"""What the contenders of `bench.ingest` are sent, and what each promises by its answer."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from bench.connection import Connection
from bench.dataset import METRIC, MOST_SERIES, Chunk, host
from bench.peers import InfluxDB, Peer, Prometheus, VictoriaMetrics, VictoriaMetricsOfLines
from bench.product import INGEST_KEY, Product
from bench.usage import Usage

CONNECTIONS, SINGLE_CONNECTIONS = 4, 64
POINTS = 10_000
STEPS = POINTS * CONNECTIONS // MOST_SERIES
"""How many steps of all series make a request for each connection."""

_STEP_MS = 20
# Far enough back that no contender holds the newest points back from queries, and new enough
# that all of them are in the product's live windows.
_BEFORE_NOW_MS = 60_000
_SNAPPY = "Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n"
_LAST_SERIES = MOST_SERIES - 1


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write points.

    Attributes:
        name: As people call it.
        path: Where bodies go.
        kind: Their content type.
        batches: Bodies of 10,000 points each, of `STEPS` steps of all series.
        singles: A body for each point of a step.
        more: Further lines of the head.
    """

    name: str
    path: str
    kind: str
    batches: Callable[[Chunk], list[bytes]]
    singles: Callable[[Chunk], list[bytes]]
    more: str = ""


def _in_parts(encode: Callable[[Chunk], bytes]) -> Callable[[Chunk], list[bytes]]:
    return lambda chunk: [encode(part) for part in chunk.parts(POINTS // MOST_SERIES)]


def _lines(path: str) -> Form:
    def singles(chunk: Chunk) -> list[bytes]:
        return chunk.lines().splitlines()

    return Form("line protocol", path, "text/plain", _in_parts(Chunk.lines), singles)


# As Prometheus itself sends them, a connection has series of its own.
REMOTE_WRITE = Form(
    "remote write",
    "/api/v1/write",
    "application/x-protobuf",
    lambda chunk: list(chunk.remote_writes(MOST_SERIES // CONNECTIONS)),
    lambda chunk: list(chunk.remote_writes(1)),
    _SNAPPY,
)
NDJSON = Form(
    "NDJSON",
    "/api/v1/ingest/metrics",
    "application/x-ndjson",
    _in_parts(Chunk.ndjson),
    lambda chunk: chunk.ndjson().splitlines(),
)
JSON = Form(
    "JSON",
    "/api/v1/ingest/metrics",
    "application/json",
    _in_parts(Chunk.json),
    lambda chunk: [b'{"metrics":[%b]}' % row for row in chunk.ndjson().splitlines()],
)


@dataclass(frozen=True, slots=True)
class Running:
    """A contender, ready to be written to.

    Attributes:
        url: Where it listens.
        usage: What it costs.
        headers: What a writer sends with each request.
        visible: How many points of the last series there are in `[start, end)`.
        stop: Ends it as an operator does.
    """

    url: str
    usage: Usage
    headers: dict[str, str]
    visible: Callable[[int, int], Awaitable[int]]
    stop: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Contender:
    """A database and one of its forms.

    Attributes:
        name: As people call it.
        form: How it is written to.
        ack: What has become of the points when it answers.
        start: Starts it on an empty folder.
    """

    name: str
    form: Form
    ack: str
    start: Callable[[Path], Awaitable[Running]]


def chunks(count: int, steps: int, end_ms: int) -> list[Chunk]:
    """So many times so many steps of all series, in order of time, the last step at `end_ms`."""
    rng = np.random.default_rng(1)
    times = end_ms - np.arange(count * steps)[::-1] * _STEP_MS
    values = rng.integers(1_000, 10_000, (count * steps, MOST_SERIES), dtype=np.int16)
    return list(Chunk(times, values).parts(steps))


def latest_ms() -> int:
    """The time of the newest point to send."""
    return int(time.time()) * 1000 - _BEFORE_NOW_MS


def contenders(*, with_peers: bool) -> Sequence[Contender]:
    """The product in each of its forms, and the peers that are installed."""
    peers = [
        Contender(kind.name, form, ack, _peer(kind))
        for kind, form, ack in _PEERS
        if with_peers and kind.is_installed()
    ]
    return [*_OWN, *peers]


@asynccontextmanager
async def started(contender: Contender) -> AsyncIterator[Running]:
    """The contender on an empty folder; it is stopped at the end, if it was not before."""
    with tempfile.TemporaryDirectory() as folder:
        running = await contender.start(Path(folder))
        try:
            yield running
        finally:
            if running.usage.process.is_running():
                running.stop()


async def _product(folder: Path) -> Running:
    product = Product(folder)
    reader = {"Authorization": f"Bearer {product.reader_key()}"}
    connection = await Connection.open(product.url, reader)

    async def visible(start: int, end: int) -> int:
        asked = {
            "metric_name": METRIC,
            "time_range": {"start": start, "end": end},
            "aggregation": "count",
            "interval": "1d",
            "filters": {"host": host(_LAST_SERIES)},
        }
        kind, body = "application/json", msgspec.json.encode(asked)
        answer = msgspec.json.decode(await connection.post("/api/v1/metrics/query", kind, body))
        return int(sum(point["value"] for point in answer["data"]))

    headers = {"Authorization": f"Bearer {INGEST_KEY}"}
    usage = Usage(product.process, folder)
    return Running(product.url, usage, headers, visible, product.stop)


def _peer(kind: type[Peer]) -> Callable[[Path], Awaitable[Running]]:
    async def start(folder: Path) -> Running:
        running = kind(folder)
        connection = await running.connect()
        await running.create(connection)

        async def visible(start: int, end: int) -> int:
            return await running.has(connection, (start, end), _LAST_SERIES)

        return Running(running.url, running.usage, {}, visible, running.stop)

    return start


_FSYNC = "on disk (fsync)"
_LATER = "in memory, on disk up to 5 s later"
_MS = "precision=ms"
_OWN = [
    Contender("Nowline", form, _FSYNC, _product)
    for form in (_lines(f"/api/v1/write?{_MS}"), NDJSON, JSON)
]
_PEERS: Sequence[tuple[type[Peer], Form, str]] = (
    (VictoriaMetricsOfLines, _lines(f"/write?{_MS}"), _LATER),
    (VictoriaMetrics, REMOTE_WRITE, _LATER),
    (InfluxDB, _lines(f"/write?db=bench&{_MS}"), _FSYNC),
    (Prometheus, REMOTE_WRITE, "written, not forced to disk"),
)

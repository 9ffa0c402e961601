"""The embedded store: one DuckDB file with raw rows and their 1-minute roll-ups.

Rows, roll-ups and the log's offset are committed together, so a crash at any point leaves either
all of an append or nothing of it, and reading the log on from the stored offset counts every row
once. Minutes are rolled up when they close; a row that comes in for a closed minute is written
as one more partial row beside the others, and a query merges them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import msgspec
import numpy as np

from nowline.model.partials import Partials, fold
from nowline.model.query import MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store.base import Append, Rows, Span, Store, StoreState
from nowline.store.catalogue import Catalogue, Metric, NewSeries, Selection
from nowline.store.levels import split

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS points (series INTEGER, time BIGINT, value DOUBLE);
CREATE TABLE IF NOT EXISTS rollup_1m (
    series INTEGER, bucket BIGINT, count BIGINT,
    total DOUBLE, low DOUBLE, high DOUBLE, last DOUBLE, last_at BIGINT
);
CREATE TABLE IF NOT EXISTS metrics (
    name VARCHAR PRIMARY KEY, type VARCHAR, first_seen BIGINT, last_seen BIGINT, metadata VARCHAR
);
CREATE TABLE IF NOT EXISTS series (id INTEGER, name VARCHAR, tags VARCHAR);
CREATE TABLE IF NOT EXISTS progress (log_id VARCHAR, log_offset BIGINT, closed_before BIGINT);
"""
_CLOSE_MINUTES = """
INSERT INTO rollup_1m
SELECT series, time // $width * $width AS bucket, count(*), sum(value), min(value),
       max(value), arg_max(value, time), max(time)
FROM points WHERE time >= $start AND time < $end GROUP BY series, bucket ORDER BY series, bucket
"""
_ROLLED = """
SELECT chosen.grp, bucket // $width * $width AS b, sum(count)::BIGINT, sum(total), min(low),
       max(high), arg_max(last, last_at), max(last_at)
FROM rollup_1m JOIN chosen USING (series)
WHERE bucket >= $rolled_from AND bucket < $rolled_to GROUP BY ALL
"""
_RAW = """
SELECT chosen.grp, time // $width * $width AS b, count(*), sum(value), min(value),
       max(value), arg_max(value, time), max(time)
FROM points JOIN chosen USING (series)
WHERE time >= {start} AND time < {end} GROUP BY ALL
"""
_QUERY_THREADS = 2


class DuckDBStore(Store):
    """See `Store`. Make it with `await DuckDBStore.open(path)`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._path = path
        self._connection = connection
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(_QUERY_THREADS, thread_name_prefix="store-read")
        self._log_id, self._offset, self._closed_before = self._progress()
        self._appended_rows = 0
        self._append_seconds = 0.0

    @classmethod
    async def open(cls, path: Path) -> DuckDBStore:
        """Open the store at `path`, making the file if there is none."""
        return cls(await asyncio.to_thread(_connect, path), path)

    async def load(self, catalogue: Catalogue) -> None:
        """Fill the catalogue with what the store holds."""
        metrics, series = await self._read(self._load)
        for metric in metrics:
            catalogue.restore(metric, series.get(metric.name, []))

    async def offset(self, log_id: str) -> int:
        """How far that log is stored."""
        return self._offset if log_id == self._log_id else 0

    async def append(self, append: Append) -> None:
        """Write rows, roll-ups, catalogue and offset in one transaction."""
        started = time.perf_counter()
        closed = max(self._closed_before, append.closed_before // MINUTE_MS * MINUTE_MS)
        work = _Transaction(self._connection, append, self._closed_before, closed)
        await asyncio.get_running_loop().run_in_executor(self._writer, work.run)
        self._log_id, self._offset, self._closed_before = append.log_id, append.offset, closed
        self._appended_rows += len(append.rows.time)
        self._append_seconds += time.perf_counter() - started

    async def rows_since(self, start: int) -> Rows:
        """Raw rows from `start` on, oldest first."""
        sql = "SELECT series, time, value FROM points WHERE time >= ? ORDER BY time"
        columns = await self._read(lambda db: db.execute(sql, [start]).fetchnumpy())
        return Rows(columns["series"].astype(np.int64), columns["time"], columns["value"])

    async def partials(self, selection: Selection, span: Span) -> Partials:
        """Partials of the selected rows by group and bucket."""
        sql, values = _select(selection, span, self._closed_before)
        columns = await self._read(lambda db: db.execute(sql, values).fetchnumpy())
        return _partials(columns)

    def state(self) -> StoreState:
        """Counters as of now."""
        size = sum(p.stat().st_size for p in (self._path, _wal(self._path)) if p.exists())
        return StoreState(self._appended_rows, self._append_seconds, size)

    async def close(self) -> None:
        """Checkpoint and close."""
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._connection.close)

    async def _read(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        def run() -> T:
            with self._connection.cursor() as cursor:
                return work(cursor)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    def _progress(self) -> tuple[str, int, int]:
        row = self._connection.execute("SELECT * FROM progress").fetchone()
        return (row[0], row[1], row[2]) if row else ("", 0, 0)

    def _load(
        self, db: duckdb.DuckDBPyConnection
    ) -> tuple[list[Metric], dict[str, list[NewSeries]]]:
        series: dict[str, list[NewSeries]] = {}
        for number, name, tags in db.execute("SELECT id, name, tags FROM series").fetchall():
            key = SeriesKey.of(name, msgspec.json.decode(tags, type=dict[str, str]))
            series.setdefault(name, []).append(NewSeries(number, key))
        return [_metric(row) for row in db.execute("SELECT * FROM metrics").fetchall()], series


class _Transaction:
    """One append, in the writer's thread."""

    def __init__(
        self, db: duckdb.DuckDBPyConnection, append: Append, closed: int, now_closed: int
    ) -> None:
        self._db = db
        self._append = append
        self._closed = closed
        self._now_closed = now_closed

    def run(self) -> None:
        self._db.execute("BEGIN")
        try:
            self._write()
            self._db.execute("COMMIT")
        except BaseException:
            # A commit that fails has ended the transaction itself.
            with contextlib.suppress(duckdb.TransactionException):
                self._db.execute("ROLLBACK")
            raise

    def _write(self) -> None:
        self._write_catalogue()
        rows = self._append.rows
        if len(rows.time):
            self._insert("points", _ordered(rows))
        late = rows.time < self._closed
        if late.any():
            partials = fold(rows.series[late], rows.time[late], rows.value[late], MINUTE_MS)
            self._insert("rollup_1m", _columns(partials))
        if self._now_closed > self._closed:
            span = {"width": MINUTE_MS, "start": self._closed, "end": self._now_closed}
            self._db.execute(_CLOSE_MINUTES, span)
        self._db.execute("DELETE FROM progress")
        progress = [self._append.log_id, self._append.offset, self._now_closed]
        self._db.execute("INSERT INTO progress VALUES (?, ?, ?)", progress)

    def _write_catalogue(self) -> None:
        if self._append.series:
            rows = [(s.id, s.key.name, _json(dict(s.key.tags))) for s in self._append.series]
            self._db.executemany("INSERT INTO series VALUES (?, ?, ?)", rows)
        if self._append.metrics:
            metrics = [_metric_row(metric) for metric in self._append.metrics]
            self._db.executemany("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?)", metrics)

    def _insert(self, table: str, columns: dict[str, Any]) -> None:
        self._db.register("incoming", columns)
        self._db.execute(f"INSERT INTO {table} SELECT * FROM incoming")  # noqa: S608
        self._db.unregister("incoming")


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute("SET memory_limit = '1GB'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(_SCHEMA)
    path.chmod(0o600)
    return connection


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _ordered(rows: Rows) -> dict[str, Any]:
    """Rows by series, then time: a query for one series then reads a few row groups only."""
    order = np.lexsort((rows.time, rows.series))
    series = rows.series[order].astype(np.int32)
    return {"series": series, "time": rows.time[order], "value": rows.value[order]}


def _columns(rows: Partials) -> dict[str, Any]:
    return {
        "series": rows.key.astype(np.int32),
        "bucket": rows.bucket,
        "count": rows.count,
        "total": rows.total,
        "low": rows.low,
        "high": rows.high,
        "last": rows.last,
        "last_at": rows.last_at,
    }


def _select(selection: Selection, span: Span, closed_before: int) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters: the branches it needs, merged by group and bucket."""
    parts = split(span, closed_before)
    values: dict[str, Any] = {
        "series": selection.series.tolist(),
        "groups": selection.group.tolist(),
        "width": span.width_ms,
    }
    branches = []
    if parts.rolled:
        branches.append(_ROLLED)
        values["rolled_from"], values["rolled_to"] = parts.rolled
    for i, (start, end) in enumerate(parts.raw):
        branches.append(_RAW.format(start=f"$from_{i}", end=f"$to_{i}"))
        values[f"from_{i}"], values[f"to_{i}"] = start, end
    union = " UNION ALL ".join(branches)
    return _MERGE.format(union=union), values


_MERGE = """
WITH chosen AS (SELECT unnest($series::INTEGER[]) AS series, unnest($groups::BIGINT[]) AS grp),
parts(grp, b, n, total, low, high, last, last_at) AS ({union})
SELECT grp AS key, b AS bucket, sum(n)::BIGINT AS count, sum(total) AS total, min(low) AS low,
       max(high) AS high, arg_max(last, last_at) AS last, max(last_at) AS last_at
FROM parts GROUP BY ALL ORDER BY key, bucket
"""


def _partials(columns: dict[str, Any]) -> Partials:
    return Partials(**{name: np.ma.getdata(column) for name, column in columns.items()})


def _metric(row: tuple[Any, ...]) -> Metric:
    name, kind, first_seen, last_seen, metadata = row
    described = msgspec.json.decode(metadata, type=dict[str, object])
    return Metric(name, MetricType(kind), first_seen, last_seen, described)


def _metric_row(metric: Metric) -> tuple[str, str, int, int, str]:
    described = _json(metric.metadata)
    return metric.name, metric.type.value, metric.first_seen, metric.last_seen, described


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

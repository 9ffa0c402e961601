"""The embedded store: a DuckDB file for what is new, sorted Parquet files for closed days.

Rows, roll-ups and the log's offset are committed together, so a crash at any point leaves either
all of an append or nothing of it, and reading the log on from the stored offset counts every row
once. Minutes are rolled up when they close; a row that comes in for a closed minute is written
as one more partial row beside the others, and a query merges them. When a day is over its rows
move to files, one for each level (see `segments` and ADR 0003).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import msgspec
import numpy as np

from nowline.model import histogram, partials
from nowline.model.level import Level
from nowline.model.partials import Ints, Partials
from nowline.model.query import DAY_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store import compaction, formats, inspection, segments
from nowline.store.appending import SCHEMA, Appending, distributions, transaction
from nowline.store.base import Append, Binned, Rows, Span, Store, StoreState
from nowline.store.catalogue import Catalogue, Metric, NewSeries, Selection
from nowline.store.compaction import Compaction
from nowline.store.copying import Snapshot
from nowline.store.ledger import MOST_ROWS, HotState, Ledger, Work
from nowline.store.scan import Scan
from nowline.store.segments import Hot

T = TypeVar("T")

_QUERY_THREADS = 2
_MOST_TRIES = 5


class DuckDBStore(Store):
    """See `Store`. Make it with `await DuckDBStore.open(path, keep_ms)`."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        keep_ms: Mapping[Level, int],
        hot_rows: int,
    ) -> None:
        self._path = path
        self._folder = segments.folder_of(path)
        self._keep_ms = keep_ms
        self._connection = connection
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(_QUERY_THREADS, thread_name_prefix="store-read")
        # Compaction takes seconds: no question waits for it.
        self._upkeep = ThreadPoolExecutor(1, thread_name_prefix="store-upkeep")
        self._swapping = threading.Lock()
        self._manifest = compaction.load(connection, self._folder)
        self._log_id, self._offset = self._progress()
        self._distributions = self._known_distributions()
        self._ledger = Ledger(hot_rows, _states(connection, self._manifest))
        self._tables = inspection.tables(connection, path)
        # Held while files may go: by the upkeep, and by whoever links them.
        self._keeping = asyncio.Lock()
        self._appended_rows = 0
        self._append_seconds = 0.0
        self._compactions = 0
        self._compaction_seconds = 0.0

    @classmethod
    async def open(
        cls, path: Path, keep_ms: Mapping[Level, int], hot_rows: int = MOST_ROWS
    ) -> DuckDBStore:
        """Open the store at `path`, making the file if there is none.

        Args:
            path: The DuckDB file; segments are in a folder beside it.
            keep_ms: How long rows of each level are kept, milliseconds.
            hot_rows: How many rows of a day wait at most for being compacted.
        """
        return cls(await asyncio.to_thread(_connect, path), path, keep_ms, hot_rows)

    async def load(self, catalogue: Catalogue) -> None:
        """Fill the catalogue with what the store holds."""
        metrics, series = await self._read(_load)
        for metric in metrics:
            catalogue.restore(metric, series.get(metric.name, []))

    async def offset(self, log_id: str) -> int:
        """How far that log is stored."""
        return self._offset if log_id == self._log_id else 0

    async def append(self, append: Append) -> None:
        """Write rows, roll-ups, catalogue and offset in one transaction."""
        started = time.perf_counter()
        await self._write(lambda: self._append(append))
        self._appended_rows += len(append.rows.time)
        self._append_seconds += time.perf_counter() - started

    async def rows_since(self, start: int) -> Rows:
        """Raw rows from `start` on, oldest first."""
        return await self._rows("", start, 1 << 62)

    async def rows_of(self, series: Ints, start: int, end: int) -> Rows:
        """Raw rows of these series in `[start, end)`, oldest first."""
        if not len(series):
            return _NO_ROWS
        return await self._rows("SEMI JOIN chosen USING (series)", start, end, series)

    async def last_before(self, series: Ints, time: int) -> Rows:
        """The newest raw row of each of these series before `time`.

        Looks at the last day first: hardly ever is there anything more to find out.
        """
        recent = await self._last(series, time - DAY_MS, time)
        rest = np.setdiff1d(series, recent.series)
        if not len(rest):
            return recent
        older = await self._last(rest, 0, time - DAY_MS)
        return Rows(
            np.concatenate((recent.series, older.series)),
            np.concatenate((recent.time, older.time)),
            np.concatenate((recent.value, older.value)),
        )

    async def partials(self, selection: Selection, span: Span) -> Partials:
        """Partials of the selected rows by group and bucket."""
        if not len(selection.series):
            return partials.empty()
        return await self._read(lambda db: self._scan(selection, span).partials(db))

    async def bins(self, selection: Selection, span: Span, *, distribution: bool) -> Binned:
        """Histogram bins of the selected rows by group and bucket."""
        if not len(selection.series):
            return Binned(histogram.empty(), self._offset)

        def read(db: duckdb.DuckDBPyConnection) -> Binned:
            with transaction(db):
                progress = db.execute("SELECT log_offset FROM progress").fetchall()
                found = self._scan(selection, span).bins(db, distribution=distribution)
            return Binned(found, progress[0][0] if progress else 0)

        return await self._read(read)

    async def maintain(self, now_ms: int) -> None:
        """Compact the days that are over and quiet, drop what is kept no longer."""
        keep = {level: now_ms - kept for level, kept in self._keep_ms.items()}
        async with self._keeping:
            for work in await self._write(lambda: self._ledger.due(self._manifest, now_ms)):
                await self._compact(work, keep)
            gone = await self._write(lambda: self._expire(keep))
            await asyncio.to_thread(segments.remove_files, self._folder, gone)
            self._tables = await self._read(lambda db: inspection.tables(db, self._path))

    async def backup(self, folder: Path, log_id: str) -> int:
        """Copy the tables as of one moment, and link the files that belong to them."""
        snapshot = Snapshot(self._connection.cursor(), self._folder, folder)

        def copy() -> None:
            with contextlib.closing(snapshot):
                self._writer.submit(lambda: snapshot.take(self._manifest)).result()
                snapshot.write()

        async with self._keeping:
            copying = asyncio.get_running_loop().run_in_executor(self._upkeep, copy)
            try:
                await asyncio.shield(copying)
            except asyncio.CancelledError:
                snapshot.interrupt()
                await asyncio.gather(copying, return_exceptions=True)
                raise
        return snapshot.progress.of(log_id)

    def state(self) -> StoreState:
        """Counters as of now; rows in tables as of the last upkeep."""
        return StoreState(
            self._appended_rows,
            self._append_seconds,
            inspection.size_of(self._path, self._manifest),
            inspection.levels(self._manifest, self._tables, self._keep_ms),
            self._compactions,
            self._compaction_seconds,
        )

    def faults(self) -> list[str]:
        """Segments that are missing or not whole."""
        return inspection.faults(self._folder, self._manifest)

    async def close(self) -> None:
        """Checkpoint and close."""
        for threads in (self._upkeep, self._readers):
            await asyncio.to_thread(threads.shutdown)
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._connection.close)

    def _append(self, append: Append) -> None:
        """In the writer's thread, which alone changes the manifest."""
        known = distributions(self._distributions, append)
        manifest = self._manifest
        now = max(append.closed_before, manifest.closed_before)
        raw_from = now - self._keep_ms[Level.RAW]
        work = Appending(self._connection, append, manifest, raw_from, known, self._ledger.sealed)
        written = work.run()
        self._manifest, self._distributions = written, known
        self._log_id, self._offset = append.log_id, append.offset
        self._ledger.note(written, append.rows, now)

    async def _compact(self, work: Work, keep: Mapping[Level, int]) -> None:
        started = time.perf_counter()
        manifest = self._manifest

        def rewrite(db: duckdb.DuckDBPyConnection) -> compaction.Rewritten:
            return Compaction(db, self._folder, manifest, keep, work).rewrite()

        done = await self._read(rewrite, self._upkeep)
        await self._write(lambda: self._swap(done))
        await asyncio.to_thread(segments.remove_files, self._folder, done.replaced)
        self._compactions += 1
        self._compaction_seconds += time.perf_counter() - started

    def _swap(self, done: compaction.Rewritten) -> None:
        with self._swapping:
            self._manifest = compaction.swap(self._connection, done, self._manifest)
        self._ledger.drop(done.sealed)

    def _expire(self, keep: Mapping[Level, int]) -> tuple[segments.Segment, ...]:
        with self._swapping:
            self._manifest, gone = compaction.expire(self._connection, keep, self._manifest)
        return gone

    def _scan(self, selection: Selection, span: Span) -> Scan:
        return Scan(self._manifest, self._folder, selection, span)

    async def _rows(self, join: str, start: int, end: int, series: Ints | None = None) -> Rows:
        def read(db: duckdb.DuckDBPyConnection) -> Rows:
            if series is not None:
                db.register("chosen", {"series": series.astype(np.int32)})
            sql = f"SELECT series, time, value FROM ({self._raw(start, end)}) {join} ORDER BY time"  # noqa: S608
            return _as_rows(db.execute(sql).fetchnumpy())

        return await self._read(read)

    async def _last(self, series: Ints, start: int, end: int) -> Rows:
        def read(db: duckdb.DuckDBPyConnection) -> Rows:
            db.register("chosen", {"series": series.astype(np.int32)})
            sql = (
                "SELECT series, max(time) AS time, arg_max(value, time) AS value "  # noqa: S608
                f"FROM ({self._raw(start, end)}) SEMI JOIN chosen USING (series) GROUP BY series"
            )
            return _as_rows(db.execute(sql).fetchnumpy())

        return await self._read(read)

    def _raw(self, start: int, end: int) -> str:
        """A relation of all raw rows in `[start, end)`."""
        manifest = self._manifest
        sources = [hot.points for hot in manifest.hot_in(start, end)]
        stored = manifest.segments_in(Level.RAW, start, end, binned=False)
        sources += segments.relations(self._folder, stored)
        inside = f"WHERE time >= {start} AND time < {end}"
        selects = [f"SELECT series, time, value FROM {source} {inside}" for source in sources]  # noqa: S608
        return " UNION ALL ".join(selects or [_NO_ROWS_SQL])

    async def _write(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    async def _read(
        self,
        work: Callable[[duckdb.DuckDBPyConnection], T],
        threads: ThreadPoolExecutor | None = None,
    ) -> T:
        """Run it on a connection of its own; where the caller gives up, so does DuckDB."""
        cursor = self._connection.cursor()
        reading = asyncio.get_running_loop().run_in_executor(
            threads or self._readers, self._settled, work, cursor
        )
        try:
            return await reading
        except asyncio.CancelledError:
            cursor.interrupt()
            raise

    def _settled(
        self, work: Callable[[duckdb.DuckDBPyConnection], T], cursor: duckdb.DuckDBPyConnection
    ) -> T:
        """What `work` returns; again where what it read from was swapped meanwhile."""
        with cursor:
            for _ in range(_MOST_TRIES - 1):
                manifest = self._manifest
                try:
                    return work(cursor)
                except (duckdb.CatalogException, duckdb.IOException):
                    with self._swapping:
                        if self._manifest is manifest:
                            raise
            return work(cursor)

    def _progress(self) -> tuple[str, int]:
        rows = self._connection.execute("SELECT log_id, log_offset FROM progress").fetchall()
        return (rows[0][0], rows[0][1]) if rows else ("", 0)

    def _known_distributions(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        sql = "SELECT id, type = 'distribution' AS is_one FROM series"
        columns = self._connection.execute(sql).fetchnumpy()
        known = np.zeros(int(np.max(columns["id"], initial=-1)) + 1, bool)
        known[columns["id"]] = columns["is_one"]
        return known


_NO_ROWS = Rows(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
_NO_ROWS_SQL = "SELECT 0::INTEGER AS series, 0::BIGINT AS time, 0::DOUBLE AS value WHERE false"


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    folder = segments.folder_of(path)
    folder.mkdir(mode=0o700, exist_ok=True)
    connection = duckdb.connect(str(path))
    connection.execute("SET memory_limit = '1GB'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET parquet_metadata_cache = true")
    connection.execute(SCHEMA)
    formats.upgrade(connection)
    path.chmod(0o600)
    return connection


def _as_rows(columns: Mapping[str, Any]) -> Rows:
    data = {name: np.ma.getdata(column) for name, column in columns.items()}
    return Rows(data["series"].astype(np.int64), data["time"], data["value"])


def _load(
    db: duckdb.DuckDBPyConnection,
) -> tuple[list[Metric], dict[str, list[NewSeries]]]:
    series: dict[str, list[NewSeries]] = {}
    rows = db.execute("SELECT id, name, tags, type FROM series").fetchall()
    for number, name, tags, kind in rows:
        key = SeriesKey.of(name, msgspec.json.decode(tags, type=dict[str, str]))
        series.setdefault(name, []).append(NewSeries(number, key, MetricType(kind)))
    return [_metric(row) for row in db.execute("SELECT * FROM metrics").fetchall()], series


def _metric(row: tuple[Any, ...]) -> Metric:
    name, kind, first_seen, last_seen, metadata = row
    described = msgspec.json.decode(metadata, type=dict[str, object])
    return Metric(name, MetricType(kind), first_seen, last_seen, described)


def _states(db: duckdb.DuckDBPyConnection, manifest: segments.Manifest) -> dict[Hot, HotState]:
    """How full the tables are that an earlier run of the server left."""
    states = {}
    for hot in manifest.hot:
        sql = f"SELECT count(*), coalesce(max(time), 0) FROM {hot.points}"  # noqa: S608
        states[hot] = HotState(*db.execute(sql).fetchall()[0])
    return states

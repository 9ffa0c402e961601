"""The embedded store: new rows in memory, all others in files of sorted columns.

An append goes to memory only, where it is seen at once. When many rows have gathered, or the
oldest of them is some minutes old, they are written at every level to files that never change,
and the files and the log's offset are entered in DuckDB in one transaction. Until then the log
has the rows: after a crash it is read on from the offset, and every row counts once (ADR 0005).
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np

from nowline.errors import Code, NowlineError
from nowline.model import histogram
from nowline.model.level import Level
from nowline.model.partials import Ints, Need, Partials
from nowline.model.query import DAY_MS
from nowline.store import (
    compaction,
    copying,
    distributions,
    flushing,
    formats,
    inspection,
    registry,
    scan,
    segments,
    threads,
    tiers,
)
from nowline.store.base import Append, Binned, Rows, Span, Store, StoreState
from nowline.store.blockfile import DamagedFileError
from nowline.store.catalogue import Catalogue, NewSeries, Selection
from nowline.store.pending import Pending
from nowline.store.readers import Readers
from nowline.store.scan import Chosen, Scan, Source
from nowline.store.state import State

T = TypeVar("T")

HOT_ROWS = 1_000_000
"""So many rows are written to files at once: about 25 MB of memory."""
# What a crash leaves for the log to be read again, at most, and how old the log's records get.
_MOST_AGE_MS = 5 * 60_000
_QUERY_THREADS = 2
# To sort more takes longer than to hand it to another thread.
_FEW_ROWS = 2_000
_RETRY_S = 5.0
# How long a flush takes, until the first one has told.
_SECONDS_A_ROW = 1e-6
_MOST_TRIES = 5
_NOTHING = Pending(registry.Progress())
_NO_ROWS = Rows(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

log = logging.getLogger(__name__)


class EmbeddedStore(Store):
    """See `Store`. Make it with `await EmbeddedStore.open(path, keep_ms)`."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        path: Path,
        keep_ms: Mapping[Level, int],
        hot_rows: int,
    ) -> None:
        self._db = db
        self._path = path
        self._folder = segments.folder_of(path)
        self._keep_ms = keep_ms
        self._hot_rows = hot_rows
        # Only the thread of the writer uses the database.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._sorter = ThreadPoolExecutor(1, thread_name_prefix="store-append")
        self._readers = ThreadPoolExecutor(_QUERY_THREADS, thread_name_prefix="store-read")
        # Compaction takes seconds: no question waits for it.
        self._upkeep = ThreadPoolExecutor(1, thread_name_prefix="store-upkeep")
        manifest = registry.read_manifest(db)
        self._files = Readers(self._folder)
        self._durable = registry.read_progress(db)
        self._state = State(manifest, _NOTHING, Pending(self._durable))
        self._distributions = distributions.of(registry.read_catalogue(db)[1])
        self._appending = asyncio.Lock()
        self._flushing = asyncio.Lock()
        self._keeping = asyncio.Lock()  # held while files may go, or must not
        self._background: asyncio.Task[None] | None = None
        self._retry_at = 0.0
        self._seconds_a_row = _SECONDS_A_ROW  # of the last flush
        self._appended_rows, self._append_seconds = 0, 0.0
        self._compactions, self._compaction_seconds = 0, 0.0

    @classmethod
    async def open(
        cls, path: Path, keep_ms: Mapping[Level, int], hot_rows: int = HOT_ROWS
    ) -> EmbeddedStore:
        """Open the store at `path`, making the files if there are none.

        Args:
            path: The DuckDB file; segments are in a folder beside it.
            keep_ms: How long rows of each level are kept, milliseconds.
            hot_rows: How many rows are written to files at once.

        Raises:
            NowlineError: Another version wrote it, or its files are not those of this database.
        """
        return cls(await asyncio.to_thread(formats.open_store, path), path, keep_ms, hot_rows)

    async def load(self, catalogue: Catalogue) -> None:
        """Fill the catalogue with what the store holds."""
        await self.flush()
        metrics, series = await threads.run(self._writer, lambda: registry.read_catalogue(self._db))
        of_metric: dict[str, list[NewSeries]] = defaultdict(list)
        for each in series:
            of_metric[each.key.name].append(each)
        for metric in metrics:
            catalogue.restore(metric, of_metric[metric.name])

    async def offset(self, log_id: str) -> int:
        """How far that log is on disk."""
        return self._durable.of(log_id)

    async def append(self, append: Append) -> int:
        """Take rows in; where too many wait for being written, wait for that."""
        started = time.perf_counter()
        await self._make_room(len(append.rows.time))
        async with self._appending:
            self._distributions = distributions.grown(self._distributions, append)
            pending = await self._with_append(append)
            self._state = replace(self._state, pending=pending)
        if pending.rows >= self._hot_rows:
            self._flush_soon()
        self._appended_rows += len(append.rows.time)
        self._append_seconds += time.perf_counter() - started
        return self._durable.of(append.log_id)

    async def flush(self) -> int:
        """Have everything that was appended on disk."""
        await threads.to_the_end(self._flush())
        return self._durable.offset

    async def rows_since(self, start: int) -> Rows:
        """Raw rows from `start` on, oldest first."""
        return await self._read(lambda source: source.rows(None, start, 1 << 62))

    async def rows_of(self, series: Ints, start: int, end: int) -> Rows:
        """Raw rows of these series in `[start, end)`, oldest first."""
        if not len(series):
            return _NO_ROWS
        return await self._read(lambda source: source.rows(Chosen.all_of(series), start, end))

    async def last_before(self, series: Ints, time: int) -> Rows:
        """The newest raw row of each of these series before `time`.

        Looks at the last day first: hardly ever is there anything more to find out.
        """
        recent = scan.newest(await self.rows_of(series, time - DAY_MS, time))
        rest = np.setdiff1d(series, recent.series)
        if not len(rest):
            return recent
        older = scan.newest(await self.rows_of(rest, 0, time - DAY_MS))
        return Rows(
            np.concatenate((recent.series, older.series)),
            np.concatenate((recent.time, older.time)),
            np.concatenate((recent.value, older.value)),
        )

    async def partials(
        self, selection: Selection, span: Span, *, need: Need = Need.ALL
    ) -> Partials:
        """Partials of the selected rows by group and bucket."""
        found = self.partials_at_hand(selection, span, need=need)
        if found is not None:
            return found
        return await self._read(lambda source: Scan(source, selection, span).partials(need=need))

    @property
    def at_hand_until(self) -> int:
        """Where rows begin that are not in files."""
        return self._state.in_files_until

    def partials_at_hand(
        self, selection: Selection, span: Span, *, need: Need = Need.ALL
    ) -> Partials | None:
        """Partials of one series that is in files which are open and in memory."""
        return self._state.partials_at_hand(self._files, selection, span, need=need)

    async def bins(self, selection: Selection, span: Span, *, distribution: bool) -> Binned:
        """Histogram bins of the selected rows by group and bucket."""
        if not len(selection.series):
            return Binned(histogram.empty(), self._state.pending.progress.offset)

        def read(source: Source) -> Binned:
            found = Scan(source, selection, span).bins(distribution=distribution)
            return Binned(found, source.offset)

        return await self._read(read)

    async def maintain(self, now_ms: int) -> None:
        """Write what has waited for long, merge files, drop what is kept no longer.

        Raises:
            NowlineError: Some of it failed; all the rest was done.
        """
        failures: list[Exception] = []
        if self._state.pending.since <= now_ms - _MOST_AGE_MS:
            failures += await _failure_of(self.flush())
        async with self._keeping:
            failures += await _failure_of(self._drop_old(now_ms))
            for work in tiers.due(self._state.manifest, now_ms):
                failures += await _failure_of(self._compact(work))
        if failures:
            raise NowlineError(Code.UNAVAILABLE, str(failures[0]))

    async def backup(self, folder: Path, log_id: str) -> int:
        """Copy the database as of one moment, and link the files that belong to it."""
        await self.flush()
        async with self._keeping:
            copy = threads.run(self._writer, lambda: copying.copy(self._db, self._folder, folder))
            return (await threads.to_the_end(copy)).of(log_id)

    def state(self) -> StoreState:
        """Counters as of now; rows of roll-ups that are yet to be merged count apart."""
        return StoreState(
            self._appended_rows,
            self._append_seconds,
            inspection.size_of(self._path, self._state.manifest),
            inspection.levels(self._state.manifest, self._state.runs, self._keep_ms),
            self._compactions,
            self._compaction_seconds,
        )

    def faults(self) -> list[str]:
        """Segments that are missing or not whole."""
        return inspection.faults(self._folder, self._state.manifest)

    async def close(self) -> None:
        """Write what is in memory, and let go of the files."""
        await self._flush_beside()
        for pool in (self._upkeep, self._readers, self._sorter, self._writer):
            await asyncio.to_thread(pool.shutdown)
        await asyncio.to_thread(self._db.close)

    async def _make_room(self, rows: int) -> None:
        """Wait while too much is in memory: a little for each append, so that none waits for long.

        Raises:
            OSError: It cannot be written.
        """
        excess = self._state.pending.rows / self._hot_rows - 1
        if excess >= 1:
            await self.flush()
        elif excess > 0:
            await asyncio.sleep(2 * excess * rows * self._seconds_a_row)

    async def _flush(self) -> None:
        async with self._flushing:
            async with self._appending:
                flushing = self._state.pending
                rest = Pending(flushing.progress)
                self._state = replace(self._state, flushing=flushing, pending=rest)
            try:
                written = () if flushing.is_empty else await self._write_out(flushing)
            except BaseException:
                async with self._appending:
                    left = self._state.pending.after(flushing)
                    self._state = replace(self._state, flushing=_NOTHING, pending=left)
                raise
            manifest = self._state.manifest.with_changes([], written)
            self._state = replace(self._state, manifest=manifest, flushing=_NOTHING)

    async def _with_append(self, append: Append) -> Pending:
        pending = self._state.pending
        now = max(append.closed_before, pending.progress.closed_before)
        raw_from = now - self._keep_ms[Level.RAW]
        if len(append.rows.time) <= _FEW_ROWS:
            return pending.with_append(append, raw_from)
        return await threads.run(self._sorter, lambda: pending.with_append(append, raw_from))

    def _flush_soon(self) -> None:
        is_under_way = self._background is not None and not self._background.done()
        if not is_under_way and time.monotonic() >= self._retry_at:
            self._background = asyncio.create_task(self._flush_beside())

    async def _flush_beside(self) -> None:
        try:
            await self.flush()
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows stay in the log
            self._retry_at = time.monotonic() + _RETRY_S
            log.warning("New rows stay in memory and in the log, they cannot be written: %s", error)

    async def _write_out(self, pending: Pending) -> tuple[segments.Segment, ...]:
        keep = self._keep_from(pending.progress.closed_before)
        distributions = self._distributions

        def write() -> tuple[segments.Segment, ...]:
            self._claim(pending.progress.log_id)
            written = flushing.write(self._folder, pending.runs, distributions, keep)
            try:
                self._enter(pending, written)
            except BaseException:
                segments.remove_files(self._folder, written)
                raise
            return written

        started = time.perf_counter()
        written = await threads.run(self._writer, write)
        self._durable = pending.progress
        self._seconds_a_row = (time.perf_counter() - started) / max(1, pending.rows)
        return written

    def _claim(self, log_id: str) -> None:
        """Before the first files: what a crash leaves of them is then known for this database's."""
        if not registry.read_progress(self._db).log_id:
            with registry.transaction(self._db):
                registry.write_progress(self._db, registry.Progress(log_id))

    def _enter(self, pending: Pending, written: tuple[segments.Segment, ...]) -> None:
        series = [new for each in pending.series for new in each]
        with registry.transaction(self._db):
            registry.write_catalogue(self._db, list(pending.metrics.values()), series)
            registry.enter(self._db, [], written)
            registry.write_progress(self._db, pending.progress)

    async def _drop_old(self, now_ms: int) -> None:
        keep = self._keep_from(now_ms)
        old = [s for s in self._state.manifest.segments if s.end <= keep[s.kind.level]]
        if old:
            await threads.to_the_end(self._replace(old, []))

    async def _compact(self, work: tiers.Work) -> None:
        started = time.perf_counter()
        readers = [self._files.of(segment) for segment in work.segments]
        new = await threads.run(self._upkeep, lambda: compaction.merge(self._folder, work, readers))
        await threads.to_the_end(self._replace(work.segments, [new]))
        self._compactions += 1
        self._compaction_seconds += time.perf_counter() - started

    async def _replace(
        self, gone: Sequence[segments.Segment], new: Sequence[segments.Segment]
    ) -> None:
        def enter() -> None:
            with registry.transaction(self._db):
                registry.enter(self._db, gone, new)

        await threads.run(self._writer, enter)
        manifest = self._state.manifest.with_changes(gone, new)
        self._state = replace(self._state, manifest=manifest)
        await asyncio.to_thread(segments.remove_files, self._folder, gone)
        self._files.forget(gone)

    def _keep_from(self, now_ms: int) -> Mapping[Level, int]:
        """By level, from which time on rows are kept."""
        return {level: now_ms - kept for level, kept in self._keep_ms.items()}

    async def _read(self, work: Callable[[Source], T]) -> T:
        """Run it in a reader's thread; where the caller gives up, so does the work."""
        abandoned = threading.Event()
        try:
            return await threads.run(self._readers, lambda: self._settled(work, abandoned.is_set))
        except asyncio.CancelledError:
            abandoned.set()
            raise
        except (DamagedFileError, OSError) as error:
            raise NowlineError(Code.UNAVAILABLE, str(error)) from error

    def _settled(self, work: Callable[[Source], T], is_abandoned: Callable[[], bool]) -> T:
        """What `work` returns; again where a file that it was to read was replaced meanwhile."""
        for _ in range(_MOST_TRIES):
            state = self._state
            try:
                return work(state.source(self._files, is_abandoned))
            except FileNotFoundError as error:
                if self._state.manifest is state.manifest:
                    raise NowlineError(Code.UNAVAILABLE, f"{error.filename} is missing") from error
        raise NowlineError(Code.UNAVAILABLE, "The files of the store change all the time.")


async def _failure_of(work: Awaitable[object]) -> list[Exception]:
    """Why it could not be done, if it could not: a full disk must not keep old files from going."""
    try:
        await work
    except (DamagedFileError, OSError, duckdb.Error) as error:
        return [error]
    return []

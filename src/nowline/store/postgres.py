"""The store on PostgreSQL, with TimescaleDB where the database has it (see ADR 0004).

One server writes, over one connection, and everything of an append is one transaction. Questions
go over a pool, so that they wait neither for appends nor for each other.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Self

import asyncpg
import numpy as np

from nowline.errors import Code, NowlineError
from nowline.model import histogram, partials
from nowline.model.histogram import Bins
from nowline.model.level import BINNED, Level
from nowline.model.partials import Ints, Need, Partials
from nowline.model.query import MINUTE_MS
from nowline.store import (
    postgres_catalogue,
    postgres_connection,
    postgres_schema,
    timescale_schema,
)
from nowline.store.base import Append, Binned, Rows, Span, Store, StoreState
from nowline.store.catalogue import Catalogue, Selection
from nowline.store.postgres_copy import copy_out
from nowline.store.postgres_late import INCOMING
from nowline.store.postgres_layout import Closing, Incoming, Layout, Progress
from nowline.store.postgres_partitions import Partitions
from nowline.store.postgres_query import (
    BIN_COLUMNS,
    OFFSET_KEY,
    PARTIAL_COLUMNS,
    ROW_COLUMNS,
    Question,
)
from nowline.store.postgres_writer import Tables, Writer
from nowline.store.timescale import Hypertables

if TYPE_CHECKING:
    from pathlib import Path

    from asyncpg import Connection
    from numpy.typing import NDArray

    from nowline.store.postgres_copy import AnyConnection

_QUERIES = 8
# What an append outdated while it was read is read again; then the appends have to wait.
_TRIES = 3
_FOREVER = dict.fromkeys(Level, 1 << 60)
_SAVE_PROGRESS = "UPDATE progress SET log_id = $1, log_offset = $2, closed_before = $3"
_LAST_BEFORE = """
SELECT asked.series::bigint, found.time, found.value FROM unnest($1::int[]) AS asked(series)
CROSS JOIN LATERAL (
    SELECT time, value FROM points
    WHERE points.series = asked.series AND time < $2::bigint ORDER BY time DESC LIMIT 1
) AS found
"""


class PostgresStore(Store):
    """See `Store`. Make it with `await PostgresStore.open(url, keep_ms)`."""

    def __init__(self, url: str, writer: Writer, pool: asyncpg.Pool, layout: Layout) -> None:
        self._url = url
        self._writer = writer
        self._pool = pool
        self._layout = layout
        self._progress = Progress()
        self._distributions = np.zeros(0, bool)
        self._is_known = False
        self._appended_rows = 0
        self._append_seconds = 0.0
        self._upkeeps = 0
        self._upkeep_seconds = 0.0

    @classmethod
    async def open(cls, url: str, keep_ms: Mapping[Level, int] = _FOREVER) -> Self:
        """Open the store in a database, making the tables if there are none.

        Args:
            url: `postgresql://user:password@host/database`.
            keep_ms: How long rows of each level are kept, milliseconds.

        Raises:
            NowlineError: The database cannot be opened, another server uses it, or a newer
                program wrote it.
        """
        await postgres_connection.prepare_schema(url, postgres_schema.SCHEMA)
        async with contextlib.AsyncExitStack() as stack:
            tables = Tables(url, postgres_schema.SCHEMA, postgres_schema.SERVER_LOCK, INCOMING)
            writer = await Writer.open(tables)
            stack.push_async_callback(writer.close)
            with postgres_connection.telling(url, "prepared"):
                layout = await _prepare(writer, _ascending(keep_ms))
            pool = await postgres_connection.create_pool(url, postgres_schema.SCHEMA, _QUERIES)
            stack.push_async_callback(pool.close)
            store = cls(url, writer, pool, layout)
            with postgres_connection.telling(url, "read"):
                await store._start()
            stack.pop_all()
        return store

    async def load(self, catalogue: Catalogue) -> None:
        """Fill the catalogue with what the store holds."""
        async with self._pool.acquire() as connection:
            metrics, series = await postgres_catalogue.read(connection)
        for metric in metrics:
            catalogue.restore(metric, series.get(metric.name, []))

    async def offset(self, log_id: str) -> int:
        """How far that log is stored."""
        return self._progress.offset if log_id == self._progress.log_id else 0

    async def append(self, append: Append) -> int:
        """Write rows, roll-ups, catalogue and offset in one transaction.

        Where the connection was lost at the end of an append, it may have been committed: the
        same append, given again, then changes nothing.
        """
        started = time.perf_counter()
        async with self._writer.transaction() as connection:
            before = self._progress
            if not self._is_known:
                await self._learn(connection)
            self._is_known = False
            is_done = self._progress != before and _is_of(append, self._progress)
            after = self._progress if is_done else await self._write(connection, append)
        self._progress = after
        self._layout.committed()
        self._is_known = True
        self._appended_rows += len(append.rows.time)
        self._append_seconds += time.perf_counter() - started
        return append.offset

    def blames_rows(self, error: Exception) -> bool:
        """As said, and where PostgreSQL finds a value wrong (SQLSTATE class 22)."""
        return super().blames_rows(error) or isinstance(error, asyncpg.DataError)

    async def flush(self) -> int:
        """Nothing is left to be done: each append was a transaction."""
        return self._progress.offset

    async def rows_since(self, start: int) -> Rows:
        """Raw rows from `start` on, oldest first."""
        sql = (
            "SELECT series::bigint, time, value FROM points WHERE time >= $1::bigint ORDER BY time"
        )
        return await self._rows(sql, [start])

    async def rows_of(self, series: Ints, start: int, end: int) -> Rows:
        """Raw rows of these series in `[start, end)`, oldest first."""
        sql = (
            "SELECT series::bigint, time, value FROM points WHERE series = ANY($1::int[])"
            " AND time >= $2::bigint AND time < $3::bigint ORDER BY time"
        )
        return await self._rows(sql, [series.tolist(), start, end])

    async def last_before(self, series: Ints, time: int) -> Rows:
        """The newest raw row of each of these series before `time`."""
        return await self._rows(_LAST_BEFORE, [series.tolist(), time])

    async def partials(
        self,
        selection: Selection,
        span: Span,
        *,
        need: Need = Need.ALL,  # noqa: ARG002 - the other columns cost it little
    ) -> Partials:
        """Partials of the selected rows by group and bucket."""
        columns = None
        if len(selection.series):
            columns = await self._ask(selection, span, list(Level), is_binned=False)
        return partials.empty() if columns is None else Partials(**columns)

    async def bins(self, selection: Selection, span: Span, *, distribution: bool) -> Binned:
        """Histogram bins of the selected rows by group and bucket."""
        levels = list(Level) if distribution else [Level.RAW, *BINNED]
        columns = None
        if len(selection.series):
            columns = await self._ask(selection, span, levels, is_binned=True)
        if columns is None:
            return Binned(histogram.empty(), self._progress.offset)
        is_offset = columns["key"] == OFFSET_KEY
        offset = int(columns["count"][is_offset][0])
        return Binned(Bins(**columns).where(~is_offset), offset)

    async def maintain(self, now_ms: int) -> None:
        """Roll up what is closed and not rolled up yet, drop what is kept no longer."""
        started = time.perf_counter()
        if not self._is_known:
            async with self._writer.transaction() as connection:
                await self._learn(connection)
        try:
            await self._layout.maintain(self._writer, self._pool, self._progress, now_ms)
        except BaseException:
            self._is_known = False
            raise
        await self._measure()
        self._upkeeps += 1
        self._upkeep_seconds += time.perf_counter() - started

    async def backup(self, folder: Path, log_id: str) -> int:  # noqa: ARG002 - none is made
        """Refuse: PostgreSQL has a tool of its own, which knows all of its versions."""
        detail = "The data is in PostgreSQL: back it up with pg_dump."
        raise NowlineError(Code.UNSUPPORTED, detail)

    def state(self) -> StoreState:
        """Counters as of now, sizes as of the last upkeep."""
        return StoreState(
            self._appended_rows,
            self._append_seconds,
            self._layout.bytes,
            self._layout.sizes,
            self._upkeeps,
            self._upkeep_seconds,
        )

    async def close(self) -> None:
        """Close every connection."""
        await postgres_connection.close_pool(self._pool)
        await self._writer.close()

    async def _start(self) -> None:
        async with self._pool.acquire() as connection:
            await self._learn(connection)
        await self._measure()

    async def _learn(self, connection: AnyConnection) -> None:
        """Read what is committed: at the start, and where an append may have failed or not."""
        row = await connection.fetchrow("SELECT log_id, log_offset, closed_before FROM progress")
        self._progress = Progress(*row) if row else Progress()
        self._distributions = await postgres_catalogue.distributions(connection)
        await self._layout.load(connection)
        self._is_known = True

    async def _write(self, connection: Connection, append: Append) -> Progress:
        before = self._progress
        closed = max(before.closed_before, append.closed_before // MINUTE_MS * MINUTE_MS)
        after = Progress(append.log_id, append.offset, closed)
        self._distributions = postgres_catalogue.with_new(self._distributions, append)
        incoming = Incoming(append.rows, self._distributions[append.rows.series])
        await postgres_catalogue.write(connection, append)
        closing = Closing(before.closed_before, after.closed_before)
        await self._layout.write(connection, incoming, closing)
        await connection.execute(_SAVE_PROGRESS, after.log_id, after.offset, after.closed_before)
        return after

    async def _ask(
        self, selection: Selection, span: Span, levels: list[Level], *, is_binned: bool
    ) -> dict[str, NDArray[Any]] | None:
        """The answer's columns; None where nothing that is kept can answer."""
        layout = self._layout

        async def ask() -> dict[str, NDArray[Any]] | None:
            parts = layout.parts(span, self._progress, levels, binned=is_binned)
            if not parts:
                return None
            question = Question(selection, span, parts, layout.extras())
            return await self._fetch(question, is_binned=is_binned)

        for _ in range(_TRIES):
            revision = layout.revision
            columns = await ask()
            if layout.revision == revision:
                return columns
        async with self._writer.pause():
            return await ask()

    async def _fetch(self, question: Question, *, is_binned: bool) -> dict[str, NDArray[Any]]:
        async with self._reading() as connection:
            if is_binned:
                return await copy_out(connection, question.bins(), question.values, BIN_COLUMNS)
            sql, safe = question.partials(safe=False), question.partials(safe=True)
            try:
                return await copy_out(connection, sql, question.values, PARTIAL_COLUMNS)
            except asyncpg.NumericValueOutOfRangeError:
                return await copy_out(connection, safe, question.values, PARTIAL_COLUMNS)

    async def _rows(self, sql: str, values: list[object]) -> Rows:
        async with self._reading() as connection:
            columns = await copy_out(connection, sql, values, ROW_COLUMNS)
        return Rows(columns["series"], columns["time"], columns["value"])

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[AnyConnection]:
        with postgres_connection.telling(self._url, "read"):
            async with self._pool.acquire() as connection:
                yield connection

    async def _measure(self) -> None:
        async with self._pool.acquire() as connection:
            await self._layout.measure(connection)


async def _prepare(writer: Writer, keep_ms: Mapping[Level, int]) -> Layout:
    """The layout that the database has, or that a new one gets."""
    async with writer.transaction() as connection:
        await postgres_schema.migrate(connection)
        functions = await timescale_schema.functions(connection, postgres_schema.POINTS)
        layout = Partitions(keep_ms) if functions is None else Hypertables(keep_ms, functions)
        await layout.create(connection)
    return layout


def _ascending(keep_ms: Mapping[Level, int]) -> dict[Level, int]:
    """The same, but no level is kept for less time than a finer one: it is made of that."""
    longest = accumulate((keep_ms[level] for level in Level), max)
    return dict(zip(Level, longest, strict=True))


def _is_of(append: Append, progress: Progress) -> bool:
    return (append.log_id, append.offset) == (progress.log_id, progress.offset)

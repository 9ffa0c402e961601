"""Events on PostgreSQL, with TimescaleDB where the database has it.

One server writes, over one connection: the numbers of events grow in the order in which they can
be seen, so that a page begins exactly where the last one ended. Questions go over a pool.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from typing import TYPE_CHECKING, Final, Self

import asyncpg
import numpy as np

from nowline.model.event import Event, Happened
from nowline.model.query import DAY_MS
from nowline.store import activity_layout, activity_rows, postgres_connection, postgres_schema
from nowline.store.activity import ActivityState, ActivityStore, Filter, Stored
from nowline.store.activity_layout import EVENTS, LOCK, SCHEMA, SEEN, Layout
from nowline.store.postgres_calendar import Calendar
from nowline.store.postgres_writer import Tables, Writer

if TYPE_CHECKING:
    from asyncpg import Connection

    from nowline.model.partials import Ints
    from nowline.store.postgres_copy import AnyConnection

_QUERIES: Final = 4
# Whoever looks for events waits as long as that for old ones to be dropped, once a minute at most.
_DROP_WAIT: Final = "SET LOCAL lock_timeout = '100ms'"
_OFFSET: Final = "SELECT position FROM progress WHERE log_id = $1"
_SAVE_OFFSET: Final = """
INSERT INTO progress VALUES ($1, $2) ON CONFLICT (log_id) DO UPDATE SET position = excluded.position
"""
_COUNT: Final = """
INSERT INTO periods AS held SELECT * FROM unnest($1::bigint[], $2::bigint[])
ON CONFLICT (since) DO UPDATE SET events = held.events + excluded.events
"""
_KNOWN: Final = """
SELECT DISTINCT key FROM seen WHERE key = ANY($1::bigint[]) AND received >= $2::bigint
"""

log = logging.getLogger(__name__)


class PostgresActivity(ActivityStore):
    """See `ActivityStore`. Make it with `await PostgresActivity.open(url, keep_ms)`."""

    def __init__(
        self, url: str, keep_ms: int, writer: Writer, pool: asyncpg.Pool, layout: Layout
    ) -> None:
        self._url = url
        self._keep_ms = keep_ms
        self._writer = writer
        self._pool = pool
        self._layout = layout
        self._seen = Calendar(SEEN, "D")
        self._counts: dict[int, int] = {}
        self._is_known = False
        self._bytes = 0
        self._appended = 0

    @classmethod
    async def open(cls, url: str, keep_ms: int) -> Self:
        """Open the events of a database, making the tables if there are none.

        Args:
            url: `postgresql://user:password@host/database`.
            keep_ms: How long events are kept.

        Raises:
            NowlineError: The database cannot be opened, another server uses it, or a newer
                program wrote it.
        """
        await postgres_connection.prepare_schema(url, SCHEMA)
        async with contextlib.AsyncExitStack() as stack:
            writer = await Writer.open(Tables(url, SCHEMA, LOCK))
            stack.push_async_callback(writer.close)
            with postgres_connection.telling(url, "prepared"):
                async with writer.transaction() as connection:
                    layout = await activity_layout.prepare(connection, keep_ms)
            # A plan for any times would not know which partitions they are in.
            pool = await postgres_connection.create_pool(
                url, SCHEMA, _QUERIES, plan_cache_mode="force_custom_plan"
            )
            stack.push_async_callback(pool.close)
            store = cls(url, keep_ms, writer, pool, layout)
            await store._start()
            stack.pop_all()
        return store

    async def offset(self, log_id: str) -> int:
        """The offset of that log up to which its events are here.

        Asked over the connection that writes: where the last one was lost, the new one is let in
        when it is decided whether that committed.
        """
        with postgres_connection.telling(self._url, "read"):
            async with self._writer.transaction() as connection:
                return await connection.fetchval(_OFFSET, log_id) or 0

    async def append(self, happened: Happened, log_id: str, offset: int, received_ms: int) -> None:
        """Keep events, their keys and how far the log was read, in one transaction."""
        times = np.fromiter((event.time for event in happened.events), np.int64)
        async with self._writing() as connection:
            await self._insert(connection, happened.events, times)
            await self._remember(connection, happened.keys, received_ms)
            await connection.execute(_SAVE_OFFSET, log_id, offset)
        self._appended += len(happened.events)
        for start, number in self._by_period(times):
            self._counts[start] = self._counts.get(start, 0) + number

    async def page(self, wanted: Filter, limit: int) -> list[Stored]:
        """The newest events that are wanted, newest first."""
        if any("\0" in value for value in wanted.values.values()):
            return []  # which no event has, and PostgreSQL no notion of
        query, values = activity_rows.page(wanted, limit)
        async with self._reading() as connection:
            return [activity_rows.stored(row) for row in await connection.fetch(query, *values)]

    async def since(self, start: int, types: Collection[str] = ()) -> list[Event]:
        """All events from `start` on, oldest first, without their metadata."""
        query, values = activity_rows.since(start, types)
        async with self._reading() as connection:
            return [activity_rows.fact(row) for row in await connection.fetch(query, *values)]

    async def known(self, keys: Sequence[int], received_from: int) -> set[int]:
        """Which of these keys came in from then on."""
        async with self._reading() as connection:
            rows = await connection.fetch(_KNOWN, keys, received_from)
        return {row["key"] for row in rows}

    async def maintain(self, now_ms: int) -> None:
        """Make room for what is to come, drop what is kept no longer."""
        async with self._writing() as connection:
            await connection.execute("UPDATE upkeep SET at = $1", now_ms)
            await self._layout.make_room(connection, np.array([now_ms, now_ms + 28 * DAY_MS]))
            await self._seen.make_room(connection, np.array([now_ms, now_ms + DAY_MS]))
        await self._drop(now_ms)
        async with self._reading() as connection:
            await postgres_schema.analyze_new(connection, SCHEMA)
            await self._measure(connection)

    def state(self) -> ActivityState:
        """Counts as of now, the size as of the last upkeep."""
        oldest = min((start for start, number in self._counts.items() if number), default=None)
        events = sum(self._counts.values())
        return ActivityState(events, self._bytes, oldest, self._appended, self._keep_ms)

    async def close(self) -> None:
        """Close every connection."""
        await postgres_connection.close_pool(self._pool)
        await self._writer.close()

    async def _start(self) -> None:
        async with self._writing():
            pass
        async with self._reading() as connection:
            await self._measure(connection)

    async def _insert(self, connection: Connection, events: Sequence[Event], times: Ints) -> None:
        if not events:
            return
        await self._layout.make_room(connection, times)
        await connection.copy_records_to_table(
            EVENTS, records=activity_rows.rows_of(events), columns=activity_rows.COLUMNS
        )
        periods = self._by_period(times)
        await connection.execute(_COUNT, *map(list, zip(*periods, strict=True)))

    async def _remember(
        self, connection: Connection, keys: Sequence[int], received_ms: int
    ) -> None:
        if keys:
            await self._seen.make_room(connection, np.array([received_ms]))
            await connection.copy_records_to_table(
                SEEN, records=((key, received_ms) for key in keys), columns=("key", "received")
            )

    def _by_period(self, times: Ints) -> list[tuple[int, int]]:
        """How many of these times are in each period."""
        starts, numbers = np.unique(self._layout.starts(times), return_counts=True)
        return list(zip(starts.tolist(), numbers.tolist(), strict=True))

    async def _drop(self, now_ms: int) -> None:
        """Drop whole periods; while somebody reads them for long, nobody is made to wait."""
        since = self._layout.starts(np.array([now_ms - self._keep_ms]))[0].item()
        keys_since = self._seen.starts(np.array([now_ms - DAY_MS]))[0].item()
        with postgres_connection.telling(self._url, "written"):
            try:
                async with self._transaction() as connection:
                    await connection.execute(_DROP_WAIT)
                    await self._layout.drop_before(connection, since)
                    await self._seen.drop_before(connection, keys_since)
                    await connection.execute("DELETE FROM periods WHERE since < $1", since)
            except asyncpg.LockNotAvailableError:
                log.info("Old events are dropped later: somebody reads them.")
                return
        self._counts = {start: n for start, n in self._counts.items() if start >= since}

    async def _measure(self, connection: AnyConnection) -> None:
        self._bytes = await activity_layout.size(connection, self._layout)

    async def _learn(self, connection: AnyConnection) -> None:
        """Read what is committed: at the start, and where a transaction may have failed or not."""
        await self._layout.load(connection)
        await self._seen.load(connection)
        self._counts = {
            row["since"]: row["events"] for row in await connection.fetch("SELECT * FROM periods")
        }

    @contextlib.asynccontextmanager
    async def _writing(self) -> AsyncIterator[Connection]:
        with postgres_connection.telling(self._url, "written"):
            async with self._transaction() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        """A transaction that knows what is there; whether it was committed is known at its end."""
        async with self._writer.transaction() as connection:
            if not self._is_known:
                await self._learn(connection)
            self._is_known = False
            yield connection
        self._is_known = True

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[AnyConnection]:
        with postgres_connection.telling(self._url, "read"):
            async with self._pool.acquire() as connection:
                yield connection

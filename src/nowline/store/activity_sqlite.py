"""Events of a single server, in one SQLite file beside the measurements."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

from nowline.errors import Code, NowlineError
from nowline.model.event import Event, Happened
from nowline.model.query import DAY_MS
from nowline.store import activity_inspection
from nowline.store import activity_tables as tables
from nowline.store.activity import ActivityState, ActivityStore, Filter, Stored
from nowline.store.threads import run

T = TypeVar("T")

# About 8 MB a round.
_VACUUM_PAGES = 2048


class SqliteActivity(ActivityStore):
    """See `ActivityStore`. Make it with `await SqliteActivity.open(…)`.

    Args:
        path: The file.
        keep_ms: How long events are kept.
        writing: A connection for the thread that writes.
        reading: One for the thread that reads.
    """

    def __init__(
        self,
        path: Path,
        keep_ms: int,
        writing: sqlite3.Connection,
        reading: sqlite3.Connection,
    ) -> None:
        self._path = path
        self._keep_ms = keep_ms
        self._writing = writing
        self._reading = reading
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="activity-writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="activity-reader")
        self._counts = tables.counts(writing)
        self._appended = 0

    @classmethod
    async def open(cls, path: Path, keep_ms: int) -> Self:
        """Open the file, made if there is none.

        Args:
            path: The file.
            keep_ms: How long events are kept.

        Raises:
            NowlineError: It cannot be opened.
        """
        writing = await asyncio.to_thread(_telling, lambda: tables.connect(path))
        reading = await asyncio.to_thread(_telling, lambda: tables.connect_reader(path))
        return cls(path, keep_ms, writing, reading)

    async def offset(self, log_id: str) -> int:
        """The offset of that log up to which its events are here."""
        return await self._read(lambda: tables.offset_of(self._reading, log_id))

    async def append(self, happened: Happened, log_id: str, offset: int, received_ms: int) -> None:
        """Keep events and how far the log was read, in one transaction."""

        def write() -> None:
            with tables.transaction(self._writing):
                tables.insert(self._writing, happened.events)
                tables.remember(self._writing, happened.keys, received_ms)
                tables.save_offset(self._writing, log_id, offset)
            self._counts = tables.counts(self._writing)

        await self._write(write)
        self._appended += len(happened.events)

    async def page(self, wanted: Filter, limit: int) -> list[Stored]:
        """The newest events that are wanted, newest first."""
        return await self._read(lambda: tables.page(self._reading, wanted, limit))

    async def since(self, start: int, types: Collection[str] = ()) -> list[Event]:
        """All events from `start` on, oldest first, without their metadata."""
        return await self._read(lambda: tables.since(self._reading, start, types))

    async def known(self, keys: Sequence[int], received_from: int) -> set[int]:
        """Which of these keys came in from then on."""
        return await self._read(lambda: tables.known(self._reading, keys, received_from))

    async def maintain(self, now_ms: int) -> None:
        """Drop months of events and days of keys that are kept no longer."""
        kept_from = tables.table_at(now_ms - self._keep_ms)
        seen_from = now_ms // DAY_MS - 1

        def drop() -> None:
            db = self._writing
            old = [table for table in tables.tables(db, tables.EVENTS) if table < kept_from]
            days = tables.tables(db, tables.SEEN)
            old += [day for day in days if int(day.removeprefix(tables.SEEN)) < seen_from]
            with tables.transaction(db):
                for table in old:
                    db.execute(f"DROP TABLE {table}")
            tables.give_back(db, _VACUUM_PAGES)
            self._counts = tables.counts(db)

        await self._write(drop)

    def state(self) -> ActivityState:
        """What is kept as of now."""
        size = activity_inspection.size_of(self._path)
        oldest = min(map(tables.start_of, self._counts), default=None)
        events = sum(self._counts.values())
        return ActivityState(events, size, oldest, self._appended, self._keep_ms)

    async def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        await self._read(self._reading.close)
        await self._write(self._writing.close)
        for pool in (self._reader, self._writer):
            await asyncio.to_thread(pool.shutdown)

    async def _read(self, work: Callable[[], T]) -> T:
        return await run(self._reader, lambda: _telling(work))

    async def _write(self, work: Callable[[], T]) -> T:
        return await run(self._writer, lambda: _telling(work))


def _telling(work: Callable[[], T]) -> T:
    with _told():
        return work()


@contextmanager
def _told() -> Iterator[None]:
    """Say in our words what SQLite could not do."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise NowlineError(Code.DISK_FULL, "The disk is full.") from error
        detail = f"The events cannot be read or written ({error})."
        raise NowlineError(Code.UNAVAILABLE, detail) from error

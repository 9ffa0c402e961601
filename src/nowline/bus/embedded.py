"""The log of a single server: one SQLite file, one commit for all appends that wait.

One thread owns the file and commits at once; while it waits for the disk, the next appends
gather. Waiting on purpose before a commit would only halve what single requests can do.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from nowline.bus.base import Log, LogState, Record
from nowline.bus.logfile import LogFile
from nowline.errors import Code, NowlineError

_TAIL_BYTES = 16 << 20
_PENDING_BYTES = 64 << 20
_SAVE_EVERY = 64

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Append:
    blob: bytes
    offset: asyncio.Future[int]


class EmbeddedLog(Log):
    """See `Log`. Make it with `await EmbeddedLog.open(path)`."""

    def __init__(self, file: LogFile, thread: ThreadPoolExecutor) -> None:
        self._file = file
        self._thread = thread
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Append] = []
        self._writer: asyncio.Task[None] | None = None
        self._pending_bytes = 0
        self._head = file.head()
        self._commits = file.commits()
        self._saved = min(self._commits.values(), default=0)
        self._tail: deque[Record] = deque()
        self._tail_bytes = 0
        self._grown = asyncio.Event()

    @classmethod
    async def open(cls, path: Path) -> EmbeddedLog:
        """Open the log at `path`, making the file if there is none."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="log")
        file = await asyncio.get_running_loop().run_in_executor(thread, LogFile, path)
        return cls(file, thread)

    @property
    def id(self) -> str:
        """Which log this is."""
        return self._file.id

    @property
    def head(self) -> int:
        """The newest durable offset."""
        return self._head

    async def append(self, blob: bytes) -> int:
        """Append and return the offset once it is on disk."""
        # One blob alone is let through whatever its size: later there would be no more room.
        if self._pending_bytes and self._pending_bytes + len(blob) > _PENDING_BYTES:
            raise NowlineError(
                Code.UNAVAILABLE, "More is coming in than the disk can take.", retry_after_s=1
            )
        entry = _Append(blob, self._loop.create_future())
        self._waiting.append(entry)
        self._pending_bytes += len(blob)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting())
        # Shielded: a caller that goes away must not undo an append that is on its way.
        return await asyncio.shield(entry.offset)

    async def read(self, after: int, limit_bytes: int) -> list[Record]:
        """Records above `after`: from memory where the tail reaches back so far."""
        if after >= self._head:
            return []
        if self._tail and self._tail[0].offset <= after + 1:
            newer = self._head - after
            start = len(self._tail) - newer
            return _take((self._tail[i] for i in range(start, len(self._tail))), limit_bytes)
        return await self._run(lambda: self._file.read(after, limit_bytes))

    async def wait(self, after: int) -> None:
        """Return once the head is above `after`."""
        while self._head <= after:
            self._grown.clear()
            await self._grown.wait()

    async def committed(self, group: str) -> int:
        """The offset that the group committed last."""
        return self._commits.get(group, 0)

    async def commit(self, group: str, offset: int) -> None:
        """Move the group's offset; it reaches the disk with the next trim.

        A commit that is lost in a crash only makes the group read records again that it knows.
        """
        self._commits[group] = offset
        if min(self._commits.values()) - self._saved >= _SAVE_EVERY:
            await self._save()

    def state(self) -> LogState:
        """Depth and head as of now."""
        depth = {group: self._head - offset for group, offset in self._commits.items()}
        return LogState(self._head, depth, self._pending_bytes)

    async def close(self) -> None:
        """Finish the appends under way, remember the commits and close the file."""
        if self._writer is not None:
            await self._writer
        await self._save()
        await self._run(self._file.close)
        self._thread.shutdown()

    async def _write_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._write(batch)
        self._writer = None

    async def _write(self, batch: list[_Append]) -> None:
        blobs = [entry.blob for entry in batch]
        first = self._head + 1
        try:
            await self._run(lambda: self._file.append(first, blobs))
        except sqlite3.Error as error:
            _refuse(batch, error)
        else:
            self._head += len(batch)
            self._remember(first, blobs)
            _accept(batch, first)
        self._pending_bytes -= sum(map(len, blobs))

    def _remember(self, first: int, blobs: list[bytes]) -> None:
        self._tail.extend(Record(offset, blob) for offset, blob in enumerate(blobs, first))
        self._tail_bytes += sum(map(len, blobs))
        while self._tail_bytes > _TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft().blob)
        self._grown.set()

    async def _save(self) -> None:
        """Remember the commits and trim; on a full disk both wait for the next time."""
        commits = dict(self._commits)
        try:
            await self._run(lambda: self._file.save(commits))
        except sqlite3.Error as error:
            log.warning("The log could not be trimmed: %s", error)
        else:
            self._saved = min(commits.values(), default=0)

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._thread, work)


def _take(records: Iterable[Record], limit_bytes: int) -> list[Record]:
    taken: list[Record] = []
    size = 0
    for record in records:
        taken.append(record)
        size += len(record.blob)
        if size >= limit_bytes:
            break
    return taken


def _accept(batch: list[_Append], first: int) -> None:
    for offset, entry in enumerate(batch, first):
        if not entry.offset.done():
            entry.offset.set_result(offset)


def _refuse(batch: list[_Append], error: sqlite3.Error) -> None:
    refusal = _refusal(error)
    for entry in batch:
        if not entry.offset.done():
            entry.offset.set_exception(refusal)
            # Retrieved here too, so that a caller that has gone leaves no warning behind.
            entry.offset.exception()


def _refusal(error: sqlite3.Error) -> NowlineError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return NowlineError(Code.DISK_FULL, "The disk is full: nothing of this was taken in.")
    return NowlineError(
        Code.UNAVAILABLE, f"The log could not be written ({error}).", retry_after_s=5
    )

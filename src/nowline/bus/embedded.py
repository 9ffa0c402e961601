"""The log of a single server: one SQLite file, owned by one thread."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from nowline.bus import salvage
from nowline.bus.base import DeadLetter, Record
from nowline.bus.grouped import Found, GroupedLog
from nowline.bus.logfile import LogFile
from nowline.errors import Code, NowlineError

T = TypeVar("T")

log = logging.getLogger(__name__)


class EmbeddedLog(GroupedLog):
    """See `Log`. Make it with `await EmbeddedLog.open(path)`."""

    def __init__(self, file: LogFile, found: Found, thread: ThreadPoolExecutor) -> None:
        super().__init__(found)
        self._file = file
        self._thread = thread

    @classmethod
    async def open(cls, path: Path) -> EmbeddedLog:
        """Open the log at `path`, making the file if there is none.

        A file that is damaged is set aside, and a new one has what could be read of it.

        Raises:
            NowlineError: It cannot be opened, for a reason that is not in the file.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="log")

        def start() -> tuple[LogFile, Found]:
            with _told():
                file = salvage.open_file(path)
                found = Found(file.id, file.head(), file.commits(), file.letters())
                return file, found

        return cls(*await asyncio.get_running_loop().run_in_executor(thread, start), thread)

    async def _persist(self, first: int, blobs: Sequence[bytes], letters: Sequence[int]) -> None:
        with _told():
            await self._run(lambda: self._file.append(first, blobs, letters))

    async def _look(self) -> tuple[int, list[DeadLetter]]:
        with _told():
            return await self._run(lambda: (self._file.settle(), self._file.letters()))

    async def _fetch(self, after: int, limit_bytes: int) -> list[Record]:
        return await self._run(lambda: self._file.read(after, limit_bytes))

    async def _save(self, commits: dict[str, int]) -> bool:
        """Remember the commits and trim; on a full disk both wait for the next time."""
        try:
            await self._run(lambda: self._file.save(commits))
        except Exception as error:  # noqa: BLE001 - whatever it is, the records are only kept longer
            log.warning("The log could not be trimmed: %s", str(error) or type(error).__name__)
            return False
        return True

    async def _keep(self, letter: DeadLetter, blob: bytes) -> None:
        with _told():
            await self._run(lambda: self._file.bury(letter, blob))

    async def _blob_of(self, letter: int) -> bytes:
        with _told():
            return await self._run(lambda: self._file.blob_of(letter))

    async def _remove(self, letter: int) -> None:
        with _told():
            await self._run(lambda: self._file.drop(letter))

    async def _release(self) -> None:
        await self._run(self._file.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._thread, work)


@contextmanager
def _told() -> Iterator[None]:
    """Say in one sentence what SQLite or the file system has against it."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _refusal(error) from error


def _refusal(error: Exception) -> NowlineError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return NowlineError(Code.DISK_FULL, "The disk is full: nothing of this was taken in.")
    return NowlineError(
        Code.UNAVAILABLE, f"The log could not be written ({error}).", retry_after_s=5
    )

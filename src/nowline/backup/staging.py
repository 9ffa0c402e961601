"""A consistent copy of a data folder, laid out in a folder of its own, to be packed from there.

The log is copied first and the stores, of rows and of events, after it. A record leaves the log
only when both have what they keep of it, so what was durable when the copy began is in the copy of
the log or in that of its store; what is in both stores is then dropped from the log's. Each store's
copy says how far it read the log, so that what is in the log's copy too is not taken in again.
"""

from __future__ import annotations

import asyncio
import errno
import shutil
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

import duckdb

from nowline import __version__
from nowline.backup import archive
from nowline.backup.archive import About
from nowline.bus import logcopy
from nowline.clock import rfc3339
from nowline.errors import Code, NowlineError
from nowline.model.user import TEMPORARY_KEY
from nowline.store import activity_tables, copying, sqlite

TakeStore: TypeAlias = Callable[[Path, str], Awaitable[int]]
"""Copies the store to a folder; returns the offset of the log with this id that it has."""


_OF_COMMANDS = (len(TEMPORARY_KEY), TEMPORARY_KEY)


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a data folder; any of them may not be there.

    Attributes:
        store: The DuckDB file; segments are beside it.
        log: The log.
        activity: The events.
        documents: The documents database.
        settings: The file of settings in the folder.
        signing_key: The key that signs tokens.
    """

    store: Path
    log: Path
    activity: Path
    documents: Path
    settings: Path
    signing_key: Path

    @classmethod
    def of(cls, data_dir: Path, store: Path) -> Self:
        """The files of a data folder, and the DuckDB file, which may be elsewhere."""
        return cls(
            store,
            data_dir / archive.LOG,
            data_dir / archive.ACTIVITY,
            data_dir / archive.DOCUMENTS,
            data_dir / archive.SETTINGS,
            data_dir / archive.SIGNING_KEY,
        )


@dataclass(frozen=True, slots=True)
class Staged:
    """A copy that nobody changes.

    Attributes:
        folder: Where it is.
        about: What it is.
        made_at: When, epoch milliseconds.
    """

    folder: Path
    about: About
    made_at: int

    def pack(self) -> Iterator[bytes]:
        """The archive of it, piece by piece."""
        return archive.pack(self.folder, self.about, self.made_at // 1000)

    def remove(self) -> None:
        """Delete the copy."""
        shutil.rmtree(self.folder)


async def stage(sources: Sources, take_store: TakeStore, now_ms: int) -> Staged:
    """Copy everything, consistently, to a folder beside the store.

    Raises:
        NowlineError: There is nothing to copy, a file cannot be read, or the disk is full.
    """
    with _told():
        folder = Path(tempfile.mkdtemp(prefix=_beginning(sources), dir=sources.store.parent))
        try:
            return Staged(folder, await _fill(folder, sources, take_store, now_ms), now_ms)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, folder)
            raise


def remove_left_over(sources: Sources) -> None:
    """Delete the copies of a process that was killed; to be called with the folder's lock held."""
    for folder in sources.store.parent.glob(f"{_beginning(sources)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def take_at_rest(store: Path) -> TakeStore:
    """How the store is copied when no server uses it."""

    async def take(folder: Path, log_id: str) -> int:
        return (await asyncio.to_thread(copying.copy_at_rest, store, folder)).of(log_id)

    return take


async def _fill(folder: Path, sources: Sources, take_store: TakeStore, now_ms: int) -> About:
    log_id, offset = await _copy_rows(folder, sources, take_store)
    revision = await asyncio.to_thread(_copy_rest, folder, sources)
    return About(__version__, rfc3339(now_ms), log_id, offset, revision)


def _copy_rest(folder: Path, sources: Sources) -> str:
    """Everything but the rows; the schema of the documents database, empty without one."""
    revision = ""
    if sources.documents.exists():
        revision = _copy_documents(sources.documents, folder / archive.DOCUMENTS)
    for source, name in (
        (sources.settings, archive.SETTINGS),
        (sources.signing_key, archive.SIGNING_KEY),
    ):
        if source.exists():
            shutil.copyfile(source, folder / name)
    if not any(path.is_file() for path in folder.rglob("*")):
        raise NowlineError(Code.NOT_FOUND, f"There is nothing to back up in {sources.log.parent}.")
    return revision


def _copy_documents(source: Path, copy: Path) -> str:
    """The documents without the keys of commands that run just now; returns their schema."""
    sqlite.back_up(source, copy)
    with closing(sqlite3.connect(copy)) as db:
        db.execute("DELETE FROM api_keys WHERE substr(name, 1, ?) = ?", _OF_COMMANDS)
        db.commit()
        return str(db.execute("SELECT version_num FROM alembic_version").fetchone()[0])


async def _copy_rows(folder: Path, sources: Sources, take_store: TakeStore) -> tuple[str, int]:
    """The log and what it ends in; which log it is, and up to where its rows are in the store."""
    copy, log_id = folder / archive.LOG, ""
    if sources.log.exists():
        log_id = await asyncio.to_thread(logcopy.copy, sources.log, copy)
    offsets = [await take_store(folder, log_id)]
    if sources.activity.exists():
        target = folder / archive.ACTIVITY
        offsets.append(await asyncio.to_thread(_copy_events, sources.activity, target, log_id))
    if log_id:
        await asyncio.to_thread(logcopy.forget, copy, *offsets)
    return log_id, offsets[0]


def _copy_events(source: Path, copy: Path, log_id: str) -> int:
    """The events; returns up to where they are those of the log."""
    sqlite.back_up(source, copy)
    with closing(sqlite3.connect(copy)) as db:
        return activity_tables.offset_of(db, log_id)


def _beginning(sources: Sources) -> str:
    return f".{sources.store.name}.backup-"


@contextmanager
def _told() -> Iterator[None]:
    """Say in one sentence what a file system or database has against it."""
    try:
        yield
    except (OSError, sqlite3.Error, duckdb.Error) as error:
        full = getattr(error, "errno", None) == errno.ENOSPC
        code = Code.DISK_FULL if full else Code.UNAVAILABLE
        reason = " ".join(str(error).split())
        raise NowlineError(code, f"The backup could not be made: {reason}.") from error

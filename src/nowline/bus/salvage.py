"""A log's file that is damaged: it is set aside, and a new one has what could be read of it.

The new one is written beside it, and gets another name when it is whole. Who finds a file of that
name puts it in place, so that a crash at any step loses nothing.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nowline.bus.logfile import HEAD, LogFile, is_damage, letters_in

_SIDES = ("", "-wal", "-shm")
_WRITE_BYTES = 4 << 20
_MOST_AT_ONCE = 1024

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Count:
    kept: int = 0
    lost: int = 0


def open_file(path: Path) -> LogFile:
    """Open a log's file; in the place of a damaged one, another that has what is left of it.

    That has the same identity and offsets, so that the store goes on where it was, and an empty
    record for each that cannot be read. Without an identity nobody could tell which records the
    store has already: then the new log is another one, and empty.

    Raises:
        sqlite3.Error: It cannot be opened for another reason.
        OSError: It cannot be set aside.
    """
    finish(path)
    try:
        file = LogFile(path)
        fault = file.fault()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        fault = str(error)
    else:
        if fault is None:
            return file
        file.close()
    return _replace(path, fault)


def finish(path: Path) -> None:
    """Replace a log's file by what a start before this one has salvaged, if that was cut off.

    Raises:
        OSError: It cannot be set aside.
    """
    if _whole(path).exists():
        log.warning("The log %s is replaced, as the start before this one began to do.", path)
        _put_in_place(path)


def _replace(path: Path, fault: str) -> LogFile:
    draft = path.with_name(f"{path.name}.salvaging")
    _remove(draft)
    count = _salvage(path, draft)
    draft.rename(_whole(path))
    aside = _put_in_place(path)
    if count is None:
        log.error(
            "The log %s is damaged (%s) and cannot be read; it is now %s, and a new log begins."
            " What was accepted and is not in the store's files yet is missing.",
            path,
            fault,
            aside,
        )
    else:
        log.error(
            "The log %s is damaged (%s); it is now %s. %d of its records could be read, and go"
            " on to the store if they are not there; %d could not, and become dead letters.",
            path,
            fault,
            aside,
            count.kept,
            count.lost,
        )
    return LogFile(path)


def _whole(path: Path) -> Path:
    """Where the new file is when it is whole and not in place yet."""
    return path.with_name(f"{path.name}.salvaged")


def _put_in_place(path: Path) -> Path:
    """Set the damaged file aside, or what is left of it, and put the whole one in its place.

    Returns:
        Where the damaged one is now.
    """
    whole = _whole(path)
    # The same name when a crash came in between.
    at = datetime.fromtimestamp(whole.stat().st_mtime, UTC)
    aside = path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%SZ}")
    _sync(path.parent)
    for side in _SIDES:
        if (part := path.with_name(path.name + side)).exists():
            part.rename(aside.with_name(aside.name + side))
    _sync(path.parent)
    whole.rename(path)
    _sync(path.parent)
    return aside


def _sync(folder: Path) -> None:
    """See that the names are on disk before they change again."""
    # Windows cannot open a folder, and needs not.
    with suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _salvage(path: Path, draft: Path) -> _Count | None:
    """Write what can be read of a file to another; None if it cannot even be told which log it is.

    Records that could not be read are there with an empty blob.
    """
    count = _copied(path, draft)
    if count is None:
        LogFile(draft).close()
    # Everything is in the one file then, or this fails: only that is put in place.
    with closing(sqlite3.connect(draft, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
    return count


def _copied(path: Path, draft: Path) -> _Count | None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        try:
            (log_id,) = db.execute("SELECT log_id FROM identity").fetchone()
            (head,) = db.execute(HEAD).fetchone()
            commits = dict(db.execute("SELECT consumer, position FROM commits"))
        except (sqlite3.DatabaseError, TypeError):
            return None
        with closing(LogFile(draft, str(log_id))) as target:
            return _Copy(db, target).run(min(commits.values(), default=0), int(head), commits)


class _Copy:
    """One copy of a damaged file."""

    def __init__(self, source: sqlite3.Connection, target: LogFile) -> None:
        self._source = source
        self._target = target
        self._count = _Count()

    def run(self, done: int, head: int, commits: dict[str, int]) -> _Count:
        """Copy the records above `done`, all of which were there, and the dead letters."""
        batch: list[bytes] = []
        size = 0
        for position in range(done + 1, head + 1):
            batch.append(self._blob(position))
            size += len(batch[-1])
            if size >= _WRITE_BYTES or len(batch) == _MOST_AT_ONCE:
                self._target.append(position + 1 - len(batch), batch)
                batch, size = [], 0
        self._target.append(head + 1 - len(batch), batch)
        if done >= head > 0:
            self._target.start_after(head)
        self._copy_letters()
        self._target.save(commits)
        return self._count

    def _blob(self, position: int) -> bytes:
        row = self._read("SELECT blob FROM records WHERE position = ?", position)
        if row is None or not isinstance(row[0], bytes):
            self._count.lost += 1
            return b""
        self._count.kept += 1
        return row[0]

    def _copy_letters(self) -> None:
        try:
            letters = letters_in(self._source)
        except sqlite3.DatabaseError:
            log.error("The dead letters of the damaged log could not be read.")  # noqa: TRY400
            return
        for letter in letters:
            row = self._read("SELECT blob FROM dead_letters WHERE position = ?", letter.id)
            self._target.bury(letter, row[0] if row else b"")

    def _read(self, sql: str, position: int) -> tuple[bytes, ...] | None:
        try:
            row: tuple[bytes, ...] | None = self._source.execute(sql, (position,)).fetchone()
        except sqlite3.DatabaseError:
            return None
        return row


def _remove(draft: Path) -> None:
    for side in _SIDES:
        draft.with_name(draft.name + side).unlink(missing_ok=True)

"""Copies of the embedded store: of one that is in use, and of one at rest.

A segment never changes, so it is linked where the file system can; only the DuckDB file is
written anew.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from nowline.store import compaction, formats, segments
from nowline.store.segments import Manifest

FILE_NAME = "nowline.duckdb"
"""The DuckDB file of a copy; segments are in the folder beside it, as always."""

# A name that no file of a store has: DuckDB calls a database by its file.
_ALIAS = '"copy of the store"'
# Another device, or a file system that has no links or no more of them.
_CANNOT_LINK = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EACCES}


@dataclass(frozen=True, slots=True)
class Progress:
    """The log's offset up to which every row is in a store."""

    log_id: str
    offset: int

    def of(self, log_id: str) -> int:
        """How far that log is stored; 0 for another one."""
        return self.offset if log_id == self.log_id else 0


class Snapshot:
    """The state of a store in use at one moment, to be written to a folder beside the appends.

    Args:
        db: A connection of its own.
        source: The folder of the segments.
        folder: Where the copy goes.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, source: Path, folder: Path) -> None:
        self._db = db
        self._source = source
        self._folder = folder
        self._is_given_up = False
        self._manifest = Manifest((), (), 0)
        self.progress = Progress("", 0)

    def take(self, manifest: Manifest) -> None:
        """Hold on to the state as of now; in the writer's thread, where no append is under way.

        Args:
            manifest: What there is; its files must stay until `write` is done.
        """
        self._db.execute(f"ATTACH '{_quoted(self._folder / FILE_NAME)}' AS {_ALIAS}")
        self._db.execute("BEGIN")
        # What is read first begins the transaction's view of the store.
        self.progress = _progress(self._db)
        self._manifest = manifest

    def write(self) -> None:
        """Write what was taken."""
        if self._is_given_up:
            return
        name = self._db.execute("SELECT current_database()").fetchall()[0][0]
        identifier = name.replace('"', '""')
        self._db.execute(f'COPY FROM DATABASE "{identifier}" TO {_ALIAS}')
        self._db.execute("COMMIT")
        _link(self._manifest, self._source, self._folder)

    def interrupt(self) -> None:
        """Let `write` end soon, with an error or without having written."""
        self._is_given_up = True
        with contextlib.suppress(duckdb.Error):  # It may have ended by itself.
            self._db.interrupt()

    def close(self) -> None:
        """End the transaction, if it still is open, and let go of the copy."""
        with contextlib.suppress(duckdb.TransactionException):  # It was committed, or never begun.
            self._db.rollback()
        self._db.execute(f"DETACH DATABASE IF EXISTS {_ALIAS}")
        self._db.close()


def copy_at_rest(path: Path, folder: Path) -> Progress:
    """Copy a store that nobody uses, and leave it as it is.

    Args:
        path: Its DuckDB file.
        folder: Where the copy goes; it stays empty where there is no such file.

    Raises:
        NowlineError: A newer program wrote it.
    """
    if not path.exists():
        return Progress("", 0)
    copy = folder / FILE_NAME
    shutil.copyfile(path, copy)
    if (log := segments.log_of(path)).exists():
        shutil.copyfile(log, segments.log_of(copy))
    # Opened for writing, so that what was still in the write-ahead log is in the file then.
    with duckdb.connect(str(copy)) as db:
        found = formats.version(db)
        formats.refuse_newer(found)
        if found == formats.FORMAT:
            _link(compaction.read_manifest(db), segments.folder_of(path), folder)
        return _progress(db)


def _progress(db: duckdb.DuckDBPyConnection) -> Progress:
    rows = db.execute("SELECT log_id, log_offset FROM progress").fetchall()
    return Progress(*rows[0]) if rows else Progress("", 0)


def _link(manifest: Manifest, source: Path, folder: Path) -> None:
    target = segments.folder_of(folder / FILE_NAME)
    target.mkdir(mode=0o700)
    for segment in manifest.segments:
        if segment.is_file:
            _link_or_copy(source / segment.name, target / segment.name)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        shutil.copyfile(source, target)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

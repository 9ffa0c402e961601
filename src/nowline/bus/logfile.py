"""The SQLite file behind the embedded log: plain, synchronous, used from one thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from nowline.bus.base import Record

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    position INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS commits (
    consumer TEXT PRIMARY KEY, position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (log_id TEXT NOT NULL);
"""


class LogFile:
    """Records, committed offsets and the identity of one log.

    SQLite documents that in WAL mode with `synchronous=FULL` a committed transaction survives
    the death of the process and a loss of power (sqlite.org/pragma.html#pragma_synchronous).
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA cache_size=-4096")
        self._db.executescript(_SCHEMA)
        path.chmod(0o600)
        self.id = self._identity()

    def append(self, first: int, blobs: Sequence[bytes]) -> None:
        """Write the blobs at offsets from `first` on; on return they are durable."""
        with self._transaction():
            self._db.executemany("INSERT INTO records VALUES (?, ?)", enumerate(blobs, first))

    def read(self, after: int, limit_bytes: int) -> list[Record]:
        """Records above `after`, in order; at least one if there is one, then up to the limit."""
        rows = self._db.execute(
            "SELECT position, blob FROM records WHERE position > ? ORDER BY position", (after,)
        )
        records: list[Record] = []
        taken = 0
        for position, blob in rows:
            records.append(Record(position, blob))
            taken += len(blob)
            if taken >= limit_bytes:
                break
        return records

    def head(self) -> int:
        """The newest offset ever given; offsets are not used again after a trim."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'").fetchone()
        return int(row[0]) if row else 0

    def commits(self) -> dict[str, int]:
        """The committed offset of each consumer group."""
        return dict(self._db.execute("SELECT consumer, position FROM commits"))

    def save(self, commits: dict[str, int]) -> None:
        """Remember the committed offsets and drop the records below all of them."""
        done = min(commits.values(), default=0)
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO commits VALUES (?, ?)", commits.items())
            self._db.execute("DELETE FROM records WHERE position <= ?", (done,))

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of the block or nothing; a failure leaves the file ready for the next one."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _identity(self) -> str:
        row = self._db.execute("SELECT log_id FROM identity").fetchone()
        if row is None:
            row = (uuid4().hex,)
            self._db.execute("INSERT INTO identity VALUES (?)", row)
        return str(row[0])

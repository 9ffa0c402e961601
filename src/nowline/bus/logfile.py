"""The SQLite file behind the embedded log: plain, synchronous, used from one thread."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from nowline.bus.base import DeadLetter, Record
from nowline.bus.tail import take_up_to

HEAD = "SELECT seq FROM sqlite_sequence WHERE name = 'records'"
"""Asks for the newest offset ever given."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    position INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS commits (
    consumer TEXT PRIMARY KEY, position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (log_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dead_letters (
    position INTEGER PRIMARY KEY, consumer TEXT NOT NULL, reason TEXT NOT NULL,
    at INTEGER NOT NULL, rows INTEGER, size INTEGER NOT NULL, blob BLOB NOT NULL
);
"""
_LETTERS = "SELECT position, consumer, reason, at, rows, size FROM dead_letters ORDER BY position"
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

log = logging.getLogger(__name__)


class LogFile:
    """Records, committed offsets, dead letters and the identity of one log.

    SQLite documents that in WAL mode with `synchronous=FULL` a committed transaction survives
    the death of the process and a loss of power (sqlite.org/pragma.html#pragma_synchronous). What
    a crash left of an unfinished one fails the checksum of its frame in the write-ahead log and is
    dropped when the file is opened (sqlite.org/fileformat2.html#walformat).

    Args:
        path: The file; it is made if it is not there.
        log_id: Which log a new file is; any new one by default.
    """

    def __init__(self, path: Path, log_id: str | None = None) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA cache_size=-4096")
            self._db.executescript(_SCHEMA)
            path.chmod(0o600)
            self.id = self._identity(log_id)
        except BaseException:
            self._db.close()
            raise

    def append(self, first: int, blobs: Sequence[bytes], letters: Iterable[int] = ()) -> None:
        """Write the blobs at offsets from `first` on and drop the dead letters, durably."""
        with self._transaction():
            self._insert(enumerate(blobs, first))
            self._delete(letters)

    def read(self, after: int, limit_bytes: int) -> list[Record]:
        """Records above `after`, in order; at least one if there is one, then up to the limit.

        Where the file is damaged, the blobs of the records that it takes with it are empty.
        """
        try:
            return self._scan(after, limit_bytes)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            log.warning("The log's file is damaged (%s); reading around it.", error)
            return self._step(after, limit_bytes)

    def head(self) -> int:
        """The newest offset ever given; offsets are not used again after a trim."""
        row = self._db.execute(HEAD).fetchone()
        return int(row[0]) if row else 0

    def settle(self) -> int:
        """Undo what a write that broke off has left, if anything; the newest offset then."""
        self._roll_back()
        return self.head()

    def commits(self) -> dict[str, int]:
        """The committed offset of each consumer group."""
        return dict(self._db.execute("SELECT consumer, position FROM commits"))

    def save(self, commits: dict[str, int]) -> None:
        """Remember the committed offsets and drop the records below all of them."""
        done = min(commits.values(), default=0)
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO commits VALUES (?, ?)", commits.items())
            self._db.execute("DELETE FROM records WHERE position <= ?", (done,))

    def letters(self) -> list[DeadLetter]:
        """All dead letters, by id."""
        return letters_in(self._db)

    def bury(self, letter: DeadLetter, blob: bytes) -> None:
        """Keep a dead letter, durably; one of the same id stays as it is."""
        row = (letter.id, letter.group, letter.reason, letter.at, letter.rows, letter.size, blob)
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def blob_of(self, letter: int) -> bytes:
        """The blob of a dead letter."""
        sql = "SELECT blob FROM dead_letters WHERE position = ?"
        return bytes(self._db.execute(sql, (letter,)).fetchone()[0])

    def drop(self, letter: int) -> None:
        """Delete a dead letter, durably."""
        with self._transaction():
            self._delete([letter])

    def start_after(self, offset: int) -> None:
        """Let the next record of an empty file be above `offset`."""
        with self._transaction():
            self._insert([(offset, b"")])
            self._db.execute("DELETE FROM records WHERE position = ?", (offset,))

    def fault(self) -> str | None:
        """What is wrong with the structure of the file, None if nothing is."""
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        return None if verdict == "ok" else " ".join(str(verdict).split())

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        self._db.close()

    def _insert(self, records: Iterable[tuple[int, bytes]]) -> None:
        self._db.executemany("INSERT INTO records VALUES (?, ?)", records)

    def _delete(self, letters: Iterable[int]) -> None:
        ids = [(letter,) for letter in letters]
        self._db.executemany("DELETE FROM dead_letters WHERE position = ?", ids)

    def _scan(self, after: int, limit_bytes: int) -> list[Record]:
        rows = self._db.execute(
            "SELECT position, blob FROM records WHERE position > ? ORDER BY position", (after,)
        )
        return take_up_to(limit_bytes, (_record(position, blob) for position, blob in rows))

    def _step(self, after: int, limit_bytes: int) -> list[Record]:
        """The same, each record by itself; the blobs that cannot be read are empty."""
        found = (self._one(position) for position in range(after + 1, self.head() + 1))
        return take_up_to(limit_bytes, (record for record in found if record is not None))

    def _one(self, position: int) -> Record | None:
        sql = "SELECT blob FROM records WHERE position = ?"
        try:
            row = self._db.execute(sql, (position,)).fetchone()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            return Record(position, b"")
        return _record(position, row[0]) if row else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of the block or nothing; a failure leaves the file ready for the next one."""
        # A roll-back that failed as well is made up for.
        self._roll_back()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _identity(self, new: str | None) -> str:
        row = self._db.execute("SELECT log_id FROM identity").fetchone()
        if row is None:
            row = (new or uuid4().hex,)
            self._db.execute("INSERT INTO identity VALUES (?)", row)
        return str(row[0])


def letters_in(db: sqlite3.Connection) -> list[DeadLetter]:
    """All dead letters of a log's database, by id."""
    return [DeadLetter(*row) for row in db.execute(_LETTERS)]


def _record(position: int, blob: object) -> Record:
    """A record; damage can make anything of a blob."""
    return Record(position, blob if isinstance(blob, bytes) else b"")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that the file is not what SQLite wrote, and trying again is no use."""
    # The low byte is the kind of error (sqlite.org/rescode.html#primary_result_codes).
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE

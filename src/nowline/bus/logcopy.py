"""A copy of the embedded log for a backup, and a look at a log: both of one in use as well."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_SEQUENCE = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'records'"

_HAS_LETTERS = "SELECT count(*) FROM sqlite_master WHERE name = 'dead_letters'"


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What a log's file says.

    Attributes:
        id: Which log it is.
        head: The newest offset ever given.
        records: How many records it holds.
        fault: What is wrong with the file, None if nothing is.
        letters: How many dead letters it holds.
    """

    id: str
    head: int
    records: int
    fault: str | None
    letters: int = 0


def copy(source: Path, target: Path) -> str:
    """Copy a log as of one moment: every append that was durable before is in the copy.

    Args:
        source: The log's file.
        target: A file that is not there yet.

    Returns:
        Which log it is.

    Raises:
        sqlite3.Error: It cannot be read or written.
    """
    with closing(sqlite3.connect(source)) as db:
        # A log that was once long keeps its pages; this leaves the empty ones out.
        db.execute("VACUUM INTO ?", [str(target)])
        return _identity(db)


def forget(file: Path, *offsets: int) -> None:
    """Drop the records that all stores have from a copy, and let the next one be above any's.

    For what is in a store already: that it was in the copy would do no harm, but a record with an
    offset that a store has seen would be skipped.

    Args:
        file: The copy.
        *offsets: Up to where each store has what it keeps of the records.
    """
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        head = max(*offsets, *db.execute(_SEQUENCE).fetchone())
        done = min(offsets)
        db.execute("DELETE FROM records WHERE position <= ?", [done])
        db.execute("UPDATE commits SET position = max(position, ?)", [done])
        db.execute("DELETE FROM sqlite_sequence WHERE name = 'records'")
        db.execute("INSERT INTO sqlite_sequence VALUES ('records', ?)", [head])
        db.execute("COMMIT")


def summarize(file: Path) -> LogSummary:
    """Look at a log; what it holds stays as it is.

    Raises:
        sqlite3.Error: It is no log, or cannot be read.
    """
    # Not `mode=ro`, which would leave the side files behind, owned by whoever looks.
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as db:
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        (records,) = db.execute("SELECT count(*) FROM records").fetchone()
        (head,) = db.execute(_SEQUENCE).fetchone()
        fault = None if verdict == "ok" else verdict
        return LogSummary(_identity(db), head, records, fault, _letters(db))


def _letters(db: sqlite3.Connection) -> int:
    # A log of before there were any gets their table at the next start.
    (has_table,) = db.execute(_HAS_LETTERS).fetchone()
    return int(db.execute("SELECT count(*) FROM dead_letters").fetchone()[0]) if has_table else 0


def _identity(db: sqlite3.Connection) -> str:
    return str(db.execute("SELECT log_id FROM identity").fetchone()[0])

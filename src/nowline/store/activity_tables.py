"""The SQLite tables that events are in: plain, synchronous, each connection used from one thread.

A table a month for the events and one a day for the keys by which a repeated event is known: what
is old is dropped as a whole. Every way in which events are looked for has an index; within an
index SQLite orders by row number, so a page begins exactly where the last one ended.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from nowline.model.event import Event
from nowline.model.query import DAY_MS
from nowline.store.activity import FILTERED, Filter, Place, Stored
from nowline.store.sqlite import make_private

EVENTS, SEEN = "activity_logs_", "seen_"
_PROGRESS = """
CREATE TABLE IF NOT EXISTS progress (
    log_id TEXT PRIMARY KEY, position INTEGER NOT NULL
) WITHOUT ROWID
"""
_COLUMNS = (
    *("time", "event_type", "event_id", "user_id", "organization_id", "session_id"),
    *("metadata", "status", "endpoint", "feature"),
)
_FACTS = ("time", "event_type", "event_id", "user_id", "organization_id", "session_id", "status")


def connect(path: Path) -> sqlite3.Connection:
    """A connection that writes; the file is made if there is none."""
    make_private(path)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # Before there are tables, or not at all.
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA cache_size = -16384")
    db.execute(_PROGRESS)
    return db


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA query_only = ON")
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of the block or nothing; a failure leaves the connection ready for the next one."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def tables(db: sqlite3.Connection, prefix: str) -> list[str]:
    """The tables whose names begin so, newest first."""
    names = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB ? ORDER BY name DESC",
        (f"{prefix}[0-9]*",),
    )
    return [name for (name,) in names]


def offset_of(db: sqlite3.Connection, log_id: str) -> int:
    """How far that log was read."""
    row = db.execute("SELECT position FROM progress WHERE log_id = ?", (log_id,)).fetchone()
    return int(row[0]) if row else 0


def save_offset(db: sqlite3.Connection, log_id: str, offset: int) -> None:
    """Remember how far that log was read."""
    db.execute("INSERT OR REPLACE INTO progress VALUES (?, ?)", (log_id, offset))


def insert(db: sqlite3.Connection, events: Iterable[Event]) -> None:
    """Add events, each to the table of its month."""
    places = ", ".join("?" * len(_COLUMNS))
    for table, group in groupby(sorted(events, key=_table_of), key=_table_of):
        _make_table(db, table)
        rows = [_row(event) for event in group]
        db.executemany(f"INSERT INTO {table} ({_listed(_COLUMNS)}) VALUES ({places})", rows)  # noqa: S608


def remember(db: sqlite3.Connection, keys: Sequence[int], received_ms: int) -> None:
    """Know these keys from now on."""
    if keys:
        table = f"{SEEN}{received_ms // DAY_MS}"
        columns = "key INTEGER PRIMARY KEY, received INTEGER NOT NULL"
        db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        rows = [(key, received_ms) for key in keys]
        db.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", rows)  # noqa: S608


def known(db: sqlite3.Connection, keys: Sequence[int], received_from: int) -> set[int]:
    """Which of these keys came in from then on."""
    listed = msgspec.json.encode(keys).decode()
    found: set[int] = set()
    for table in tables(db, SEEN):
        of_table = f"{table} ON {table}.key = asked.value WHERE received >= ?"
        query = f"SELECT {table}.key FROM json_each(?) AS asked JOIN {of_table}"  # noqa: S608
        found.update(key for (key,) in db.execute(query, (listed, received_from)))
    return found


def page(db: sqlite3.Connection, wanted: Filter, limit: int) -> list[Stored]:
    """The newest events that are wanted, newest first."""
    found: list[Stored] = []
    until = min(wanted.end, wanted.before.time + 1) if wanted.before else wanted.end
    for table in tables(db, EVENTS):
        if len(found) < limit and table <= table_at(until) and table >= table_at(wanted.start):
            found += _page_of(db, table, wanted, limit - len(found))
    return found


def since(db: sqlite3.Connection, start: int, types: Collection[str]) -> list[Event]:
    """Events from `start` on, oldest first, without their metadata."""
    chosen = f" AND event_type IN ({', '.join('?' * len(types))})" if types else ""
    found: list[Event] = []
    for table in reversed(tables(db, EVENTS)):
        if table >= table_at(start):
            query = (
                f"SELECT {_listed(_FACTS)} FROM {table} WHERE time >= ?{chosen} ORDER BY time, id"  # noqa: S608
            )
            rows = db.execute(query, (start, *types))
            found += [_event(dict(zip(_FACTS, row, strict=True))) for row in rows]
    return found


def counts(db: sqlite3.Connection) -> dict[str, int]:
    """About how many events each table has; none is ever deleted alone."""
    highest = (
        (table, db.execute(f"SELECT max(id) FROM {table}").fetchone()[0])  # noqa: S608
        for table in tables(db, EVENTS)
    )
    return {table: number or 0 for table, number in highest}


def give_back(db: sqlite3.Connection, pages: int) -> None:
    """Give disk back that dropped tables took, so many pages at most."""
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    if free:
        # As a script: of a single statement without columns only the first step is taken, a page.
        db.executescript(f"PRAGMA incremental_vacuum({pages})")
        # The file shrinks only now, and the write-ahead log, which keeps its size, too.
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def table_at(time_ms: int) -> str:
    """The table of the events of that time."""
    return f"{EVENTS}{datetime.fromtimestamp(time_ms / 1000, UTC):%Y_%m}"


def start_of(table: str) -> int:
    """From which time on a table has events."""
    month = datetime.strptime(table, f"{EVENTS}%Y_%m").replace(tzinfo=UTC)
    return int(month.timestamp() * 1000)


def _page_of(db: sqlite3.Connection, table: str, wanted: Filter, limit: int) -> list[Stored]:
    conditions = ["time >= ?", "time < ?"]
    values: list[Any] = [wanted.start, wanted.end]
    if wanted.before is not None:
        conditions.append("(time, id) < (?, ?)")
        values += [wanted.before.time, wanted.before.number]
    for column in FILTERED:
        if column in wanted.values:
            conditions.append(f"{column} = ?")
            values.append(wanted.values[column])
    query = (
        f"SELECT id, {_listed(_COLUMNS)} FROM {table} WHERE {' AND '.join(conditions)}"  # noqa: S608
        " ORDER BY time DESC, id DESC LIMIT ?"
    )
    rows = db.execute(query, (*values, limit))
    return [_stored(number, dict(zip(_COLUMNS, row, strict=True))) for number, *row in rows]


def _make_table(db: sqlite3.Connection, table: str) -> None:
    db.execute(
        f"CREATE TABLE IF NOT EXISTS {table} ("
        "id INTEGER PRIMARY KEY, time INTEGER NOT NULL, event_type TEXT NOT NULL,"
        " event_id TEXT NOT NULL, user_id TEXT, organization_id TEXT, session_id TEXT,"
        " metadata TEXT NOT NULL, status INTEGER, endpoint TEXT, feature TEXT)"
    )
    db.execute(f"CREATE INDEX IF NOT EXISTS {table}_time ON {table} (time)")
    for column in FILTERED:
        db.execute(
            f"CREATE INDEX IF NOT EXISTS {table}_{column} ON {table} ({column}, time)"
            f" WHERE {column} IS NOT NULL"
        )


def _table_of(event: Event) -> str:
    return table_at(event.time)


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns)


def _row(event: Event) -> list[Any]:
    return [getattr(event, column) for column in _COLUMNS]


def _stored(number: int, fields: dict[str, Any]) -> Stored:
    return Stored(Place(fields["time"], number), _event(fields))


def _event(fields: dict[str, Any]) -> Event:
    return Event(**fields)

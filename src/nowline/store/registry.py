"""What the embedded store is made of, in DuckDB: series, segments, and how far the log is in them.

Files are written first and entered here after; one transaction enters the files of a flush, the
series that they are of and the log's offset. A file that no row names was left by a crash, and
its rows are still in the log.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.model.level import Level
from nowline.model.series import MetricType, SeriesKey
from nowline.store.catalogue import Metric, NewSeries
from nowline.store.segments import Kind, Manifest, Segment

FORMAT = 3
"""Today's. In format 1 all rows were in tables; format 2 was never released."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS metrics (
    name VARCHAR PRIMARY KEY, type VARCHAR, first_seen BIGINT, last_seen BIGINT, metadata VARCHAR
);
CREATE TABLE IF NOT EXISTS series (id INTEGER, name VARCHAR, tags VARCHAR, type VARCHAR);
CREATE TABLE IF NOT EXISTS progress (log_id VARCHAR, log_offset BIGINT, closed_before BIGINT);
CREATE TABLE IF NOT EXISTS files (
    number BIGINT, level VARCHAR, binned BOOLEAN, day INTEGER, name VARCHAR,
    rows BIGINT, size BIGINT, oldest BIGINT
);
CREATE TABLE IF NOT EXISTS format (version INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a log is in the files, and the time up to which the clock had come then.

    Attributes:
        log_id: Which log; "" where nothing was ever appended.
        offset: Everything up to it is in files.
        closed_before: Epoch milliseconds.
    """

    log_id: str = ""
    offset: int = 0
    closed_before: int = 0

    def of(self, log_id: str) -> int:
        """How far that log is stored; 0 for another one."""
        return self.offset if log_id == self.log_id else 0


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the file at `path`, making it if there is none; it may be of an older format."""
    db = duckdb.connect(str(path), config={"threads": 1, "memory_limit": "256MB"})
    path.chmod(0o600)
    return db


def make_tables(db: duckdb.DuckDBPyConnection) -> None:
    """Make what is missing of today's format."""
    db.execute(_SCHEMA)
    if not db.execute("SELECT 1 FROM format").fetchall():
        db.execute("INSERT INTO format VALUES (?)", [FORMAT])


@contextlib.contextmanager
def transaction(db: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what is done inside, or undo it where anything fails."""
    db.execute("BEGIN")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # A commit that fails has ended the transaction itself.
        with contextlib.suppress(duckdb.TransactionException):
            db.execute("ROLLBACK")
        raise


def read_progress(db: duckdb.DuckDBPyConnection) -> Progress:
    """How far the log is in the files."""
    rows = db.execute("SELECT log_id, log_offset, closed_before FROM progress").fetchall()
    return Progress(*rows[0]) if rows else Progress()


def read_manifest(db: duckdb.DuckDBPyConnection) -> Manifest:
    """Which files there are, in the order in which their rows came."""
    sql = "SELECT level, binned, day, name, rows, size, oldest FROM files ORDER BY number"
    rows = db.execute(sql).fetchall()
    return Manifest(tuple(Segment(Kind(Level(row[0]), row[1]), *row[2:]) for row in rows))


def read_catalogue(db: duckdb.DuckDBPyConnection) -> tuple[list[Metric], list[NewSeries]]:
    """All metrics and series."""
    series = [
        NewSeries(number, SeriesKey.of(name, _decoded(tags)), MetricType(kind))
        for number, name, tags, kind in db.execute("SELECT * FROM series").fetchall()
    ]
    return [_metric(row) for row in db.execute("SELECT * FROM metrics").fetchall()], series


def enter(db: duckdb.DuckDBPyConnection, gone: Iterable[Segment], new: Sequence[Segment]) -> None:
    """Put a file in the place of others, or files at the end; inside a transaction."""
    first = db.execute("SELECT coalesce(max(number), 0) + 1 FROM files").fetchall()[0][0]
    delete = "DELETE FROM files WHERE name = ? RETURNING number"
    for segment in gone:
        ((first,),) = db.execute(delete, [segment.name]).fetchall()
    for number, s in enumerate(new, start=first):
        row = [number, s.kind.level.value, s.kind.binned, s.day, s.name, s.rows, s.size, s.oldest]
        db.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def write_progress(db: duckdb.DuckDBPyConnection, progress: Progress) -> None:
    """Say how far the log is in the files; inside a transaction."""
    row = [progress.log_id, progress.offset, progress.closed_before]
    db.execute("DELETE FROM progress")
    db.execute("INSERT INTO progress VALUES (?, ?, ?)", row)


def write_catalogue(
    db: duckdb.DuckDBPyConnection, metrics: Sequence[Metric], series: Sequence[NewSeries]
) -> None:
    """Enter new series, and metrics that are new or have changed; inside a transaction."""
    if series:
        _insert(db, "INSERT INTO series", _columns_of_series(series))
    if metrics:
        _insert(db, "INSERT OR REPLACE INTO metrics", _columns_of_metrics(metrics))


def copy(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write a copy of everything to a new file."""
    name = db.execute("SELECT current_database()").fetchall()[0][0].replace('"', '""')
    quoted = str(path).replace("'", "''")
    db.execute(f"ATTACH '{quoted}' AS {_ALIAS}")
    try:
        db.execute(f'COPY FROM DATABASE "{name}" TO {_ALIAS}')
    finally:
        db.execute(f"DETACH DATABASE {_ALIAS}")
    path.chmod(0o600)


# A name that no file of a store has: DuckDB calls a database by its file.
_ALIAS = '"copy of the store"'


def _insert(db: duckdb.DuckDBPyConnection, statement: str, columns: Mapping[str, Any]) -> None:
    db.register("incoming", columns)
    db.execute(f"{statement} SELECT * FROM incoming")  # noqa: S608
    db.unregister("incoming")


def _columns_of_series(series: Sequence[NewSeries]) -> dict[str, Any]:
    return {
        "id": np.array([new.id for new in series], np.int32),
        "name": _texts(new.key.name for new in series),
        "tags": _texts(_to_json(dict(new.key.tags)) for new in series),
        "type": _texts(new.type.value for new in series),
    }


def _columns_of_metrics(metrics: Sequence[Metric]) -> dict[str, Any]:
    return {
        "name": _texts(metric.name for metric in metrics),
        "type": _texts(metric.type.value for metric in metrics),
        "first_seen": np.array([metric.first_seen for metric in metrics], np.int64),
        "last_seen": np.array([metric.last_seen for metric in metrics], np.int64),
        "metadata": _texts(_to_json(metric.metadata) for metric in metrics),
    }


def _metric(row: tuple[Any, ...]) -> Metric:
    name, kind, first_seen, last_seen, metadata = row
    described = msgspec.json.decode(metadata, type=dict[str, object])
    return Metric(name, MetricType(kind), first_seen, last_seen, described)


def _decoded(tags: str) -> dict[str, str]:
    return msgspec.json.decode(tags, type=dict[str, str])


def _to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _texts(texts: Iterable[str]) -> NDArray[np.object_]:
    return np.array(list(texts), object)

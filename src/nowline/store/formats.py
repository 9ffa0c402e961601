"""Opening the embedded store: its format, the way from an older one, and what a crash left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np

from nowline.errors import Code, NowlineError
from nowline.model.level import Level
from nowline.model.query import DAY_MS
from nowline.store import flushing, hot, registry, segments
from nowline.store.base import Rows
from nowline.store.registry import FORMAT
from nowline.store.segments import Segment

_FIRST = 1
_TABLES = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
_ADD_TYPES = """
ALTER TABLE series ADD COLUMN type VARCHAR;
UPDATE series SET type = (SELECT metrics.type FROM metrics WHERE metrics.name = series.name);
"""
_ALL_LEVELS = dict.fromkeys(Level, -(1 << 62))


def open_store(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the store at `path` in today's format, with the files that belong to it and no others.

    Raises:
        NowlineError: Another version wrote it, or its files are not those of this database.
    """
    folder = segments.folder_of(path)
    folder.mkdir(mode=0o700, exist_ok=True)
    db = registry.connect(path)
    try:
        found = version(db)
        refuse_other(found)
        if found == _FIRST:
            _upgrade(db, folder)
        registry.make_tables(db)
        _clear(db, folder)
    except BaseException:
        db.close()
        raise
    return db


def version(db: duckdb.DuckDBPyConnection) -> int:
    """The format of a database; today's where it is new."""
    tables = {name for (name,) in db.execute(_TABLES).fetchall()}
    if "format" not in tables:
        return _FIRST if "points" in tables else FORMAT
    found = db.execute("SELECT version FROM format").fetchall()
    return int(found[0][0]) if found else FORMAT


def refuse_other(found: int) -> None:
    """Stop at a format that is neither today's nor one that can be upgraded.

    Raises:
        NowlineError: It is one.
    """
    if found > FORMAT:
        raise NowlineError(
            Code.CONFLICT,
            f"The store has format {found}, and this Nowline knows {FORMAT} at most: start "
            "the newer version, or restore a backup.",
        )
    if found not in (_FIRST, FORMAT):
        raise NowlineError(
            Code.CONFLICT,
            f"The store has format {found}, which only a development version had: restore a "
            "backup, or move the folder away to start anew.",
        )


def _upgrade(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the rows of format 1, which all are in one table, to files; all of it or nothing."""
    written: list[Segment] = []
    try:
        for rows in _days(db):
            runs = hot.runs_of(rows, raw_from=0)
            written += flushing.write(folder, runs, _distributions(db), _ALL_LEVELS)
        with registry.transaction(db):
            db.execute(_ADD_TYPES)
            for table in ("points", "rollup_1m"):
                db.execute(f"DROP TABLE {table}")
            registry.make_tables(db)
            registry.enter(db, [], written)
    except BaseException:
        segments.remove_files(folder, written)
        raise


def _days(db: duckdb.DuckDBPyConnection) -> Iterator[Rows]:
    """The raw rows, a day at a time."""
    days = db.execute(f"SELECT DISTINCT time // {DAY_MS} AS day FROM points ORDER BY day")  # noqa: S608
    for (day,) in days.fetchall():
        sql = "SELECT series, time, value FROM points WHERE time >= ? AND time < ?"
        columns = db.execute(sql, [day * DAY_MS, (day + 1) * DAY_MS]).fetchnumpy()
        series, time, value = (np.ma.getdata(columns[n]) for n in ("series", "time", "value"))
        order = np.argsort(time, kind="stable")
        yield Rows(series[order].astype(np.int64), time[order], value[order])


def _distributions(db: duckdb.DuckDBPyConnection) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    sql = (
        "SELECT series.id, metrics.type = 'distribution' "
        "FROM series JOIN metrics ON metrics.name = series.name"
    )
    rows = db.execute(sql).fetchall()
    known = np.zeros(max((row[0] for row in rows), default=-1) + 1, bool)
    known[[row[0] for row in rows if row[1]]] = True
    return known


def _clear(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Remove the files that a crash left before they were entered.

    Raises:
        NowlineError: They are those of another database, or of one that was lost.
    """
    known = {segment.name for segment in registry.read_manifest(db).segments}
    unknown = [path for path in folder.iterdir() if path.name not in known]
    if unknown and not registry.read_progress(db).log_id:
        raise NowlineError(
            Code.CONFLICT,
            f"The database beside {folder} is new, but {len(unknown)} files of an older one are "
            "in that folder: restore a backup, or move the folder away to start anew.",
        )
    for path in unknown:
        path.unlink()

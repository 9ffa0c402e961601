"""Formats of the embedded store's DuckDB file, and the way from an older one to today's."""

from __future__ import annotations

import duckdb

from nowline.errors import Code, NowlineError
from nowline.model.query import DAY_MS, MINUTE_MS
from nowline.store.appending import HOT_TABLES, transaction
from nowline.store.scan import BIN
from nowline.store.segments import Hot

FORMAT = 2
"""Today's: hot tables by day and segments beside the file. Format 1 had all days in one table."""

_FORMAT_1 = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'points'"
_SAYS_FORMAT = """
SELECT count(*) FROM duckdb_tables()
WHERE table_name = 'format' AND database_name = current_database()
"""
_ADD_TYPES = """
ALTER TABLE series ADD COLUMN type VARCHAR;
UPDATE series SET type = (SELECT metrics.type FROM metrics WHERE metrics.name = series.name);
"""
_DAYS = f"""
SELECT DISTINCT time // {DAY_MS} AS day FROM points
UNION SELECT DISTINCT bucket // {DAY_MS} FROM rollup_1m ORDER BY day
"""  # noqa: S608
_MOVE = """
INSERT INTO {points} SELECT * FROM points WHERE time >= {start} AND time < {end};
INSERT INTO {minutes} SELECT * FROM rollup_1m WHERE bucket >= {start} AND bucket < {end};
INSERT INTO {bins}
SELECT series, time // {width} * {width} AS bucket, {bin}, count(*) FROM points
SEMI JOIN (SELECT id AS series FROM series WHERE type = 'distribution') USING (series)
WHERE time >= {start} AND time < {end} AND time < (SELECT closed_before FROM progress)
GROUP BY ALL;
"""


def upgrade(db: duckdb.DuckDBPyConnection) -> None:
    """Bring a file to today's format, in one transaction.

    Raises:
        NowlineError: A newer program wrote it.
    """
    found = version(db)
    refuse_newer(found)
    if found < FORMAT:
        with transaction(db):
            if db.execute(_FORMAT_1).fetchall()[0][0]:
                _from_first(db)
            db.execute("INSERT INTO format VALUES (?)", [FORMAT])


def version(db: duckdb.DuckDBPyConnection) -> int:
    """The format of a file; 1 where it does not say."""
    if not db.execute(_SAYS_FORMAT).fetchall()[0][0]:
        return 1
    found = db.execute("SELECT version FROM format").fetchall()
    return int(found[0][0]) if found else 1


def refuse_newer(found: int) -> None:
    """Stop at a format that a later version made.

    Raises:
        NowlineError: It is one.
    """
    if found > FORMAT:
        raise NowlineError(
            Code.CONFLICT,
            f"The store has format {found}, and this Nowline knows {FORMAT} at most: start "
            "the newer version, or restore a backup.",
        )


def _from_first(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(_ADD_TYPES)
    for (day,) in db.execute(_DAYS).fetchall():
        hot = Hot(day, 1)
        names = {"points": hot.points, "minutes": hot.minutes, "bins": hot.bins}
        span = {"start": day * DAY_MS, "end": (day + 1) * DAY_MS, "width": MINUTE_MS, "bin": BIN}
        db.execute(HOT_TABLES.format(**names))
        db.execute(_MOVE.format(**names, **span))
    db.execute("DROP TABLE points")
    db.execute("DROP TABLE rollup_1m")

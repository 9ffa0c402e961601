"""The time-series tables on PostgreSQL, and how they get there.

They have a PostgreSQL schema to themselves, so that the documents, and whatever else is in the
database, are not in their way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nowline.model.histogram import LOG_GAMMA, OFFSET
from nowline.model.level import ROLLED_UP, Level
from nowline.model.query import DAY_MS
from nowline.store import postgres_migrations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncpg import Connection

    from nowline.store.postgres_copy import AnyConnection

SCHEMA: Final = "nowline_series"
POINTS: Final = "points"

PERIODS_MS: Final[Mapping[Level, int]] = {
    Level.RAW: DAY_MS,
    Level.MINUTE: 7 * DAY_MS,
    Level.FIVE_MINUTES: 28 * DAY_MS,
    Level.HOUR: 91 * DAY_MS,
    Level.DAY: 364 * DAY_MS,
}
"""How much time the rows of one partition, or chunk, are of: what is dropped at once."""

# Any number will do, as long as it stays the same and is nobody else's in this database.
SERVER_LOCK: Final = 0x6E6F776C696E6502
"""What the one server that writes these tables holds."""

_SIZE = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
WHERE relnamespace = $1::regnamespace AND relkind = 'r'
"""
_UNKNOWN = """
SELECT relname FROM pg_class
WHERE relnamespace = $1::regnamespace AND relispartition AND relkind = 'r' AND reltuples < 0
    AND pg_relation_size(oid) > 0
"""
_FIRST = """
CREATE TABLE progress (
    log_id text NOT NULL, log_offset bigint NOT NULL, closed_before bigint NOT NULL
);
INSERT INTO progress VALUES ('', 0, 0);
CREATE TABLE kept (level text PRIMARY KEY, since bigint NOT NULL);
CREATE TABLE metrics (
    name text PRIMARY KEY, type text NOT NULL,
    first_seen bigint NOT NULL, last_seen bigint NOT NULL, metadata text NOT NULL
);
CREATE TABLE series (
    id int PRIMARY KEY, metric text NOT NULL, tags text NOT NULL, type text NOT NULL
);

-- Unlike PostgreSQL's own sums, ours of finite numbers may be infinite: one absurd value must not
-- keep all others out.
CREATE FUNCTION plus(a float8, b float8) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN abs(a) < 1e290 OR abs(b) < 1e290 OR sign(a) <> sign(b) THEN a + b
    WHEN abs(a / 2 + b / 2) > 8.98e307 THEN sign(a) * 'Infinity'::float8
    ELSE a + b
END;
-- The sum of what is less than 1e290 in size, and that of the rest, which comes divided by 2^64.
CREATE FUNCTION total(small float8, big float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN big IS NULL THEN small
    WHEN abs(big) > 9.74e288 THEN sign(big) * 'Infinity'::float8
    ELSE nowline_series.plus(coalesce(small, 0), big * 18446744073709551616)
END;
-- The bin of a value, as `nowline.model.histogram.codes` has it.
CREATE FUNCTION bin_of(value float8) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value = 0 THEN 0
    ELSE sign(value)::int * (floor(ln(abs(value)) / {log_gamma})::int + {offset})
END;
"""
MIGRATIONS: Final = (_FIRST.format(log_gamma=repr(LOG_GAMMA), offset=OFFSET),)


def partials_of(level: Level) -> str:
    """The table, or view, of a level's partials; of raw rows for `RAW`."""
    return POINTS if level is Level.RAW else f"partials_{level.value}"


def bins_of(level: Level) -> str:
    """The table, or view, of a level's bins; of raw rows for `RAW`."""
    return POINTS if level is Level.RAW else f"bins_{level.value}"


def tables_of(level: Level) -> tuple[str, ...]:
    """All that is kept of a level."""
    return (POINTS,) if level is Level.RAW else (partials_of(level), bins_of(level))


def level_of(table: str) -> Level:
    """The level that a table is of."""
    return Level.RAW if table == POINTS else Level(table.partition("_")[2])


ALL_TABLES: Final = (POINTS, *(table for level in ROLLED_UP for table in tables_of(level)))


async def migrate(connection: Connection) -> None:
    """Bring the tables up to the newest version that this program knows, in a transaction.

    Raises:
        NowlineError: A newer program wrote them.
    """
    await postgres_migrations.migrate(connection, "time-series tables", MIGRATIONS)


async def size(connection: AnyConnection, schema: str = SCHEMA) -> int:
    """Bytes that the tables of a schema take on disk, with their indexes."""
    found: int = await connection.fetchval(_SIZE, schema)
    return found


async def analyze_new(connection: AnyConnection, schema: str = SCHEMA) -> None:
    """Let the planner know of new partitions, which nobody has looked at yet."""
    for row in await connection.fetch(_UNKNOWN, schema):
        await connection.execute(f'ANALYZE "{row["relname"]}"')

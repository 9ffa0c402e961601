"""The hypertable, the continuous aggregates and the policies of a database with TimescaleDB."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from asyncpg import PostgresError

from nowline.model.level import ROLLED_UP, Level
from nowline.model.query import DAY_MS
from nowline.store.base import LevelState
from nowline.store.postgres_query import total_of
from nowline.store.postgres_schema import (
    PERIODS_MS,
    POINTS,
    SCHEMA,
    bins_of,
    partials_of,
    tables_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncpg import Connection

    from nowline.store.postgres_copy import AnyConnection

# The first version with all of what is used here under its present names.
_OLDEST: Final = (2, 18)
# Without the license of its maker's own parts there are no continuous aggregates.
_LICENSE: Final = "timescale"
FOREVER_MS: Final = 100 * 365 * DAY_MS
"""Longer than any data there is; arithmetic with it stays in 64 bits."""
# Where the extension is not made yet, its settings tell that the server has loaded it.
_FIND: Final = """
SELECT coalesce(installed_version, default_version) AS version, nspname AS schema,
    current_setting('timescaledb.disable_load', true) AS is_off,
    current_setting('timescaledb.license', true) AS license
FROM pg_available_extensions
LEFT JOIN pg_extension ON extname = name LEFT JOIN pg_namespace ON pg_namespace.oid = extnamespace
WHERE name = 'timescaledb'
"""
_POINTS: Final = """
CREATE TABLE points (
    time bigint NOT NULL, value float8 NOT NULL, series int NOT NULL, binned boolean NOT NULL
);
SELECT {functions}.create_hypertable(
    'points', {functions}.by_range('time', {period}::bigint), create_default_indexes => false
);
CREATE INDEX points_series_time ON points (series, time);
-- Not BRIN, which is smaller: it would call the aggregates' watermark function for every row that
-- it cannot rule out, each time one is refreshed from another.
CREATE INDEX points_time ON points (time);
CREATE TABLE refreshed (done bigint NOT NULL, target bigint NOT NULL);
INSERT INTO refreshed VALUES (0, 0);
CREATE TABLE stale (number bigint PRIMARY KEY, since bigint NOT NULL, until bigint NOT NULL);
-- What the policies take for now: nothing is dropped that the levels have still to be made of.
CREATE FUNCTION refreshed_before() RETURNS bigint LANGUAGE sql STABLE
RETURN (SELECT done FROM refreshed);
SELECT {functions}.set_integer_now_func('points', 'refreshed_before');
"""
_VIEW: Final = """
CREATE MATERIALIZED VIEW "{view}" WITH (
    timescaledb.continuous, timescaledb.materialized_only = false
) AS SELECT series, {functions}.time_bucket({width}::bigint, {column}) AS bucket, {columns}
FROM "{source}" {where} GROUP BY 1, {functions}.time_bucket({width}::bigint, {column}) {by}
WITH NO DATA;
SELECT {functions}.set_chunk_time_interval('"{view}"', {period}::bigint);
"""
# The policies of an aggregate ask its own hypertable for the time.
_SET_NOW: Final = """
SELECT {functions}.set_integer_now_func(
    format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass,
    'refreshed_before'
) FROM timescaledb_information.continuous_aggregates WHERE view_schema = $1
"""
_LATE: Final = """
CREATE TABLE "late_{partials}" (
    series int, bucket bigint, count bigint NOT NULL, total float8 NOT NULL, low float8 NOT NULL,
    high float8 NOT NULL, last float8 NOT NULL, last_at bigint NOT NULL,
    PRIMARY KEY (series, bucket)
);
CREATE TABLE "late_{bins}" (
    series int, bucket bigint, bin int, count bigint NOT NULL, PRIMARY KEY (series, bucket, bin)
);
"""
_COLUMNAR: Final = """
ALTER {kind} "{name}" SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'series',
    timescaledb.orderby = '{order}'
);
CALL {functions}.add_columnstore_policy('"{name}"', after => {after}::bigint);
"""
_SIZES: Final = """
WITH hypertables(name, relation) AS (
    SELECT 'points', 'points'::regclass
    UNION ALL SELECT view_name, format(
        '%I.%I', materialization_hypertable_schema, materialization_hypertable_name
    )::regclass FROM timescaledb_information.continuous_aggregates WHERE view_schema = $1
)
SELECT name, {functions}.approximate_row_count(relation) AS rows,
    coalesce({functions}.hypertable_size(relation), 0) AS bytes,
    (
        SELECT min(range_start_integer) FROM timescaledb_information.chunks
        WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = relation
    ) AS oldest
FROM hypertables
"""
_BIN: Final = "nowline_series.bin_of(value) AS bin, count(*) AS count"
_SUM_BINS: Final = "bin, sum(count)::bigint AS count"


async def functions(connection: Connection, table: str) -> str | None:
    """The schema with TimescaleDB's functions, None where a table does without it.

    Makes the extension if the server has it and lets us; the table stays as it was made.
    """
    kind = "SELECT relkind FROM pg_class WHERE oid = to_regclass($1)"
    if await connection.fetchval(kind, table) == b"p":
        return None
    found = await connection.fetchrow(_FIND)
    if found is None or found["is_off"] != "off" or not _is_new(found["version"]):
        return None
    if found["schema"] is None and await _install(connection):
        found = await connection.fetchrow(_FIND)
    if found is None or found["license"] != _LICENSE:
        return None
    return f'"{found["schema"]}"'


def _is_new(version: str) -> bool:
    return tuple(int(part) for part in version.split(".")[:2]) >= _OLDEST


async def _install(connection: Connection) -> bool:
    try:
        async with connection.transaction():
            await connection.execute("CREATE EXTENSION timescaledb SCHEMA public")
    except PostgresError as error:
        logging.getLogger(__name__).info("Doing without TimescaleDB: %s", error)
        return False
    return True


async def create(connection: Connection, functions: str) -> None:
    """Make what is not there: all of it, or nothing."""
    if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", POINTS):
        return
    period = PERIODS_MS[Level.RAW]
    await connection.execute(_POINTS.format(functions=functions, period=period))
    for finer, level in zip(Level, ROLLED_UP, strict=False):
        await connection.execute(_partials_view(functions, finer, level))
        await connection.execute(_bins_view(functions, finer, level))
        await connection.execute(_LATE.format(partials=partials_of(level), bins=bins_of(level)))
    await connection.execute(_SET_NOW.format(functions=functions), SCHEMA)
    for level in Level:
        for table in tables_of(level):
            await connection.execute(_columnar(functions, level, table))


async def set_retention(
    connection: Connection, functions: str, keep_ms: Mapping[Level, int]
) -> None:
    """Let TimescaleDB drop what is kept no longer, also of a level that nothing comes in for."""
    for level in Level:
        for table in tables_of(level):
            remove = f"SELECT {functions}.remove_retention_policy($1::regclass, if_exists => true)"
            await connection.execute(remove, table)
            if keep_ms[level] < FOREVER_MS:
                add = f"SELECT {functions}.add_retention_policy($1::regclass, $2::bigint)"
                await connection.execute(add, table, keep_ms[level])


def _partials_view(functions: str, finer: Level, level: Level) -> str:
    is_raw = finer is Level.RAW
    return _VIEW.format(
        functions=functions,
        view=partials_of(level),
        source=partials_of(finer),
        width=level.width_ms,
        period=PERIODS_MS[level],
        column="time" if is_raw else "bucket",
        columns=_fold(functions, is_raw=is_raw),
        where="",
        by="",
    )


def _fold(functions: str, *, is_raw: bool) -> str:
    count, total, low, high, last, at = (
        ("count(*)", "value", "value", "value", "value", "time")
        if is_raw
        else ("sum(count)::bigint", "total", "low", "high", "last", "last_at")
    )
    return (
        f"{count} AS count, {total_of(total, safe=True)} AS total, min({low}) AS low,"
        f" max({high}) AS high, {functions}.last({last}, {at}) AS last, max({at}) AS last_at"
    )


def _bins_view(functions: str, finer: Level, level: Level) -> str:
    """Those of minutes are of distributions; those of hours of all, so they start from raw rows."""
    source = Level.RAW if level is Level.HOUR else finer
    is_raw = source is Level.RAW
    return _VIEW.format(
        functions=functions,
        view=bins_of(level),
        source=bins_of(source),
        width=level.width_ms,
        period=PERIODS_MS[level],
        column="time" if is_raw else "bucket",
        columns=_BIN if is_raw else _SUM_BINS,
        where="WHERE binned" if level is Level.MINUTE else "",
        by=", nowline_series.bin_of(value)" if is_raw else ", bin",
    )


def _columnar(functions: str, level: Level, table: str) -> str:
    """Columns instead of rows for chunks that are over, as late rows for them are rare."""
    order = "time" if table == POINTS else "bucket"
    return _COLUMNAR.format(
        functions=functions,
        kind="TABLE" if table == POINTS else "MATERIALIZED VIEW",
        name=table,
        order=f"{order}, bin" if table.startswith("bins") else order,
        after=PERIODS_MS[level] + DAY_MS,
    )


async def sizes(
    connection: AnyConnection,
    functions: str,
    keep_ms: Mapping[Level, int],
    kept: Mapping[Level, int],
) -> Mapping[Level, LevelState]:
    """What there is of each level; rows as TimescaleDB estimates them."""
    sql = _SIZES.format(functions=functions)
    found = {row["name"]: row for row in await connection.fetch(sql, SCHEMA)}
    return {
        level: LevelState(
            found[partials_of(level)]["rows"],
            sum(found[table]["bytes"] for table in tables_of(level)),
            await _oldest(connection, level, found[partials_of(level)]["oldest"], kept.get(level)),
            keep_ms[level],
        )
        for level in Level
    }


async def _oldest(
    connection: AnyConnection, level: Level, chunk: int | None, since: int | None
) -> int | None:
    """The day of the oldest row that is kept, looked for in the oldest chunk."""
    if chunk is None:
        return None
    column, start = ("time" if level is Level.RAW else "bucket"), chunk
    if since is not None:
        start = max(start, since)
    sql = f'SELECT min({column}) FROM "{partials_of(level)}" WHERE {column} >= $1 AND {column} < $2'  # noqa: S608
    found: int | None = await connection.fetchval(sql, start, chunk + PERIODS_MS[level])
    return (start if found is None else found) // DAY_MS * DAY_MS

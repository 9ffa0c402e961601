"""The partitioned tables: made a period at a time as rows come in, dropped a period at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from nowline.model.level import Level
from nowline.store.base import LevelState
from nowline.store.postgres_schema import (
    ALL_TABLES,
    PERIODS_MS,
    POINTS,
    SCHEMA,
    bins_of,
    level_of,
    partials_of,
    tables_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asyncpg import Connection

    from nowline.model.partials import Ints
    from nowline.store.postgres_copy import AnyConnection

# The indexes by time alone are also what tells the planner how new the newest rows are: without
# one it takes every question about the last minutes for one about nothing. BRIN does not.
_POINTS: Final = """
CREATE TABLE IF NOT EXISTS points (
    time bigint NOT NULL, value float8 NOT NULL, series int NOT NULL, binned boolean NOT NULL
) PARTITION BY RANGE (time);
CREATE INDEX IF NOT EXISTS points_series_time ON points (series, time);
CREATE INDEX IF NOT EXISTS points_time ON points (time);
"""
_PARTIALS: Final = """
CREATE TABLE IF NOT EXISTS "{table}" (
    series int NOT NULL, bucket bigint NOT NULL, count bigint NOT NULL, total float8 NOT NULL,
    low float8 NOT NULL, high float8 NOT NULL, last float8 NOT NULL, last_at bigint NOT NULL,
    PRIMARY KEY (series, bucket)
) PARTITION BY RANGE (bucket);
CREATE INDEX IF NOT EXISTS "{table}_bucket" ON "{table}" (bucket);
"""
_BINS: Final = """
CREATE TABLE IF NOT EXISTS "{table}" (
    series int NOT NULL, bucket bigint NOT NULL, bin int NOT NULL, count bigint NOT NULL,
    PRIMARY KEY (series, bucket, bin)
) PARTITION BY RANGE (bucket);
CREATE INDEX IF NOT EXISTS "{table}_bucket" ON "{table}" (bucket);
"""
# Attached, not created in place: that would wait for every query on the table to end.
_PARTITION: Final = """
CREATE TABLE "{name}" (LIKE "{table}" INCLUDING DEFAULTS);
ALTER TABLE "{table}" ATTACH PARTITION "{name}" FOR VALUES FROM ({start}) TO ({end});
"""
_LIST: Final = """
SELECT parent.relname AS parent, child.relname AS child, inhdetachpending AS is_leaving
FROM pg_inherits
JOIN pg_class parent ON parent.oid = inhparent
JOIN pg_class child ON child.oid = inhrelid
WHERE parent.relnamespace = $1::regnamespace AND parent.relkind = 'p'
"""
# What was detached, but not dropped, when a server ended.
_STRAYS: Final = """
SELECT relname FROM pg_class
WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND NOT relispartition
    AND relname ~ '^(points|partials_1.|partials_5m|bins_1.|bins_5m)_-?[0-9]+-[0-9]+-[0-9]+$'
"""
_SIZES: Final = """
SELECT relname AS name, greatest(reltuples, 0)::bigint AS rows, pg_total_relation_size(oid) AS bytes
FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'
"""


class Tables:
    """Which partitions there are."""

    def __init__(self) -> None:
        self._periods: dict[str, set[int]] = {table: set() for table in ALL_TABLES}
        self._oldest: dict[str, int] = {}

    async def create(self, connection: Connection) -> None:
        """Make the tables that are not there, without a partition."""
        await connection.execute(_POINTS)
        for level in Level:
            if level is not Level.RAW:
                await connection.execute(_PARTIALS.format(table=partials_of(level)))
                await connection.execute(_BINS.format(table=bins_of(level)))

    async def load(self, connection: AnyConnection) -> None:
        """Find out which partitions there are."""
        self._periods = {table: set() for table in ALL_TABLES}
        for row in await connection.fetch(_LIST, SCHEMA):
            if not row["is_leaving"]:
                self._periods[row["parent"]].add(_number(row["parent"], row["child"]))

    async def make_room(self, connection: Connection, table: str, times: Ints) -> None:
        """See that there are partitions for rows of these times."""
        period = PERIODS_MS[level_of(table)]
        for number in np.unique(times // period).tolist():
            if number not in self._periods[table]:
                await connection.execute(_partition(table, number))
                self._periods[table].add(number)

    async def make_room_from(
        self, connection: Connection, finer: Level, level: Level, start: int, end: int
    ) -> None:
        """See that there are partitions for what the finer level has between two times."""
        period = PERIODS_MS[finer]
        for table in tables_of(level):
            for number in self._periods[partials_of(finer)]:
                first, last = max(start, number * period), min(end, (number + 1) * period)
                if first < last:
                    width = PERIODS_MS[level]
                    numbers = np.arange(first // width, (last - 1) // width + 1)
                    await self.make_room(connection, table, numbers * width)

    async def drop_before(self, connection: AnyConnection, since: Mapping[Level, int]) -> None:
        """Drop the partitions that end at or before these times, without making anyone wait."""
        await self._finish_leaving(connection)
        for table in ALL_TABLES:
            level = level_of(table)
            for number in sorted(self._periods[table]):
                if (number + 1) * PERIODS_MS[level] <= since[level]:
                    name = _name(table, number)
                    detach = f'ALTER TABLE "{table}" DETACH PARTITION "{name}" CONCURRENTLY'
                    await connection.execute(detach)
                    await connection.execute(f'DROP TABLE "{name}"')
                    self._periods[table].discard(number)

    async def sizes(
        self, connection: AnyConnection, keep_ms: Mapping[Level, int], kept: Mapping[Level, int]
    ) -> Mapping[Level, LevelState]:
        """What there is of each level; rows as PostgreSQL last counted them."""
        found = {row["name"]: row for row in await connection.fetch(_SIZES, SCHEMA)}

        def total(tables: Iterable[str], what: str) -> int:
            names = [_name(table, number) for table in tables for number in self._periods[table]]
            return sum(found[name][what] for name in names if name in found)

        return {
            level: LevelState(
                total([partials_of(level)], "rows"),
                total(tables_of(level), "bytes"),
                await self._oldest_of(connection, level, kept.get(level)),
                keep_ms[level],
            )
            for level in Level
        }

    async def _oldest_of(
        self, connection: AnyConnection, level: Level, since: int | None
    ) -> int | None:
        """The oldest row's day, or the first day that is kept of an older one's partition."""
        table = partials_of(level)
        if not self._periods[table]:
            return None
        name = _name(table, min(self._periods[table]))
        if name not in self._oldest:
            column = "time" if table == POINTS else "bucket"
            found = await connection.fetchval(f'SELECT min({column}) FROM "{name}"')  # noqa: S608
            if found is None:
                return None
            self._oldest = {**self._oldest, name: found}
        day = PERIODS_MS[Level.RAW]
        oldest = self._oldest[name] // day * day
        return oldest if since is None else max(oldest, since)

    async def _finish_leaving(self, connection: AnyConnection) -> None:
        """Drop what was being dropped when a server ended."""
        for row in await connection.fetch(_LIST, SCHEMA):
            if row["is_leaving"]:
                detach = f'ALTER TABLE "{row["parent"]}" DETACH PARTITION "{row["child"]}" FINALIZE'
                await connection.execute(detach)
        for row in await connection.fetch(_STRAYS, SCHEMA):
            await connection.execute(f'DROP TABLE "{row["relname"]}"')


def _name(table: str, number: int) -> str:
    """The name of a partition: that of the table and the day on which it begins."""
    start = np.datetime64(number * PERIODS_MS[level_of(table)], "ms")
    return f"{table}_{start.astype('M8[D]')}"


def _number(table: str, name: str) -> int:
    """Which period the partition of that name is of."""
    day = np.datetime64(name.removeprefix(f"{table}_"), "ms")
    return int(day.astype(np.int64)) // PERIODS_MS[level_of(table)]


def _partition(table: str, number: int) -> str:
    period = PERIODS_MS[level_of(table)]
    start = number * period
    return _PARTITION.format(
        table=table, name=_name(table, number), start=start, end=start + period
    )

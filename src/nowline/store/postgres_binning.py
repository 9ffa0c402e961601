"""The bins of whole hours and days, written in slices of series beside the appends.

An hour of raw rows can be millions. Each slice is a transaction of its own that takes about as
long as an append; how far they got is written with them, so that a crash loses none and a late
row finds out whether its bin is to be added to or will be counted anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nowline.model.level import BINNED, Level
from nowline.store.postgres_schema import bins_of, partials_of

if TYPE_CHECKING:
    from asyncpg import Connection
    from numpy.typing import NDArray

    from nowline.store.base import Rows
    from nowline.store.postgres_copy import AnyConnection
    from nowline.store.postgres_tables import Tables
    from nowline.store.postgres_writer import Writer

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS binned (
    level text PRIMARY KEY, closed_before bigint NOT NULL, next_series int NOT NULL
)
"""
_SAVE: Final = """
INSERT INTO binned VALUES ($1, $2, $3) ON CONFLICT (level) DO UPDATE SET
    closed_before = excluded.closed_before, next_series = excluded.next_series
"""
_HOURS: Final = """
INSERT INTO bins_1h AS held
SELECT series, $1, bin, sum(count)::bigint FROM bins_5m
WHERE bucket >= $1 AND bucket < $1 + $2 AND series >= $3 AND series < $4 GROUP BY 1, 3
UNION ALL
SELECT series, $1, nowline_series.bin_of(value) AS bin, count(*) FROM points
WHERE NOT binned AND time >= $1 AND time < $1 + $2 AND series >= $3 AND series < $4 GROUP BY 1, 3
ON CONFLICT (series, bucket, bin) DO UPDATE SET count = held.count + excluded.count
"""
_DAYS: Final = """
INSERT INTO bins_1d AS held
SELECT series, $1, bin, sum(count)::bigint FROM bins_1h
WHERE bucket >= $1 AND bucket < $1 + $2 AND series >= $3 AND series < $4 GROUP BY 1, 3
ON CONFLICT (series, bucket, bin) DO UPDATE SET count = held.count + excluded.count
"""
_STATEMENTS: Final = {Level.HOUR: _HOURS, Level.DAY: _DAYS}
_SLICE_ROWS: Final = 50_000
# No series has many more bins in a day, so more rows than this are not read of one.
_MOST_BINS: Final = 24 * 300


@dataclass(frozen=True, slots=True)
class Line:
    """Buckets before `closed_before` have their bins, and of the next one, series before `next`."""

    closed_before: int = 0
    next: int = 0


class Binning:
    """How far bins are written at each level that `maintain` writes them for.

    Readers go by what is committed, `_seen`; the writer by what its transaction has written.
    """

    def __init__(self) -> None:
        self._lines = dict.fromkeys(BINNED, Line())
        self._seen = dict(self._lines)

    async def create(self, connection: Connection) -> None:
        """Make the table that says how far."""
        await connection.execute(_CREATE)

    async def load(self, connection: AnyConnection) -> None:
        """Read how far it is."""
        self._lines = dict.fromkeys(BINNED, Line())
        for row in await connection.fetch("SELECT * FROM binned"):
            self._lines[Level(row["level"])] = Line(row["closed_before"], row["next_series"])
        self.publish()

    def publish(self) -> None:
        """Let readers go by what was written: it is committed now."""
        self._seen = dict(self._lines)

    def lines(self) -> dict[Level, int]:
        """For each level, before which time it has bins."""
        return {level: line.closed_before for level, line in self._seen.items()}

    def reached(self) -> int:
        """Before which time all levels have bins."""
        return min(self.lines().values())

    def covers(self, level: Level, rows: Rows) -> NDArray[np.bool_]:
        """Which of these rows fall into bins that are written already."""
        line = self._lines[level]
        is_next = (rows.time < line.closed_before + level.width_ms) & (rows.series < line.next)
        return (rows.time < line.closed_before) | is_next

    async def reach(self, connection: Connection, time: int, tables: Tables) -> None:
        """Write everything before a time, which is whole days, in this transaction."""
        for level in BINNED:
            while self._lines[level].closed_before < time:
                self._lines[level] = await self._next(connection, level, time, tables, 1 << 62)

    async def advance(self, writer: Writer, closed_before: int, tables: Tables) -> None:
        """Write what is closed, a slice a transaction."""
        limit = closed_before
        for level in BINNED:
            limit = limit // level.width_ms * level.width_ms
            while self._lines[level].closed_before < limit:
                async with writer.transaction() as connection:
                    line = await self._next(connection, level, limit, tables, _SLICE_ROWS)
                    self._lines[level] = line
                self.publish()

    async def _next(
        self, connection: Connection, level: Level, limit: int, tables: Tables, most: int
    ) -> Line:
        """Write one slice; returns how far it is then."""
        bucket, line = await self._bucket(connection, level, limit), Line(limit)
        if bucket is not None:
            first = self._lines[level].next
            end = await self._end(connection, level, bucket, most)
            await tables.make_room(connection, bins_of(level), np.array([bucket]))
            bounds = (first, (1 << 31) - 1 if end is None else end)
            await connection.execute(_STATEMENTS[level], bucket, level.width_ms, *bounds)
            is_done = end is None
            line = Line(bucket + level.width_ms) if is_done else Line(bucket, bounds[1])
        await connection.execute(_SAVE, level.value, line.closed_before, line.next)
        return line

    async def _bucket(self, connection: Connection, level: Level, limit: int) -> int | None:
        """The first bucket that has rows, but not all of its bins."""
        line = self._lines[level]
        if line.next:
            return line.closed_before
        sql = f'SELECT min(bucket) FROM "{partials_of(level)}" WHERE bucket >= $1 AND bucket < $2'  # noqa: S608
        found: int | None = await connection.fetchval(sql, line.closed_before, limit)
        return found

    async def _end(
        self, connection: Connection, level: Level, bucket: int, most: int
    ) -> int | None:
        """The series at which a slice ends; None if it takes all that is left."""
        sql = (
            f'SELECT series, count FROM "{partials_of(level)}"'  # noqa: S608
            " WHERE bucket = $1 AND series >= $2 ORDER BY series"
        )
        counts = await connection.fetch(sql, bucket, self._lines[level].next)
        taken = 0
        for row in counts:
            if taken >= most:
                return int(row["series"])
            taken += min(row["count"], _MOST_BINS) if level is Level.DAY else row["count"]
        return None

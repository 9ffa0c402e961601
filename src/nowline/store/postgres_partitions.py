"""PostgreSQL without TimescaleDB: partitions by time, and roll-ups that the store writes itself.

Each level above raw rows has one row a series and bucket. It is written when the bucket closes,
from the level below, and a late row is merged into it, in the transaction that brings the row.
Histogram bins of an hour and a day are many more rows: `maintain` writes them in slices, so that
no append waits long for one, and until then raw rows answer in their place.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from nowline.model.level import BINNED, ROLLED_UP, Level
from nowline.store import postgres_schema
from nowline.store.postgres_binning import Binning
from nowline.store.postgres_late import merge_bins, merge_partials
from nowline.store.postgres_layout import (
    Closing,
    Incoming,
    Layout,
    Progress,
    copy_rows,
    settle,
)
from nowline.store.postgres_query import bucket_of, fold_raw, merge
from nowline.store.postgres_schema import POINTS, bins_of, partials_of
from nowline.store.postgres_tables import Tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncpg import Connection, Pool

    from nowline.store.base import Span
    from nowline.store.levels import Part
    from nowline.store.postgres_copy import AnyConnection
    from nowline.store.postgres_writer import Writer

# Distributions have bins at these levels as soon as a bucket closes.
_CLOSED_WITH_BINS: Final = tuple(level for level in ROLLED_UP if level not in BINNED)
_CLOSE = """
INSERT INTO "{target}"
SELECT series, bucket, count, total, low, high, latest[2], latest[1]::bigint FROM (
    SELECT series, {bucket} AS bucket, {fold} FROM "{source}"
    WHERE {column} >= $1 AND {column} < $2 GROUP BY 1, 2 ORDER BY 1, 2
) AS closed
"""
_CLOSE_BINS = """
INSERT INTO "{target}"
SELECT series, {bucket} AS bucket, {bin}, {count} FROM "{source}"
WHERE {column} >= $1 AND {column} < $2 {only} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


class Partitions(Layout):
    """See `Layout`."""

    def __init__(self, keep_ms: Mapping[Level, int]) -> None:
        super().__init__(keep_ms)
        self._tables = Tables()
        self._binning = Binning()

    async def create(self, connection: Connection) -> None:
        """Make the partitioned tables, without a partition."""
        await self._tables.create(connection)
        await self._binning.create(connection)

    async def load(self, connection: AnyConnection) -> None:
        """Read what partitions there are, and how far bins are written."""
        await super().load(connection)
        await self._tables.load(connection)
        await self._binning.load(connection)

    async def write(self, connection: Connection, incoming: Incoming, closing: Closing) -> None:
        """Write the rows, also into what is closed already; then close what is over."""
        since = {level: self.kept_since(level, closing.after) for level in Level}
        rows = incoming.rows
        is_raw = rows.time >= since[Level.RAW]
        raw, too_old = incoming.where(is_raw), incoming.where(~is_raw)
        if len(raw.rows.time):
            await self._tables.make_room(connection, POINTS, raw.rows.time)
            await copy_rows(connection, raw)
        await self._merge_closed(connection, raw, closing.before, since)
        await self._close(connection, closing)
        await self._merge_closed(connection, too_old, closing.after, since)
        await self._binning.reach(connection, since[Level.RAW], self._tables)
        await self._merge_binned(connection, incoming, since)

    def committed(self) -> None:
        """Let readers go by what was written."""
        self._binning.publish()

    def parts(
        self, span: Span, progress: Progress, levels: Sequence[Level], *, binned: bool
    ) -> list[Part]:
        """Closed buckets from their level, the rest from the levels below."""
        lines = {level: _line(level, progress.closed_before) for level in ROLLED_UP}
        if binned:
            lines |= self._binning.lines()
        return self.clip(settle(span, levels, lines))

    async def maintain(self, writer: Writer, pool: Pool, progress: Progress, now_ms: int) -> None:
        """Write the bins of hours and days that are over, drop what is kept no longer."""
        async with pool.acquire() as connection:
            await postgres_schema.analyze_new(connection)
        await self._binning.advance(writer, progress.closed_before, self._tables)
        # Nothing is dropped that a coarser level has still to be made of.
        rolled_up = min(self._binning.reached(), _line(Level.DAY, progress.closed_before))
        since = {
            level: min(self.kept_since(level, now_ms), max(rolled_up, self._kept.get(level, 0)))
            for level in Level
        }
        async with writer.transaction() as connection:
            await self.save_kept(connection, since)
        self._kept = self._kept | since
        async with pool.acquire() as connection:
            await self._tables.drop_before(connection, since)

    async def measure(self, connection: AnyConnection) -> None:
        """Ask for the sizes of all partitions."""
        self.sizes = await self._tables.sizes(connection, self._keep_ms, self._kept)
        self.bytes = await postgres_schema.size(connection)

    async def _close(self, connection: Connection, closing: Closing) -> None:
        """Roll up the buckets that are over, each level from the one below."""
        for finer, level in pairwise(Level):
            start, end = _line(level, closing.before), _line(level, closing.after)
            if start >= end:
                continue
            await self._tables.make_room_from(connection, finer, level, start, end)
            await connection.execute(_closing(finer, level), start, end)
            if level in _CLOSED_WITH_BINS:
                await connection.execute(_closing_bins(finer, level), start, end)

    async def _merge_closed(
        self, connection: Connection, incoming: Incoming, closed: int, since: Mapping[Level, int]
    ) -> None:
        """Merge rows into the buckets that are closed, and into the bins written with them."""
        time = incoming.rows.time
        for level in ROLLED_UP:
            late = incoming.where((time >= since[level]) & (time < _line(level, closed)))
            await self._tables.make_room(connection, partials_of(level), late.rows.time)
            await merge_partials(connection, level, late, partials_of(level))
            if level in _CLOSED_WITH_BINS:
                await self._merge_bins(connection, level, late.where(late.binned))

    async def _merge_binned(
        self, connection: Connection, incoming: Incoming, since: Mapping[Level, int]
    ) -> None:
        """Merge rows into the bins that are written by `maintain`, where they are already."""
        rows = incoming.rows
        for level in BINNED:
            is_written = self._binning.covers(level, rows) & (rows.time >= since[level])
            await self._merge_bins(connection, level, incoming.where(is_written))

    async def _merge_bins(self, connection: Connection, level: Level, late: Incoming) -> None:
        await self._tables.make_room(connection, bins_of(level), late.rows.time)
        await merge_bins(connection, level, late, bins_of(level))


def _line(level: Level, closed_before: int) -> int:
    """Where the last bucket ends that is over at that time."""
    return closed_before // level.width_ms * level.width_ms


def _closing(finer: Level, level: Level) -> str:
    is_raw = finer is Level.RAW
    column = "time" if is_raw else "bucket"
    return _CLOSE.format(
        target=partials_of(level),
        source=partials_of(finer),
        bucket=bucket_of(column, str(level.width_ms)),
        fold=fold_raw(safe=True) if is_raw else merge(safe=True),
        column=column,
    )


def _closing_bins(finer: Level, level: Level) -> str:
    is_raw = finer is Level.RAW
    column = "time" if is_raw else "bucket"
    return _CLOSE_BINS.format(
        target=bins_of(level),
        source=bins_of(finer),
        bucket=bucket_of(column, str(level.width_ms)),
        bin="nowline_series.bin_of(value)" if is_raw else "bin",
        count="count(*)" if is_raw else "sum(count)::bigint",
        column=column,
        only="AND binned" if is_raw else "",
    )

"""PostgreSQL with TimescaleDB: hypertables, and levels that are continuous aggregates.

Raw rows are a hypertable; every level is a continuous aggregate of the one below, with real-time
aggregation on, so that whoever looks into the database sees all rows in them. `maintain` refreshes
what has closed. A row that comes in for what may be refreshed already makes its minutes stale, in
the transaction that brings it: our own questions read those from raw rows until the next refresh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nowline.model.level import BINNED, ROLLED_UP, Level
from nowline.store import postgres_schema, timescale_schema
from nowline.store.base import Span
from nowline.store.levels import Part
from nowline.store.postgres_late import LATE, merge_bins, merge_partials
from nowline.store.postgres_layout import (
    Closing,
    Incoming,
    Layout,
    Progress,
    copy_rows,
    joined,
    settle,
)
from nowline.store.postgres_schema import bins_of, partials_of, tables_of
from nowline.store.timescale_stale import Stale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncpg import Connection, Pool

    from nowline.store.postgres_copy import AnyConnection
    from nowline.store.postgres_writer import Writer

_REFRESH: Final = "CALL {functions}.refresh_continuous_aggregate($1, $2::bigint, $3::bigint)"
_DROP: Final = "SELECT {functions}.drop_chunks($1::regclass, older_than => $2::bigint)"


class Hypertables(Layout):
    """See `Layout`.

    Args:
        keep_ms: How long rows of each level are kept, milliseconds.
        functions: The schema that the extension is in.
    """

    def __init__(self, keep_ms: Mapping[Level, int], functions: str) -> None:
        super().__init__(keep_ms)
        self._functions = functions
        self._stale = Stale()
        self._late: set[str] = set()

    async def create(self, connection: Connection) -> None:
        """Make the hypertable and its aggregates, and give them their policies."""
        await timescale_schema.create(connection, self._functions)
        await timescale_schema.set_retention(connection, self._functions, self._keep_ms)

    async def load(self, connection: AnyConnection) -> None:
        """Read what is refreshed, what is stale, and which levels have rows beside them."""
        await super().load(connection)
        await self._stale.load(connection)
        self._late = {
            table
            for level in ROLLED_UP
            for table in tables_of(level)
            if await connection.fetchval(f'SELECT EXISTS (SELECT FROM "{LATE}{table}")')  # noqa: S608
        }

    async def write(self, connection: Connection, incoming: Incoming, closing: Closing) -> None:
        """Write the rows; those too old to be kept raw, beside the levels that still keep them."""
        time = incoming.rows.time
        since = self.kept_since(Level.RAW, closing.after)
        kept = incoming.where(time >= since)
        if len(kept.rows.time):
            await copy_rows(connection, kept)
            await self._stale.add(connection, kept.rows.time)
        if len(kept.rows.time) < len(time):
            await self._write_late(connection, incoming.where(time < since), closing.after)

    def committed(self) -> None:
        """Nothing to do: readers go by what may be stale before it is committed."""

    def parts(
        self, span: Span, progress: Progress, levels: Sequence[Level], *, binned: bool
    ) -> list[Part]:
        """Refreshed buckets from their level, stale minutes and the rest from raw rows."""
        del binned
        since = self.kept_since(Level.RAW, progress.closed_before)
        # What is being refreshed may be missing at either side of TimescaleDB's own watermark,
        # which a statement reads at another moment than the rows.
        settled = max(self._stale.done, since)
        lines = {level: settled // level.width_ms * level.width_ms for level in ROLLED_UP}
        parts: list[Part] = []
        start = span.start
        for stale_start, stale_end in self._stale.within(span.start, span.end):
            parts += settle(Span(start, stale_start, span.width_ms), levels, lines)
            parts.append(Part(Level.RAW, stale_start, stale_end))
            start = stale_end
        parts += settle(Span(start, span.end, span.width_ms), levels, lines)
        return self.clip(joined(parts))

    async def maintain(self, writer: Writer, pool: Pool, progress: Progress, now_ms: int) -> None:
        """Refresh what has closed or become stale, drop what is kept no longer."""
        async with writer.transaction() as connection:
            refresh = await self._stale.begin(connection, progress.closed_before)
        async with pool.acquire() as connection:
            for level in ROLLED_UP:
                for start, end in refresh.windows(level, self._kept.get(Level.RAW)):
                    for view in tables_of(level):
                        await self._refresh(connection, view, start, end)
        async with writer.transaction() as connection:
            await self._stale.finish(connection, refresh)
        await self._drop(writer, pool, refresh.target, now_ms)

    async def measure(self, connection: AnyConnection) -> None:
        """Ask for the sizes of all chunks."""
        self.sizes = await timescale_schema.sizes(
            connection, self._functions, self._keep_ms, self._kept
        )
        chunks = sum(level.bytes for level in self.sizes.values())
        self.bytes = await postgres_schema.size(connection) + chunks

    def extras(self) -> Mapping[str, str]:
        """The rows that were too old to be kept raw when they came in."""
        return {table: f"{LATE}{table}" for table in self._late}

    @property
    def revision(self) -> int:
        """Counts the appends with rows for what may be refreshed already."""
        return self._stale.revision

    async def _write_late(self, connection: Connection, late: Incoming, now_ms: int) -> None:
        for level in ROLLED_UP:
            kept = late.where(late.rows.time >= self.kept_since(level, now_ms))
            await merge_partials(connection, level, kept, f"{LATE}{partials_of(level)}")
            binned = kept if level in BINNED else kept.where(kept.binned)
            await merge_bins(connection, level, binned, f"{LATE}{bins_of(level)}")
            self._late |= set(tables_of(level))

    async def _refresh(self, connection: AnyConnection, view: str, start: int, end: int) -> None:
        sql = _REFRESH.format(functions=self._functions)
        await connection.execute(sql, view, start, end, timeout=None)

    async def _drop(self, writer: Writer, pool: Pool, refreshed: int, now_ms: int) -> None:
        """Drop whole chunks; of what is not refreshed yet, none."""
        day = Level.DAY.width_ms
        since = {
            level: min(self.kept_since(level, now_ms), refreshed // day * day) for level in Level
        }
        async with writer.transaction() as connection:
            await self.save_kept(connection, since)
            for level in ROLLED_UP:
                for table in self._late & set(tables_of(level)):
                    sql = f'DELETE FROM "{LATE}{table}" WHERE bucket < $1'  # noqa: S608
                    await connection.execute(sql, since[level])
        self._kept = {level: max(at, self._kept.get(level, at)) for level, at in since.items()}
        async with pool.acquire() as connection:
            for level in Level:
                for table in tables_of(level):
                    sql = _DROP.format(functions=self._functions)
                    await connection.execute(sql, table, since[level])

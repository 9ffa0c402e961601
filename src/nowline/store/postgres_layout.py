"""What the two ways to lay out rows on PostgreSQL have in common: with TimescaleDB and without."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nowline.model.level import Level
from nowline.model.query import DAY_MS
from nowline.store.base import LevelState, Rows, Span
from nowline.store.levels import Part, cover
from nowline.store.postgres_copy import copy_in
from nowline.store.postgres_schema import POINTS

if TYPE_CHECKING:
    from asyncpg import Connection, Pool
    from numpy.typing import NDArray

    from nowline.store.postgres_copy import AnyConnection
    from nowline.store.postgres_writer import Writer


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the log is stored, and before which time minutes are closed."""

    log_id: str = ""
    offset: int = 0
    closed_before: int = 0


@dataclass(frozen=True, slots=True)
class Closing:
    """Buckets that ended up to `before` were closed; those up to `after` close now."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """The rows of one append, and for each whether it has bins at every level."""

    rows: Rows
    binned: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> Incoming:
        """Only the rows where `chosen` is true."""
        rows = self.rows
        kept = Rows(rows.series[chosen], rows.time[chosen], rows.value[chosen])
        return Incoming(kept, self.binned[chosen])


class Layout(ABC):
    """How rows, partials and bins are kept, and which of them answer what.

    Args:
        keep_ms: How long rows of each level are kept, milliseconds.
    """

    def __init__(self, keep_ms: Mapping[Level, int]) -> None:
        self._keep_ms = keep_ms
        self._kept: dict[Level, int] = {}
        self.sizes: Mapping[Level, LevelState] = {}
        self.bytes = 0

    @abstractmethod
    async def create(self, connection: Connection) -> None:
        """Make the tables, in the transaction of the connection, if they are not there."""

    async def load(self, connection: AnyConnection) -> None:
        """Read the state that the database holds: at the start, and after a failure."""
        rows = await connection.fetch("SELECT level, since FROM kept")
        self._kept = {Level(row["level"]): row["since"] for row in rows}

    @abstractmethod
    async def write(self, connection: Connection, incoming: Incoming, closing: Closing) -> None:
        """Write rows and whatever is derived from them, in the transaction of the connection."""

    @abstractmethod
    def committed(self) -> None:
        """Let readers go by what was written: it is committed now."""

    @abstractmethod
    def parts(
        self, span: Span, progress: Progress, levels: Sequence[Level], *, binned: bool
    ) -> list[Part]:
        """Which levels answer which part of the span, by partials or by bins."""

    @abstractmethod
    async def maintain(self, writer: Writer, pool: Pool, progress: Progress, now_ms: int) -> None:
        """Roll up what has closed, drop what is kept no longer."""

    @abstractmethod
    async def measure(self, connection: AnyConnection) -> None:
        """Find out what is kept of each level, for `sizes`, and of all, for `bytes`."""

    def extras(self) -> Mapping[str, str]:
        """Relations with more rows of a table, beside its own."""
        return {}

    def clip(self, parts: Sequence[Part]) -> list[Part]:
        """Of these parts, what is still kept of their levels."""
        kept = [
            Part(part.level, max(part.start, self._kept.get(part.level, part.start)), part.end)
            for part in parts
        ]
        return [part for part in kept if part.start < part.end]

    @property
    def revision(self) -> int:
        """Differs when a query that was planned before may have missed rows."""
        return 0

    def kept_since(self, level: Level, now_ms: int) -> int:
        """Rows of that level before this day are not kept."""
        oldest = (now_ms - self._keep_ms[level]) // DAY_MS * DAY_MS
        return max(oldest, self._kept.get(level, oldest))

    async def save_kept(self, connection: AnyConnection, since: Mapping[Level, int]) -> None:
        """Note that rows before these times are to be dropped, or are already."""
        sql = (
            "INSERT INTO kept VALUES ($1, $2)"
            " ON CONFLICT (level) DO UPDATE SET since = greatest(kept.since, excluded.since)"
        )
        await connection.executemany(sql, [(level.value, at) for level, at in since.items()])


async def copy_rows(connection: AnyConnection, incoming: Incoming) -> None:
    """Append raw rows by series, then time: that is the order of the index."""
    rows = incoming.rows
    order = np.lexsort((rows.time, rows.series))
    columns: dict[str, NDArray[Any]] = {
        "time": rows.time[order],
        "value": rows.value[order],
        "series": rows.series[order].astype(np.int32),
        "binned": incoming.binned[order],
    }
    await copy_in(connection, POINTS, columns)


def settle(span: Span, levels: Sequence[Level], lines: Mapping[Level, int]) -> list[Part]:
    """The parts that make up the span, each from rows that are rolled up already.

    Args:
        span: The range and the bucket width.
        levels: What there is, from fine to coarse.
        lines: For each level above the first, before which time it is rolled up.
    """
    settled: list[Part] = []
    for part in cover(span, levels):
        line = max(part.start, min(part.end, lines.get(part.level, part.end)))
        if part.start < line:
            settled.append(Part(part.level, part.start, line))
        if line < part.end:
            rest = Span(line, part.end, part.level.width_ms)
            settled += settle(rest, levels[: levels.index(part.level)], lines)
    return joined(settled)


def joined(parts: Sequence[Part]) -> list[Part]:
    """The same parts, neighbours of one level as one."""
    found: list[Part] = []
    for part in parts:
        if found and found[-1].level is part.level and found[-1].end == part.start:
            part = Part(part.level, found.pop().start, part.end)  # noqa: PLW2901
        found.append(part)
    return found

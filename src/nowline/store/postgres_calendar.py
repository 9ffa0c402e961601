"""Partitions of a PostgreSQL table by the calendar: one a month, or one a day, in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from asyncpg import Connection

    from nowline.model.partials import Ints
    from nowline.store.postgres_copy import AnyConnection

_LIST: Final = """
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = $1::regclass
"""
# Attached, not created in place: that would wait for every query on the table to end.
_PARTITION: Final = """
CREATE TABLE "{name}" (LIKE "{table}" INCLUDING DEFAULTS);
ALTER TABLE "{table}" ATTACH PARTITION "{name}" FOR VALUES FROM ({start}) TO ({end});
"""


class Calendar:
    """Which partitions a table has.

    What a transaction makes or drops is known at once; where it is undone, `load` again.

    Args:
        table: The table, partitioned by ranges of epoch milliseconds.
        unit: What a partition has: a month, `M`, or a day, `D`.
    """

    def __init__(self, table: str, unit: Literal["M", "D"]) -> None:
        self._table = table
        self._unit = unit
        self._starts: set[int] = set()

    async def load(self, connection: AnyConnection) -> None:
        """Find out which there are."""
        names = [row["relname"] for row in await connection.fetch(_LIST, self._table)]
        self._starts = {self._start_of(name) for name in names}

    def starts(self, times: Ints) -> Ints:
        """Where the partitions of these times begin."""
        return _times(times.astype("M8[ms]").astype(f"M8[{self._unit}]"))

    async def make_room(self, connection: Connection, times: Ints) -> None:
        """See that there are partitions for rows of these times."""
        for start in np.unique(self.starts(times)).tolist():
            if start not in self._starts:
                await connection.execute(self._partition(start))
                self._starts.add(start)

    async def drop_before(self, connection: Connection, start: int) -> None:
        """Drop the partitions that begin before a time at which one begins."""
        for old in sorted(each for each in self._starts if each < start):
            await connection.execute(f'DROP TABLE "{self._name(old)}"')
            self._starts.discard(old)

    def _partition(self, start: int) -> str:
        after = np.datetime64(start, "ms").astype(f"M8[{self._unit}]") + 1
        end = after.astype("M8[ms]").astype(np.int64)
        return _PARTITION.format(table=self._table, name=self._name(start), start=start, end=end)

    def _name(self, start: int) -> str:
        """The table's name and the month, or day: `activity_logs_2026_01`."""
        told = str(np.datetime64(start, "ms").astype(f"M8[{self._unit}]"))
        return f"{self._table}_{told.replace('-', '_')}"

    def _start_of(self, name: str) -> int:
        told = name.removeprefix(f"{self._table}_").replace("_", "-")
        return int(_times(np.array([told], f"M8[{self._unit}]"))[0])


def _times(moments: np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]) -> Ints:
    return moments.astype("M8[ms]").astype(np.int64)

"""Which minutes of continuous aggregates may lack rows, and what is to be refreshed.

A row for a time that is refreshed already, or is being refreshed, is in the raw rows and not in
the aggregates. Its minute is noted before the row is committed, and forgotten when it is
refreshed: whatever is asked in between goes to the raw rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from nowline.model.query import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncpg import Connection

    from nowline.model.level import Level
    from nowline.model.partials import Ints
    from nowline.store.postgres_copy import AnyConnection

Range: TypeAlias = tuple[int, int]

# Minutes that are this close are one range: there may be many.
_GAP_MS: Final = 15 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Refresh:
    """One round of refreshing.

    Attributes:
        done: Before this time everything was refreshed, but for what is stale.
        target: Before this time everything is to be.
        stale: The ranges that are stale, and their numbers.
    """

    done: int
    target: int
    stale: dict[int, Range]

    def windows(self, level: Level, since: int | None) -> list[Range]:
        """What to refresh of a level: whole buckets that are closed, and that have raw rows."""
        width = level.width_ms
        ranges = [*self.stale.values(), (self.done, self.target)]
        end = self.target // width * width
        whole = [(s // width * width, min(end, -(-e // width) * width)) for s, e in ranges]
        if since is not None:
            whole = [(max(start, since), end) for start, end in whole]
        return merged(whole, 0)


class Stale:
    """The stale ranges, as the database has them and, of rows on their way, will have them.

    Attributes:
        revision: Counts the appends that made something stale.
        done: Before this time everything is refreshed, but for what is stale.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.done = 0
        self._refreshed = 0
        self._ranges: dict[int, Range] = {}
        self._next = 1

    async def load(self, connection: AnyConnection) -> None:
        """Read them."""
        self.done = await connection.fetchval("SELECT done FROM refreshed")
        self._refreshed = await connection.fetchval("SELECT target FROM refreshed")
        rows = await connection.fetch("SELECT number, since, until FROM stale")
        self._ranges = {number: (since, until) for number, since, until in rows}
        self._next = max(self._ranges, default=0) + 1

    async def add(self, connection: Connection, time: Ints) -> None:
        """Note the minutes of the rows for what may be refreshed, in the rows' transaction."""
        late = np.unique(time[time < self._refreshed] // MINUTE_MS * MINUTE_MS).tolist()
        found = merged([(minute, minute + MINUTE_MS) for minute in late], _GAP_MS)
        new = {self._next + n: each for n, each in enumerate(found)}
        if new:
            rows = [(number, *each) for number, each in new.items()]
            await connection.executemany("INSERT INTO stale VALUES ($1, $2, $3)", rows)
            self._ranges |= new
            self._next = max(new) + 1
            self.revision += 1

    def within(self, start: int, end: int) -> list[Range]:
        """The stale ranges of a span, in order."""
        inside = [(max(start, since), min(end, until)) for since, until in self._ranges.values()]
        return merged(inside, 0)

    async def begin(self, connection: Connection, closed_before: int) -> Refresh:
        """Start a round: from its commit on, rows before its target are late."""
        self._refreshed = max(self._refreshed, closed_before)
        await connection.execute("UPDATE refreshed SET target = $1", self._refreshed)
        return Refresh(self.done, self._refreshed, dict(self._ranges))

    async def finish(self, connection: Connection, refresh: Refresh) -> None:
        """Forget what the round has refreshed; what became stale meanwhile stays."""
        await connection.execute("UPDATE refreshed SET done = $1", refresh.target)
        numbers = list(refresh.stale)
        await connection.execute("DELETE FROM stale WHERE number = ANY($1::bigint[])", numbers)
        self.done = refresh.target
        self._ranges = {n: each for n, each in self._ranges.items() if n not in refresh.stale}


def merged(ranges: Iterable[Range], gap: int) -> list[Range]:
    """Ranges in order that cover all of these, as one where they are no further apart."""
    found: list[Range] = []
    for start, end in sorted(each for each in ranges if each[0] < each[1]):
        if found and start <= found[-1][1] + gap:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found

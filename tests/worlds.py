"""An engine over real windows and a real store that reads behind, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nowline.model.batch import Batch
from nowline.model.level import Level
from nowline.model.partials import Partials
from nowline.model.query import MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.query.blocks import Block, Want
from nowline.query.cache import Cache
from nowline.query.engine import Engine
from nowline.query.job import Read
from nowline.query.read import PartialReads
from nowline.rollup.increases import Increases
from nowline.rollup.revision import concatenate
from nowline.rollup.window import Windows
from nowline.store.base import Append, Rows, Span, Store
from nowline.store.catalogue import Catalogue
from personas import SetClock
from reference import Row, assert_equal, cells, columns

# The day after the clocks of Europe were put forward.
START = 30_105_120 * MINUTE_MS
SPAN = 4 * MINUTE_MS
NOW = START + SPAN
FOR_EVER = dict.fromkeys(Level, 1 << 60)
HOSTS = ["a", "b", "a", "c"]


class Taken(NamedTuple):
    """One batch, and those of its rows that came in time for the windows."""

    rows: list[Row]
    in_windows: list[Row]


class World:
    """One metric `m` of four series on three hosts, and an engine that answers about it."""

    def __init__(self, store: Store, kind: MetricType = MetricType.GAUGE) -> None:
        self.catalogue = Catalogue()
        self.windows = Windows(START + MINUTE_MS)
        self.store = store
        self.clock = SetClock(NOW)
        self.engine = Engine(self.catalogue, store, self.windows, self.clock)
        self.windows.on_late(self.engine.revise)
        self.windows.on_late(lambda _: self.blocks.revise("m"))
        self.blocks: Cache[Block[Partials]] = Cache(self.clock, 1 << 20)
        self.reads = PartialReads(store, self.windows, self.blocks)
        self.kind = kind
        # The windows' reader of the log and the store's each have their own.
        self._increases = [
            Increases(store, self.catalogue, self.clock, FOR_EVER[Level.RAW]) for _ in range(2)
        ]
        self.taken: list[Taken] = []
        self.stored = 0

    def take_in(self, rows: list[Row]) -> None:
        """Fold rows into the windows, as one batch of the log; series are numbered as `HOSTS`."""
        taken = self._resolved(rows)
        if self.windows.is_whole:
            self.windows.fold(*columns(taken), received_ms=len(self.taken), offset=len(self.taken))

    async def take_in_totals(self, rows: list[Row]) -> None:
        """The same for rows of a cumulative metric, with the increases that they make."""
        taken = self._resolved(rows)
        made = await self._increases[0].of(Rows(*columns(taken)))
        offset = len(self.taken)
        self.windows.fold(*columns(taken), received_ms=offset, offset=offset, increases=made)

    async def put_away_totals(self, batches: int, closed_before: int) -> None:
        """Store the next batches of a cumulative metric."""
        for _ in range(min(batches, len(self.taken) - self.stored)):
            rows = Rows(*columns(self.taken[self.stored].rows))
            rows = concatenate(rows, await self._increases[1].of(rows))
            await self._append(rows, self.stored + 1, closed_before)

    async def put_away(self, batches: int, closed_before: int) -> None:
        """Store the next batches, as the writer does."""
        last = min(self.stored + batches, len(self.taken))
        rows = [row for taken in self.taken[self.stored : last] for row in taken.rows]
        await self._append(Rows(*columns(rows)), last, closed_before)

    async def _append(self, rows: Rows, offset: int, closed_before: int) -> None:
        metrics, new = self.catalogue.take_unsaved(with_seen=True)
        await self.store.append(Append(rows, metrics, new, "log", offset, closed_before))
        self.stored = offset
        if not self.windows.is_whole:
            self.windows.pass_over(rows, offset, offset)
        self.windows.forget(self.windows.start, 0, offset)

    def give_up(self) -> None:
        """The windows fail."""
        self.windows.give_up(self.stored)
        self.taken = [taken._replace(in_windows=[]) for taken in self.taken]

    async def build(self, start: int) -> None:
        """They are built anew, if they failed."""
        if self.windows.is_whole:
            return
        start = max(start, self.windows.settled)
        restored = await self.store.rows_since(start)
        self.windows.start_again(start, self.stored)
        self.windows.restore(restored.series, restored.time, restored.value)
        for offset, taken in list(enumerate(self.taken, 1))[self.stored :]:
            self.windows.fold(*columns(taken.rows), received_ms=offset, offset=offset)
            held = [row for row in taken.rows if row.time >= start]
            self.taken[offset - 1] = taken._replace(in_windows=held)
        self.windows.resume()

    def visible(self) -> list[Row]:
        """Stored rows, and those that came in time for the windows."""
        stored = [row for taken in self.taken[: self.stored] for row in taken.rows]
        return [*stored, *(r for taken in self.taken[self.stored :] for r in taken.in_windows)]

    async def read(self, start: int, end: int, width_ms: int, group_by: Sequence[str]) -> Partials:
        """Partials of all series over `[start, end)`."""
        selected = self.catalogue.select("m", {}, group_by)
        want = Want("m", selected, Span(start, end, width_ms), source=selected, key=tuple(group_by))
        (found,) = await self.reads.read([want])
        assert isinstance(found, Read)
        return found.rows

    async def assert_answers(self, start: int, end: int, width_ms: int) -> None:
        """The partials by host are those of a plain list."""
        selected = self.catalogue.select("m", {}, ["host"])
        groups = dict(zip(selected.series.tolist(), selected.group.tolist(), strict=True))
        found = await self.read(start, end, width_ms, ["host"])
        assert_equal(found, cells(self.visible(), groups, start, end, width_ms))

    def _resolved(self, rows: list[Row]) -> list[Row]:
        """The rows of a new batch with the ids of their series."""
        series, time, value = columns(rows)
        used, at = np.unique(series, return_inverse=True)
        keys = [
            SeriesKey.of("m", {"host": HOSTS[number], "n": str(number)}).encode()
            for number in used.tolist()
        ]
        batch = Batch(keys, [self.kind] * len(keys), at.astype(np.uint32), time, value, 0)
        ids = self.catalogue.resolve(batch)
        found = [
            row._replace(series=number) for row, number in zip(rows, ids.tolist(), strict=True)
        ]
        self.taken.append(Taken(found, [r for r in found if r.time >= self.windows.start]))
        return found

"""Both readers of the log as a server puts them together, and a store that refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nowline.model.batch import Batch
from nowline.model.level import Level
from nowline.model.query import DAY_MS, MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.rollup.increases import Increases
from nowline.rollup.store_writer import StoreWriter, window_start
from nowline.rollup.window import Windows
from nowline.rollup.window_worker import WindowWorker
from nowline.store.base import Append, Span
from nowline.store.catalogue import Catalogue
from nowline.store.embedded import EmbeddedStore
from personas import SetClock
from unreadable_log import UnreadableLog

NOW = 30_000_000 * MINUTE_MS
KEPT = dict.fromkeys(Level, 30 * DAY_MS)


POISON = 13.0


class RefusingStore(EmbeddedStore):
    """A store whose disk takes nothing while `is_full`, and that never takes some values."""

    is_full = False
    is_broken = False
    poison = POISON
    refused = 0

    async def append(self, append: Append) -> int:
        if self.is_full:
            self.refused += 1
            raise OSError("no space")
        if self.is_broken or (append.rows.value == self.poison).any():
            self.refused += 1
            raise ValueError("13 is no number\nof mine")
        return await super().append(append)


class LogReaders:
    """Both readers as a server puts them together."""

    def __init__(self, bus: UnreadableLog, store: RefusingStore) -> None:
        self.bus = bus
        self.store = store
        self.clock = SetClock(NOW)
        self.catalogue = Catalogue()
        self.windows = Windows(window_start(NOW))
        of_writer, of_worker = (
            Increases(store, self.catalogue, self.clock, KEPT[Level.RAW]) for _ in range(2)
        )
        self.writer = StoreWriter(bus, store, self.catalogue, self.windows, of_writer, self.clock)
        self.worker = WindowWorker(bus, self.catalogue, self.windows, of_worker)

    @classmethod
    async def open(cls, folder: Path) -> LogReaders:
        bus = await UnreadableLog.open(folder / "log.sqlite")
        assert isinstance(bus, UnreadableLog)
        opened = await RefusingStore.open(folder / "store.duckdb", KEPT)
        assert isinstance(opened, RefusingStore)
        flow = cls(bus, opened)
        await flow.store.load(flow.catalogue)
        await flow.writer.start()
        rows = await flow.store.rows_since(flow.windows.start)
        flow.writer.restore(rows, flow.windows.start)
        flow.worker.restore(rows, flow.writer.offset)
        await flow.worker.catch_up()
        return flow

    async def take_in(
        self, *times: int, name: str = "m", kind: MetricType = MetricType.GAUGE
    ) -> None:
        rows = len(times)
        batch = Batch(
            [SeriesKey.of(name, {}).encode()],
            [kind],
            np.zeros(rows, np.uint32),
            np.array(times, np.int64),
            np.arange(rows, dtype=np.float64),
            self.clock.now_ms(),
        )
        await self.bus.append(batch.encode())

    async def take_in_values(
        self, *values: float, kind: MetricType = MetricType.GAUGE, activity: bytes = b""
    ) -> None:
        """One batch of samples a second apart, the newest now."""
        rows = len(values)
        batch = Batch(
            [SeriesKey.of("m", {}).encode()],
            [kind],
            np.zeros(rows, np.uint32),
            NOW - 1_000 * np.arange(rows, dtype=np.int64)[::-1],
            np.array(values, np.float64),
            self.clock.now_ms(),
            activity=activity,
        )
        await self.bus.append(batch.encode())

    async def stored_values(self) -> list[float]:
        return sorted((await self.store.rows_since(0)).value.tolist())

    async def write(self) -> None:
        """Everything that the log holds goes into the windows, and then into the store."""
        await self.worker.catch_up()
        await self.writer.flush()

    async def stored(self) -> int:
        selected = self.catalogue.select("m", {}, [])
        span = Span(0, 2 * NOW, MINUTE_MS)
        return int((await self.store.partials(selected, span)).count.sum())

    def in_windows(self) -> int:
        selected = self.catalogue.select("m", {}, [])
        end = NOW + 10 * MINUTE_MS
        found = self.windows.partials(selected, self.windows.start, end, 1_000)
        return int(found.count.sum())

    async def close(self) -> None:
        await self.bus.close()
        await self.store.close()

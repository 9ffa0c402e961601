"""The two readers of the log: what they make of it, also when they start anew or are stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from nowline.bus.embedded import EmbeddedLog
from nowline.model.batch import Batch
from nowline.model.level import Level
from nowline.model.query import DAY_MS, MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.rollup.increases import Increases
from nowline.rollup.window import Windows
from nowline.rollup.worker import STORE_GROUP, StoreWriter, WindowWorker, window_start
from nowline.store.base import Append, Span
from nowline.store.catalogue import Catalogue
from nowline.store.embedded import EmbeddedStore
from personas import SetClock

NOW = 30_000_000 * MINUTE_MS
KEPT = dict.fromkeys(Level, 30 * DAY_MS)


class RefusingStore(EmbeddedStore):
    """A store whose disk takes nothing while `is_full`."""

    is_full = False
    refused = 0

    async def append(self, append: Append) -> int:
        if self.is_full:
            self.refused += 1
            raise OSError("no space")
        return await super().append(append)


class Flow:
    """Both readers as a server puts them together."""

    def __init__(self, bus: EmbeddedLog, store: RefusingStore) -> None:
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
    async def open(cls, folder: Path) -> Flow:
        bus = await EmbeddedLog.open(folder / "log.sqlite")
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

    async def take_in(self, *times: int, name: str = "m") -> None:
        rows = len(times)
        batch = Batch(
            [SeriesKey.of(name, {}).encode()],
            [MetricType.GAUGE],
            np.zeros(rows, np.uint32),
            np.array(times, np.int64),
            np.arange(rows, dtype=np.float64),
            self.clock.now_ms(),
        )
        await self.bus.append(batch.encode())

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


@pytest.fixture
async def flow(tmp_path: Path) -> AsyncIterator[Flow]:
    opened = await Flow.open(tmp_path)
    yield opened
    await opened.close()


async def test_the_windows_follow_the_log_and_say_so(flow: Flow) -> None:
    told = asyncio.Event()
    flow.worker.on_fold(told.set)
    running = asyncio.create_task(flow.worker.run())
    await flow.take_in(NOW, NOW - 5)
    await asyncio.wait_for(told.wait(), 5)
    running.cancel()
    assert (flow.in_windows(), flow.worker.offset) == (2, 1)


async def test_the_writer_stores_rows_and_commits_what_is_on_disk(flow: Flow) -> None:
    await flow.take_in(NOW, NOW - MINUTE_MS)
    await flow.take_in(NOW)
    await flow.write()
    assert (await flow.stored(), flow.writer.offset) == (3, 2)
    assert await flow.bus.committed(STORE_GROUP) == await flow.store.offset(flow.bus.id) == 0
    await flow.store.flush()
    await flow.take_in(NOW)
    await flow.write()
    assert flow.writer.offset == 3
    assert await flow.bus.committed(STORE_GROUP) == await flow.store.offset(flow.bus.id) == 2


async def test_the_store_is_never_ahead_of_the_windows(flow: Flow) -> None:
    await flow.take_in(NOW)
    await flow.worker.catch_up()
    await flow.take_in(NOW, NOW)
    await flow.writer.flush()
    assert (await flow.stored(), flow.writer.offset) == (1, 1)
    await flow.write()
    assert (await flow.stored(), flow.writer.offset) == (3, 2)


async def test_a_stop_stores_what_the_log_holds(flow: Flow) -> None:
    running = asyncio.create_task(flow.writer.run())
    following = asyncio.create_task(flow.worker.run())
    await flow.take_in(NOW)
    flow.writer.stop()
    await asyncio.wait_for(running, 5)
    following.cancel()
    assert await flow.stored() == 1
    assert await flow.bus.committed(STORE_GROUP) == await flow.store.offset(flow.bus.id) == 1


async def test_a_stop_does_not_wait_for_windows_that_stand_still(flow: Flow) -> None:
    await flow.take_in(NOW)
    flow.writer.stop()
    await asyncio.wait_for(flow.writer.run(), 10)
    assert await flow.stored() == 0
    assert len(await flow.bus.read(0, 1 << 20)) == 1


async def test_after_a_stop_the_metric_was_seen_when_it_was(flow: Flow) -> None:
    await flow.take_in(NOW - 5_000)
    await flow.write()
    await flow.take_in(NOW - 1_000)
    await flow.write()
    flow.writer.stop()
    await flow.writer.run()
    loaded = Catalogue()
    await flow.store.load(loaded)
    assert loaded.metrics["m"].last_seen == NOW - 1_000


async def test_a_stop_does_not_wait_for_a_store_that_takes_nothing(flow: Flow) -> None:
    flow.store.is_full = True
    await flow.take_in(NOW)
    await flow.worker.catch_up()
    running = asyncio.create_task(flow.writer.run())
    await asyncio.sleep(0)
    flow.writer.stop()
    await asyncio.wait_for(running, 5)
    assert (flow.store.refused, flow.writer.offset) == (flow.writer.failures, 0)
    assert flow.writer.failures >= 1
    assert len(await flow.bus.read(0, 1 << 20)) == 1


async def test_what_the_store_refused_is_stored_by_the_next_server(tmp_path: Path) -> None:
    first = await Flow.open(tmp_path)
    first.store.is_full = True
    await first.take_in(NOW, name="m")
    await first.take_in(NOW, NOW, name="n")
    await first.worker.catch_up()
    first.writer.stop()
    await first.writer.run()
    await first.close()
    second = await Flow.open(tmp_path)
    assert second.in_windows() == 1
    await second.write()
    assert await second.stored() == 1
    assert set(second.catalogue.metrics) == {"m", "n"}
    await second.close()


async def test_windows_start_from_the_store_and_the_rest_of_the_log(tmp_path: Path) -> None:
    first = await Flow.open(tmp_path)
    await first.take_in(NOW - MINUTE_MS, NOW - 10 * MINUTE_MS)
    await first.write()
    await first.take_in(NOW)
    await first.close()
    second = await Flow.open(tmp_path)
    # The row of ten minutes ago is older than the windows; the newest one is not stored yet.
    assert second.in_windows() == 2
    assert second.worker.offset == 2
    await second.close()


async def test_windows_forget_only_what_is_stored(flow: Flow) -> None:
    await flow.take_in(NOW)
    await flow.worker.catch_up()
    flow.clock.advance(3_600)
    flow.store.is_full = True
    flow.writer.stop()
    await flow.write()
    assert flow.in_windows() == 1
    flow.store.is_full = False
    await flow.write()
    assert flow.windows.cells == 0
    assert await flow.stored() == 1


async def test_a_new_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    first = await Flow.open(tmp_path)
    for _ in range(3):
        await first.take_in(NOW)
    await first.write()
    await first.close()
    for part in tmp_path.glob("log.sqlite*"):
        part.unlink()
    second = await Flow.open(tmp_path)
    await second.take_in(NOW)
    await second.write()
    assert await second.stored() == 4
    await second.close()

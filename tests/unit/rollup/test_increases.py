"""Companions in store and windows are what plain Python says, whatever stops in between."""

from __future__ import annotations

import asyncio
import itertools
import math
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.bus.embedded import EmbeddedLog
from nowline.model.batch import Batch
from nowline.model.level import Level
from nowline.model.partials import Ints
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.rollup.increases import Increases
from nowline.rollup.store_writer import StoreWriter, window_start
from nowline.rollup.totals import Totals
from nowline.rollup.window import Windows
from nowline.rollup.window_worker import WindowWorker
from nowline.store.base import Rows, Span
from nowline.store.catalogue import Catalogue, Limits
from nowline.store.embedded import EmbeddedStore
from personas import SetClock
from reference import Row, increases

NOW = 30_000_000 * MINUTE_MS
KEPT = dict.fromkeys(Level, 30 * DAY_MS)
HOSTS = 3
Sums = dict[tuple[int, int], float]


class BlindStore(EmbeddedStore):
    """A store that can be told not to answer what it is asked about samples."""

    is_blind = False

    async def last_before(self, series: Ints, time: int) -> Rows:
        if self.is_blind:
            raise OSError("cannot read")
        return await super().last_before(series, time)


class Flow:
    """Both readers as a server puts them together."""

    def __init__(self, bus: EmbeddedLog, store: BlindStore, most_samples: int) -> None:
        self.bus, self.store = bus, store
        self.clock = SetClock(NOW)
        self.catalogue = Catalogue(Limits(series_per_metric=HOSTS))
        self.windows = Windows(window_start(NOW))
        of_writer, of_worker = (self._increases(most_samples) for _ in range(2))
        self.writer = StoreWriter(bus, store, self.catalogue, self.windows, of_writer, self.clock)
        self.worker = WindowWorker(bus, self.catalogue, self.windows, of_worker)

    def _increases(self, most_samples: int) -> Increases:
        totals = Totals(most_samples=most_samples)
        return Increases(self.store, self.catalogue, self.clock, KEPT[Level.RAW], totals)

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path, most_samples: int = 1_000) -> AsyncIterator[Flow]:
        """A server that is killed at the end."""
        bus = await EmbeddedLog.open(folder / "log.sqlite")
        store = await BlindStore.open(folder / "store.duckdb", KEPT)
        assert isinstance(store, BlindStore)
        flow = cls(bus, store, most_samples)
        await store.load(flow.catalogue)
        await flow.writer.start()
        rows = await store.rows_since(flow.windows.start)
        flow.writer.restore(rows, flow.windows.start)
        flow.worker.restore(rows, flow.writer.offset)
        await flow.worker.catch_up()
        try:
            yield flow
        finally:
            await bus.close()
            await store.close()

    async def take_in(self, rows: Iterable[Row]) -> None:
        """One batch, each series a host of its own."""
        listed = list(rows)
        batch = Batch(
            [SeriesKey.of("m", {"host": str(host)}).encode() for host in range(HOSTS + 2)],
            [MetricType.CUMULATIVE] * (HOSTS + 2),
            np.array([row.series for row in listed], np.uint32),
            np.array([row.time for row in listed], np.int64),
            np.array([row.value for row in listed], np.float64),
            NOW,
        )
        await self.bus.append(batch.encode())

    async def write(self) -> None:
        """Everything that the log holds goes into the windows, and then into the store."""
        await self.worker.catch_up()
        await self.writer.flush()

    async def in_store(self) -> Sums:
        """The stored increases by host and time."""
        selected = self.catalogue.select("m", {}, ["host"], increases=True)
        rows = await self.store.rows_of(selected.series, 0, 2 * NOW)
        return self._by_host(rows)

    async def rolled_up(self) -> Sums:
        """The stored increases by host and hour."""
        selected = self.catalogue.select("m", {}, ["host"], increases=True)
        found = await self.store.partials(selected, Span(0, 2 * NOW, HOUR_MS))
        hosts = [int(selected.tags[at]["host"]) for at in found.key.tolist()]
        return dict(zip(zip(hosts, found.bucket.tolist(), strict=True), found.total, strict=True))

    def in_windows(self) -> Sums:
        """The increases in memory by host and second."""
        selected = self.catalogue.select("m", {}, ["host"], increases=True)
        end = NOW + 10 * MINUTE_MS
        found = self.windows.partials(selected, self.windows.start, end, SECOND_MS)
        hosts = [int(selected.tags[at]["host"]) for at in found.key.tolist()]
        return dict(zip(zip(hosts, found.bucket.tolist(), strict=True), found.total, strict=True))

    def _by_host(self, rows: Rows) -> Sums:
        sums: Sums = {}
        for series, time, value in zip(
            rows.series.tolist(), rows.time.tolist(), rows.value.tolist(), strict=True
        ):
            host = int(dict(self.catalogue.keys[series].tags)["host"])
            sums[host, time] = sums.get((host, time), 0.0) + value
        return sums


def summed(found: Sums, width_ms: int, start: int = 0) -> Sums:
    sums: Sums = {}
    for (host, time), value in found.items():
        if time >= start:
            place = host, time // width_ms * width_ms
            sums[place] = sums.get(place, 0.0) + value
    return sums


# Few times, so that they meet: of the last seconds, of the last minutes, older than memory.
times = st.one_of(
    st.integers(0, 8).map(lambda n: NOW - n * 500),
    st.integers(0, 12).map(lambda n: NOW - n * MINUTE_MS),
    st.integers(0, 9).map(lambda n: NOW - n * 7 * HOUR_MS - 9_000),
)
samples = st.builds(Row, st.integers(0, HOSTS - 1), times, st.integers(0, 50).map(float))
batches = st.lists(samples, min_size=1, max_size=8)
steps = st.one_of(batches, st.sampled_from(["fold", "store", "restart"]))


@settings(max_examples=20)
@given(st.lists(steps, max_size=14), st.sampled_from([3, 1_000]))
def test_all_adds_up_whoever_is_ahead_and_whatever_restarts(
    script: list[list[Row] | str], most_samples: int
) -> None:
    asyncio.run(_all_adds_up(script, most_samples))


async def _all_adds_up(script: list[list[Row] | str], most_samples: int) -> None:
    lives = [list(g) for k, g in itertools.groupby(script, lambda s: s == "restart") if not k]
    taken: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, life in enumerate([*lives, []]):
            async with Flow.open(Path(folder), most_samples) as flow:
                for step in life:
                    await _do(flow, step, taken)
                if number == len(lives):
                    await flow.write()
                    assert await flow.in_store() == increases(taken)
                    assert await flow.rolled_up() == summed(increases(taken), HOUR_MS)
                _check_windows(flow, taken, exact=most_samples == 1_000)


async def _do(flow: Flow, step: list[Row] | str, taken: list[Row]) -> None:
    if step == "fold":
        await flow.worker.catch_up()
    elif step == "store":
        await flow.writer.flush()
    elif isinstance(step, list):
        await flow.take_in(step)
        taken += step


def _check_windows(flow: Flow, taken: list[Row], *, exact: bool) -> None:
    if exact and flow.worker.offset == flow.bus.head:
        expected = summed(increases(taken), SECOND_MS, flow.windows.start)
        assert flow.in_windows() == expected


@pytest.fixture
async def flow(tmp_path: Path) -> AsyncIterator[Flow]:
    async with Flow.open(tmp_path) as running:
        yield running


def at(seconds: int, value: float, host: int = 0) -> Row:
    return Row(host, NOW - seconds * SECOND_MS, value)


async def test_a_series_goes_on_after_a_long_silence(tmp_path: Path) -> None:
    async with Flow.open(tmp_path) as first:
        await first.take_in([at(20 * 86_400, 100.0)])
        await first.write()
    async with Flow.open(tmp_path) as second:
        await second.take_in([at(1, 130.0)])
        await second.write()
        assert list(second.in_windows().values()) == [30.0]
        assert sorted((await second.in_store()).values()) == [0.0, 30.0]


async def test_a_late_sample_before_all_others_after_a_restart(tmp_path: Path) -> None:
    async with Flow.open(tmp_path) as first:
        await first.take_in([at(9_000, 10.0), at(0, 12.0)])
        await first.write()
    async with Flow.open(tmp_path) as second:
        await second.take_in([at(18_000, 7.0)])
        await second.write()
        assert sorted((await second.in_store()).values()) == [0.0, 2.0, 3.0]


async def test_samples_older_than_raw_rows_are_kept_change_nothing_else(flow: Flow) -> None:
    await flow.take_in([at(100, 50.0), at(50, 60.0)])
    await flow.write()
    old = 40 * 86_400
    await flow.take_in([at(old, 1.0), at(old - 5, 4.0)])
    await flow.write()
    assert sum((await flow.rolled_up()).values()) == 13.0


async def test_live_goes_on_while_the_store_cannot_be_read(tmp_path: Path) -> None:
    async with Flow.open(tmp_path) as first:
        await first.take_in([at(5_000, 10.0)])
        await first.write()
    async with Flow.open(tmp_path) as second:
        second.store.is_blind = True
        await second.take_in([at(2, 15.0), at(1, 18.0)])
        await second.worker.catch_up()
        assert list(second.in_windows().values()) == [0.0, 3.0]
        second.writer.stop()
        await second.write()
        assert (second.writer.failures, second.writer.offset) == (1, 1)
        second.store.is_blind = False
        await second.write()
        assert sorted((await second.in_store()).values()) == [0.0, 3.0, 5.0]


async def test_sources_past_the_limit_add_nothing(flow: Flow) -> None:
    await flow.take_in([at(9 - n, 100.0 * n, host) for n in range(8) for host in range(HOSTS + 2)])
    await flow.worker.catch_up()
    await flow.write()
    over = flow.catalogue.select("m", {"overflow": ["true"]}, [])
    span = Span(0, 2 * NOW, DAY_MS)
    assert (await flow.store.partials(over, span)).count.sum() == 16
    added = flow.catalogue.select("m", {"overflow": ["true"]}, [], increases=True)
    found = await flow.store.partials(added, span)
    assert (found.total.tolist(), found.high.tolist()) == ([0.0], [0.0])
    every = flow.catalogue.select("m", {}, [], increases=True)
    total = (await flow.store.partials(every, span)).total.sum()
    assert math.isclose(total, HOSTS * 700.0)
    assert flow.catalogue.metrics["m"].overflowed == 16


async def test_a_backfill_of_other_days_finds_its_neighbours(flow: Flow) -> None:
    every = [at(n * 1_000, 10_000.0 - n) for n in range(300)]
    await flow.take_in(every[::10])
    await flow.write()
    for first in range(1, 10):
        await flow.take_in(every[first::10])
        await flow.write()
    assert await flow.in_store() == increases(every)

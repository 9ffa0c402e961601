"""Windows and store together answer like one plain list, wherever the seam between them is."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.model.batch import Batch
from nowline.model.query import MINUTE_MS, Aggregation, Query, TimeRange
from nowline.model.series import MetricType, SeriesKey
from nowline.query.engine import Engine
from nowline.rollup.window import Windows
from nowline.store.base import Append, Rows
from nowline.store.catalogue import Catalogue
from nowline.store.duckdb import DuckDBStore
from personas import SetClock
from reference import Row, assert_equal, cells, columns

START = 30_000_000 * MINUTE_MS
SPAN = 4 * MINUTE_MS
NOW = START + SPAN
HOSTS = ["a", "b", "a", "c"]


class Taken(NamedTuple):
    rows: list[Row]
    in_windows: list[Row]


class World:
    """An engine over real windows and a real store, which reads behind."""

    def __init__(self, store: DuckDBStore) -> None:
        self.catalogue = Catalogue()
        self.windows = Windows(START + MINUTE_MS)
        self.store = store
        self.engine = Engine(self.catalogue, store, self.windows, SetClock(NOW))
        self.taken: list[Taken] = []
        self.stored = 0

    def take_in(self, rows: list[Row]) -> None:
        series, time, value = columns(rows)
        self.catalogue.resolve(_batch(series, time, value))
        offset = len(self.taken) + 1
        self.taken.append(Taken(rows, [r for r in rows if r.time >= self.windows.start]))
        self.windows.fold(series, time, value, received_ms=offset, offset=offset)

    async def put_away(self, batches: int, closed_before: int) -> None:
        """Store the next batches, as the writer does."""
        last = min(self.stored + batches, len(self.taken))
        rows = [row for taken in self.taken[self.stored : last] for row in taken.rows]
        self.stored = last
        work = Append(Rows(*columns(rows)), [], [], "log", last, closed_before)
        await self.store.append(work)

    def visible(self) -> list[Row]:
        """Stored rows, and those that came in time for the windows."""
        stored = [row for taken in self.taken[: self.stored] for row in taken.rows]
        return [*stored, *(r for taken in self.taken[self.stored :] for r in taken.in_windows)]

    async def assert_answers(self, start: int, end: int, width_ms: int) -> None:
        selected = self.catalogue.select("m", {}, ["host"])
        groups = dict(zip(selected.series.tolist(), selected.group.tolist(), strict=True))
        found = await self.engine.partials(selected, start, end, width_ms)
        assert_equal(found, cells(self.visible(), groups, start, end, width_ms))


def _batch(series: np.ndarray, time: np.ndarray, value: np.ndarray) -> Batch:
    keys = [
        SeriesKey.of("m", {"host": host, "n": str(number)}).encode()
        for number, host in enumerate(HOSTS)
    ]
    types = [MetricType.GAUGE] * len(keys)
    return Batch(keys, types, series.astype(np.uint32), time, value, 0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await DuckDBStore.open(tmp_path / "store.duckdb")
    yield World(store)
    await store.close()


rows = st.builds(
    Row,
    st.integers(0, 3),
    # Few seconds and the edges within them, so that rows meet and ranges cut between them.
    st.builds(
        lambda second, edge: START + second * 7_000 + edge,
        st.integers(0, SPAN // 7_000),
        st.sampled_from([0, 1, 499, 500, 999]),
    ),
    st.integers(-1_000, 1_000).map(float),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.lists(rows, min_size=1, max_size=10)),
        st.tuples(st.just("store"), st.integers(1, 3), st.integers(0, 4)),
        st.tuples(st.just("forget"), st.integers(0, SPAN // 1_000), st.integers(0, 20)),
    ),
    min_size=2,
    max_size=8,
)
seconds = st.integers(-5, SPAN // 1_000 + 5)
questions = st.tuples(
    seconds, st.integers(1, 300), st.sampled_from([1_000, 7_000, MINUTE_MS, 2 * MINUTE_MS])
)


@settings(max_examples=25)
@given(steps, st.lists(questions, min_size=1, max_size=3), st.integers(1, 999))
def test_any_question_at_any_time_has_the_answer_of_a_plain_list(
    steps: list[tuple[object, ...]], asked: list[tuple[int, int, int]], edge: int
) -> None:
    asyncio.run(_run(steps, asked, edge))


async def _run(
    steps: list[tuple[object, ...]], asked: list[tuple[int, int, int]], edge: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = await DuckDBStore.open(Path(folder) / "store.duckdb")
        world = World(store)
        for step in steps:
            await _do(world, step)
            for start, length, width in asked:
                first = START + start * 1_000
                await world.assert_answers(first, first + length * 1_000, width)
        await world.put_away(len(world.taken), NOW)
        for start, length, width in asked:
            # Edges within a second are the store's, which by now has everything.
            first = START + start * 1_000 + edge
            await world.assert_answers(first, first + length * 997, width)
        await store.close()


async def _do(world: World, step: tuple[object, ...]) -> None:
    match step:
        case "take", list(batch):
            world.take_in(batch)
        case "store", int(batches), int(minute):
            await world.put_away(batches, START + minute * MINUTE_MS)
        case "forget", int(second), int(changes):
            world.windows.forget(START + second * 1_000, changes, world.stored)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (Aggregation.AVG, 2.0),
        (Aggregation.SUM, 8.0),
        (Aggregation.COUNT, 4.0),
        (Aggregation.MIN, -1.0),
        (Aggregation.MAX, 6.0),
        (Aggregation.LAST, 2.0),
    ],
)
async def test_each_aggregation_over_store_and_windows(
    world: World, aggregation: Aggregation, expected: float
) -> None:
    seam = world.windows.start
    world.take_in([Row(0, seam - 5, 6.0), Row(1, seam - 4, 1.0)])
    await world.put_away(1, 0)
    world.take_in([Row(2, seam + 5, -1.0), Row(3, seam + 6, 2.0)])
    query = Query(
        metric_name="m",
        time_range=TimeRange(start=seam - MINUTE_MS, end=seam + MINUTE_MS),
        aggregation=aggregation,
        interval="1h",
    )
    _, points = await world.engine.ask(query)
    assert points.value.tolist() == [expected]
    assert points.bucket.tolist() == [START]


async def test_answers_are_ordered_by_tags_then_time(world: World) -> None:
    at = world.windows.start
    world.take_in([Row(3, at, 3.0), Row(0, at + 1_000, 1.0), Row(2, at, 0.0), Row(1, at, 2.0)])
    query = Query(
        metric_name="m", time_range=TimeRange(last="5m"), group_by=("host",), interval="1s"
    )
    _, points = await world.engine.ask(query)
    told = [points.tags[group]["host"] for group in points.group]
    assert told == ["a", "a", "b", "c"]
    assert points.value.tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(("end", "expected"), [(0, 0), (500, 0), (501, 1), (999, 1), (1_000, 2)])
async def test_a_range_that_ends_within_a_second_of_the_windows_is_exact(
    world: World, end: int, expected: int
) -> None:
    at = world.windows.start + 5_000
    world.take_in([Row(0, at + 500, 1.0), Row(0, at + 999, 1.0)])
    await world.put_away(1, 0)
    selected = world.catalogue.select("m", {}, [])
    found = await world.engine.partials(selected, at - MINUTE_MS, at + end, MINUTE_MS)
    assert found.count.sum() == expected


async def test_an_unknown_metric_has_no_points(world: World) -> None:
    _, points = await world.engine.ask(Query(metric_name="nothing"))
    assert len(points) == 0
    assert points.to_json() == b"[]"
    assert world.engine.answered.queries == 1

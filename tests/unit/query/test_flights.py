"""Equal questions in flight are answered once, and nobody gets an answer from before a write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from nowline.model.partials import Need, Partials
from nowline.model.query import MINUTE_MS, Aggregation, Query, TimeRange
from nowline.query.answers import Answer
from nowline.store.base import Span
from nowline.store.catalogue import Selection
from nowline.store.embedded import EmbeddedStore
from reference import Row
from worlds import FOR_EVER, NOW, START, World

PAST = Query(
    metric_name="m",
    time_range=TimeRange(start=START - 10 * MINUTE_MS, end=START),
    aggregation=Aggregation.SUM,
    interval="1m",
)
OTHER = msgspec.structs.replace(PAST, interval="2m")
LATEST = msgspec.structs.replace(PAST, time_range=TimeRange(last="30m"))


class Gate:
    """Holds up the store's answers until it is opened, and counts what is asked of it."""

    def __init__(self, world: World) -> None:
        self.asked = 0
        self.reached = asyncio.Condition()
        self.cancelled = 0
        self.open = asyncio.Event()
        self.fault: Exception | None = None
        self._partials = world.store.partials

    async def partials(
        self, selection: Selection, span: Span, *, need: Need = Need.ALL
    ) -> Partials:
        async with self.reached:
            self.asked += 1
            self.reached.notify_all()
        try:
            # What the store tells is as of when it was asked.
            found = await self._partials(selection, span, need=need)
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fault is not None:
            raise self.fault
        return found

    async def is_reached(self, times: int = 1) -> None:
        """Wait until the store was asked so often."""
        async with asyncio.timeout(10), self.reached:
            await self.reached.wait_for(lambda: self.asked >= times)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await EmbeddedStore.open(tmp_path / "store.duckdb", FOR_EVER)
    world = World(store)
    world.take_in([Row(0, START - MINUTE_MS, 1.0), Row(1, NOW - 5_000, 10.0)])
    await world.put_away(1, 0)
    yield world
    await store.close()


@pytest.fixture
def gate(world: World, monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate(world)
    monkeypatch.setattr(world.store, "partials", gate.partials)
    return gate


def asking(world: World, *queries: Query) -> asyncio.Task[list[Answer | Exception]]:
    return asyncio.create_task(world.engine.ask_all(queries))


async def begun() -> None:
    """Let tasks that were made get to where they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


def totals(answers: list[Answer | Exception]) -> list[float]:
    return [float(each.points.value.sum()) for each in answers if isinstance(each, Answer)]


@contextmanager
def shares(world: World, queries: int) -> Iterator[None]:
    before = world.engine.shared_queries
    yield
    assert world.engine.shared_queries == before + queries


@pytest.mark.parametrize(("query", "total"), [(PAST, 1.0), (LATEST, 11.0)])
async def test_equal_questions_are_worked_out_once(
    world: World, gate: Gate, query: Query, total: float
) -> None:
    with shares(world, 3):
        first = asking(world, query)
        await gate.is_reached()
        others = [asking(world, query), asking(world, query, query)]
        await begun()
        gate.open.set()
        answers = [await each for each in (first, *others)]
    assert gate.asked == 1
    assert [totals(each) for each in answers] == [[total], [total], [total, total]]
    assert world.engine.answered.queries == 4


async def test_a_batch_waits_for_what_others_ask_and_works_out_the_rest(
    world: World, gate: Gate
) -> None:
    first = asking(world, PAST)
    await gate.is_reached()
    with shares(world, 1):
        batch = asking(world, OTHER, PAST, msgspec.structs.replace(PAST, metric_name=""))
        await gate.is_reached(2)
        gate.open.set()
        answers = await batch
    assert totals(answers) == [1.0, 1.0]
    assert isinstance(answers[2], Exception)
    assert isinstance(answers[0], Answer)
    assert answers[0].plan.width_ms == 2 * MINUTE_MS
    assert totals(await first) == [1.0]
    assert gate.asked == 2


async def test_who_asks_after_a_row_came_does_not_get_the_answer_without_it(
    world: World, gate: Gate
) -> None:
    with shares(world, 1):
        before = asking(world, LATEST)
        await gate.is_reached()
        world.take_in([Row(1, NOW - 4_000, 100.0)])
        after = [asking(world, LATEST), asking(world, LATEST)]
        await gate.is_reached(2)
        gate.open.set()
        assert totals(await before) == [11.0]
        assert [totals(await each) for each in after] == [[111.0], [111.0]]


async def test_a_row_of_other_series_parts_nobody(world: World, gate: Gate) -> None:
    only_b = msgspec.structs.replace(LATEST, filters={"host": "b"})
    with shares(world, 1):
        first = asking(world, only_b)
        await gate.is_reached()
        world.take_in([Row(0, NOW - 4_000, 100.0)])
        second = asking(world, only_b)
        await begun()
        gate.open.set()
        assert [totals(await each) for each in (first, second)] == [[10.0], [10.0]]


async def test_who_asks_after_a_late_row_was_stored_gets_it(world: World, gate: Gate) -> None:
    with shares(world, 0):
        before = asking(world, PAST)
        await gate.is_reached()
        world.take_in([Row(0, START - MINUTE_MS, 2.0)])
        await world.put_away(1, 0)
        after = asking(world, PAST)
        await gate.is_reached(2)
        gate.open.set()
        assert [totals(await each) for each in (before, after)] == [[1.0], [3.0]]


async def test_who_asks_when_there_is_a_new_series_gets_it(world: World, gate: Gate) -> None:
    with shares(world, 0):
        before = asking(world, LATEST)
        await gate.is_reached()
        world.take_in([Row(3, NOW - 4_000, 100.0)])
        after = asking(world, LATEST)
        await gate.is_reached(2)
        gate.open.set()
        assert [totals(await each) for each in (before, after)] == [[11.0], [111.0]]


@pytest.mark.parametrize("leaves", [0, 1])
async def test_one_that_leaves_does_not_cancel_the_others(
    world: World, gate: Gate, leaves: int
) -> None:
    both = [asking(world, PAST)]
    await gate.is_reached()
    both.append(asking(world, PAST))
    await begun()
    both[leaves].cancel()
    await asyncio.wait([both[leaves]])
    gate.open.set()
    assert totals(await both[1 - leaves]) == [1.0]
    assert (gate.asked, gate.cancelled, both[leaves].cancelled()) == (1, 0, True)


async def test_the_last_that_leaves_cancels_the_work(world: World, gate: Gate) -> None:
    both = [asking(world, PAST)]
    await gate.is_reached()
    both.append(asking(world, PAST))
    await begun()
    for each in both:
        each.cancel()
    await asyncio.wait(both)
    # Nobody gets on to what is being cancelled.
    again = asking(world, PAST)
    await gate.is_reached(2)
    gate.open.set()
    assert totals(await again) == [1.0]
    assert gate.cancelled == 1


async def test_what_fails_fails_for_all_and_is_tried_anew_by_the_next(
    world: World, gate: Gate
) -> None:
    gate.fault = RuntimeError("broken")
    both = [asking(world, PAST)]
    await gate.is_reached()
    both.append(asking(world, PAST, OTHER))
    await gate.is_reached(2)
    gate.open.set()
    assert [(await each)[0] for each in both] == [gate.fault, gate.fault]
    gate.fault = None
    assert totals(await asking(world, PAST)) == [1.0]


async def test_an_answer_that_was_given_is_not_waited_for(world: World, gate: Gate) -> None:
    gate.open.set()
    with shares(world, 0):
        for _ in range(3):
            assert totals(await asking(world, PAST)) == [1.0]
    assert gate.asked == 1

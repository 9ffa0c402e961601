"""Windows and store together answer like one plain list, wherever the seam between them is."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.model.query import MINUTE_MS
from nowline.store.embedded import EmbeddedStore
from reference import Row
from worlds import FOR_EVER, NOW, SPAN, START, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await EmbeddedStore.open(tmp_path / "store.duckdb", FOR_EVER)
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
        st.just(("give up",)),
        st.tuples(st.just("build"), st.integers(0, SPAN // 1_000)),
    ),
    min_size=2,
    max_size=9,
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
        store = await EmbeddedStore.open(Path(folder) / "store.duckdb", FOR_EVER)
        world = World(store)
        for step in steps:
            await _do(world, step)
            for start, length, width in asked:
                # A range that moves on finds most of its rows where the last one left them.
                for moved in (0, 1, 3):
                    first = START + (start + moved) * 1_000
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
        case ("give up",):
            world.give_up()
        case "build", int(second):
            await world.build(START + second * 1_000)


@pytest.mark.parametrize(("end", "expected"), [(0, 0), (500, 0), (501, 1), (999, 1), (1_000, 2)])
async def test_a_range_that_ends_within_a_second_of_the_windows_is_exact(
    world: World, end: int, expected: int
) -> None:
    at = world.windows.start + 5_000
    world.take_in([Row(0, at + 500, 1.0), Row(0, at + 999, 1.0)])
    await world.put_away(1, 0)
    found = await world.read(at - MINUTE_MS, at + end, MINUTE_MS, [])
    assert found.count.sum() == expected


async def test_what_is_kept_of_rows_that_are_the_stores_for_a_time_is_not_out_of_date(
    world: World,
) -> None:
    at = world.windows.start + 5_000
    world.take_in([Row(0, at, 1.0)])
    await world.put_away(1, 0)
    world.give_up()
    for _ in range(2):
        await world.assert_answers(at - MINUTE_MS, at + MINUTE_MS, 1_000)
    # New rows first, of which nobody is told; then late ones.
    for time in (at + 1_000, at - MINUTE_MS + 2_000):
        world.take_in([Row(0, time, 2.0)])
        await world.put_away(1, 0)
        await world.assert_answers(at - MINUTE_MS, at + MINUTE_MS, 1_000)
    await world.build(START)
    world.take_in([Row(0, at + 1_000, 4.0)])
    await world.put_away(1, 0)
    world.windows.forget(at + 20_000, 0, world.stored)
    await world.assert_answers(at - MINUTE_MS, at + MINUTE_MS, 1_000)

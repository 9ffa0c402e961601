"""Rows that are sent again count once, whatever happened in between."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import once_world
from cancelling import give_up
from nowline.errors import Code, NowlineError
from nowline.ingest import repeated_rows
from nowline.ingest.columns import Columns, Label
from nowline.ingest.service import Outcome
from nowline.model.series import MetricType
from once_world import NOW, Row


class World(once_world.World):
    async def send(self, *rows: Row, kind: MetricType | None = None) -> Outcome:
        return await self.once.accept(columns(rows, kind))


def columns(rows: tuple[Row, ...], kind: MetricType | None = None) -> Columns:
    names = sorted({name for name, _ in rows})
    return Columns(
        [Label(name, kind, {}) for name in names],
        np.array([names.index(name) for name, _ in rows], np.int64),
        np.array([time for _, time in rows], np.int64),
        np.arange(len(rows), dtype=np.float64),
        np.arange(len(rows)),
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()


SENT = (("a", NOW), ("a", NOW + 1), ("b", NOW))


async def test_what_is_sent_again_counts_once(world: World) -> None:
    assert (await world.send(*SENT)).accepted == 3
    assert (await world.send(*SENT)).accepted == 0
    await world.put_away()
    assert (await world.send(*SENT, ("b", NOW + 1))).accepted == 1
    await world.restart()
    assert (await world.send(*SENT, ("c", NOW))).accepted == 1
    assert await world.rows() == sorted({*SENT, ("b", NOW + 1), ("c", NOW)})
    assert world.once.repeated == 3


async def test_newer_rows_sent_before_a_restart_are_found_too(world: World) -> None:
    await world.send(("a", NOW), ("a", NOW + 1), ("a", NOW + 2))
    await world.restart()
    assert (await world.send(("a", NOW))).accepted == 0
    assert (await world.send(("a", NOW + 1), ("a", NOW + 2), ("a", NOW + 3))).accepted == 1


async def test_a_late_row_is_new_where_no_row_has_its_time(world: World) -> None:
    await world.send(("a", NOW))
    assert (await world.send(("a", NOW - 5))).accepted == 1
    await world.put_away()
    two_days_ago = NOW - 2 * 86_400_000
    late = (("a", NOW - 6), ("a", two_days_ago), ("a", NOW - 5))
    assert (await world.send(*late)).accepted == 2
    assert (await world.send(*late)).accepted == 0


async def test_a_row_twice_in_one_request(world: World) -> None:
    assert (await world.send(("a", NOW), ("a", NOW), ("a", NOW + 1))).accepted == 2


async def test_observations_at_one_time_count_each_but_not_again(world: World) -> None:
    kind = MetricType.DISTRIBUTION
    assert (await world.send(("d", NOW), ("d", NOW), kind=kind)).accepted == 2
    assert (await world.send(("d", NOW), ("d", NOW), kind=kind)).accepted == 0


async def test_two_at_once(world: World) -> None:
    outcomes = await asyncio.gather(*(world.send(*SENT) for _ in range(5)))
    assert sorted(outcome.accepted for outcome in outcomes) == [0, 0, 0, 0, 3]
    assert len(await world.rows()) == 3


async def test_what_the_log_refused_is_not_a_repetition(world: World) -> None:
    world.bus.refusals = 1
    first, second = await asyncio.gather(
        world.send(*SENT), world.send(*SENT), return_exceptions=True
    )
    assert isinstance(first, NowlineError)
    assert isinstance(second, Outcome)
    assert second.accepted == 3
    assert len(await world.rows()) == 3


async def test_a_refused_row_is_refused_again(world: World) -> None:
    for _ in range(2):
        outcome = await world.send(("", NOW), ("a", NOW + 400_000))
        assert [row.index for row in outcome.rejected] == [0, 1]


async def test_a_time_that_is_out_of_reach_is_left_to_the_rules(world: World) -> None:
    outcome = await world.send(("a", -1), ("a", -1), ("a", 1 << 62))
    assert [row.index for row in outcome.rejected] == [0, 1, 2]


async def test_new_rows_go_on_while_the_store_cannot_be_asked(world: World) -> None:
    await world.send(("a", NOW))
    await world.put_away()
    world.store.is_away = True
    assert (await world.send(("a", NOW + 1))).accepted == 1
    with pytest.raises(NowlineError) as caught:
        await world.send(("a", NOW))
    assert caught.value.code is Code.UNAVAILABLE
    world.store.is_away = False
    assert (await world.send(("a", NOW))).accepted == 0


@pytest.mark.parametrize(("limit", "most"), [("_MOST_SERIES", 4), ("_MOST_KEY_BYTES", 16)])
async def test_more_series_than_are_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(repeated_rows, limit, most)
    for name in "abc":
        await world.send((name, NOW))
    await world.put_away()
    assert (await world.send(("d", NOW), ("a", NOW))).accepted == 1
    await world.put_away()
    assert (await world.send(("d", NOW), ("c", NOW), ("e", NOW))).accepted == 1


async def test_no_more_bytes_of_series_are_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeated_rows, "_MOST_KEY_BYTES", 8)
    await world.send(("a", NOW), ("b", NOW), ("c", NOW))
    assert (await world.send(("a", NOW), ("b", NOW), ("c", NOW))).accepted == 1


async def test_a_series_that_is_refused_is_not_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeated_rows, "_MOST_KEY_BYTES", 16)
    assert (await world.send(("x" * 300, NOW))).accepted == 0
    for accepted in (3, 0):
        assert (await world.send(*SENT)).accepted == accepted


@pytest.mark.parametrize("is_known", [False, True])
async def test_who_gives_up_wherever_that_is_may_send_again(world: World, is_known: bool) -> None:
    if is_known:
        await world.send(("a", NOW + 1), ("b", NOW + 1))
        await world.put_away()
    waits = 0
    while await give_up(world.send(("a", NOW - waits), ("b", NOW - waits)), waits):
        await world.send(("a", NOW - waits), ("b", NOW - waits))
        waits += 1
    assert waits > 0
    expected = [(name, NOW - at) for name in "ab" for at in range(-1 * is_known, waits + 1)]
    assert await world.rows() == sorted(expected)


rows = st.tuples(st.sampled_from("abc"), st.integers(NOW - 3, NOW + 3))
steps = st.lists(rows, min_size=1, max_size=6) | st.sampled_from(["put away", "restart"])


@settings(max_examples=25)
@given(st.lists(steps, max_size=8))
def test_every_row_is_there_once(script: list[list[Row] | str]) -> None:
    async def play(folder: Path) -> None:
        world = World(folder)
        await world.start()
        sent: set[Row] = set()
        for step in script:
            if isinstance(step, list):
                sent |= set(step)
                await world.send(*step)
            else:
                await (world.put_away() if step == "put away" else world.restart())
        assert await world.rows() == sorted(sent)
        await world.stop()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))

"""Each event counts once, and nobody is told that one is safe which is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nowline.errors import NowlineError
from nowline.ingest.repeated_events import Repeats
from nowline.model.event import Happened
from nowline.model.query import DAY_MS
from nowline.store.activity_sqlite import SqliteActivity

NOW = 1_800_000_000_000


class World:
    """Repeats before a real store."""

    def __init__(self, store: SqliteActivity) -> None:
        self.store = store
        self.repeats = Repeats(store)

    async def take(self, *keys: int | None, offset: int = 1) -> list[int]:
        """Places of the new ones, which are durable at once."""
        claim = await self.repeats.claim(keys, NOW)
        self.repeats.settle(claim, offset)
        await self.repeats.wait(claim)
        return claim.places

    async def keep(self, *keys: int, offset: int, received_ms: int = NOW) -> None:
        """Have the store know these, and everybody that it does."""
        await self.store.append(Happened([], [*keys]), "log", offset, received_ms)
        self.repeats.forget(offset)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await SqliteActivity.open(tmp_path / "activity.sqlite", 365 * DAY_MS)
    yield World(store)
    await store.close()


async def test_of_the_same_key_only_the_first_is_new(world: World) -> None:
    assert await world.take(1, 2, 1, None, None) == [0, 1, 3, 4]
    assert await world.take(2, 3) == [1]


async def test_what_the_store_has_is_known_for_a_day(world: World) -> None:
    await world.keep(1, offset=5, received_ms=NOW - DAY_MS)
    await world.keep(2, offset=6, received_ms=NOW - DAY_MS - 1)
    assert await world.take(1, 2) == [1]


async def test_keys_are_held_until_the_store_has_them(world: World) -> None:
    await world.take(1, offset=7)
    await world.take(2, offset=8)
    assert len(world.repeats) == 2
    await world.keep(1, offset=7)
    assert len(world.repeats) == 1
    assert await world.take(1, 2) == []


async def test_who_sends_again_hears_when_the_first_is_durable(world: World) -> None:
    first = await world.repeats.claim([1], NOW)
    again = await world.repeats.claim([1, 2], NOW)
    assert again.places == [1]
    world.repeats.settle(again, 9)
    waiting = asyncio.create_task(world.repeats.wait(again))
    done, _ = await asyncio.wait([waiting], timeout=0)
    assert not done
    world.repeats.settle(first, 8)
    await waiting


async def test_who_sends_again_hears_that_the_first_failed_and_then_is_new(world: World) -> None:
    first = await world.repeats.claim([1], NOW)
    again = await world.repeats.claim([1], NOW)
    world.repeats.settle(first, None)
    world.repeats.settle(again, 9)
    with pytest.raises(NowlineError, match="Send it again"):
        await world.repeats.wait(again)
    assert await world.take(1) == [0]


async def test_two_batches_with_each_others_events_do_not_wait_for_each_other(world: World) -> None:
    first = await world.repeats.claim([1, 2], NOW)
    second = await world.repeats.claim([2, 3], NOW)
    third = await world.repeats.claim([3, 1], NOW)
    for claim in (third, second, first):
        world.repeats.settle(claim, 9)
    await asyncio.gather(*map(world.repeats.wait, (first, second, third)))
    assert (first.places, second.places, third.places) == ([0, 1], [1], [])


async def test_where_the_store_cannot_tell_nothing_stays_claimed(tmp_path: Path) -> None:
    store = await SqliteActivity.open(tmp_path / "activity.sqlite", DAY_MS)
    await store.close()
    repeats = Repeats(store)
    with pytest.raises(RuntimeError):
        await repeats.claim([1], NOW)
    assert len(repeats) == 0

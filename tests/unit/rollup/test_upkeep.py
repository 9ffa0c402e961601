"""Upkeep goes on whatever happens, and says how it went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nowline.model.level import Level
from nowline.rollup.upkeep import Upkeep
from nowline.store.embedded import EmbeddedStore
from personas import SetClock

KEPT = dict.fromkeys(Level, 1 << 60)


class CountingStore(EmbeddedStore):
    """A store that says when it was kept, and fails the first time."""

    times: tuple[int, ...] = ()
    kept: asyncio.Event

    async def maintain(self, now_ms: int) -> None:
        self.times = (*self.times, now_ms)
        if len(self.times) == 1:
            raise OSError("no space")
        await super().maintain(now_ms)
        self.kept.set()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CountingStore]:
    opened = await CountingStore.open(tmp_path / "store.duckdb", KEPT)
    assert isinstance(opened, CountingStore)
    opened.kept = asyncio.Event()
    yield opened
    await opened.close()


async def test_a_round_that_fails_is_followed_by_another(
    store: CountingStore, caplog: pytest.LogCaptureFixture
) -> None:
    upkeep = Upkeep(store, SetClock(7))
    running = asyncio.create_task(upkeep.run(first_s=0, every_s=0))
    await asyncio.wait_for(store.kept.wait(), 10)
    running.cancel()
    assert store.times[:2] == (7, 7)
    assert upkeep.rounds >= 1
    assert upkeep.failures == 1
    assert upkeep.seconds > 0
    assert "no space" in caplog.text

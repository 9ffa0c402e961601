"""The reader of the log that keeps the open windows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from log_readers import NOW, LogReaders
from nowline.rollup import window_worker


@pytest.fixture
async def flow(tmp_path: Path) -> AsyncIterator[LogReaders]:
    opened = await LogReaders.open(tmp_path)
    yield opened
    await opened.close()


async def test_the_windows_follow_the_log_and_say_so(flow: LogReaders) -> None:
    told = asyncio.Event()
    flow.worker.on_fold(told.set)
    running = asyncio.create_task(flow.worker.run())
    await flow.take_in(NOW, NOW - 5)
    await asyncio.wait_for(told.wait(), 5)
    running.cancel()
    assert (flow.in_windows(), flow.worker.offset) == (2, 1)


@pytest.fixture
async def resting(flow: LogReaders, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LogReaders]:
    """The readers, of which the one of the windows has folded a row and rests."""
    monkeypatch.setattr(window_worker, "_REST_SHARE", 1 << 40)
    monkeypatch.setattr(window_worker, "_LONGEST_REST_S", 3600)
    told = asyncio.Event()
    flow.worker.on_fold(told.set)
    running = asyncio.create_task(flow.worker.run())
    await flow.take_in(NOW)
    await asyncio.wait_for(told.wait(), 5)
    yield flow
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_between_two_folds_rows_gather_until_somebody_asks(resting: LogReaders) -> None:
    for _ in range(3):
        await resting.take_in(NOW)
    assert (resting.in_windows(), resting.worker.offset) == (1, 1)
    assert not resting.worker.is_caught_up()
    await asyncio.wait_for(
        asyncio.gather(resting.worker.caught_up(), resting.worker.caught_up()), 5
    )
    assert resting.worker.is_caught_up()
    assert (resting.in_windows(), resting.worker.offset) == (4, 4)


async def test_who_asks_for_what_is_there_waits_for_nothing(resting: LogReaders) -> None:
    await asyncio.wait_for(resting.worker.caught_up(), 5)
    assert resting.worker.offset == 1


async def test_who_asks_is_let_go_when_the_worker_ends(
    resting: LogReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(resting.windows, "fold", fail)
    await resting.take_in(NOW)
    await asyncio.wait_for(resting.worker.caught_up(), 5)
    assert resting.worker.offset == 1


async def test_windows_that_are_built_anew_let_others_have_their_turn(
    flow: LogReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 10
    await flow.take_in(*(NOW - 1_000 * n for n in range(seconds)))
    await flow.write()
    monkeypatch.setattr(window_worker, "_PIECE_ROWS", 2)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(others())
    rows = await flow.store.rows_since(flow.windows.start)
    before = turns
    await flow.worker.start_again(rows, flow.windows.start, flow.writer.offset)
    assert turns - before >= seconds / 2
    assert flow.in_windows() == seconds
    running.cancel()

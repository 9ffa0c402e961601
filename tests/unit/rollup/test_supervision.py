"""Windows that fail are built anew, and hold what the store and the log have: nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from log_readers import NOW, LogReaders
from nowline.errors import Code, NowlineError
from nowline.rollup.supervision import Patience, WindowSupervisor
from nowline.rollup.window import Windows
from nowline.rollup.window_worker import WindowWorker
from nowline.store.base import Rows
from polling import eventually_async

AT_ONCE = Patience(behind_s=0.05, pauses_s=(0, 0.01), build_s=5)


class Supervised:
    """Both readers of the log, the windows' one supervised; what fails is up to the test."""

    def __init__(self, flow: LogReaders, patience: Patience = AT_ONCE) -> None:
        self.flow = flow
        self.supervisor = WindowSupervisor(
            flow.bus, flow.store, flow.windows, flow.worker, flow.writer, patience
        )
        self.tasks = [
            asyncio.create_task(self.supervisor.run()),
            asyncio.create_task(flow.writer.run()),
        ]

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def until(self, check: Callable[[], bool]) -> None:
        async def holds() -> bool:
            return check()

        assert await eventually_async(holds)


@pytest.fixture
async def flow(tmp_path: Path) -> AsyncIterator[LogReaders]:
    opened = await LogReaders.open(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def supervised(flow: LogReaders) -> AsyncIterator[Supervised]:
    made = Supervised(flow)
    yield made
    await made.close()


class Failing:
    """Stands for a method that fails while `times` lasts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> None:
        self.times = 0

        def failing(*args: object, **more: object) -> object:
            if self.times:
                self.times -= 1
                raise ValueError("it failed")
            return real(*args, **more)

        real = getattr(kind, name)
        monkeypatch.setattr(kind, name, failing)


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> Failing:
    return Failing(monkeypatch, Windows, "fold")


@pytest.fixture
def restores(monkeypatch: pytest.MonkeyPatch) -> Failing:
    return Failing(monkeypatch, Windows, "restore")


async def test_after_a_failure_everything_is_there_once(
    supervised: Supervised, folds: Failing
) -> None:
    flow = supervised.flow
    await flow.take_in_values(1, 2)
    await supervised.until(lambda: flow.in_windows() == 2)
    folds.times = 1
    await flow.take_in_values(3, 4, 5)
    await supervised.until(lambda: supervised.supervisor.restarts == 1)
    await supervised.until(lambda: flow.in_windows() == 5)
    await supervised.until(lambda: flow.writer.offset == flow.bus.head)
    assert await flow.stored_values() == [1, 2, 3, 4, 5]
    assert supervised.supervisor.fault is None


async def test_a_failure_in_the_middle_of_a_fold_counts_nothing_twice(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, placed = supervised.flow, Failing(monkeypatch, Windows, "_place")
    placed.times = 1
    await flow.take_in_values(1, 2)
    await supervised.until(lambda: supervised.supervisor.restarts == 1)
    await supervised.until(lambda: flow.writer.offset == flow.bus.head)
    await supervised.until(lambda: flow.in_windows() == 2)
    assert await flow.stored_values() == [1, 2]


async def test_the_store_goes_on_without_the_windows(
    supervised: Supervised, folds: Failing, restores: Failing
) -> None:
    flow = supervised.flow
    folds.times, restores.times = 1, 1 << 30
    for value in (1, 2, 3):
        await flow.take_in_values(value)
        await supervised.until(lambda: flow.writer.offset == flow.bus.head)
    assert await flow.stored_values() == [1, 2, 3]
    assert flow.in_windows() == 0
    assert supervised.supervisor.fault is not None
    assert flow.windows.is_degraded
    changes = flow.windows.changes_since(flow.windows.position - 1)
    assert changes is not None
    assert changes[0].second.tolist() == [NOW]
    restores.times = 0
    await supervised.until(lambda: not flow.windows.is_degraded)
    assert flow.in_windows() == 3
    await supervised.until(lambda: supervised.supervisor.restarts == 1)


async def test_a_damaged_record_becomes_a_dead_letter_all_the_same(
    supervised: Supervised, folds: Failing, restores: Failing
) -> None:
    flow = supervised.flow
    folds.times, restores.times = 1, 1 << 30
    await flow.take_in_values(1)
    await flow.bus.append(b"no batch")
    await flow.take_in_values(2)
    await supervised.until(lambda: flow.writer.offset == 3)
    assert [letter.id for letter in flow.bus.dead_letters()] == [2]
    assert await flow.stored_values() == [1, 2]


async def test_a_fold_that_does_not_end_is_given_up(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, hanging = WindowWorker._increases_of, [1]

    async def increases_of(self: WindowWorker, rows: Rows) -> Rows:
        if hanging:
            hanging.clear()
            await asyncio.Event().wait()
        return await real(self, rows)

    monkeypatch.setattr(WindowWorker, "_increases_of", increases_of)
    flow = supervised.flow
    await flow.take_in_values(1, 2)
    await supervised.until(lambda: supervised.supervisor.restarts == 1)
    await supervised.until(lambda: flow.in_windows() == 2)


async def test_building_that_does_not_end_is_given_up_and_holds_nobody_up(
    flow: LogReaders, folds: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hanging(_: WindowWorker) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(WindowWorker, "catch_up", hanging)
    supervised = Supervised(flow, Patience(behind_s=0.05, pauses_s=(0.2,), build_s=0.01))
    folds.times = 1
    await flow.take_in_values(1)
    await supervised.until(lambda: flow.windows.is_degraded)
    for value in (2, 3):
        await flow.take_in_values(value)
        await supervised.until(lambda: flow.writer.offset == flow.bus.head)
    assert await flow.stored_values() == [1, 2, 3]
    assert supervised.supervisor.restarts == 0
    await supervised.close()


async def test_a_stop_ends_building_and_stores_what_the_log_holds(
    flow: LogReaders, folds: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    building = asyncio.Event()

    async def hanging(_: WindowWorker) -> None:
        building.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(WindowWorker, "catch_up", hanging)
    supervised = Supervised(flow)
    folds.times = 1
    await flow.take_in_values(1)
    await asyncio.wait_for(building.wait(), 5)
    await flow.take_in_values(2)
    supervised.supervisor.stop()
    flow.writer.stop()
    await asyncio.wait_for(supervised.tasks[1], 5)
    assert await flow.stored_values() == [1, 2]
    await supervised.close()


async def test_a_log_that_cannot_be_read_makes_the_windows_late_but_not_empty(
    supervised: Supervised,
) -> None:
    flow = supervised.flow
    await flow.take_in_values(1)
    await supervised.until(lambda: flow.in_windows() == 1)
    flow.bus.fault = "error"
    await flow.take_in_values(2)
    await supervised.until(lambda: flow.windows.is_behind)
    assert supervised.supervisor.fault is not None
    assert flow.windows.is_whole
    assert flow.in_windows() == 1
    flow.bus.fault = ""
    await supervised.until(lambda: not flow.windows.is_degraded)
    assert (flow.in_windows(), supervised.supervisor.restarts) == (2, 0)


async def test_a_log_that_is_another_servers_ends_it(
    flow: LogReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken_over(_: int) -> None:
        raise NowlineError(Code.UNAVAILABLE, "taken over")

    monkeypatch.setattr(flow.bus, "wait", taken_over)
    supervisor = WindowSupervisor(
        flow.bus, flow.store, flow.windows, flow.worker, flow.writer, AT_ONCE
    )
    with pytest.raises(NowlineError, match="taken over"):
        await asyncio.wait_for(supervisor.run(), 5)

"""The two readers of what happens go on where they were, whatever the log does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from nowline.activity.following import ActivityWriter, PresentWorker
from nowline.activity.present import Present
from nowline.bus import reading
from nowline.model.batch import Batch
from nowline.model.event import Event, Happened
from nowline.model.query import DAY_MS
from nowline.store.activity import Filter
from nowline.store.activity_sqlite import SqliteActivity
from personas import SetClock
from polling import eventually_async
from unreadable_log import UnreadableLog

NOW = 1_800_000_000_000
ALL = Filter(0, 2 * NOW)


class FailingPresent(Present):
    """Fails when told, with half of its work done."""

    fails = False

    def count(self, events: Iterable[Event]) -> None:
        super().count(events)
        if self.fails:
            raise ValueError("counted in part")


def made(number: int) -> Happened:
    """One sign-in."""
    return Happened([Event("USER_LOGIN", NOW, f"e{number}")], [number])


def record(number: int) -> bytes:
    """What the log has of it."""
    nothing = np.zeros(0)
    columns = nothing.astype(np.uint32), nothing.astype(np.int64), nothing
    return Batch([], [], *columns, NOW, activity=made(number).encode()).encode()


@pytest.mark.parametrize("fault", ["empty", "error"])
async def test_what_cannot_be_read_now_is_counted_and_kept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(reading, "AGAIN_S", 0.01)
    bus = await UnreadableLog.open(tmp_path / "log.sqlite")
    assert isinstance(bus, UnreadableLog)
    store = await SqliteActivity.open(tmp_path / "activity.sqlite", DAY_MS * 100_000)
    clock = SetClock(NOW)
    present = Present(clock)
    counting, writer = PresentWorker(bus, present, clock), ActivityWriter(bus, store, clock, print)
    told: list[str] = []

    async def tell(events: Sequence[Event]) -> None:
        told.extend(event.event_id for event in events)

    counting.on_added(tell)
    working = [asyncio.create_task(part.run()) for part in (counting, writer)]
    bus.fault = fault
    for number in range(3):
        await bus.append(record(number))

    async def has_tried() -> bool:
        return bus.reads > 3

    assert await eventually_async(has_tried)
    bus.fault = ""

    async def is_done() -> bool:
        return counting.offset == writer.offset == 3

    assert await eventually_async(is_done)
    assert present.stats(ZoneInfo("UTC")).logins_per_hour == 3
    assert told == ["e0", "e1", "e2"]
    assert len(await store.page(ALL, 10)) == 3
    working[0].cancel()
    writer.stop()
    await asyncio.wait(working)
    await store.close()
    await bus.close()


async def test_counting_anew_counts_everything_once_and_tells_nothing_twice(tmp_path: Path) -> None:
    bus = await UnreadableLog.open(tmp_path / "log.sqlite")
    assert isinstance(bus, UnreadableLog)
    store = await SqliteActivity.open(tmp_path / "activity.sqlite", DAY_MS * 100_000)
    clock = SetClock(NOW)
    present = FailingPresent(clock)
    counting, writer = PresentWorker(bus, present, clock), ActivityWriter(bus, store, clock, print)
    told: list[str] = []

    async def tell(events: Sequence[Event]) -> None:
        told.extend(event.event_id for event in events)

    counting.on_added(tell)

    async def count_until(offset: int) -> None:
        following = asyncio.create_task(counting.run())

        async def is_there() -> bool:
            return counting.offset >= offset or following.done()

        assert await eventually_async(is_there)
        following.cancel()
        await asyncio.wait({following})
        if not following.cancelled() and (error := following.exception()):
            raise error

    for number in range(3):
        await bus.append(record(number))
    await count_until(3)
    await bus.append(record(3))
    present.fails = True
    with pytest.raises(ValueError, match="counted in part"):
        await count_until(4)
    present.fails = False
    # The store has one of them; the log has the others.
    await store.append(made(0), bus.id, 1, NOW)
    await writer._resume()
    async with writer.at_rest():
        await counting.restore(store, writer.offset)
    await count_until(4)
    assert present.stats(ZoneInfo("UTC")).logins_per_hour == 4
    assert told == ["e0", "e1", "e2", "e3"]
    await store.close()
    await bus.close()


async def test_nothing_is_kept_while_the_writer_is_at_rest(tmp_path: Path) -> None:
    bus = await UnreadableLog.open(tmp_path / "log.sqlite")
    store = await SqliteActivity.open(tmp_path / "activity.sqlite", DAY_MS * 100_000)
    writer = ActivityWriter(bus, store, SetClock(NOW), print)
    await bus.append(record(0))
    async with writer.at_rest():
        keeping = asyncio.create_task(writer.start())
        await asyncio.wait({keeping}, timeout=0.05)
        assert (writer.offset, len(await store.page(ALL, 10))) == (0, 0)
    await keeping
    assert (writer.offset, len(await store.page(ALL, 10))) == (1, 1)
    await store.close()
    await bus.close()

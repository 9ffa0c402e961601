"""The two readers of what happens go on where they were, whatever the log does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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


def record(number: int) -> bytes:
    """What the log has of one sign-in."""
    nothing = np.zeros(0)
    columns = nothing.astype(np.uint32), nothing.astype(np.int64), nothing
    happened = Happened([Event("USER_LOGIN", NOW, f"e{number}")], [number])
    return Batch([], [], *columns, NOW, activity=happened.encode()).encode()


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

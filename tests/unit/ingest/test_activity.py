"""Events are kept once, and what they yield with them, whoever gives up when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from cancelling import give_up
from nowline.ingest.activity import Activity
from nowline.ingest.masking import Masker
from nowline.ingest.repeated_events import Repeats
from nowline.ingest.rows import Row
from nowline.model.event import Happened
from nowline.store.activity_sqlite import SqliteActivity
from once_world import KEEP_MS, NOW, World
from personas import SetClock


class Door(World):
    """A world with a door for events."""

    async def start(self) -> None:
        await super().start()
        self.events = await SqliteActivity.open(self.folder / "activity.sqlite", KEEP_MS)
        self.repeats = Repeats(self.events)
        masker = Masker(b"a secret of this server, long enough")
        self.activity = Activity(self.ingest, self.repeats, masker, SetClock(NOW), KEEP_MS)

    async def stop(self) -> None:
        await self.events.close()
        await super().stop()

    async def kept(self) -> list[str]:
        """The ids of the events in the log, in their order."""
        told = [Happened.decode(batch.activity) for batch in await self.batches() if batch.activity]
        return [event.event_id for happened in told for event in happened.events]


def rows(*ids: str) -> list[Row]:
    sent = [{"event_type": "USER_LOGIN", "event_id": each, "timestamp": NOW} for each in ids]
    return list(enumerate(map(msgspec.json.encode, sent)))


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    made = Door(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_who_gives_up_wherever_that_is_may_send_again(door: Door) -> None:
    waits = 0
    while await give_up(door.activity.take_events(rows(f"a{waits}", f"b{waits}")), waits):
        outcome = await door.activity.take_events(rows(f"a{waits}", f"b{waits}"))
        assert outcome.accepted == 2
        waits += 1
    assert waits > 1
    assert await door.kept() == [f"{name}{at}" for at in range(waits + 1) for name in "ab"]
    assert sum(batch.value.sum() for batch in await door.batches()) == 2 * (waits + 1)

"""The way of what people do: in, through the log, into memory and the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from nowline.activity.following import ActivityWriter, PresentWorker
from nowline.activity.history import History
from nowline.activity.present import Present
from nowline.activity.rooms import told, told_stats
from nowline.app.background import Persistence, background, die_with
from nowline.app.flow import Flow
from nowline.app.opening import ms
from nowline.clock import Clock
from nowline.config import Settings, signing_key
from nowline.ingest.activity import Activity
from nowline.ingest.masking import Masker
from nowline.ingest.repeated_events import Repeats
from nowline.live.rooms import Rooms
from nowline.model.event import Event
from nowline.rollup.upkeep import Upkeep
from nowline.store.activity import ActivityStore


@dataclass(frozen=True, slots=True)
class Acts:
    """The way of what people do: in, through the log, into memory and the store, out to viewers."""

    store: ActivityStore
    activity: Activity
    present: Present
    history: History
    rooms: Rooms
    worker: PresentWorker
    writer: ActivityWriter
    upkeep: Upkeep
    persistence: Persistence

    @classmethod
    async def open(cls, flow: Flow, store: ActivityStore, clock: Clock, settings: Settings) -> Acts:
        """Put the parts together, and bring them to where the log is."""
        masker = Masker(signing_key(settings), settings.mask)
        repeats = Repeats(store)
        writer = ActivityWriter(flow.bus, store, clock, repeats.forget)
        await writer.start()
        present = Present(clock)
        worker = PresentWorker(flow.bus, present, clock)
        await worker.restore(store, writer.offset)
        rooms = Rooms(lambda zone: told_stats(present.stats(zone)))

        async def tell(events: Sequence[Event]) -> None:
            await rooms.publish(map(told, events))

        worker.on_added(tell)
        keep_ms = ms(settings.activity_retention)
        return cls(
            store=store,
            activity=Activity(flow.ingest, repeats, masker, clock, keep_ms),
            present=present,
            history=History(store, clock, masker.text),
            rooms=rooms,
            worker=worker,
            writer=writer,
            upkeep=Upkeep(store, clock),
            persistence=Persistence(),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the log; on the way out, keep what it holds."""
        storing = asyncio.create_task(self.writer.run())
        storing.add_done_callback(die_with)
        counting = self.persistence.keep("activity", self.worker.run, self._count_anew)
        telling = self.persistence.keep("rooms", self.rooms.run)
        async with background(counting, telling, self.upkeep.run()):
            yield
            self.writer.stop()
            await storing

    async def _count_anew(self) -> None:
        """Count from what the store has, which nothing is added to meanwhile."""
        async with self.writer.at_rest():
            await self.worker.restore(self.store, self.writer.offset)

"""Two readers of the log: one counts what happens, the other keeps it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from nowline.activity.present import MOST_RECENT, REACHES_MS, RECENT_MS, Present
from nowline.bus.base import Log, Record
from nowline.bus.reading import next_records
from nowline.clock import Clock
from nowline.model.batch import CorruptBatchError, activity_of
from nowline.model.event import CorruptEventsError, Event, Happened
from nowline.model.query import MOST_AHEAD_MS
from nowline.store.activity import ActivityStore, Filter

ACTIVITY_GROUP = "activity"
_READ_BYTES = 8 << 20
# Events are to be found within a second; a commit for each would be slower.
_GATHER_S = 0.1
_RETRY_S = (2, 4, 8)

Tell = Callable[[Sequence[Event]], Awaitable[None]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of the log.

    Attributes:
        happened: All of it, in order.
        offset: Of the last record.
    """

    happened: Happened
    offset: int


class PresentWorker:
    """Counts what happens.

    Args:
        bus: The log.
        present: Holds and counts.
        clock: Tells how far back there is anything to count.
    """

    def __init__(self, bus: Log, present: Present, clock: Clock) -> None:
        self._bus = bus
        self._present = present
        self._clock = clock
        self._tell: Tell | None = None
        self._told = 0
        self.offset = 0

    def on_added(self, tell: Tell) -> None:
        """Have what happens told on: all of it once, in order, after it was counted."""
        self._tell = tell

    async def restore(self, store: ActivityStore, offset: int) -> None:
        """Start from what the store has: the log up to this offset.

        What was told on before is not told again.
        """
        now, present = self._clock.now_ms(), Present(self._clock)
        everything = Filter(0, now + MOST_AHEAD_MS + 1)
        newest = await store.page(everything, MOST_RECENT)
        present.hold(stored.event for stored in reversed(newest))
        for kind, reach in REACHES_MS.items():
            present.count(
                each
                for each in await store.since(now - reach, [kind])
                if each.time <= now - RECENT_MS
            )
        present.count(await store.since(now - RECENT_MS + 1))
        self._present.become(present)
        self.offset = offset
        self._told = max(self._told, offset)

    async def run(self) -> None:
        """Follow the log until cancelled."""
        while True:
            records = await next_records(self._bus, self.offset, _READ_BYTES)
            read = _made_of(records)
            if read is not None:
                self._present.add(read.happened.events)
                self.offset = read.offset
                await self._tell_on([each for each in records if each.offset > self._told])

    async def _tell_on(self, records: Sequence[Record]) -> None:
        """Tell what is new; where that fails, those who listen miss it, and the counters stand."""
        news = _made_of(records)
        if news is None:
            return
        self._told = news.offset
        if self._tell is not None:
            await self._tell(news.happened.events)


class ActivityWriter:
    """Keeps what happens.

    Args:
        bus: The log, which has everything until it is in the store.
        store: Where it is kept.
        clock: Tells when it came in.
        on_stored: Told the log's offset up to which the store has everything.
    """

    def __init__(
        self, bus: Log, store: ActivityStore, clock: Clock, on_stored: Callable[[int], None]
    ) -> None:
        self._bus = bus
        self._store = store
        self._clock = clock
        self._on_stored = on_stored
        self._appending = asyncio.Lock()
        self._stopping = asyncio.Event()
        self.offset = 0
        self.failures = 0

    @contextlib.asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Keep nothing meanwhile: the store has everything up to `offset`, and nothing more."""
        async with self._appending:
            yield

    async def start(self) -> None:
        """Keep what the log has that the store has not."""
        await self._resume()
        while await self._flush():
            pass

    async def run(self) -> None:
        """Follow the log until `stop`."""
        while not self._stopping.is_set():
            await self._until(self._bus.wait(self.offset))
            await self._until(asyncio.sleep(_GATHER_S))
            try:
                if self.failures:
                    await self._resume()
                while await self._flush():
                    pass
                self.failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the log has the events
                self.failures += 1
                log.warning("Events could not be kept, failure %d: %s", self.failures, error)
                await self._until(asyncio.sleep(_RETRY_S[min(self.failures, len(_RETRY_S)) - 1]))

    def stop(self) -> None:
        """Let `run` return after one more look at the log."""
        self._stopping.set()

    async def _resume(self) -> None:
        """Go on from where the store is: what failed may have been kept all the same."""
        self.offset = await self._store.offset(self._bus.id)
        self._on_stored(self.offset)
        await self._bus.commit(ACTIVITY_GROUP, self.offset)

    async def _flush(self) -> bool:
        """Keep what comes next in the log; False if there is nothing."""
        async with self._appending:
            return await self._flush_once()

    async def _flush_once(self) -> bool:
        read = _made_of(await self._bus.read(self.offset, _READ_BYTES))
        if read is None:
            return False
        if read.happened.events or read.happened.keys:
            now = self._clock.now_ms()
            await self._store.append(read.happened, self._bus.id, read.offset, now)
        self.offset = read.offset
        self._on_stored(read.offset)
        await self._bus.commit(ACTIVITY_GROUP, read.offset)
        return True

    async def _until(self, wait: Awaitable[None]) -> None:
        """Wait for this, or for `stop`."""
        tasks = {asyncio.ensure_future(wait), asyncio.ensure_future(self._stopping.wait())}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


def _made_of(records: Sequence[Record]) -> _Read | None:
    if not records:
        return None
    parts = [part for record in records if (part := _happened(record)) is not None]
    events = [event for part in parts for event in part.events]
    keys = [key for part in parts for key in part.keys]
    return _Read(Happened(events, keys), records[-1].offset)


def _happened(record: Record) -> Happened | None:
    try:
        raw = activity_of(record.blob)
        return Happened.decode(raw) if raw else None
    except (CorruptBatchError, CorruptEventsError) as error:
        # Of a damaged record, the store's writer makes a dead letter.
        log.warning("Record %d of the log is passed over: %s", record.offset, error)
        return None

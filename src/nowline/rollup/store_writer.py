"""Writes the log's rows to the store, and has the windows forget what is safe there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from nowline.bus.base import Log
from nowline.bus.reading import records_now
from nowline.clock import Clock
from nowline.model.query import MINUTE_MS, SECOND_MS
from nowline.rollup.increases import Increases
from nowline.rollup.intake import Fault, take_in
from nowline.rollup.revision import concatenate, empty, since
from nowline.rollup.window import Windows
from nowline.store.base import Append, Rows, Store
from nowline.store.catalogue import Catalogue, Metric, NewSeries

STORE_GROUP = "store"
# A little over the five minutes that a page shows by default, so that its first picture and
# every late row on it come from memory.
_WINDOW_MS = 330 * SECOND_MS
# A reader that was gone for 60 s must still get every change.
_CHANGES_MS = 90 * SECOND_MS
# About 130 MB; beyond it the windows reach back less far.
_MOST_CELLS = 2_000_000
_FEWEST_SECONDS_MS = 5 * SECOND_MS
# Rows take five to fifteen bytes there.
_READ_BYTES = 2 << 20
_MOST_ROWS = 400_000
# Rows become visible to queries from the windows at once; the store may gather this long.
_GATHER_S = 0.5
_LATENESS_MS = 5 * SECOND_MS
_RETRY_S = (2, 4, 8)
_DRAIN_S = 0.02
_DRAIN_TRIES = 100

log = logging.getLogger(__name__)


class StoreWriter:
    """Appends the log's rows to the store, and forgets windows that are safe there.

    The rows are those that the windows were folded from, so that the log is read once. It keeps
    its records until the store has them on disk. While the windows hold nothing, it reads the log
    by itself. A record that is damaged, or that the store
    refuses again and again while it takes others, is read again, and becomes a dead letter.
    """

    def __init__(
        self,
        bus: Log,
        store: Store,
        catalogue: Catalogue,
        windows: Windows,
        increases: Increases,
        clock: Clock,
    ) -> None:
        self._bus = bus
        self._store = store
        self._catalogue = catalogue
        self._windows = windows
        self._increases = increases
        self._clock = clock
        self._gathered: Append | None = None
        self._complete: Append | None = None
        self._faults: list[Fault] = []
        self._refused: dict[int, str] = {}
        self._alone_until = 0
        self._unsaved: tuple[list[Metric], list[NewSeries]] = ([], [])
        self._closed_before = 0
        self._durable = 0
        self._received_ms = 0
        self._appending = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._error: Exception = RuntimeError()
        self.offset = 0
        self.failures = 0

    @property
    def has_unburied(self) -> bool:
        """Whether records wait for becoming dead letters: it goes on with nothing before that."""
        return bool(self._faults)

    async def start(self) -> None:
        """Find out how far this log is on disk."""
        self.offset = await self._store.offset(self._bus.id)
        await self._bus.commit(STORE_GROUP, self.offset)

    def restore(self, rows: Rows, start: int) -> None:
        """Start from what the store holds: its rows of `start` and later."""
        self._increases.restore(rows, start)

    async def run(self) -> None:
        """Follow the log until `stop`."""
        while not self._stopping.is_set():
            await self._either(self._bus.wait(self.offset))
            await self._either(asyncio.sleep(_GATHER_S))
            await self.flush()
        await self._drain(self._bus.head)
        await self._save_seen()

    def stop(self) -> None:
        """Let `run` return after one more flush."""
        self._stopping.set()

    async def flush(self) -> None:
        """Append everything that the windows have.

        The store is never ahead of them: what it tells the other reader of the log about samples
        is then nothing that this one has yet to read.
        """
        while await self._flush_once():
            pass
        self._forget()

    async def _flush_once(self) -> bool:
        """Append what comes next; False if that is nothing, or the server stops."""
        async with self._appending:
            gathered = await self._gather()
            if not gathered or not await self._until_done(partial(self._append, gathered)):
                return False
            await self._bus.commit(STORE_GROUP, self._durable)
            return True

    @contextlib.asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Append nothing meanwhile: the store has everything up to `offset`, and nothing more."""
        async with self._appending:
            yield

    async def _drain(self, offset: int) -> None:
        """Append up to this offset, if the windows get there soon; else the log keeps the rest."""
        for _ in range(_DRAIN_TRIES):
            if self.failures or self.offset >= offset:
                return
            await asyncio.sleep(_DRAIN_S)
            await self.flush()

    async def _either(self, wait: Coroutine[Any, Any, None]) -> None:
        """Wait for the given coroutine or for `stop`, whichever is first."""
        tasks = {asyncio.create_task(wait), asyncio.create_task(self._stopped())}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    async def _stopped(self) -> None:
        await self._stopping.wait()

    async def _until_done(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do it, however often it takes; False when it failed and the server stops."""
        while not await self._try(work):
            if self._stopping.is_set():
                return False
            if await self._set_apart():
                return True
            delay = _RETRY_S[min(self.failures, len(_RETRY_S)) - 1]
            await self._either(asyncio.sleep(delay))
        return True

    async def _try(self, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows stay in the log
            self.failures += 1
            self._error = error
            log.warning("The store refused an append, failure %d: %s", self.failures, error)
            return False
        self.failures = 0
        return True

    async def _set_apart(self) -> bool:
        """Read what failed again: each record by itself, or without the one that is at fault.

        Returns:
            False if the store, and not one of the records, may be what is at fault.
        """
        gathered = self._gathered
        if gathered is None or not self._is_of_the_rows(gathered):
            return False
        if not await self._try(self._start_again):
            return False
        if gathered.offset <= self._alone_until:
            self._refused[gathered.offset] = f"the store refused it: {self._error}"
        self._alone_until = max(self._alone_until, gathered.offset)
        self._gathered = self._complete = None
        self._unsaved = gathered.metrics, gathered.series
        return True

    async def _start_again(self) -> None:
        """See that the store takes appends, and forget rows that it was not given after all."""
        offset, closed = self.offset, self._closed_before
        await self._store.append(Append(empty(), [], [], self._bus.id, offset, closed))
        start = self._windows.start if self._windows.is_whole else self.window_start()
        self._increases.start_again(await self._store.rows_since(start), start)

    def _is_of_the_rows(self, gathered: Append) -> bool:
        has_tried = self.failures > len(_RETRY_S) or gathered.offset <= self._alone_until
        return has_tried and len(gathered.rows.time) > 0 and self._store.blames_rows(self._error)

    async def _save_seen(self) -> None:
        """Write when the metrics were seen last, which appends do only once a minute."""
        if self.failures:
            return
        metrics, series = self._take_unsaved(with_seen=True)
        closed = self._closed_before
        append = Append(empty(), metrics, series, self._bus.id, self.offset, closed)
        await self._try(partial(self._finish, append))

    async def _finish(self, append: Append) -> None:
        """The last append: nothing of the log has to be read again at the next start."""
        await self._store.append(append)
        await self._bus.commit(STORE_GROUP, await self._store.flush())

    async def _gather(self) -> Append | None:
        """The samples to append next, which stay the same until that is done."""
        if self._gathered:
            return self._gathered
        if self._reach() <= self.offset:
            return None
        found = await self._next_rows()
        if found is None:
            return None
        rows, offset = found
        closed = (self._clock.now_ms() - _LATENESS_MS) // MINUTE_MS * MINUTE_MS
        metrics, new = self._take_unsaved(with_seen=closed > self._closed_before)
        self._closed_before = closed
        self._gathered = Append(rows, metrics, new, self._bus.id, offset, closed)
        return self._gathered

    def _reach(self) -> int:
        """Up to where in the log rows may be stored."""
        return self._windows.offset if self._windows.is_whole else self._bus.head

    async def _next_rows(self) -> tuple[Rows, int] | None:
        """The rows that come next, and up to where in the log they are all.

        The log is read for them only where a record is to be set apart, or the windows have
        none; None if it cannot be read now.
        """
        is_alone = self.offset < self._alone_until
        if self._windows.is_whole and not is_alone and not self._windows.gaps:
            return self._windows.unstored(self.offset, _MOST_ROWS)
        read = await records_now(self._bus, self.offset, 1 if is_alone else _READ_BYTES)
        records = [record for record in read if record.offset <= self._reach()]
        if not records:
            return None
        taken = take_in(records, self._catalogue, self._refused)
        self._faults = taken.faults
        self._received_ms = taken.received_ms
        return taken.rows, records[-1].offset

    def _take_unsaved(self, *, with_seen: bool) -> tuple[list[Metric], list[NewSeries]]:
        """What is new in the catalogue, and what was in an append that was given up."""
        metrics, new = self._catalogue.take_unsaved(with_seen=with_seen)
        before, series = self._unsaved
        self._unsaved = [], []
        return list({metric.name: metric for metric in (*before, *metrics)}.values()), series + new

    async def _append(self, gathered: Append) -> None:
        """Append with increases, which another attempt does not work out again."""
        await self._bury()
        if self._complete is None:
            rows = concatenate(gathered.rows, await self._increases.of(gathered.rows))
            self._complete = replace(gathered, rows=rows)
        self._durable = await self._store.append(self._complete)
        self.offset = gathered.offset
        self._catalogue.count_overflow(gathered.rows.series)
        if self._windows.is_whole:
            increases = since(self._complete.rows, len(gathered.rows.time))
            self._windows.revise(increases, self.offset)
        else:
            self._windows.pass_over(self._complete.rows, self._received_ms, self.offset)
        self._gathered = self._complete = None
        self._refused.clear()
        # At once: who asks from now on is to know of the late rows that are stored.
        self._forget()

    async def _bury(self) -> None:
        """Keep the records that cannot be taken in: before the store is said to be past them."""
        while self._faults:
            fault = self._faults[0]
            letter = fault.letter(STORE_GROUP, self._clock.now_ms())
            await self._bus.bury(letter, fault.blob)
            log.error("Record %d of the log is a dead letter now: %s", letter.id, letter.reason)
            self._faults.pop(0)

    def window_start(self) -> int:
        """From which second on windows that start now are to hold every row."""
        return window_start(self._clock.now_ms())

    def _forget(self) -> None:
        now = self._clock.now_ms()
        reach = _WINDOW_MS
        if self._windows.cells > _MOST_CELLS:
            reach = max(_FEWEST_SECONDS_MS, (now - self._windows.start) // 2)
        before = (now - reach) // SECOND_MS * SECOND_MS
        self._windows.forget(before, now - _CHANGES_MS, self.offset)


def window_start(now_ms: int) -> int:
    """From which second on the windows hold every row when the server starts now."""
    return (now_ms - _WINDOW_MS) // SECOND_MS * SECOND_MS

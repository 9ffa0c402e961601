"""Folds what comes into the log into the open windows, and tells who waits for news."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from nowline.bus.base import Log, Record
from nowline.bus.reading import next_records
from nowline.rollup.increases import Increases
from nowline.rollup.intake import take_in
from nowline.rollup.revision import since
from nowline.rollup.window import Windows
from nowline.store.base import Rows
from nowline.store.catalogue import Catalogue

# Rows take five to fifteen bytes there.
_READ_BYTES = 2 << 20
# A fold costs much the same for one row as for hundreds: under many small appends it takes no more
# than a tenth of the time, and what comes meanwhile is folded together.
_REST_SHARE = 9
_LONGEST_REST_S = 0.01

# Folded in a few milliseconds.
_PIECE_ROWS = 50_000

log = logging.getLogger(__name__)


class WindowWorker:
    """Folds every batch of the log into the windows and tells who waits for news."""

    def __init__(
        self, bus: Log, catalogue: Catalogue, windows: Windows, increases: Increases
    ) -> None:
        self._bus = bus
        self._catalogue = catalogue
        self._windows = windows
        self._increases = increases
        self._listeners: list[Callable[[], None]] = []
        self._resting: asyncio.Future[None] | None = None
        self._asking: list[asyncio.Future[None]] = []
        self.is_folding = False

    @property
    def offset(self) -> int:
        """How far it has read the log."""
        return self._windows.offset

    def on_fold(self, listener: Callable[[], None]) -> None:
        """Call the listener after rows were folded in."""
        self._listeners.append(listener)

    def restore(self, rows: Rows, offset: int) -> None:
        """Start from what the store holds: its newest rows, and the log up to `offset`."""
        self._windows.restore(rows.series, rows.time, rows.value)
        self._increases.restore(rows, self._windows.start)
        self._windows.offset = offset

    async def start_again(self, rows: Rows, start: int, offset: int) -> None:
        """As `restore`, but forget first what is known: it may be wrong.

        The server goes on meanwhile, so that it is done piece by piece.
        """
        self._windows.start_again(start, offset)
        for first in range(0, max(len(rows.time), 1), _PIECE_ROWS):
            piece = since(rows, first, _PIECE_ROWS)
            self._windows.restore(piece.series, piece.time, piece.value)
            await asyncio.sleep(0)
        await asyncio.to_thread(self._increases.start_again, rows, start)

    async def catch_up(self) -> None:
        """Fold in everything that the log holds now."""
        while records := await self._bus.read(self.offset, _READ_BYTES):
            await self._fold(records)

    def is_caught_up(self) -> bool:
        """Whether nothing waits for others to be folded with it."""
        return self._resting is None or self.offset >= self._bus.head

    async def caught_up(self) -> None:
        """Return when what only waits for others to be folded with it is folded in."""
        if self.is_caught_up():
            return
        asking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.append(asking)
        self._end_rest()
        await asking

    async def run(self) -> None:
        """Follow the log until cancelled."""
        try:
            while True:
                records = await next_records(self._bus, self.offset, _READ_BYTES)
                if records:
                    began = time.perf_counter()
                    await self._fold_and_tell(records)
                    await self._rest((time.perf_counter() - began) * _REST_SHARE)
        finally:
            self._answer()

    async def _fold_and_tell(self, records: list[Record]) -> None:
        self.is_folding = True
        try:
            await self._fold(records)
        finally:
            self.is_folding = False
        self._answer()
        for listener in self._listeners:
            listener()

    async def _rest(self, seconds: float) -> None:
        """Let rows gather for so long, or until somebody asks."""
        loop = asyncio.get_running_loop()
        self._resting = loop.create_future()
        timer = loop.call_later(min(seconds, _LONGEST_REST_S), self._end_rest)
        try:
            await self._resting
        finally:
            timer.cancel()
            self._resting = None

    def _end_rest(self) -> None:
        if self._resting is not None and not self._resting.done():
            self._resting.set_result(None)

    def _answer(self) -> None:
        """Let go on who waits in `caught_up`."""
        asking, self._asking = self._asking, []
        for each in asking:
            if not each.done():
                each.set_result(None)

    async def _fold(self, records: list[Record]) -> None:
        """Fold what was read in one go: a fold costs much the same for one row as for thousands."""
        taken = take_in(records, self._catalogue)
        rows = taken.rows
        increases = await self._increases_of(rows)
        self._windows.fold(
            rows.series,
            rows.time,
            rows.value,
            received_ms=taken.received_ms,
            offset=taken.offset,
            increases=increases,
        )
        # What could not be taken in becomes a dead letter when the other reader comes to it.
        self._windows.gaps += [fault.record.offset for fault in taken.faults]
        self._windows.offset = records[-1].offset

    async def _increases_of(self, rows: Rows) -> Rows:
        try:
            return await self._increases.of(rows)
        except Exception as error:  # noqa: BLE001 - live data goes on while the store does not
            log.warning("The store could not tell what came before some totals: %s", error)
            return self._increases.of_unknown(rows)

"""Keeps the windows going: those that fail are given up, and built anew from store and log.

Meanwhile the store takes the log's rows in by itself, and all questions are answered from it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from nowline.bus.base import Log
from nowline.errors import NowlineError
from nowline.rollup.store_writer import StoreWriter
from nowline.rollup.window import Windows
from nowline.rollup.window_worker import WindowWorker
from nowline.store.base import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits.

    Attributes:
        behind_s: Windows that are so far behind the log are not live any more; a fold that takes
            so long is given up.
        pauses_s: Before each try to build them anew; the last one for all further tries.
        calm_s: After so long without a failure the next one is the first again.
        build_s: A try that takes longer is given up.
    """

    behind_s: float = 5.0
    pauses_s: tuple[float, ...] = (1, 2, 4, 8, 16, 30)
    calm_s: float = 60.0
    build_s: float = 60.0


_PATIENCE = Patience()
# Looks within `behind_s`; that many have to see the same, so that a process that was stopped for a
# while does not take itself for stuck.
_LOOKS = 10
# Of `behind_s`: windows that were behind are live again when it is less than this.
_CAUGHT_UP = 0.2


class WindowSupervisor:
    """Runs the worker of the windows, and starts it again when it fails or stands still.

    Args:
        bus: The log.
        store: Has the rows to start from.
        windows: What is kept.
        worker: Folds the log into them.
        writer: Stores the log's rows, with the windows or without.
        patience: How long to wait.
    """

    def __init__(
        self,
        bus: Log,
        store: Store,
        windows: Windows,
        worker: WindowWorker,
        writer: StoreWriter,
        patience: Patience = _PATIENCE,
    ) -> None:
        self._bus = bus
        self._store = store
        self._windows = windows
        self._worker = worker
        self._writer = writer
        self._patience = patience
        self._failures = 0
        self._building: asyncio.Task[None] | None = None
        self.restarts = 0

    @property
    def fault(self) -> str | None:
        """What is wrong with the windows; None if they are live."""
        if not self._windows.is_whole:
            return "they failed and are built anew; live views show what the store has"
        if self._windows.is_behind:
            return "they are behind the log; live views are late"
        return None

    async def run(self) -> None:
        """Follow the log until cancelled.

        Raises:
            NowlineError: The log is not this server's any more.
        """
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            reason = await self._follow()
            if loop.time() - began > self._patience.calm_s:
                self._failures = 0
            log.error("The windows are given up: %s. The store goes on without them.", reason)
            self._windows.give_up(self._writer.offset)
            await self._rebuild()

    def stop(self) -> None:
        """Build nothing any more: the writer is to store what the log holds."""
        if self._building is not None:
            self._building.cancel()

    async def _follow(self) -> str:
        """Run the worker until it fails or stands still; returns which."""
        following = asyncio.create_task(self._worker.run())
        try:
            return await self._watch(following)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _watch(self, following: asyncio.Task[None]) -> str:
        still, offset = 0, -1
        look_s = self._patience.behind_s / _LOOKS
        while not (await asyncio.wait({following}, timeout=look_s))[0]:
            self._look_behind()
            is_still = self._worker.is_folding and self._worker.offset == offset
            still, offset = (still + 1 if is_still else 0), self._worker.offset
            if still >= _LOOKS:
                return "a fold does not end"
        return _reason(following)

    def _look_behind(self) -> None:
        """See whether the worker keeps up with the log."""
        behind_s = self._bus.waiting_s(self._worker.offset)
        limit_s = self._patience.behind_s * (_CAUGHT_UP if self._windows.is_behind else 1)
        self._windows.is_behind = behind_s > limit_s

    async def _rebuild(self) -> None:
        """Build the windows anew, however often it takes."""
        while not self._windows.is_whole:
            pauses_s = self._patience.pauses_s
            await asyncio.sleep(pauses_s[min(self._failures, len(pauses_s) - 1)])
            self._failures += 1
            self._building = asyncio.create_task(self._build())
            try:
                await self._building
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                log.warning("The windows could not be built, try %d: %r", self._failures, error)
                self._windows.give_up(self._writer.offset)
            finally:
                self._building.cancel()
        self.restarts += 1
        log.warning("The windows are live again, after %d tries.", self._failures)

    async def _build(self) -> None:
        """Start from what the store holds, then fold what the log has beyond that."""
        async with self._writer.at_rest(), asyncio.timeout(self._patience.build_s):
            start = max(self._writer.window_start(), self._windows.settled)
            rows = await self._store.rows_since(start)
            await self._worker.start_again(rows, start, self._writer.offset)
            await self._worker.catch_up()
            self._windows.is_behind = False
            self._windows.resume()


def _reason(ended: asyncio.Task[None]) -> str:
    """Why it ended.

    Raises:
        NowlineError: The log cannot be followed any more, whatever is tried.
    """
    error = ended.exception()
    if error is None or isinstance(error, NowlineError) or not isinstance(error, Exception):
        raise error or RuntimeError("the worker ended by itself")
    log.error("A fold failed", exc_info=error)
    return f"{type(error).__name__}: {error}"

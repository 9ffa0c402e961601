"""Work beside the HTTP server, without which it is none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from nowline.errors import NowlineError

# Before each new try; the last one for all further tries.
_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
# After so long without a failure the next one is the first again.
_CALM_S = 60.0

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run until the block is left, then cancel; a task that dies takes the server with it."""
    tasks = [asyncio.create_task(each) for each in work]
    for task in tasks:
        task.add_done_callback(die_with)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Persistence:
    """Keeps parts of the server going that can be started again where they fail.

    Args:
        pauses_s: How long to wait before each new try; the last one for all further tries.

    Attributes:
        restarts: How often each part was started again.
        failing: Parts that wait for being started again.
    """

    def __init__(self, pauses_s: tuple[float, ...] = _PAUSES_S) -> None:
        self._pauses_s = pauses_s
        self.restarts: Counter[str] = Counter()
        self.failing: set[str] = set()

    async def keep(
        self,
        part: str,
        run: Callable[[], Awaitable[None]],
        recover: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Run a part until cancelled, however often it fails.

        Args:
            part: Its name, for the log and `/metrics`.
            run: Runs it.
            recover: Makes it fit to be run again.

        Raises:
            NowlineError: The part refuses to go on: the log is not this server's any more.
        """
        self.restarts[part] += 0
        loop, failures = asyncio.get_running_loop(), 0
        await self._until_it_fails(part, run)
        while True:
            self.failing.add(part)
            await asyncio.sleep(self._pauses_s[min(failures, len(self._pauses_s) - 1)])
            began = loop.time()
            if recover is None or await self._recovers(part, recover):
                self.restarts[part] += 1
                self.failing.discard(part)
                await self._until_it_fails(part, run)
            failures = 0 if loop.time() - began > _CALM_S else failures + 1

    @staticmethod
    async def _until_it_fails(part: str, run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except NowlineError:
            raise
        except Exception:
            log.exception("A part of the server failed and is started again: %s", part)

    @staticmethod
    async def _recovers(part: str, recover: Callable[[], Awaitable[None]]) -> bool:
        try:
            await recover()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            log.warning("A part of the server could not be started again: %s: %r", part, error)
            return False
        return True


def die_with(task: asyncio.Task[None]) -> None:
    """Stop the server where this ended by an error: half of one is worse than none."""
    if not task.cancelled() and task.exception():
        log.critical("A part of the server died; stopping.", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)

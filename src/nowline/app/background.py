"""Work beside the HTTP server, without which it is none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Coroutine
from typing import Any

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


def die_with(task: asyncio.Task[None]) -> None:
    """Stop the server where this ended by an error: half of one is worse than none."""
    if not task.cancelled() and task.exception():
        log.critical("A part of the server died; stopping.", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)

"""Work in threads that the event loop waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


async def run(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Do it in one of these threads."""
    return await asyncio.get_running_loop().run_in_executor(pool, work)


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Its result; who gives up waits for its end all the same, so that it is not done by halves."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise

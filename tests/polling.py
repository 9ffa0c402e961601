"""Waiting for what another process does, up to a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], *, within_s: float = 10) -> T:
    """The first true result of `check`; its last one when the time is up."""
    deadline = time.monotonic() + within_s
    while not (result := check()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return result


async def eventually_async(check: Callable[[], Awaitable[T]], *, within_s: float = 10) -> T:
    """The same for a check that has to be awaited."""
    deadline = time.monotonic() + within_s
    while not (result := await check()) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return result

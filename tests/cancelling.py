"""Gives a coroutine up at any of the places where it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any


@coroutine
def _given_up(work: Coroutine[Any, Any, Any], waits: int) -> Generator[Any, Any, bool]:
    try:
        awaited = work.send(None)
        for _ in range(waits):
            yield awaited
            awaited = work.send(None)
    except StopIteration:
        return False
    try:
        work.throw(asyncio.CancelledError())
    except asyncio.CancelledError:
        return True
    raise AssertionError("it goes on although it was cancelled")


async def give_up(work: Coroutine[Any, Any, Any], waits: int) -> bool:
    """Run it until it has waited so many times, and cancel it as it begins to wait again.

    Returns:
        False if it came to its end before.
    """
    return await _given_up(work, waits)

"""Work on many rows, beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# Rows that NumPy sorts in about 10 ms.
_MANY = 50_000


async def beside(rows: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of pure work on that many rows: of few at once, of many in a thread."""
    if rows < _MANY:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)

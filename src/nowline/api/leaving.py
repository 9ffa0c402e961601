"""Work that ends when the client that asked for it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from litestar import Request

from nowline.errors import Code, NowlineError

T = TypeVar("T")


async def while_there(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, which is cancelled when the client hangs up.

    Raises:
        NowlineError: The client is gone; nobody will read what it is told.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise NowlineError(Code.UNAVAILABLE, "The client has left.")
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()


async def _gone(request: Request[Any, Any, Any]) -> None:
    """Wait for the end of the connection; the body has been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass

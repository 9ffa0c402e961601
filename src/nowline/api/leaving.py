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
    leaving = asyncio.create_task(_gone(request))
    end = _EndOfTask()
    leaving.add_done_callback(end)
    try:
        return await work
    except asyncio.CancelledError as error:
        if end.is_only_reason():
            raise NowlineError(Code.UNAVAILABLE, "The client has left.") from error
        raise
    finally:
        end.forget()
        leaving.cancel()


class _EndOfTask:
    """Cancels the task that makes it, when another one is done."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._has_come = False

    def __call__(self, _: asyncio.Task[None]) -> None:
        """Cancel it, if it was not forgotten since the other one ended."""
        if self._task is not None:
            self._has_come = self._task.cancel()

    def forget(self) -> None:
        """Let the task be from now on."""
        self._task = None

    def is_only_reason(self) -> bool:
        """Whether nobody else has cancelled it; if so, it goes on."""
        return self._has_come and self._task is not None and self._task.uncancel() == 0


async def _gone(request: Request[Any, Any, Any]) -> None:
    """Wait for the end of the connection; the body has been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass

"""Work that ends when the client that asked for it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from litestar import Request

from nowline.errors import Code, NowlineError

T = TypeVar("T")

_SOON_S = 0.02


async def while_there(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, which is cancelled when the client hangs up.

    Raises:
        NowlineError: The client is gone; nobody will read what it is told.
    """
    watch = _Watch(request)
    try:
        return await work
    except asyncio.CancelledError as error:
        if watch.is_only_reason():
            raise NowlineError(Code.UNAVAILABLE, "The client has left.") from error
        raise
    finally:
        watch.end()


class _Watch:
    """Cancels the task that makes it when the client leaves, from a little later on.

    Most work is done before then: to watch costs more than some of it takes.
    """

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._task = asyncio.current_task()
        self._request = request
        self._begin = asyncio.get_running_loop().call_later(_SOON_S, self._watch)
        self._leaving: asyncio.Task[None] | None = None
        self._has_come = False

    def end(self) -> None:
        """Let the task be from now on."""
        self._task = None
        self._begin.cancel()
        if self._leaving is not None:
            self._leaving.cancel()

    def is_only_reason(self) -> bool:
        """Whether nobody else has cancelled it; if so, it goes on."""
        return self._has_come and self._task is not None and self._task.uncancel() == 0

    def _watch(self) -> None:
        self._leaving = asyncio.create_task(_gone(self._request))
        self._leaving.add_done_callback(self._cancel)

    def _cancel(self, _: asyncio.Task[None]) -> None:
        """Cancel it, if the watch has not ended since the client left."""
        if self._task is not None:
            self._has_come = self._task.cancel()


async def _gone(request: Request[Any, Any, Any]) -> None:
    """Wait for the end of the connection; the body has been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass

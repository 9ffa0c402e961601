"""Lets a few begin at a time when thousands come at once, so that others are served in between."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """So many begin in each round of the event loop; who comes later waits, in order.

    Args:
        at_once: How many.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = self._left = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_counting(self) -> bool:
        """Whether somebody began in this round."""
        return self._left < self._at_once

    async def take(self) -> None:
        """Wait for a turn."""
        loop = asyncio.get_running_loop()
        if not self.is_counting:
            loop.call_soon(self._next_round)
        if self._left:
            self._left -= 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next_round(self) -> None:
        self._left = self._at_once
        while self._left and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        if self.is_counting:
            asyncio.get_running_loop().call_soon(self._next_round)

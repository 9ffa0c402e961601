"""Lets a few begin at a time when thousands come at once, so that others are served in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

# Of so many turns one is a newcomer's, however many have begun already. A dashboard takes about as
# many: then hardly more begin than are done.
_NEWCOMERS = 24


class Turns:
    """So many begin in each round of the event loop; who comes later waits.

    Who has begun goes first. A viewer that has everything it asked for is told the same as others,
    at next to no cost; ten thousand that each have half of it would be told one by one.

    Args:
        at_once: How many.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = self._left = at_once
        self._newcomers: deque[asyncio.Future[None]] = deque()
        self._begun: deque[asyncio.Future[None]] = deque()
        self._given = 0

    @property
    def is_counting(self) -> bool:
        """Whether somebody began in this round."""
        return self._left < self._at_once

    async def take(self, *, has_begun: bool = False) -> None:
        """Wait for a turn.

        Args:
            has_begun: Whether this goes on with something.
        """
        if not self.take_at_once():
            await self._queued(self._begun if has_begun else self._newcomers)

    def take_at_once(self) -> bool:
        """Take a turn, if one is left in this round."""
        if not self.is_counting:
            asyncio.get_running_loop().call_soon(self._next_round)
        if not self._left:
            return False
        self._left -= 1
        return True

    def call(self, work: Callable[[], None]) -> None:
        """Do a newcomer's work at its turn: at once, or in one of the next rounds."""
        if self.take_at_once():
            work()
        else:
            self._queued(self._newcomers).add_done_callback(lambda _: work())

    def _queued(self, queue: deque[asyncio.Future[None]]) -> asyncio.Future[None]:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        return turn

    def _next_round(self) -> None:
        self._left = self._at_once
        while self._left and (turn := self._next()) is not None:
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        if self.is_counting:
            asyncio.get_running_loop().call_soon(self._next_round)

    def _next(self) -> asyncio.Future[None] | None:
        self._given += 1
        queues = (self._begun, self._newcomers)
        first, second = queues if self._given % _NEWCOMERS else reversed(queues)
        queue = first or second
        return queue.popleft() if queue else None

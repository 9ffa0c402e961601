"""Lets the event loop serve others amid work that goes on for long.

Ten thousand writes take a tenth of a second, and one of them 5 µs or 300: the clock says when it is
enough, not a count.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

LONGEST_S = 0.002
"""How long one slice holds the loop."""
# A request goes through the loop several times until it is answered. A round in which nobody has
# anything to do costs next to nothing.
_ROUNDS: Final = 3


class Slices:
    """Work that is cut by time.

    Args:
        now_s: A steady clock, in seconds. That of the loop stands still within a round.
    """

    __slots__ = ("_now_s", "_until_s")

    def __init__(self, now_s: Callable[[], float] = time.perf_counter) -> None:
        self._now_s = now_s
        self.begin()

    @property
    def is_over(self) -> bool:
        """Whether it is the others' turn."""
        return self._now_s() >= self._until_s

    def begin(self) -> None:
        """Take what comes now for the beginning of a slice."""
        self._until_s = self._now_s() + LONGEST_S

    async def rest(self) -> None:
        """Let the loop serve others, then begin the next slice."""
        await serve_others()
        self.begin()


async def serve_others() -> None:
    """Wait until the loop has served some others, a few times each."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)

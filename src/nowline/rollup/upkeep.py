"""Regular rounds of the store's upkeep, beside the writer."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from nowline.clock import Clock

_FIRST_S = 10.0
_EVERY_S = 60.0

log = logging.getLogger(__name__)


class Maintained(Protocol):
    """A store, as far as this needs it."""

    async def maintain(self, now_ms: int) -> None:
        """One round of upkeep."""
        ...


class Upkeep:
    """Has a store compact what is closed and drop what is kept no longer.

    Attributes:
        rounds: How many there were since the start.
        failures: How many of them failed.
        seconds: The time that all took.
    """

    def __init__(self, store: Maintained, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.rounds = 0
        self.failures = 0
        self.seconds = 0.0

    async def run(self, first_s: float = _FIRST_S, every_s: float = _EVERY_S) -> None:
        """Keep the store until cancelled; soon for the first time, so that a start is quick."""
        await asyncio.sleep(first_s)
        while True:
            await self.once()
            await asyncio.sleep(every_s)

    async def once(self) -> None:
        """One round; where it fails, the next one tries again."""
        started = time.perf_counter()
        try:
            await self._store.maintain(self._clock.now_ms())
        except Exception as error:  # noqa: BLE001 - rows are safe without it
            self.failures += 1
            log.warning("The store's upkeep failed, failure %d: %s", self.failures, error)
        self.rounds += 1
        self.seconds += time.perf_counter() - started

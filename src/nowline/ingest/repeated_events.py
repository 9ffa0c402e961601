"""Events that were sent before: each counts once a day, however often it is sent.

An event is known by the key of its id. Keys of what is on its way are held here; the others are
asked of the store, which has them across restarts. Who sends an event again while the first one is
on its way hears that it is safe when that is durable, and not before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nowline.errors import Code, NowlineError
from nowline.model.query import DAY_MS

_Arrival = asyncio.Future[int]


class KnownKeys(Protocol):
    """The store, as far as this needs it."""

    async def known(self, keys: Sequence[int], received_from: int) -> set[int]:
        """Which of these keys came in from then on."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """What of a batch is new; the batch must `settle` it, however it ends.

    Attributes:
        places: Of the new events.
        arrivals: By key, the end of their way.
        others: Those of events that another batch has on its way.
    """

    places: list[int]
    arrivals: dict[int, _Arrival]
    others: list[_Arrival]


class Repeats:
    """Tells new events from those that were sent before.

    Args:
        store: Knows the keys that it has.
    """

    def __init__(self, store: KnownKeys) -> None:
        self._store = store
        self._arriving: dict[int, _Arrival] = {}

    def __len__(self) -> int:
        return len(self._arriving)

    async def claim(self, keys: Sequence[int | None], now_ms: int) -> Claim:
        """Claim what is new of a batch.

        Args:
            keys: Of its events; None is always new.
            now_ms: The time; a day is looked back on.

        Raises:
            NowlineError: The store cannot tell.
        """
        first = {key: place for place, key in reversed(list(enumerate(keys))) if key is not None}
        others = [self._arriving[key] for key in first if key in self._arriving]
        mine = {key: place for key, place in first.items() if key not in self._arriving}
        loop = asyncio.get_running_loop()
        arrivals = {key: loop.create_future() for key in mine}
        self._arriving.update(arrivals)
        try:
            old = await self._store.known([*mine], now_ms - DAY_MS) if mine else set()
        except BaseException:
            self._let_go(arrivals)
            raise
        self._let_go({key: arrivals.pop(key) for key in old}, is_durable=True)
        new = {mine[key] for key in arrivals}
        places = [place for place, key in enumerate(keys) if key is None or place in new]
        return Claim(places, arrivals, others)

    def settle(self, claim: Claim, offset: int | None) -> None:
        """Say at which offset of the log the new events are durable; None if they are not."""
        if offset is None:
            self._let_go(claim.arrivals)
            return
        for arrival in claim.arrivals.values():
            arrival.set_result(offset)

    async def wait(self, claim: Claim) -> None:
        """Return once what other batches have on its way is durable.

        Raises:
            NowlineError: It did not arrive.
        """
        if claim.others:
            await asyncio.wait(claim.others)
        if any(each.cancelled() for each in claim.others):
            detail = "The same event was being taken in, and that failed. Send it again."
            raise NowlineError(Code.UNAVAILABLE, detail, retry_after_s=1)

    def forget(self, offset: int) -> None:
        """Let go of the keys of events up to this offset of the log: the store has them."""
        for key, arrival in list(self._arriving.items()):
            if arrival.done() and arrival.result() <= offset:
                del self._arriving[key]

    def _let_go(self, arrivals: dict[int, _Arrival], *, is_durable: bool = False) -> None:
        for key, arrival in arrivals.items():
            del self._arriving[key]
            if is_durable:
                arrival.set_result(0)
            else:
                arrival.cancel()

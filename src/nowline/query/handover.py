"""What engines hand over to one another, through a cache that outlives them.

It lies behind the caches in memory: what is missing there is asked for in one go, and taken into
them if it is found; what was worked out instead is handed on afterwards, beside the answers.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from nowline.query.beside import beside
from nowline.store.shared import Fetched, Name

_TTL_MS = 300_000
# To pack the columns of a row takes about as long as to sort so many rows.
_COLUMNS = 8


class Shared(Protocol):
    """A cache that outlives the server; see `nowline.store.redis.RedisCache`."""

    async def get(self, wanted: Collection[Name]) -> Fetched:
        """What is there of these."""
        ...

    def put(self, name: Name, value: bytes, stamp: bytes, ttl_ms: int) -> None:
        """Keep a value for so long."""
        ...

    def revise(self, metrics: Collection[str]) -> None:
        """Forget what is kept of metrics whose past has changed."""
        ...


class Packing(NamedTuple):
    """Work that may be done in a thread.

    Attributes:
        rows: How many rows there are to pack.
        pack: Gives the bytes; None if they would be too many.
    """

    rows: int
    pack: Callable[[], bytes | None]


class Missing(ABC):
    """Something that is not in memory, or that was not handed on for long."""

    @abstractmethod
    def name(self) -> Name:
        """What it is kept as elsewhere."""

    @abstractmethod
    def take(self, packed: bytes) -> None:
        """Keep it in memory, unless it is there or out of date by now."""

    @abstractmethod
    def packing(self) -> Packing | None:
        """How to pack it for others, None if it is not in memory or came from there."""


class Fetch(NamedTuple):
    """What was asked for, and what to hand it on with."""

    missing: Mapping[Name, Missing]
    stamps: Mapping[str, bytes]


class Handover:
    """Asks for what is missing, and hands on what was worked out.

    Args:
        shared: The cache; None if there is none.
    """

    def __init__(self, shared: Shared | None) -> None:
        self.shared = shared
        self._tasks: set[asyncio.Task[None]] = set()

    async def fetch(self, missing: Sequence[Missing]) -> Fetch:
        """Take into memory what is found of this."""
        if self.shared is None or not missing:
            return Fetch({}, {})
        named = {each.name(): each for each in missing}
        fetched = await self.shared.get(named)
        for name, packed in fetched.values.items():
            named[name].take(packed)
        return Fetch(named, fetched.stamps)

    def hand_on(self, fetch: Fetch) -> None:
        """Hand on what is in memory by now of what was asked for; nobody waits for it."""
        if self.shared is not None and fetch.stamps:
            task = asyncio.create_task(self._hand_on(self.shared, fetch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _hand_on(self, shared: Shared, fetch: Fetch) -> None:
        for name, each in fetch.missing.items():
            stamp, packing = fetch.stamps.get(name[0]), each.packing()
            if stamp is None or packing is None:
                continue
            packed = await beside(packing.rows * _COLUMNS, packing.pack)
            if packed is not None:
                shared.put(name, packed, stamp, _TTL_MS)

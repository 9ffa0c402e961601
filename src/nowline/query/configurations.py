"""What people configured, read from the documents database through memory.

A change that is made here counts at once. Others' are seen when what is kept has expired, which is
why that is soon where other servers may write to the same database.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from nowline.clock import Clock
from nowline.query.cache import Cache, Tally
from nowline.store.documents import Documents

V = TypeVar("V")

_TTL_MS = 3_600_000
_SHARED_TTL_MS = 5_000
_MOST_BYTES = 4 << 20
# Objects are about so many times as large as their JSON, and some more each.
_BYTES_A_BYTE = 4
_BYTES_AN_ENTRY = 500


class Configurations:
    """Reads and changes what the documents database holds, a kind of thing at a time.

    Args:
        documents: The database.
        clock: Tells when what is kept has expired.
    """

    def __init__(self, documents: Documents, clock: Clock) -> None:
        self._documents = documents
        self._kept: Cache[object] = Cache(clock, _MOST_BYTES)
        self._ttl_ms = _SHARED_TTL_MS if documents.is_shared else _TTL_MS

    @property
    def tally(self) -> Tally:
        """How often something was at hand."""
        return self._kept.tally

    async def read(
        self, kind: str, name: str, load: Callable[[AsyncConnection], Awaitable[V]]
    ) -> V:
        """What is kept under that name, or else what is loaded.

        Args:
            kind: The kind of thing, such as `kpis`; a change of one drops all of them.
            name: Tells it from others of its kind.
            load: Gives what nobody changes afterwards; what it raises is not kept.
        """
        key = (kind, name)
        known = self._kept.get(key, _always)
        if known is not None:
            return cast("V", known)
        revision = self._kept.revision(kind)
        async with self._documents.read() as connection:
            found = await load(connection)
        # Who was overtaken by a change has read what was there before it.
        if self._kept.revision(kind) == revision:
            self._kept.put(kind, key, found, _size(found), self._ttl_ms)
        return found

    @asynccontextmanager
    async def changing(self, kind: str) -> AsyncIterator[AsyncConnection]:
        """A transaction that changes things of a kind: what is kept of them is dropped after it."""
        try:
            async with self._documents.write() as connection:
                yield connection
        finally:
            self._kept.revise(kind)


def _always(_: object) -> bool:
    return True


def _size(found: object) -> int:
    """Bytes, about."""
    return _BYTES_AN_ENTRY + _BYTES_A_BYTE * len(msgspec.json.encode(found))

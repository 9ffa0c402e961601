"""A log whose records cannot be read for a time."""

from __future__ import annotations

import sqlite3

from nowline.bus.base import Record
from nowline.bus.embedded import EmbeddedLog


class UnreadableLog(EmbeddedLog):
    """A log that cannot be read while `fault` says so; nothing of it is in memory."""

    fault = ""
    reads = 0

    async def read(self, after: int, limit_bytes: int) -> list[Record]:
        self._tail.clear()
        return await super().read(after, limit_bytes)

    async def _fetch(self, after: int, limit_bytes: int) -> list[Record]:
        if not self.fault:
            return await super()._fetch(after, limit_bytes)
        self.reads += 1
        if self.fault == "empty":
            return []
        raise sqlite3.OperationalError("disk I/O error")

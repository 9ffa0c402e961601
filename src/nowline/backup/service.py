"""Backups of a running server, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from nowline.backup import staging
from nowline.backup.staging import Sources, Staged
from nowline.clock import Clock
from nowline.errors import Code, NowlineError
from nowline.model.user import AuditEntry, Caller
from nowline.store import audit
from nowline.store.base import Store
from nowline.store.documents import Documents


class Backups:
    """Makes backups of the server that it is part of.

    Args:
        store: The store in use.
        documents: Where the audit trail is.
        sources: The files of the server, whose lock is held.
        clock: Where the time comes from.
    """

    def __init__(self, store: Store, documents: Documents, sources: Sources, clock: Clock) -> None:
        self._store = store
        self._documents = documents
        self._sources = sources
        self._clock = clock
        self._is_busy = False
        staging.remove_left_over(sources)

    async def begin(self, by: Caller) -> Backup:
        """A backup of everything that is durable now; the caller is to `close` it.

        Raises:
            NowlineError: Another one is under way, the store is backed up in another way, or the
                copy could not be made.
        """
        if self._is_busy:
            detail = "Another backup is under way: wait for its end."
            raise NowlineError(Code.CONFLICT, detail)
        self._is_busy = True
        try:
            made = Backup(self, await self._stage(by))
        except BaseException:
            self._is_busy = False
            raise
        return made

    def end(self) -> None:
        """Let the next one begin."""
        self._is_busy = False

    async def _stage(self, by: Caller) -> Staged:
        now = self._clock.now_ms()
        name = file_name(now)
        entry = AuditEntry(now, by.name, "backup.create", name, "success", by.ip)
        staged = await staging.stage(self._sources, self._store.backup, now)
        try:
            async with self._documents.write() as connection:
                await audit.append(connection, entry)
        except BaseException:
            await asyncio.to_thread(staged.remove)
            raise
        return staged


class Backup:
    """One backup, ready to be sent."""

    def __init__(self, backups: Backups, staged: Staged) -> None:
        self._backups = backups
        self._staged = staged
        self.file_name = file_name(staged.made_at)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The archive, a megabyte at most at a time."""
        packed = self._staged.pack()
        while (piece := await asyncio.to_thread(next, packed, None)) is not None:
            yield piece

    async def close(self) -> None:
        """Delete the copy and let the next backup begin."""
        try:
            await asyncio.to_thread(self._staged.remove)
        finally:
            self._backups.end()


def file_name(made_at: int) -> str:
    """What to call a backup of that time, epoch milliseconds."""
    moment = datetime.fromtimestamp(made_at / 1000, UTC)
    return f"nowline-{moment:%Y%m%dT%H%M%SZ}.tar"

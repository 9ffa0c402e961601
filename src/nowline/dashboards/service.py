"""Dashboards: made, changed and deleted by those who may, each change with an audit entry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from uuid import uuid4

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from nowline.clock import Clock
from nowline.dashboards.content import check
from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Content, Dashboard, Version
from nowline.model.user import AuditEntry, Caller, Principal, Scope
from nowline.store import audit
from nowline.store import dashboards as store
from nowline.store.documents import Documents

MOST_OWNED = 1000
"""How many dashboards one owner may have."""
_COPY = " (copy)"
_LONGEST_NAME = 100


class Dashboards:
    """Keeps dashboards.

    A private one is not there for anybody but its owner and admins; a public one is seen by all
    and changed by the same few.

    Args:
        documents: Where they are kept.
        clock: Where the time comes from.
    """

    def __init__(self, documents: Documents, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._callbacks: list[Callable[[str], None]] = []

    def on_changed(self, callback: Callable[[str], None]) -> None:
        """Call back with the id of each dashboard that is changed or deleted here."""
        self._callbacks.append(callback)

    async def seen_by(self, principal: Principal) -> list[Dashboard]:
        """All that the principal may see, the last changed first."""
        owner_id = None if Scope.ADMIN in principal.scopes else principal.id
        async with self._documents.read() as connection:
            return await store.list_dashboards(connection, owner_id)

    async def get(self, dashboard_id: str, principal: Principal) -> Dashboard:
        """One dashboard.

        Raises:
            NowlineError: NOT_FOUND: there is none that the principal may see.
        """
        async with self._documents.read() as connection:
            return await seen(connection, dashboard_id, principal)

    async def create(self, content: Content, principal: Principal, by: Caller) -> Dashboard:
        """Make a dashboard.

        Raises:
            NowlineError: INVALID with the field at fault; CONFLICT: the principal has too many.
        """
        check(content)
        now_ms = self._clock.now_ms()
        made = Dashboard(str(uuid4()), principal.id, principal.name, 1, now_ms, now_ms, content)
        async with self._documents.write() as connection:
            if await store.count_dashboards(connection, principal.id) >= MOST_OWNED:
                detail = f"You have {MOST_OWNED} dashboards, as many as there may be."
                raise NowlineError(Code.CONFLICT, detail)
            await store.add_dashboard(connection, made)
            await self._record(connection, by, "dashboard.create", made.id)
        return made

    async def replace(
        self,
        dashboard_id: str,
        content: Content,
        principal: Principal,
        by: Caller,
        versions: Collection[int] | None = None,
    ) -> Dashboard:
        """Change a dashboard; one that is the same already stays the version that it is.

        Args:
            dashboard_id: Which.
            content: What it is to show.
            principal: Who changes it.
            by: The same, for the audit trail.
            versions: It has to be one of these; None for any.

        Raises:
            NowlineError: NOT_FOUND or FORBIDDEN; INVALID with the field at fault; STALE: it is
                none of the versions.
        """
        check(content)
        async with self._changing(dashboard_id, principal, versions) as (connection, known):
            if content == known.content:
                return known
            changed = msgspec.structs.replace(
                known,
                version=known.version + 1,
                updated_at=self._clock.now_ms(),
                content=content,
            )
            await store.replace_dashboard(connection, changed, principal.name)
            await self._record(connection, by, "dashboard.update", dashboard_id)
        self._tell(dashboard_id)
        return changed

    async def delete(
        self,
        dashboard_id: str,
        principal: Principal,
        by: Caller,
        versions: Collection[int] | None = None,
    ) -> None:
        """Delete a dashboard.

        Raises:
            NowlineError: As `replace`.
        """
        async with self._changing(dashboard_id, principal, versions) as (connection, _):
            await store.delete_dashboard(connection, dashboard_id)
            await self._record(connection, by, "dashboard.delete", dashboard_id)
        self._tell(dashboard_id)

    async def duplicate(self, dashboard_id: str, principal: Principal, by: Caller) -> Dashboard:
        """Make a private dashboard that shows the same.

        Raises:
            NowlineError: As `get` and `create`.
        """
        content = (await self.get(dashboard_id, principal)).content
        name = content.name[: _LONGEST_NAME - len(_COPY)] + _COPY
        copy = msgspec.structs.replace(content, name=name, is_public=False)
        return await self.create(copy, principal, by)

    async def versions(self, dashboard_id: str, principal: Principal) -> list[Version]:
        """What a dashboard was, the newest version first; only some of them are kept.

        Raises:
            NowlineError: As `get`.
        """
        async with self._documents.read() as connection:
            await seen(connection, dashboard_id, principal)
            return await store.list_versions(connection, dashboard_id)

    def _tell(self, dashboard_id: str) -> None:
        for callback in self._callbacks:
            callback(dashboard_id)

    @asynccontextmanager
    async def _changing(
        self, dashboard_id: str, principal: Principal, versions: Collection[int] | None
    ) -> AsyncIterator[tuple[AsyncConnection, Dashboard]]:
        """A transaction in which nobody else changes the dashboard, and what it is now."""
        async with self._documents.write() as connection:
            known = await seen(connection, dashboard_id, principal, to_change=True)
            if not known.is_changed_by(principal):
                detail = "Only its owner and admins may change this dashboard."
                raise NowlineError(Code.FORBIDDEN, detail)
            if versions is not None and known.version not in versions:
                detail = "The dashboard was changed meanwhile: get it again, and repeat the change."
                raise NowlineError(Code.STALE, detail)
            yield connection, known

    async def _record(
        self, connection: AsyncConnection, by: Caller, action: str, dashboard_id: str
    ) -> None:
        now_ms = self._clock.now_ms()
        entry = AuditEntry(now_ms, by.name, action, dashboard_id, "success", by.ip)
        await audit.append(connection, entry)


async def seen(
    connection: AsyncConnection, dashboard_id: str, principal: Principal, *, to_change: bool = False
) -> Dashboard:
    """A dashboard that the principal may see, in the caller's transaction.

    Args:
        connection: The transaction.
        dashboard_id: Which.
        principal: Who asks.
        to_change: Whether nobody else is to change it before the transaction ends.

    Raises:
        NowlineError: NOT_FOUND.
    """
    # No database is asked for what no id can be: PostgreSQL cannot even compare a NUL.
    if not dashboard_id.isprintable():
        raise store.unknown(dashboard_id)
    found = await store.get_dashboard(connection, dashboard_id, to_change=to_change)
    if not found.is_seen_by(principal):
        raise store.unknown(dashboard_id)
    return found

"""The audit trail: appended in the transaction of what it tells, read newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select

from nowline.model.user import AuditEntry
from nowline.store.tables import audit

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_TEXT_LIMIT = 254


class AuditPage(msgspec.Struct, frozen=True):
    """Some entries, newest first, and the position to read on from (None at the end)."""

    entries: list[AuditEntry]
    next_position: int | None


async def append(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Add an entry; its texts, which a stranger may have sent, are made printable and cut."""
    values = msgspec.structs.asdict(entry)
    for name in ("actor", "target"):
        values[name] = _printable(values[name])[:_TEXT_LIMIT]
    await connection.execute(insert(audit).values(values))


async def page(connection: AsyncConnection, *, before: int | None, limit: int) -> AuditPage:
    """Up to `limit` entries, newest first, older than the position `before`."""
    statement = select(audit).order_by(audit.c.id.desc()).limit(limit + 1)
    if before is not None:
        statement = statement.where(audit.c.id < before)
    rows = (await connection.execute(statement)).all()
    shown = rows[:limit]
    return AuditPage(
        [AuditEntry(*row[1:]) for row in shown],
        shown[-1].id if len(rows) > limit else None,
    )


def _printable(text: str) -> str:
    """PostgreSQL cannot store NUL, and line breaks would forge entries in an export."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)

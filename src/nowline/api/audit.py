"""The audit trail, for admins: every sign-in, and every change of users and keys."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Self

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from nowline.auth.policy import Action
from nowline.clock import rfc3339
from nowline.errors import invalid
from nowline.model.user import AuditEntry
from nowline.store import audit
from nowline.store.documents import Documents


class EntryView(msgspec.Struct):
    """One line of the trail. `at` is RFC 3339."""

    at: str
    actor: str
    action: str
    target: str
    outcome: str
    ip: str | None

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """The view of an entry."""
        return cls(**msgspec.structs.asdict(entry) | {"at": rfc3339(entry.at)})


class EntryList(msgspec.Struct):
    """Some entries, newest first, and the cursor of the ones before them."""

    entries: list[EntryView]
    next_cursor: str | None


@get("/api/v1/audit", opt={"action": Action.ADMIN}, tags=["audit"])
async def list_audit(
    documents: NamedDependency[Documents],
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
) -> EntryList:
    """Read the audit trail, newest first."""
    before = None if cursor is None else _position(cursor)
    async with documents.read() as connection:
        page = await audit.page(connection, before=before, limit=limit)
    entries = [EntryView.of(entry) for entry in page.entries]
    return EntryList(entries, None if page.next_position is None else _cursor(page.next_position))


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(position.to_bytes(8, "big")).decode().rstrip("=")


def _position(cursor: str) -> int:
    try:
        found = base64.urlsafe_b64decode(f"{cursor}=")
    except (binascii.Error, ValueError):
        found = b""
    position = int.from_bytes(found, "big", signed=True)
    if len(found) != 8 or position < 0:
        raise invalid("cursor", "is not one that this server gave out")
    return position


routes = [list_audit]

"""The queries on links to dashboards. Each runs in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
from sqlalchemy import delete, func, insert, select

from nowline.model.share import Share, ShareKind
from nowline.store.tables import dashboard_shares

if TYPE_CHECKING:
    from sqlalchemy import CursorResult, Row
    from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = dashboard_shares.c
_SHOWN = tuple(column for column in _COLUMNS if column.name != "digest")
_FILTERS = msgspec.json.Decoder(dict[str, list[str]])
_ORIGINS = msgspec.json.Decoder(tuple[str, ...])


async def add_share(connection: AsyncConnection, share: Share, digest: str | None) -> None:
    """Keep a share; the digest of its token if that is not one that tells by itself."""
    values = msgspec.structs.asdict(share) | {
        "kind": share.kind.value,
        "origins": msgspec.json.encode(share.origins).decode(),
        "filters": msgspec.json.encode(share.filters).decode(),
        "digest": digest,
    }
    await connection.execute(insert(dashboard_shares).values(values))


async def list_shares(
    connection: AsyncConnection, dashboard_id: str, kind: ShareKind
) -> list[Share]:
    """Those of a dashboard, the newest first."""
    statement = (
        select(*_SHOWN)
        .where(_COLUMNS.dashboard_id == dashboard_id, _COLUMNS.kind == kind.value)
        .order_by(_COLUMNS.created_at.desc(), _COLUMNS.id)
    )
    return [_share(row) for row in await connection.execute(statement)]


async def count_shares(connection: AsyncConnection, dashboard_id: str, kind: ShareKind) -> int:
    """How many a dashboard has."""
    of_it = (_COLUMNS.dashboard_id == dashboard_id, _COLUMNS.kind == kind.value)
    return int((await connection.execute(select(func.count()).where(*of_it))).scalar_one())


async def find_share(connection: AsyncConnection, share_id: str) -> Share | None:
    """The share with this id."""
    row = (await connection.execute(select(*_SHOWN).where(_COLUMNS.id == share_id))).first()
    return None if row is None else _share(row)


async def find_by_digest(connection: AsyncConnection, digest: str) -> Share | None:
    """The share whose token has this digest."""
    row = (await connection.execute(select(*_SHOWN).where(_COLUMNS.digest == digest))).first()
    return None if row is None else _share(row)


async def delete_share(
    connection: AsyncConnection, dashboard_id: str, kind: ShareKind, share_id: str
) -> bool:
    """Delete a share of a dashboard; whether there was one."""
    statement = delete(dashboard_shares).where(
        _COLUMNS.id == share_id,
        _COLUMNS.dashboard_id == dashboard_id,
        _COLUMNS.kind == kind.value,
    )
    deleted = cast("CursorResult[Any]", await connection.execute(statement))
    return deleted.rowcount > 0


async def delete_expired(connection: AsyncConnection, dashboard_id: str, now_ms: int) -> None:
    """Delete what has ended of a dashboard's shares."""
    ended = _COLUMNS.expires_at <= now_ms
    statement = delete(dashboard_shares).where(_COLUMNS.dashboard_id == dashboard_id, ended)
    await connection.execute(statement)


def _share(row: Row[*tuple[Any, ...]]) -> Share:
    fields = row._asdict() | {
        "kind": ShareKind(row.kind),
        "origins": _ORIGINS.decode(row.origins),
        "filters": _FILTERS.decode(row.filters),
    }
    return Share(**fields)

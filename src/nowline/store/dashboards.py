"""The queries on dashboards and their versions. Each runs in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import delete, func, insert, or_, select, update

from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Content, Dashboard, Version
from nowline.store.stars import delete_stars
from nowline.store.tables import dashboard_shares, dashboard_versions, dashboards

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

MOST_VERSIONS = 50
"""How many versions of a dashboard are kept, the one that is shown among them."""

_CONTENT = msgspec.json.Decoder(Content)


async def list_dashboards(connection: AsyncConnection, owner_id: str | None) -> list[Dashboard]:
    """Those that an owner may see, or all if none is given; the last changed first."""
    statement = select(dashboards)
    if owner_id is not None:
        seen = or_(dashboards.c.is_public, dashboards.c.owner_id == owner_id)
        statement = statement.where(seen)
    ordered = statement.order_by(dashboards.c.updated_at.desc(), dashboards.c.id)
    return [_dashboard(row) for row in await connection.execute(ordered)]


async def count_dashboards(connection: AsyncConnection, owner_id: str) -> int:
    """How many an owner has."""
    statement = select(func.count()).where(dashboards.c.owner_id == owner_id)
    return int((await connection.execute(statement)).scalar_one())


async def get_dashboard(
    connection: AsyncConnection, dashboard_id: str, *, to_change: bool = False
) -> Dashboard:
    """One dashboard.

    Args:
        connection: The transaction.
        dashboard_id: Which.
        to_change: Whether nobody else is to change it before the transaction ends.

    Raises:
        NowlineError: There is none with this id.
    """
    statement = select(dashboards).where(dashboards.c.id == dashboard_id)
    rows = await connection.execute(statement.with_for_update() if to_change else statement)
    if (row := rows.first()) is None:
        raise unknown(dashboard_id)
    return _dashboard(row)


async def add_dashboard(connection: AsyncConnection, dashboard: Dashboard) -> None:
    """Keep a new dashboard, which is its own first version."""
    await connection.execute(insert(dashboards).values(_values(dashboard)))
    await _add_version(connection, dashboard, dashboard.owner)


async def replace_dashboard(connection: AsyncConnection, dashboard: Dashboard, by: str) -> None:
    """Put a dashboard in the place of the one that has the same id, as another version of it."""
    same = dashboards.c.id == dashboard.id
    await connection.execute(update(dashboards).where(same).values(_values(dashboard)))
    await _add_version(connection, dashboard, by)
    versions = dashboard_versions.c
    old = versions.version <= dashboard.version - MOST_VERSIONS
    await connection.execute(
        delete(dashboard_versions).where(versions.dashboard_id == dashboard.id, old)
    )


async def delete_dashboard(connection: AsyncConnection, dashboard_id: str) -> None:
    """Delete a dashboard, its versions, all links to it and its stars."""
    await delete_stars(connection, dashboard_id)
    shares = dashboard_shares.c.dashboard_id == dashboard_id
    await connection.execute(delete(dashboard_shares).where(shares))
    versions = dashboard_versions.c.dashboard_id == dashboard_id
    await connection.execute(delete(dashboard_versions).where(versions))
    await connection.execute(delete(dashboards).where(dashboards.c.id == dashboard_id))


async def list_versions(connection: AsyncConnection, dashboard_id: str) -> list[Version]:
    """The versions of a dashboard that are kept, the newest first."""
    columns = dashboard_versions.c
    statement = (
        select(columns.version, columns.at, columns.by, columns.content)
        .where(columns.dashboard_id == dashboard_id)
        .order_by(columns.version.desc())
    )
    rows = await connection.execute(statement)
    return [Version(row.version, row.at, row.by, _CONTENT.decode(row.content)) for row in rows]


def unknown(dashboard_id: str) -> NowlineError:
    """There is no such dashboard, or nobody is to know of it."""
    return NowlineError(Code.NOT_FOUND, f"There is no dashboard `{dashboard_id}`.")


async def _add_version(connection: AsyncConnection, dashboard: Dashboard, by: str) -> None:
    values = {
        "dashboard_id": dashboard.id,
        "version": dashboard.version,
        "at": dashboard.updated_at,
        "by": by,
        "content": _text(dashboard.content),
    }
    await connection.execute(insert(dashboard_versions).values(values))


def _values(dashboard: Dashboard) -> dict[str, object]:
    content = dashboard.content
    fields = msgspec.structs.asdict(dashboard)
    return fields | {"is_public": content.is_public, "content": _text(content)}


def _text(content: Content) -> str:
    return msgspec.json.encode(content).decode()


def _dashboard(row: Row[*tuple[Any, ...]]) -> Dashboard:
    fields = row._asdict()
    del fields["is_public"]
    return Dashboard(**fields | {"content": _CONTENT.decode(row.content)})

"""The queries on stars. Each runs in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, or_, select

from nowline.store.tables import dashboards, stars

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


async def list_stars(connection: AsyncConnection, user_id: str, *, sees_all: bool) -> list[str]:
    """What a user has starred and may still see, the first that was starred first.

    Args:
        connection: The transaction.
        user_id: Whose.
        sees_all: Whether private dashboards of others are seen.
    """
    joined = stars.outerjoin(dashboards, dashboards.c.id == stars.c.board_id)
    statement = select(stars.c.board_id).select_from(joined).where(stars.c.user_id == user_id)
    if not sees_all:
        is_built_in = dashboards.c.id.is_(None)
        is_own = dashboards.c.owner_id == user_id
        statement = statement.where(or_(is_built_in, dashboards.c.is_public, is_own))
    ordered = statement.order_by(stars.c.starred_at, stars.c.board_id)
    return list(await connection.scalars(ordered))


async def add_star(
    connection: AsyncConnection, user_id: str, board_id: str, starred_at: int
) -> None:
    """Star a dashboard; one that has a star keeps its place."""
    same = (stars.c.user_id == user_id, stars.c.board_id == board_id)
    if await connection.scalar(select(stars.c.board_id).where(*same)) is None:
        values = {"user_id": user_id, "board_id": board_id, "starred_at": starred_at}
        await connection.execute(insert(stars).values(values))


async def delete_star(connection: AsyncConnection, user_id: str, board_id: str) -> None:
    """Take a star away, if there is one."""
    same = (stars.c.user_id == user_id, stars.c.board_id == board_id)
    await connection.execute(delete(stars).where(*same))


async def delete_stars(connection: AsyncConnection, board_id: str) -> None:
    """Take everybody's star away from a dashboard."""
    await connection.execute(delete(stars).where(stars.c.board_id == board_id))

"""Stars: the dashboards that a person wants at hand. Nobody else sees them."""

from __future__ import annotations

from nowline.clock import Clock
from nowline.dashboards.service import seen
from nowline.model.user import Principal, Scope
from nowline.store import stars as store
from nowline.store.documents import Documents


class Stars:
    """Keeps stars; what is starred or not already stays as it is.

    Args:
        documents: Where they are kept.
        clock: Where the time comes from.
    """

    def __init__(self, documents: Documents, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock

    async def of(self, principal: Principal) -> list[str]:
        """The ids of what a person has starred and may see, the first that was starred first."""
        sees_all = Scope.ADMIN in principal.scopes
        async with self._documents.read() as connection:
            return await store.list_stars(connection, principal.id, sees_all=sees_all)

    async def add(self, dashboard_id: str, principal: Principal) -> None:
        """Star a dashboard.

        Raises:
            NowlineError: NOT_FOUND: there is none that the principal may see.
        """
        async with self._documents.write() as connection:
            await seen(connection, dashboard_id, principal)
            await store.add_star(connection, principal.id, dashboard_id, self._clock.now_ms())

    async def remove(self, dashboard_id: str, principal: Principal) -> None:
        """Take the star of a dashboard away.

        Raises:
            NowlineError: As `add`.
        """
        async with self._documents.write() as connection:
            await seen(connection, dashboard_id, principal)
            await store.delete_star(connection, principal.id, dashboard_id)

    async def add_built_in(self, template_id: str, principal: Principal) -> None:
        """Star a built-in dashboard, which everybody may see."""
        async with self._documents.write() as connection:
            await store.add_star(connection, principal.id, template_id, self._clock.now_ms())

    async def remove_built_in(self, template_id: str, principal: Principal) -> None:
        """Take the star of a built-in dashboard away."""
        async with self._documents.write() as connection:
            await store.delete_star(connection, principal.id, template_id)

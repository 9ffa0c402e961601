"""The documents database: everything that is not measurements, in SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from nowline.errors import Code, NowlineError
from nowline.store import migrations, sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import URL, Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class Documents:
    """Transactions on the documents database; the queries are in the modules beside it.

    Args:
        engine: A connected engine whose schema is up to date, as `open` makes it.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(writes=True)

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect, and migrate the schema if it is behind, after a copy of an SQLite file.

        Args:
            url: `sqlite:///path` or `postgresql://user:password@host/name`.

        Raises:
            NowlineError: The database cannot be opened, or a newer program wrote it.
        """
        parsed = _with_driver(make_url(url))
        try:
            engine = _create_engine(parsed)
        except OSError as error:
            raise _cannot_open(parsed, error.strerror) from error
        try:
            await _migrate(engine)
        except DBAPIError as error:
            await engine.dispose()
            raise _cannot_open(parsed, error.orig) from error
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, and sees one state of the database."""
        async with self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed at the end, or undone by an exception."""
        async with self._writer.begin() as connection:
            yield connection


def _with_driver(url: URL) -> URL:
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def _create_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        return sqlite.create_engine(url)
    return create_async_engine(url, pool_pre_ping=True)


def _cannot_open(url: URL, reason: object) -> NowlineError:
    shown = url.render_as_string(hide_password=True)
    return NowlineError(Code.UNAVAILABLE, f"The database {shown} cannot be opened: {reason}.")


async def _migrate(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        revision = await connection.run_sync(_revision)
    if revision == migrations.HEAD:
        return
    if revision is not None:
        _refuse_newer(revision)
        await _back_up(engine.url, revision)
    bring = migrations.create if revision is None else migrations.upgrade
    async with engine.execution_options(writes=True).begin() as connection:
        await connection.run_sync(bring)


def _revision(connection: Connection) -> str | None:
    """The revision that the schema is at; None in an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _refuse_newer(revision: str) -> None:
    if revision > migrations.HEAD:
        raise NowlineError(
            Code.CONFLICT,
            f"The database has schema {revision}, and this Nowline knows {migrations.HEAD} at "
            "most: start the newer version, or restore a backup.",
        )


async def _back_up(url: URL, revision: str) -> None:
    if url.get_backend_name() == "sqlite":
        file = sqlite.file_of(url)
        copy = file.with_name(f"{file.name}.schema-{revision}.bak")
        await asyncio.to_thread(sqlite.back_up, file, copy)

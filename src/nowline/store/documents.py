"""The documents database: everything that is not measurements, in SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Self

from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from nowline.errors import Code, NowlineError
from nowline.store import migrations, sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sqlalchemy import URL, Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_SQLITE_DRIVER = "sqlite+aiosqlite"


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
        """Connect, and migrate the schema if it is behind, after a copy of what was there.

        Args:
            url: `sqlite:///path` or `postgresql://user:password@host/name`.

        Raises:
            NowlineError: The database cannot be opened, or a newer program wrote it.
        """
        engine = await _create_engine(url)
        try:
            await _migrate(engine)
        except DBAPIError as error:
            await engine.dispose()
            raise _cannot_open(_shown(url), error.orig) from error
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    @property
    def is_shared(self) -> bool:
        """Whether other servers may use the same database."""
        return self._engine.dialect.name != "sqlite"

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, and sees one state of the database.

        Raises:
            NowlineError: The database is away.
        """
        with _telling():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed at the end, or undone by an exception.

        Raises:
            NowlineError: The database is away.
        """
        with _telling():
            async with self._writer.begin() as connection:
                yield connection


async def _create_engine(url: str) -> AsyncEngine:
    if url.startswith("postgresql:"):
        # Its driver takes a good part of the start-up time, and most do without.
        from nowline.store import postgres_documents  # noqa: PLC0415

        return await postgres_documents.create_engine(url)
    parsed = make_url(url).set(drivername=_SQLITE_DRIVER)
    try:
        return sqlite.create_engine(parsed)
    except OSError as error:
        raise _cannot_open(_shown(url), error.strerror) from error


def _shown(url: str) -> str:
    """The database without credentials."""
    if not url.startswith("postgresql:"):
        return url
    from nowline.store import postgres_connection  # noqa: PLC0415

    return postgres_connection.shown(url)


def _cannot_open(shown: str, reason: object) -> NowlineError:
    return NowlineError(Code.UNAVAILABLE, f"The database {shown} cannot be opened: {reason}.")


@contextmanager
def _telling() -> Iterator[None]:
    """Tell a connection that is lost as what it is: nothing is wrong with what was asked."""
    try:
        yield
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        detail = "The documents database does not answer; try again in a moment."
        raise NowlineError(Code.UNAVAILABLE, detail) from error


async def _migrate(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        revision = await connection.run_sync(_revision)
    if revision == migrations.HEAD:
        return
    if revision is not None:
        _refuse_newer(revision)
        await _back_up_file(engine.url, revision)
    async with engine.execution_options(writes=True).begin() as connection:
        await connection.run_sync(_bring)


def _bring(connection: Connection) -> None:
    """Make or change the schema, unless another process did so while this one waited."""
    revision = _revision(connection)
    if revision is None:
        migrations.create(connection)
    elif revision < migrations.HEAD:
        if connection.dialect.name == "postgresql":
            from nowline.store import postgres_documents  # noqa: PLC0415

            postgres_documents.back_up(connection, revision)
        migrations.upgrade(connection)


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


async def _back_up_file(url: URL, revision: str) -> None:
    if url.get_backend_name() == "sqlite":
        file = sqlite.file_of(url)
        copy = file.with_name(f"{file.name}.schema-{revision}.bak")
        await asyncio.to_thread(sqlite.back_up, file, copy)

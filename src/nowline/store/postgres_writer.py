"""The one connection that writes: it holds the server's lock and comes back after a loss."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from asyncpg import LockNotAvailableError

from nowline.errors import Code, NowlineError
from nowline.store import postgres_connection
from nowline.store.postgres_connection import GONE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg import Connection

# A server that has just been killed holds its lock until PostgreSQL notices.
_LOCK_WAIT = "5s"


@dataclass(frozen=True, slots=True)
class Tables:
    """What a writer has to itself.

    Attributes:
        url: The database.
        schema: What names without a schema mean those of.
        lock: The number of the lock that whoever writes there holds.
        prepare: What a new connection runs first.
    """

    url: str
    schema: str
    lock: int
    prepare: str | None = None


class Writer:
    """Transactions one after the other. Make it with `await Writer.open(tables)`."""

    def __init__(self, tables: Tables, connection: Connection) -> None:
        self._tables = tables
        self._connection: Connection | None = connection
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, tables: Tables) -> Self:
        """Connect, and be the only server on these tables from now on.

        Raises:
            NowlineError: The database cannot be opened, or another server uses it.
        """
        return cls(tables, await _connect(tables))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction that is committed at the end, or undone by an exception.

        Where the server went away at the end of it, nobody knows which of the two happened.
        """
        async with self._turn:
            connection = await self._connected()
            try:
                async with connection.transaction():
                    yield connection
            except GONE:
                self._drop()
                raise

    @asynccontextmanager
    async def pause(self) -> AsyncIterator[None]:
        """Let no transaction begin meanwhile."""
        async with self._turn:
            yield

    async def close(self) -> None:
        """Close the connection, which lets go of the lock."""
        async with self._turn:
            if self._connection is not None and not self._connection.is_closed():
                await self._connection.close(timeout=5)
            self._connection = None

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await _connect(self._tables)
        return self._connection

    def _drop(self) -> None:
        """Let go of a connection that nothing good can be expected of any more."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None


async def _connect(tables: Tables) -> Connection:
    connection = await postgres_connection.connect(tables.url, tables.schema)
    try:
        with postgres_connection.telling(tables.url, "used"):
            is_alone = await _lock(connection, tables.lock)
            if tables.prepare is not None:
                await connection.execute(tables.prepare)
        _check_alone(tables.url, is_alone=is_alone)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _lock(connection: Connection, number: int) -> bool:
    """Whether nobody else holds the lock, as long as the connection lasts."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
            await connection.execute("SELECT pg_advisory_lock($1)", number)
    except LockNotAvailableError:
        return False
    return True


def _check_alone(url: str, *, is_alone: bool) -> None:
    if not is_alone:
        shown = postgres_connection.shown(url)
        detail = f"The database {shown} is used by another Nowline server."
        raise NowlineError(Code.CONFLICT, detail)

"""The one connection that writes: it holds the server's lock and comes back after a loss."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from nowline.errors import Code, NowlineError
from nowline.store import postgres_connection, postgres_schema
from nowline.store.postgres_connection import GONE
from nowline.store.postgres_late import INCOMING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg import Connection


class Writer:
    """Transactions one after the other. Make it with `await Writer.open(url)`."""

    def __init__(self, url: str, connection: Connection) -> None:
        self._url = url
        self._connection: Connection | None = connection
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect, and be the only server on the database from now on.

        Raises:
            NowlineError: The database cannot be opened, or another server uses it.
        """
        return cls(url, await _connect(url))

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
            self._connection = await _connect(self._url)
        return self._connection

    def _drop(self) -> None:
        """Let go of a connection that nothing good can be expected of any more."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None


async def _connect(url: str) -> Connection:
    connection = await postgres_connection.connect(url, postgres_schema.SCHEMA)
    try:
        with postgres_connection.telling(url, "used"):
            is_alone = await postgres_schema.lock(connection)
            await connection.execute(INCOMING)
        _check_alone(url, is_alone=is_alone)
    except BaseException:
        connection.terminate()
        raise
    return connection


def _check_alone(url: str, *, is_alone: bool) -> None:
    if not is_alone:
        shown = postgres_connection.shown(url)
        detail = f"The database {shown} is used by another Nowline server."
        raise NowlineError(Code.CONFLICT, detail)

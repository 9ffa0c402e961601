"""Connections to PostgreSQL, and how their failures are told: one line, no password."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import asyncpg

from nowline.errors import Code, NowlineError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONNECT_S = 10
_CLOSE_S = 5
# Any number will do, as long as it stays the same and is nobody else's in this database.
_SCHEMA_LOCK = 0x6E6F776C696E6504
_SETTINGS = {
    "application_name": "nowline",
    # Compiling a query takes longer than most of ours run.
    "jit": "off",
    "timezone": "UTC",
}
_DURABLE = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'
"""
# The server itself is gone, or going: the same request may well succeed in a moment.
GONE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)


async def connect(url: str, schema: str) -> asyncpg.Connection:
    """A connection on which names without a schema mean those of `schema`.

    What it commits is on the server's disk, even where others do without.

    Raises:
        NowlineError: The server cannot be reached, or does not let us in.
    """
    settings = {**_SETTINGS, "search_path": schema}
    with telling(url, "opened"):
        connection = await asyncpg.connect(url, timeout=_CONNECT_S, server_settings=settings)
        await connection.execute(_DURABLE)
        return connection


async def create_pool(url: str, schema: str, most: int, **more: str) -> asyncpg.Pool:
    """A pool of connections for reading, with one at the start and `most` at most.

    Args:
        url: The database.
        schema: What names without a schema mean those of.
        most: How many connections.
        **more: Settings of PostgreSQL that they are to have.

    Raises:
        NowlineError: The server cannot be reached, or does not let us in.
    """
    settings = {**_SETTINGS, "search_path": schema, **more}
    with telling(url, "opened"):
        return await asyncpg.create_pool(
            url, min_size=1, max_size=most, timeout=_CONNECT_S, server_settings=settings
        )


async def close_pool(pool: asyncpg.Pool) -> None:
    """Close every connection, also those on which nobody answers any more."""
    try:
        async with asyncio.timeout(_CLOSE_S):
            await pool.close()
    except GONE:
        pool.terminate()


async def prepare_schema(url: str, schema: str) -> None:
    """Make the schema if it is not there, in a database that can hold any text.

    Raises:
        NowlineError: The database cannot be used.
    """
    connection = await connect(url, "public")
    try:
        if await connection.fetchval("SHOW server_encoding") != "UTF8":
            raise _unusable(url, "opened", "its encoding is not UTF8")
        with telling(url, "prepared"):
            await _make_schema(connection, schema)
    finally:
        await connection.close()


async def _make_schema(connection: asyncpg.Connection, schema: str) -> None:
    async with connection.transaction():
        # Of two that make the same schema at once, one would fail, even if it need not exist.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _SCHEMA_LOCK)
        # Asked first: the statement itself needs a privilege even where there is the schema.
        if await connection.fetchval("SELECT to_regnamespace($1)", schema) is None:
            await connection.execute(f'CREATE SCHEMA "{schema}"')


@contextmanager
def telling(url: str, done: str) -> Iterator[None]:
    """Tell what the server refuses as one line: which database could not be what, and why."""
    try:
        yield
    except (asyncpg.PostgresError, *GONE) as error:
        raise _unusable(url, done, _reason(error)) from error


def shown(url: str) -> str:
    """The database of a URL without any credential."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"postgresql://{host}:{parts.port or 5432}/{unquote(parts.path.lstrip('/'))}"


def _unusable(url: str, done: str, reason: str) -> NowlineError:
    detail = f"The database {shown(url)} cannot be {done}: {reason}."
    return NowlineError(Code.UNAVAILABLE, detail)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_CONNECT_S} s"
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__

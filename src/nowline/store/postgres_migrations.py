"""Numbered changes of a PostgreSQL schema: they only go forward, and run one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nowline.errors import Code, NowlineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Connection

# Any number will do, as long as it stays the same and is nobody else's in this database.
_LOCK: Final = 0x6E6F776C696E6501
_VERSION: Final = """
CREATE TABLE IF NOT EXISTS version (number int NOT NULL)
"""


async def migrate(connection: Connection, tables: str, scripts: Sequence[str]) -> None:
    """Bring the connection's schema up to the newest version known, in a transaction.

    Args:
        connection: Where names without a schema mean those of the one to change.
        tables: What errors call its tables.
        scripts: What makes each version of the one before, from an empty schema on.

    Raises:
        NowlineError: A newer program wrote them.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    await connection.execute(_VERSION)
    done = await connection.fetchval("SELECT coalesce(max(number), 0) FROM version")
    if done > len(scripts):
        raise NowlineError(
            Code.CONFLICT,
            f"The {tables} have version {done}, and this Nowline knows {len(scripts)} at most:"
            " start the newer version, or restore a backup.",
        )
    for number, script in enumerate(scripts[done:], start=done + 1):
        await connection.execute(script)
        await connection.execute("INSERT INTO version VALUES ($1)", number)

"""All that is peculiar to PostgreSQL as the documents database, so that nothing else has to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import create_async_engine

from nowline.store import postgres_connection

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

SCHEMA: Final = "nowline"
# Any number will do, as long as it stays the same and is nobody else's in this database.
_WRITE_LOCK: Final = 0x6E6F776C696E6503
_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = :schema"


async def create_engine(url: str) -> AsyncEngine:
    """An engine on the documents' own schema, made if it is not there.

    A connection with the execution option `writes` waits for other writers when its transaction
    begins, as it does on SQLite: what it reads first is still so when it writes. Any other
    transaction sees one state of the database.

    Raises:
        NowlineError: The server cannot be reached, or does not let us in.
    """
    await postgres_connection.prepare_schema(url, SCHEMA)

    async def connect() -> Any:  # noqa: ANN401 - the driver's own type
        return await postgres_connection.connect(url, SCHEMA)

    # The driver itself reads the URL: it knows more parameters than SQLAlchemy hands on.
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_pre_ping=True, max_overflow=0
    )
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def back_up(connection: Connection, revision: str) -> None:
    """Copy all tables into a schema of their own, in the transaction that then changes them."""
    copy = f"{SCHEMA}_backup_{revision}"
    connection.execute(text(f'DROP SCHEMA IF EXISTS "{copy}" CASCADE'))
    connection.execute(text(f'CREATE SCHEMA "{copy}"'))
    for table in connection.scalars(text(_TABLES), {"schema": SCHEMA}).all():
        connection.execute(text(f'CREATE TABLE "{copy}"."{table}" AS TABLE "{SCHEMA}"."{table}"'))


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

"""SQLAlchemy: how long statements take, and how much of the pool is in use.

from nowline_client.integrations.sqlalchemy import instrument

instrument(nl, engine)
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from nowline_client.client import Nowline

_BEGAN = "nowline_client.began"
_OPERATIONS = {
    "ALTER",
    "CALL",
    "CREATE",
    "DELETE",
    "DROP",
    "INSERT",
    "MERGE",
    "SELECT",
    "UPDATE",
    "WITH",
}


def instrument(client: Nowline, engine: Engine | AsyncEngine, *, database: str = "") -> None:
    """Record each statement of an engine, and its pool before each flush.

    Metrics, with the tag `database`: `db.query.duration` (distribution, ms; tag `operation`, such
    as `SELECT`), `db.query.errors` (counter; tag `operation`), and of pools with a size
    `db.pool.in_use`, `db.pool.idle` and `db.pool.size` (gauges, of each process). Statements
    themselves and their parameters are not sent.

    Args:
        client: Where it is recorded.
        engine: An engine, sync or async.
        database: The value of the tag; the URL's database if empty.
    """
    sync = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    hooks = _Hooks(client, sync, database or sync.url.database or "default")
    event.listen(sync, "before_cursor_execute", hooks.before)
    event.listen(sync, "after_cursor_execute", hooks.after)
    event.listen(sync, "handle_error", hooks.failed)
    client.before_flush(hooks.read_pool)


class _Hooks:
    def __init__(self, client: Nowline, engine: Engine, database: str) -> None:
        self._client = client
        self._engine = engine
        self._database = database

    def before(self, connection: Any, *_: object) -> None:  # noqa: ANN401 (SQLAlchemy's signature)
        # A stack: what is executed may execute more before it.
        connection.info.setdefault(_BEGAN, []).append(time.perf_counter())

    def after(self, connection: Any, _cursor: object, statement: str, *_: object) -> None:  # noqa: ANN401
        duration = time.perf_counter() - connection.info[_BEGAN].pop()
        self._client.observe(
            "db.query.duration",
            duration * 1000,
            database=self._database,
            operation=_operation(statement),
        )

    def failed(self, context: ExceptionContext) -> None:
        if context.connection is not None and context.statement is not None:
            if began := context.connection.info.get(_BEGAN):
                began.pop()
            self._client.count(
                "db.query.errors",
                database=self._database,
                operation=_operation(context.statement),
            )

    def read_pool(self) -> None:
        pool = self._engine.pool
        if isinstance(pool, QueuePool):
            tags = {"database": self._database}
            self._client.gauge("db.pool.in_use", pool.checkedout(), **tags)
            self._client.gauge("db.pool.idle", pool.checkedin(), **tags)
            self._client.gauge("db.pool.size", pool.size(), **tags)


def _operation(statement: str) -> str:
    word = statement.lstrip(" \t\r\n(")[:16].split(None, 1)
    first = word[0].upper().rstrip(";") if word else ""
    return first if first in _OPERATIONS else "OTHER"

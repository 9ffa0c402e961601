"""A PostgreSQL server: its connections, transactions, cache, locks, replicas and queries."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from math import ceil
from typing import TYPE_CHECKING, Final, Protocol

import asyncpg

from nowline.collect import postgres_metrics as metrics
from nowline.collect.metrics import Describer, Metric
from nowline.collect.readings import Increments
from nowline.collect.targets import Answer, Asked, Target, TargetError
from nowline.model.series import Point

if TYPE_CHECKING:
    Row = asyncpg.Record
    Connection = asyncpg.Connection[Row]

# Asking how large databases are looks at all of their files.
_SIZES_EVERY_S: Final = 60
_MOST_TEXT: Final = 120
# Only of these does the server itself put parameters in place of what was written.
_NORMALIZED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES")
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)


class PostgresAsked(Asked, Protocol):
    """What the settings say of a PostgreSQL."""

    @property
    def url(self) -> str: ...  # noqa: D102

    @property
    def statements(self) -> int: ...  # noqa: D102


class Postgres(Target):
    """A PostgreSQL from 13 on, over one connection that is kept.

    It reads statistics only, in read-only transactions that the server itself ends after the
    timeout. Of what the role may not see, as much is left out.
    """

    def __init__(self, asked: PostgresAsked) -> None:
        super().__init__("postgres", asked)
        self._url = asked.url
        self._most_statements = asked.statements
        self._describer = Describer()
        self._blocks = Increments()
        self._calls = Increments()
        self._rounds = 0
        self._sizes: list[Point] = []
        self._connection: Connection | None = None

    async def ask(self, time_ms: int) -> Answer:  # noqa: ARG002
        """What the server's statistics say.

        Raises:
            TargetError: It cannot be reached, or ends the connection.
        """
        try:
            return await self._read(await self._connected())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            self._drop()
            raise TargetError(_reason(error)) from error
        except BaseException:
            # Given up in the middle of an exchange, after which the connection is of no more use.
            self._drop()
            raise

    async def close(self) -> None:
        """End the connection."""
        self._drop()

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url,
                timeout=self.timeout_s,
                # Neither is understood by every pooler.
                statement_cache_size=0,
                server_settings={"application_name": "nowline"},
            )
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _read(self, connection: Connection) -> Answer:
        sections: tuple[Callable[[Connection], Awaitable[Iterable[Point]]], ...] = (
            self._server,
            self._databases,
            self._database_sizes,
            self._replicas,
            self._statements,
        )
        points: list[Point] = []
        complaint = None
        for section in sections:
            try:
                async with self._reading(connection):
                    points += await section(connection)
            except asyncpg.PostgresError as error:
                if connection.is_closed():
                    raise
                complaint = complaint or _reason(error)
        self._rounds += 1
        return Answer(points, samples=len(points), complaint=complaint)

    @asynccontextmanager
    async def _reading(self, connection: Connection) -> AsyncIterator[None]:
        """A transaction that changes nothing and does not last."""
        limit_ms = ceil(self.timeout_s * 1000)
        await connection.execute(f"BEGIN READ ONLY; SET LOCAL statement_timeout = {limit_ms}")
        try:
            yield
        finally:
            if not connection.is_closed():
                # Not rolled back: that is what somebody may watch.
                await connection.execute("COMMIT")

    async def _server(self, connection: Connection) -> list[Point]:
        server = await connection.fetchrow(metrics.SERVER_SQL)
        states = await connection.fetch(metrics.CONNECTIONS_SQL)
        if server is None:
            return []
        count = {**dict.fromkeys(metrics.STATES, 0), **{r["state"]: r["count"] for r in states}}
        share = sum(count.values()) / server["max_connections"] * 100
        return [
            *(self._point(metrics.CONNECTIONS, n, state=state) for state, n in count.items()),
            self._point(metrics.CONNECTIONS_PERCENT, share),
            *self._points(metrics.SERVER, server),
        ]

    async def _databases(self, connection: Connection) -> list[Point]:
        rows = await connection.fetch(metrics.DATABASES_SQL)
        points = [
            point for row in rows for point in self._points(metrics.DATABASE, row, row["database"])
        ]
        read = {row["database"]: (row["blks_hit"], row["blks_read"]) for row in rows}
        for database, (hit, missed) in self._blocks.advance(read).items():
            if hit + missed:
                share = hit / (hit + missed) * 100
                points.append(self._point(metrics.CACHE_HIT, share, database=database))
        return points

    async def _database_sizes(self, connection: Connection) -> list[Point]:
        if self._rounds % max(1, round(_SIZES_EVERY_S / self.interval_s)) == 0:
            rows = await connection.fetch(metrics.SIZES_SQL)
            self._sizes = [
                self._point(metrics.SIZE, row["bytes"], database=row["database"]) for row in rows
            ]
        return self._sizes

    async def _replicas(self, connection: Connection) -> list[Point]:
        rows = await connection.fetch(metrics.REPLICAS_SQL)
        return [
            point
            for row in rows
            for point in self._points(metrics.REPLICA, row, replica=row["replica"])
        ]

    async def _statements(self, connection: Connection) -> list[Point]:
        """The queries that took most time, where the server counts them."""
        if not self._most_statements:
            return []
        view = await connection.fetchval(metrics.STATEMENTS_VIEW_SQL)
        if view is None:
            return []
        sql = metrics.STATEMENTS_SQL.format(view=view)
        rows = await connection.fetch(sql, self._most_statements)
        return [point for row in rows for point in self._of_statement(row)] + self._means(rows)

    def _of_statement(self, row: Row) -> list[Point]:
        return self._points(metrics.STATEMENT, row, **_statement_tags(row))

    def _means(self, rows: list[Row]) -> list[Point]:
        """How long a call of each took, of those since the last round."""
        read = {_key(row): (row["calls"], round(row["time_ms"] * 1000)) for row in rows}
        increases = self._calls.advance(read)
        points = []
        for row in rows:
            calls, took_us = increases.get(_key(row), (0, 0))
            if calls:
                tags = _statement_tags(row)
                points.append(self._point(metrics.STATEMENT_MEAN, took_us / calls / 1000, **tags))
        return points

    def _points(
        self, by_column: Mapping[str, Metric], row: Row, database: str = "", **tags: str
    ) -> list[Point]:
        """A point for each column that has a value."""
        if database:
            tags["database"] = database
        return [
            self._point(metric, row[column], **tags)
            for column, metric in by_column.items()
            if row.get(column) is not None
        ]

    def _point(self, metric: Metric, value: float, **tags: str) -> Point:
        return self._describer.point(metric, float(value), {**self.tags, **tags})


def _statement_tags(row: Row) -> dict[str, str]:
    text = " ".join(_COMMENT.sub(" ", row["query"]).split())
    if not text.upper().startswith(_NORMALIZED):
        # A password may be in it.
        text = text.partition(" ")[0]
    query = text[:_MOST_TEXT]
    return {"database": row["database"], "queryid": str(row["queryid"]), "query": query}


def _key(row: Row) -> str:
    return f"{row['queryid']} {row['database']}"


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__

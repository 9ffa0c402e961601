"""The PostgreSQL collector, against a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from nowline.collect.postgres import Postgres
from nowline.collect.targets import Answer, TargetError
from nowline.model.series import MetricType, Point
from polling import eventually_async
from postgres import OwnServer, name_of

if TYPE_CHECKING:
    Client = asyncpg.Connection[asyncpg.Record]

NOW = 1_700_000_000_000
CONFIGURATION = """
shared_preload_libraries = 'pg_stat_statements'
deadlock_timeout = 10ms
"""


@dataclass(frozen=True)
class Settings:
    url: str
    tags: Mapping[str, str] = field(default_factory=lambda: {"instance": "h:1"})
    interval: timedelta = timedelta(seconds=60)
    timeout: timedelta = timedelta(seconds=10)
    statements: int = 100


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    """One that counts statements."""
    started = OwnServer(CONFIGURATION)
    started.start()
    yield started
    started.remove()


@pytest.fixture
async def database(server: OwnServer) -> AsyncIterator[str]:
    url = await server.create_database()
    yield url
    await server.drop_database(url)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Client]:
    """Somebody who uses the database."""
    made = await asyncpg.connect(database)
    yield made
    await made.close()


@pytest.fixture
async def target(database: str) -> AsyncIterator[Postgres]:
    made = Postgres(Settings(database))
    yield made
    await made.close()


def points(answer: Answer, name: str, **tags: str) -> list[Point]:
    return [p for p in answer.points if p.name == name and tags.items() <= p.tags.items()]


def value(answer: Answer, name: str, **tags: str) -> float:
    (point,) = points(answer, name, **tags)
    assert point.tags["instance"] == "h:1"
    return point.value


async def execute(database: str, sql: str) -> None:
    """Run it on a connection of its own: at its end the server publishes what it counted."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def until_value(target: Postgres, name: str, least: float, **tags: str) -> Answer:
    """An answer with at least that: the server publishes what it counted a little later."""

    async def found() -> Answer | None:
        answer = await target.ask(NOW)
        return answer if value(answer, name, **tags) >= least else None

    answer = await eventually_async(found)
    assert answer is not None
    return answer


async def test_connections_by_state(target: Postgres, connection: Client) -> None:
    await connection.execute("BEGIN")
    answer = await target.ask(NOW)
    assert value(answer, "postgres.connections", state="idle in transaction") == 1
    assert value(answer, "postgres.connections", state="active") == 1
    assert value(answer, "postgres.connections", state="idle in transaction (aborted)") == 0
    total = sum(point.value for point in points(answer, "postgres.connections"))
    assert value(answer, "postgres.max_connections") == 60
    assert value(answer, "postgres.connections_percent") == pytest.approx(total / 60 * 100)
    assert value(answer, "postgres.uptime_seconds") > 0
    assert answer.complaint is None
    assert answer.samples == len(answer.points)


async def test_the_longest_transaction_and_who_waits(
    target: Postgres, connection: Client, database: str
) -> None:
    await connection.execute("CREATE TABLE t (x int)")
    await connection.execute("BEGIN; LOCK TABLE t; SELECT pg_sleep(0.02)")
    waiting = await asyncpg.connect(database)
    reading = asyncio.create_task(waiting.fetch("SELECT * FROM t"))
    answer = await until_value(target, "postgres.locks_waiting", 1)
    assert value(answer, "postgres.longest_transaction_ms") >= 20
    await connection.execute("ROLLBACK")
    await reading
    await waiting.close()
    assert value(await target.ask(NOW), "postgres.locks_waiting") == 0


async def test_what_a_database_counts(target: Postgres, database: str) -> None:
    tags = {"database": name_of(database)}
    await execute(database, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS x")
    first = await target.ask(NOW)
    await execute(database, "INSERT INTO t SELECT 1 FROM generate_series(1, 500)")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await execute(database, "SELECT 1 / 0")
    before = value(first, "postgres.rows_inserted", **tags)
    second = await until_value(target, "postgres.rows_inserted", before + 500, **tags)
    assert value(second, "postgres.rollbacks", **tags) >= 1
    assert value(second, "postgres.commits", **tags) > value(first, "postgres.commits", **tags)
    assert value(second, "postgres.deadlocks", **tags) == 0
    assert value(second, "postgres.blocks_hit", **tags) > 0
    assert value(second, "postgres.active_ms", **tags) > 0
    assert value(second, "postgres.size_bytes", **tags) > 1_000_000
    blocks = ("postgres.blocks_hit", "postgres.blocks_read")
    counted = [value(second, name, **tags) for name in blocks]
    await execute(database, "SELECT count(*) FROM t")
    third = await until_value(target, "postgres.blocks_hit", counted[0] + 1, **tags)
    hit, read = (
        value(third, name, **tags) - was for name, was in zip(blocks, counted, strict=True)
    )
    share = value(third, "postgres.cache_hit_percent", **tags)
    assert 0 < share <= 100
    assert share == pytest.approx(hit / (hit + read) * 100, abs=20)
    types = {point.name: point.type for point in second.points}
    assert types["postgres.commits"] is MetricType.CUMULATIVE
    assert types["postgres.size_bytes"] is MetricType.GAUGE


async def test_asking_rolls_nothing_back(target: Postgres, database: str) -> None:
    tags = {"database": name_of(database)}
    for _ in range(3):
        await target.ask(NOW)
    answer = await until_value(target, "postgres.commits", 10, **tags)
    assert value(answer, "postgres.rollbacks", **tags) == 0


async def test_a_deadlock_is_counted(target: Postgres, connection: Client, database: str) -> None:
    other = await asyncpg.connect(database)
    await connection.execute("CREATE TABLE a (x int); CREATE TABLE b (x int)")
    await connection.execute("BEGIN; LOCK TABLE a")
    await other.execute("BEGIN; LOCK TABLE b")
    results = await asyncio.gather(
        connection.execute("LOCK TABLE b"), other.execute("LOCK TABLE a"), return_exceptions=True
    )
    assert [type(result) for result in results].count(asyncpg.DeadlockDetectedError) == 1
    await connection.execute("ROLLBACK")
    await other.execute("ROLLBACK")
    await other.close()
    await until_value(target, "postgres.deadlocks", 1, database=name_of(database))


async def test_queries_by_what_they_take(
    target: Postgres, connection: Client, database: str
) -> None:
    assert points(await target.ask(NOW), "postgres.statement.calls") == []
    await connection.execute('CREATE SCHEMA "odd name"')
    await connection.execute('CREATE EXTENSION pg_stat_statements SCHEMA "odd name"')
    query = "SELECT /* 4711 */ count(*)\n  FROM generate_series(1, 10000) AS g(x) WHERE x > 3"
    text = "SELECT count(*) FROM generate_series($1, $2) AS g(x) WHERE x > $3"
    await connection.execute(query)
    tags = {"query": text, "database": name_of(database)}
    first = await target.ask(NOW)
    assert value(first, "postgres.statement.calls", **tags) == 1
    assert points(first, "postgres.statement.mean_ms") == []
    for _ in range(4):
        await connection.execute(query)
    second = await target.ask(NOW)
    assert value(second, "postgres.statement.calls", **tags) == 5
    assert value(second, "postgres.statement.rows", **tags) == 5
    took = value(second, "postgres.statement.time_ms", **tags) - value(
        first, "postgres.statement.time_ms", **tags
    )
    mean = value(second, "postgres.statement.mean_ms", **tags)
    assert mean == pytest.approx(took / 4, abs=0.002)
    (point,) = points(second, "postgres.statement.calls", **tags)
    assert int(point.tags["queryid"])


async def test_no_secret_of_a_statement_is_told(target: Postgres, connection: Client) -> None:
    await connection.execute("CREATE EXTENSION pg_stat_statements")
    await connection.execute("CREATE ROLE watcher PASSWORD 'hunter2'; DROP ROLE watcher")
    await connection.execute("/* hunter2 */ SELECT 'hunter2'")
    answer = await target.ask(NOW)
    told = {point.tags["query"] for point in points(answer, "postgres.statement.calls")}
    assert {"CREATE", "SELECT $1"} <= told
    assert "hunter2" not in repr(answer)


async def test_only_so_many_queries_are_told_apart(database: str, connection: Client) -> None:
    await connection.execute("CREATE EXTENSION pg_stat_statements")
    for limit in (0, 2):
        target = Postgres(Settings(database, statements=limit))
        assert len(points(await target.ask(NOW), "postgres.statement.calls")) == limit
        await target.close()


async def test_a_role_without_rights_sees_what_it_may(database: str, connection: Client) -> None:
    await connection.execute("CREATE EXTENSION pg_stat_statements")
    await connection.execute("CREATE ROLE watch LOGIN PASSWORD 'w'")
    parts = urlsplit(database)
    url = urlunsplit(parts._replace(netloc=f"watch:w@127.0.0.1:{parts.port}"))
    target = Postgres(Settings(url))
    answer = await target.ask(NOW)
    await target.close()
    assert value(answer, "postgres.max_connections") == 60
    assert value(answer, "postgres.commits", database=name_of(database)) >= 0
    assert points(answer, "postgres.connections", state="unknown")
    await connection.execute("DROP ROLE watch")


async def test_one_part_that_fails_leaves_the_others(target: Postgres, connection: Client) -> None:
    await connection.execute("CREATE EXTENSION pg_stat_statements")
    await connection.execute("ALTER VIEW pg_stat_statements RENAME TO elsewhere")
    answer = await target.ask(NOW)
    assert answer.complaint == 'relation "public.pg_stat_statements" does not exist'
    assert value(answer, "postgres.max_connections") == 60


async def test_it_cannot_write_and_does_not_wait_long(database: str) -> None:
    target = Postgres(Settings(database, timeout=timedelta(milliseconds=500)))
    own = await target._connected()
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with target._reading(own):
            await own.execute("CREATE TABLE t (x int)")
    with pytest.raises(asyncpg.QueryCanceledError):
        async with target._reading(own):
            await own.execute("SELECT pg_sleep(5)")
    await target.close()


async def test_a_server_that_drops_the_connection_is_asked_anew(
    server: OwnServer, target: Postgres, database: str
) -> None:
    await target.ask(NOW)
    await server.disconnect(database)

    async def asked() -> Answer | None:
        try:
            return await target.ask(NOW)
        except TargetError:
            return None

    answer = await eventually_async(asked)
    assert answer is not None
    assert value(answer, "postgres.max_connections") == 60


async def test_asking_can_be_given_up_at_any_moment(target: Postgres) -> None:
    await target.ask(NOW)
    asking = asyncio.create_task(target.ask(NOW))
    for _ in range(3):
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert value(await target.ask(NOW), "postgres.max_connections") == 60


async def test_a_wrong_password_is_a_reason_without_it(database: str) -> None:
    parts = urlsplit(database)
    url = urlunsplit(parts._replace(netloc=f"nowline:hunter2@127.0.0.1:{parts.port}"))
    with pytest.raises(TargetError) as caught:
        await Postgres(Settings(url)).ask(NOW)
    assert str(caught.value) == 'password authentication failed for user "nowline"'

"""What a database with TimescaleDB is made of. Runs where one is given (see `postgres`)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from nowline.model.level import ROLLED_UP, Level
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store.base import Append, Rows, Span
from nowline.store.catalogue import NewSeries
from nowline.store.postgres import PostgresStore
from nowline.store.postgres_schema import tables_of
from postgres import TIMESCALE, Server, name_of
from reference import Row, assert_equal, cells, columns, selection

SERIES = [NewSeries(0, SeriesKey.of("a", {}), MetricType.DISTRIBUTION)]
ROWS = [
    Row(0, day * DAY_MS + minute * MINUTE_MS, float(minute))
    for day in range(4)
    for minute in (0, 1, 70)
]
VIEWS = sorted(table for level in ROLLED_UP for table in tables_of(level))
KEEP = dict(zip(Level, (day * DAY_MS for day in (2, 10, 20, 30, 40)), strict=True))


@pytest.fixture(params=[TIMESCALE] if TIMESCALE is not None else [])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.param.server()
    return found


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    made = await server.create_database()
    yield made
    await server.drop_database(made)


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    opened = await PostgresStore.open(url, KEEP)
    await opened.append(Append(Rows(*columns(ROWS)), [], SERIES, "log", 1, 2 * DAY_MS))
    await opened.append(Append(Rows(*columns([])), [], [], "log", 2, 3 * DAY_MS + 2 * HOUR_MS))
    await opened.maintain(3 * DAY_MS)
    yield opened
    await opened.close()


@pytest.fixture
async def database(url: str, store: PostgresStore) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the store's."""
    assert store.state().levels
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def test_levels_are_continuous_aggregates_with_real_time_on(
    database: asyncpg.Connection,
) -> None:
    found = await database.fetch(
        "SELECT view_name, materialized_only, compression_enabled"
        " FROM timescaledb_information.continuous_aggregates ORDER BY view_name"
    )
    assert [tuple(row) for row in found] == [(view, False, True) for view in VIEWS]
    of_one_hour = await database.fetch("SELECT * FROM nowline_series.partials_1h ORDER BY bucket")
    assert [row["bucket"] for row in of_one_hour][-2:] == [3 * DAY_MS, 3 * DAY_MS + HOUR_MS]


async def test_questions_read_what_is_materialized(database: asyncpg.Connection) -> None:
    for view in VIEWS:
        sql = f'EXPLAIN SELECT * FROM nowline_series."{view}" WHERE bucket < {2 * DAY_MS}'
        plan = "\n".join(row[0] for row in await database.fetch(sql))
        table = await database.fetchval(
            "SELECT materialization_hypertable_name"
            " FROM timescaledb_information.continuous_aggregates WHERE view_name = $1",
            view,
        )
        chunks = await database.fetch(
            "SELECT chunk_name FROM timescaledb_information.chunks WHERE hypertable_name = $1",
            table,
        )
        assert any(f"on {chunk['chunk_name']}" in plan for chunk in chunks), plan
        materialized = f'SELECT count(*) FROM _timescaledb_internal."{table}"'
        assert await database.fetchval(materialized) > 0


async def test_policies_compress_and_drop(
    database: asyncpg.Connection, store: PostgresStore
) -> None:
    jobs = await database.fetch(
        "SELECT job_id, proc_name FROM timescaledb_information.jobs"
        " WHERE proc_name IN ('policy_retention', 'policy_compression')"
    )
    relations = len(VIEWS) + 1
    names = [job["proc_name"] for job in jobs]
    assert names.count("policy_retention") == names.count("policy_compression") == relations
    await store.append(Append(Rows(*columns([])), [], [], "log", 3, 9 * DAY_MS))
    await store.maintain(3 * DAY_MS)
    span = Span(0, 9 * DAY_MS, HOUR_MS)
    expected = cells(ROWS, {0: 0}, 0, 9 * DAY_MS, HOUR_MS)
    for wanted in ("policy_compression", "policy_retention"):
        for job in jobs:
            if job["proc_name"] == wanted:
                await database.execute(f"CALL run_job({job['job_id']})")
        assert_equal(await store.partials(selection({0: 0}), span), expected)
    assert await database.fetchval("SELECT count(*) FROM nowline_series.points") == 0


async def test_the_extension_is_made_where_it_may_be(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP EXTENSION timescaledb")
    await connection.close()
    await (await PostgresStore.open(url)).close()
    connection = await asyncpg.connect(url)
    points = "SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_name = $1"
    assert await connection.fetchval(points, "points") == 1
    await connection.close()


async def test_tables_that_were_made_without_it_stay_so(server: Server, url: str) -> None:
    name = name_of(url)
    await server.execute(f"ALTER DATABASE {name} SET timescaledb.disable_load = 'on'")
    rows = Rows(*columns(ROWS))
    store = await PostgresStore.open(url, KEEP)
    await store.append(Append(rows, [], SERIES, "log", 1, 0))
    await store.close()
    await server.execute(f"ALTER DATABASE {name} RESET timescaledb.disable_load")
    store = await PostgresStore.open(url, KEEP)
    assert (await store.rows_since(0)).time.tolist() == rows.time.tolist()
    await store.close()
    connection = await asyncpg.connect(url)
    kind = "SELECT relkind FROM pg_class WHERE oid = 'nowline_series.points'::regclass"
    assert await connection.fetchval(kind) == b"p"
    await connection.close()

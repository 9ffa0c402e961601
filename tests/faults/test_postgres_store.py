"""The store on PostgreSQL when the server, the connection or the data fail it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import numpy as np
import pytest

from deaf import Deaf
from nowline.errors import Code, NowlineError
from nowline.model.level import Level
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store.base import Append, Rows, Span
from nowline.store.catalogue import Catalogue, Metric, NewSeries
from nowline.store.postgres import PostgresStore
from postgres import PLAIN, TIMESCALE, OwnServer, Server, own_server
from reference import Row, assert_equal, cells, columns, selection

LOG = "the log"
ALL = {0: 0, 1: 1}
SERIES = [
    NewSeries(n, SeriesKey.of("a", {"n": str(n)}), kind)
    for n, kind in enumerate((MetricType.GAUGE, MetricType.DISTRIBUTION))
]
PLACES = [pytest.param(PLAIN, id="postgres")]
if TIMESCALE is not None:
    PLACES.append(pytest.param(TIMESCALE, id="timescale"))


def append(*rows: Row, offset: int, closed: int = 0) -> Append:
    new = SERIES if offset == 1 else []
    return Append(Rows(*columns(rows)), [], new, LOG, offset, closed)


@pytest.fixture(params=PLACES)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.param.server()
    return found


@pytest.fixture
def own() -> OwnServer:
    return own_server()


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    made = await server.create_database()
    yield made
    await server.drop_database(made)


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    opened = await PostgresStore.open(url)
    yield opened
    await opened.close()


async def assert_is(store: PostgresStore, rows: list[Row]) -> None:
    for width in (1_000, MINUTE_MS, HOUR_MS):
        found = await store.partials(selection(ALL), Span(0, DAY_MS, width))
        assert_equal(found, cells(rows, ALL, 0, DAY_MS, width))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the store's."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def until(connection: asyncpg.Connection, sql: str) -> None:
    """Wait until a query is true."""
    async with asyncio.timeout(20):
        while not await connection.fetchval(sql):
            await connection.execute("SELECT pg_sleep(0.01)")


_WAITING = """
SELECT count(*) > 0 FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'nowline' AND wait_event_type = 'Lock'
"""


async def test_appends_and_questions_go_on_after_the_server_was_restarted(own: OwnServer) -> None:
    store = await PostgresStore.open(await own.create_database())
    rows = [Row(0, 5, 1.0), Row(1, MINUTE_MS, 2.0)]
    await store.append(append(*rows, offset=1))
    own.crash()
    more = append(Row(0, 6, 3.0), offset=2, closed=5 * MINUTE_MS)
    try:
        with pytest.raises(NowlineError, match="cannot be") as caught:
            await store.partials(selection(ALL), Span(0, DAY_MS, 1_000))
        assert caught.value.code is Code.UNAVAILABLE
        for _ in range(2):
            with pytest.raises(Exception, match=r"."):
                await store.append(more)
    finally:
        own.start()
    await store.append(more)
    await assert_is(store, [*rows, Row(0, 6, 3.0)])
    assert await store.offset(LOG) == 2
    await store.close()


async def test_an_append_that_is_cut_off_leaves_nothing_and_is_done_again(
    server: Server, url: str, store: PostgresStore
) -> None:
    rows = [Row(0, 5, 1.0)]
    await store.append(append(*rows, offset=1, closed=MINUTE_MS))
    late = [Row(1, 7, 2.0), Row(0, 2 * MINUTE_MS, 4.0)]
    async with connected(url) as other, other.transaction():
        await other.execute("LOCK TABLE nowline_series.progress")
        appending = asyncio.create_task(store.append(append(*late, offset=2, closed=HOUR_MS)))
        await until(other, _WAITING)
        await server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            f" WHERE datname = '{urlsplit(url).path[1:]}' AND wait_event_type = 'Lock'"
        )
        with pytest.raises(Exception, match=r"."):
            await appending
    await assert_is(store, rows)
    await store.append(append(*late, offset=2, closed=HOUR_MS))
    await assert_is(store, rows + late)


async def test_an_append_whose_commit_was_not_heard_of_counts_once(url: str) -> None:
    async with Deaf(url) as deaf:
        store = await PostgresStore.open(deaf.url)
        rows = [Row(0, 5, 1.0)]
        await store.append(append(*rows, offset=1))
        deaf.is_deaf = True
        more = append(Row(1, 7, 2.0), offset=2, closed=MINUTE_MS)
        with pytest.raises(Exception, match=r"."):
            await store.append(more)
        deaf.is_deaf = False
        await store.append(more)
        await assert_is(store, [*rows, Row(1, 7, 2.0)])
        await store.append(append(Row(1, 8, 2.0), offset=3))
        await assert_is(store, [*rows, Row(1, 7, 2.0), Row(1, 8, 2.0)])
        await store.close()


async def test_a_cancelled_question_ends_in_the_server_too(url: str, store: PostgresStore) -> None:
    await store.append(append(Row(0, 5, 1.0), offset=1))
    async with connected(url) as other, other.transaction():
        await other.execute("LOCK TABLE nowline_series.points")
        asking = asyncio.create_task(store.partials(selection(ALL), Span(0, DAY_MS, 1_000)))
        await until(other, _WAITING)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(other, f"SELECT NOT ({_WAITING.strip()})")
    await assert_is(store, [Row(0, 5, 1.0)])


async def test_a_second_server_is_refused(url: str, store: PostgresStore) -> None:
    await store.append(append(Row(0, 5, 1.0), offset=1))
    with pytest.raises(NowlineError, match="is used by another Nowline server") as caught:
        await PostgresStore.open(url)
    assert caught.value.code is Code.CONFLICT


async def test_a_newer_version_is_refused(url: str) -> None:
    await (await PostgresStore.open(url)).close()
    async with connected(url) as other:
        await other.execute("INSERT INTO nowline_series.version VALUES (999)")
    with pytest.raises(NowlineError, match="version 999"):
        await PostgresStore.open(url)


async def test_a_database_that_cannot_hold_every_text_is_refused(own: OwnServer) -> None:
    url = await own.create_database()
    ascii_url = f"{url}_ascii"
    name = urlsplit(ascii_url).path[1:]
    await own.execute(f'CREATE DATABASE "{name}" ENCODING SQL_ASCII TEMPLATE template0')
    with pytest.raises(NowlineError, match="encoding is not UTF8"):
        await PostgresStore.open(ascii_url)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"netloc": "nowline:wrong@{where}"}, "password authentication failed"),
        ({"path": "/missing"}, "does not exist"),
        ({"netloc": "u:hunter2@127.0.0.1:1"}, "Connect"),
    ],
)
async def test_what_cannot_be_opened_is_told_in_one_line(
    own: OwnServer, change: dict[str, str], reason: str
) -> None:
    parts = urlsplit(own.url)
    where = parts.netloc.rpartition("@")[2]
    filled = {name: value.format(where=where) for name, value in change.items()}
    with pytest.raises(NowlineError, match=reason) as caught:
        await PostgresStore.open(urlunsplit(parts._replace(**filled)))
    assert caught.value.code is Code.UNAVAILABLE
    assert "\n" not in caught.value.detail
    assert "hunter2" not in caught.value.detail
    assert "wrong" not in caught.value.detail


async def test_absurd_values_keep_no_others_out(store: PostgresStore) -> None:
    huge = 1.7e308
    rows = [Row(0, time, value) for time, value in enumerate((huge, huge, -1e-320, 5.0))]
    rows += [Row(1, 0, -huge), Row(1, 1, huge), Row(1, MINUTE_MS, 0.0), Row(1, 5, 5e-324)]
    for number, closed in enumerate((0, HOUR_MS, HOUR_MS), start=1):
        await store.append(append(*rows, offset=number, closed=closed))
        await store.maintain(HOUR_MS)
        for width in (1_000, MINUTE_MS, HOUR_MS):
            found = await store.partials(selection(ALL), Span(0, DAY_MS, width))
            assert found.count.sum() == number * len(rows)
            assert found.total[0] == np.inf
            assert found.high.max() == huge
            binned = await store.bins(selection(ALL), Span(0, DAY_MS, width), distribution=False)
            assert binned.bins.count.sum() == number * len(rows)
            assert binned.offset == number


async def test_names_of_any_characters_come_back(store: PostgresStore) -> None:
    names = ["a\0b", "a\\0b", "\\", "\\\\0\0", "'\"; DROP TABLE x; --", "ü😀"]
    metrics = [Metric(name, MetricType.GAUGE, 0, 0) for name in names]
    new = [
        NewSeries(n, SeriesKey.of(name, {name: name}), MetricType.GAUGE)
        for n, name in enumerate(names)
    ]
    nothing = Rows(*columns([]))
    await store.append(Append(nothing, metrics, new, LOG, 1, 0))
    catalogue = Catalogue()
    await store.load(catalogue)
    assert set(catalogue.metrics) == set(names)
    assert catalogue.keys == [each.key for each in new]


async def test_what_was_half_dropped_is_dropped_later(own: OwnServer) -> None:
    url = await own.create_database()
    keep = dict.fromkeys(Level, 2 * DAY_MS)
    rows = [Row(0, day * DAY_MS, 1.0) for day in range(5)]
    async with opened(url, keep) as store:
        await store.append(append(*rows, offset=1))
        await store.append(append(offset=2, closed=5 * DAY_MS))
    count = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'points_%'"
    async with connected(url) as other:
        assert await other.fetchval(count) == 5
        await other.execute(
            'ALTER TABLE nowline_series.points DETACH PARTITION nowline_series."points_1970-01-01"'
        )
        async with opened(url, keep) as store:
            await store.maintain(5 * DAY_MS)
            assert (await store.rows_since(0)).time.tolist() == [3 * DAY_MS, 4 * DAY_MS]
        assert await other.fetchval(count) == 2


@asynccontextmanager
async def opened(url: str, keep_ms: dict[Level, int]) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(url, keep_ms)
    try:
        yield store
    finally:
        await store.close()


async def test_only_a_wrong_value_is_blamed_on_the_rows(store: PostgresStore) -> None:
    async with connected(store._url) as connection:
        with pytest.raises(asyncpg.PostgresError) as wrong:
            await connection.execute("SELECT 1e400::float8")
        with pytest.raises(asyncpg.PostgresError) as gone:
            await connection.execute("SELECT * FROM there_is_no_such_table")
    assert store.blames_rows(wrong.value)
    assert not store.blames_rows(gone.value)
    assert not store.blames_rows(asyncpg.DiskFullError())
    assert not store.blames_rows(asyncpg.ConnectionDoesNotExistError())

"""Events on PostgreSQL when the server, the connection or the operator gets in their way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from deaf import Deaf
from nowline.activity.following import ActivityWriter
from nowline.bus.embedded import EmbeddedLog
from nowline.clock import SystemClock
from nowline.errors import Code, NowlineError
from nowline.model.batch import Batch
from nowline.model.event import Event, Happened
from nowline.model.query import DAY_MS
from nowline.store import activity_rows
from nowline.store.activity import Filter, Place
from nowline.store.activity_postgres import PostgresActivity
from polling import eventually_async
from postgres import PLAIN, TIMESCALE, OwnServer, Server, own_server

LOG = "the log"
NOW = 1_800_000_000_000
KEEP = 60 * DAY_MS
ALL = Filter(0, NOW + 1000 * DAY_MS)
PLACES = [pytest.param(PLAIN, id="postgres")]
if TIMESCALE is not None:
    PLACES.append(pytest.param(TIMESCALE, id="timescale"))


@pytest.fixture(params=PLACES)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.param.server()
    return found


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    made = await server.create_database()
    yield made
    await server.drop_database(made)


@pytest.fixture
async def own() -> AsyncIterator[tuple[OwnServer, str]]:
    """Our own server, to be crashed, and a database on it."""
    server = own_server()
    made = await server.create_database()
    yield server, made
    await server.drop_database(made)


@asynccontextmanager
async def opened(url: str, keep_ms: int = KEEP) -> AsyncIterator[PostgresActivity]:
    store = await PostgresActivity.open(url, keep_ms)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the store's, on its tables."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "nowline_activity"})
    try:
        yield connection
    finally:
        await connection.close()


def happened(*numbers: int, time: int = NOW) -> Happened:
    return Happened([Event("A", time, f"e{n}") for n in numbers], [*numbers])


async def told(store: PostgresActivity) -> list[str]:
    return [stored.event.event_id for stored in await store.page(ALL, 1000)]


def record(*numbers: int) -> bytes:
    """What the log has of events."""
    nothing = np.zeros(0)
    columns = nothing.astype(np.uint32), nothing.astype(np.int64), nothing
    return Batch([], [], *columns, NOW, activity=happened(*numbers).encode()).encode()


@asynccontextmanager
async def writing(folder: Path, store: PostgresActivity) -> AsyncIterator[Following]:
    """A writer that follows a log."""
    bus = await EmbeddedLog.open(folder / "log.sqlite")
    forgotten: list[int] = []
    writer = ActivityWriter(bus, store, SystemClock(), forgotten.append)
    await writer.start()
    running = asyncio.create_task(writer.run())
    try:
        yield Following(bus, writer, forgotten)
    finally:
        writer.stop()
        await running
        await bus.close()


@dataclass
class Following:
    """A log, who follows it, and what he said that the store has."""

    bus: EmbeddedLog
    writer: ActivityWriter
    forgotten: list[int]

    async def fails(self) -> bool:
        return self.writer.failures > 0

    async def is_done(self) -> bool:
        return self.forgotten[-1] == self.bus.head


async def test_events_wait_in_the_log_while_the_server_is_away(
    own: tuple[OwnServer, str], tmp_path: Path
) -> None:
    server, url = own
    async with opened(url) as store, writing(tmp_path, store) as following:
        await following.bus.append(record(1, 2))
        assert await eventually_async(following.is_done)
        server.crash()
        try:
            for number in (3, 4, 5):
                await following.bus.append(record(number))
            assert await eventually_async(following.fails)
            for asking in (store.page(ALL, 1), store.since(0), store.known([1], 0)):
                with pytest.raises(NowlineError, match="cannot be read") as caught:
                    await asking
                assert caught.value.code is Code.UNAVAILABLE
            with pytest.raises(NowlineError) as caught:
                await store.append(happened(9), LOG, 1, NOW)
            assert caught.value.code is Code.UNAVAILABLE
        finally:
            server.start()
        await following.bus.append(record(6))
        assert await eventually_async(following.is_done, within_s=30)
        assert await told(store) == ["e6", "e5", "e4", "e3", "e2", "e1"]
        assert await store.offset(following.bus.id) == following.bus.head
        assert store.state().events == 6


async def test_events_whose_commit_was_not_heard_of_are_kept_once(url: str, tmp_path: Path) -> None:
    async with (
        Deaf(url) as deaf,
        opened(deaf.url) as store,
        writing(tmp_path, store) as following,
    ):
        await following.bus.append(record(1))
        assert await eventually_async(following.is_done)
        deaf.is_deaf = True
        await following.bus.append(record(2, 3))
        assert await eventually_async(following.fails)
        deaf.is_deaf = False
        # It is read from the log together with what may be in the store already.
        await following.bus.append(record(4))
        assert await eventually_async(following.is_done, within_s=30)
        assert await told(store) == ["e4", "e3", "e2", "e1"]
        assert store.state().events == 4


async def test_a_second_server_is_refused(url: str) -> None:
    async with opened(url):
        with pytest.raises(NowlineError, match="is used by another Nowline server") as caught:
            await PostgresActivity.open(url, KEEP)
    assert caught.value.code is Code.CONFLICT


async def test_a_newer_version_is_refused(url: str) -> None:
    async with opened(url), connected(url) as other:
        await other.execute("INSERT INTO version VALUES (999)")
    with pytest.raises(NowlineError, match="tables of events have version 999"):
        await PostgresActivity.open(url, KEEP)


async def test_nobody_waits_for_who_reads_for_hours(url: str) -> None:
    """`pg_dump` holds a lock on all tables until its end."""
    async with opened(url) as store, connected(url) as other:
        await store.append(happened(1, time=NOW - 100 * DAY_MS), LOG, 1, NOW - 100 * DAY_MS)
        await store.append(happened(2), LOG, 2, NOW)
        async with other.transaction():
            await other.fetch("SELECT FROM activity_logs")
            await other.fetch("SELECT FROM seen")
            async with asyncio.timeout(20):
                await store.maintain(NOW)
                await store.append(happened(3, time=NOW + 90 * DAY_MS), LOG, 3, NOW + 9 * DAY_MS)
                assert await told(store) == ["e3", "e2", "e1"]
                assert await store.known([1, 2, 3], NOW) == {2, 3}
        assert store.state().events == 3
        await store.maintain(NOW)
        assert await told(store) == ["e3", "e2"]
        assert store.state().events == 2


async def test_a_partition_a_month_is_made_ahead_and_dropped(own: tuple[OwnServer, str]) -> None:
    _, url = own
    names = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1"
    async with opened(url) as store, connected(url) as other:
        # The 15th of January 2027.
        await store.append(happened(1, time=NOW - 65 * DAY_MS), LOG, 1, NOW)
        await store.maintain(NOW)
        assert [row["relname"] for row in await other.fetch(names)] == [
            "activity_logs_2026_11",
            "activity_logs_2027_01",
            "activity_logs_2027_02",
            "seen_2027_01_15",
            "seen_2027_01_16",
        ]
        await store.maintain(NOW + 31 * DAY_MS)
        assert [row["relname"] for row in await other.fetch(names)] == [
            "activity_logs_2027_01",
            "activity_logs_2027_02",
            "activity_logs_2027_03",
            "seen_2027_02_15",
            "seen_2027_02_16",
        ]


async def test_each_way_to_look_for_events_has_an_index(own: tuple[OwnServer, str]) -> None:
    _, url = own
    async with opened(url) as store, connected(url) as other:
        events = [
            Event("AB"[n % 2], NOW + n, f"{n}", f"u{n % 500}", f"o{n % 100}", f"s{n}")
            for n in range(20_000)
        ]
        await store.append(Happened(events, []), LOG, 1, NOW)
        await store.maintain(NOW)
        for other_way in ("seqscan", "bitmapscan", "sort"):
            await other.execute(f"SET enable_{other_way} = off")
        for column, value in {"user_id": "u7", "organization_id": "o7", "session_id": "s7"}.items():
            wanted = Filter(NOW, NOW + 20_000, {column: value}, Place(NOW + 10_000, 1))
            query, values = activity_rows.page(wanted, 10)
            plan = "\n".join(row[0] for row in await other.fetch(f"EXPLAIN {query}", *values))
            assert "Index Scan" in plan
            assert f"({column} =" in plan.partition("Index Cond:")[2]
            assert "Sort" not in plan


@pytest.mark.skipif(TIMESCALE is None, reason="no TimescaleDB")
async def test_chunks_become_columns_and_take_late_events_all_the_same() -> None:
    assert TIMESCALE is not None
    server = TIMESCALE.server()
    url = await server.create_database()
    async with opened(url) as store, connected(url) as other:
        events = [Event("A", NOW + n // 2, f"e{n}", f"u{n % 9}") for n in range(5_000)]
        await store.append(Happened(events, []), LOG, 1, NOW)
        jobs = "SELECT proc_name FROM timescaledb_information.jobs WHERE hypertable_name = $1"
        found = {row["proc_name"] for row in await other.fetch(jobs, "activity_logs")}
        assert found == {"policy_compression", "policy_retention"}
        before = await store.page(ALL, 1000)
        await other.execute(
            "SELECT public.compress_chunk(c) FROM public.show_chunks('activity_logs') c"
        )
        assert await store.page(ALL, 1000) == before
        late = [Event("A", NOW + 2_499, "late", "u3"), Event("A", NOW, "later", "u3")]
        await store.append(Happened(late, []), LOG, 2, NOW)
        of_u3 = [each.event_id for each in events if each.user_id == "u3"]
        wanted = Filter(NOW, NOW + DAY_MS, {"user_id": "u3"})
        page = [stored.event.event_id for stored in await store.page(wanted, 1000)]
        assert page == ["late", *reversed(of_u3), "later"]
        assert await store.since(NOW + 2_499) == [*events[-2:], late[0]]
    await server.drop_database(url)

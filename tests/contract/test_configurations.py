"""What is configured is read from memory, and never older than it may be, over every database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

import postgres
from nowline.errors import NowlineError
from nowline.model.kpi import Kpi
from nowline.query.configurations import Configurations
from nowline.store import kpis as store
from nowline.store.documents import Documents
from personas import SetClock

FIRST = Kpi(code="first", name="First", expression="1")
SECOND = Kpi(code="second", name="Second", expression="2")
RENAMED = Kpi(code="first", name="Renamed", expression="1")


class Server:
    """One server's configurations, and how often it asked the database."""

    def __init__(self, documents: Documents) -> None:
        self.clock = SetClock()
        self.loads = 0
        self.overtaken: Kpi | None = None
        self.configurations = Configurations(documents, self.clock)

    async def kpi(self, code: str) -> Kpi:
        return await self.configurations.read("kpis", code, partial(self._load, code=code))

    async def all(self) -> list[Kpi]:
        return await self.configurations.read("kpis", "", self._list)

    async def add(self, kpi: Kpi) -> None:
        async with self.configurations.changing("kpis") as connection:
            await store.add_kpi(connection, kpi)

    async def replace(self, kpi: Kpi) -> None:
        async with self.configurations.changing("kpis") as connection:
            await store.replace_kpi(connection, kpi)

    async def _load(self, connection: AsyncConnection, code: str) -> Kpi:
        self.loads += 1
        found = await store.get_kpi(connection, code)
        if self.overtaken is not None:
            change, self.overtaken = self.overtaken, None
            await asyncio.create_task(self.replace(change))
        return found

    async def _list(self, connection: AsyncConnection) -> list[Kpi]:
        self.loads += 1
        return await store.list_kpis(connection)


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return await postgres.own_server().create_database()
    return f"sqlite:///{tmp_path}/documents.sqlite"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Server]:
    documents = await Documents.open(url)
    yield Server(documents)
    await documents.close()


@pytest.fixture
async def server(url: str) -> AsyncIterator[Server]:
    async with opened(url) as server:
        await server.add(FIRST)
        yield server


async def test_what_was_read_is_not_asked_for_again(server: Server) -> None:
    for _ in range(3):
        assert await server.kpi("first") == FIRST
        assert await server.all() == [FIRST]
    tally = server.configurations.tally
    assert (server.loads, tally.hits, tally.misses, tally.entries) == (2, 4, 2, 2)
    assert tally.bytes > 0


async def test_a_change_counts_at_once(server: Server) -> None:
    assert [await server.kpi("first"), await server.all()] == [FIRST, [FIRST]]
    await server.replace(RENAMED)
    await server.add(SECOND)
    assert [await server.kpi("first"), await server.all()] == [RENAMED, [RENAMED, SECOND]]


async def test_a_change_that_fails_leaves_what_there_is(server: Server) -> None:
    await server.kpi("first")
    with pytest.raises(NowlineError, match="exists already"):
        await server.add(FIRST)
    assert await server.kpi("first") == FIRST


async def test_what_is_not_there_is_looked_for_each_time(server: Server) -> None:
    for _ in range(2):
        with pytest.raises(NowlineError, match="no KPI"):
            await server.kpi("second")
    assert server.loads == 2
    await server.add(SECOND)
    assert await server.kpi("second") == SECOND


async def test_what_a_change_overtook_is_not_kept(server: Server) -> None:
    server.overtaken = RENAMED
    assert await server.kpi("first") == FIRST
    assert await server.kpi("first") == RENAMED


async def test_a_change_of_another_server_is_seen_after_a_while(server: Server, url: str) -> None:
    # SQLite belongs to one server, and nobody else writes there.
    seconds = 5 if url.startswith("postgresql") else 3_600
    async with opened(url) as other:
        assert await server.kpi("first") == FIRST
        await other.replace(RENAMED)
        server.clock.advance(seconds - 0.001)
        assert await server.kpi("first") == FIRST
        server.clock.advance(0.001)
        assert await server.kpi("first") == RENAMED

"""How long a connection may wait for its next request, whichever way the ones before took."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import uvicorn
from uvicorn.server import ServerState

from nowline.api import lines
from nowline.api.arrival import Arrival
from nowline.api.express import Express
from nowline.api.questions import Questions
from nowline.api.upgrades import Upgrades
from nowline.bus.embedded import EmbeddedLog
from nowline.collect.requests import RequestStats
from nowline.ingest.admission import Admission
from nowline.ingest.group_commit import GroupCommit
from nowline.ingest.service import Ingest
from nowline.live.hub import Hub
from nowline.query.engine import Engine
from nowline.rollup.window import Windows
from nowline.store.catalogue import Catalogue
from nowline.store.embedded import EmbeddedStore
from personas import INGEST_KEY, SetClock, world

WAIT_S = 0.3
HEAD = f"Host: nowline\r\nAuthorization: Bearer {INGEST_KEY}\r\nContent-Length: 5\r\n"
SHORT = f"POST /write?precision=ms HTTP/1.1\r\n{HEAD}\r\na v=1".encode()
LONG = f"POST /elsewhere HTTP/1.1\r\n{HEAD}\r\na v=1".encode()


async def elsewhere(
    _scope: object, _receive: object, send: Callable[[dict[str, object]], Awaitable[None]]
) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def no_websocket(*_: object, deflates: bool) -> None:
    del deflates
    raise AssertionError("nobody asks for one")


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[int]:
    """The port of a server whose connections may be idle for `WAIT_S`."""
    bus = await EmbeddedLog.open(folder / "log.sqlite")
    async with world(folder) as here:
        await here.auth.authenticate(f"Bearer {INGEST_KEY}")
        catalogue, clock = Catalogue(), SetClock()
        group = GroupCommit(Ingest(bus, catalogue, clock, 86_400_000))
        doors = {"/write": lines.WRITE}
        store = await EmbeddedStore.open(folder / "store.duckdb", {})
        engine = Engine(catalogue, store, Windows(0), clock)
        questions = Questions(engine, lambda: True)
        express = Express(doors, questions, here.auth, Admission(), group, RequestStats())
        config = uvicorn.Config(elsewhere, log_config=None, lifespan="off")
        config.load()
        config.timeout_keep_alive = WAIT_S  # type: ignore[assignment]
        given = {"config": config, "server_state": ServerState(), "app_state": {}}
        upgrades = Upgrades(Hub(clock, 1), here.auth, RequestStats(), no_websocket)
        made = partial(Arrival, express, upgrades, **given)
        server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        await store.close()
    await bus.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    writer.write(data)
    return (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).split(b"\r\n")[0]


async def test_a_connection_that_is_asked_stays_although_it_began_another_way(
    tmp_path: Path,
) -> None:
    loop = asyncio.get_running_loop()
    async with served(tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in (SHORT, LONG):
            assert await ask(reader, writer, request) == b"HTTP/1.1 204 No Content"
        began = loop.time()
        while loop.time() - began < 3 * WAIT_S:
            assert await ask(reader, writer, SHORT) == b"HTTP/1.1 204 No Content"
        writer.close()


async def test_a_connection_on_which_nothing_is_asked_is_closed(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with served(tmp_path) as port:
        for request in (SHORT, LONG):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(3):
                await ask(reader, writer, request)
            asked = loop.time()
            assert await asyncio.wait_for(reader.read(), 10) == b""
            assert loop.time() - asked >= WAIT_S / 2
            writer.close()

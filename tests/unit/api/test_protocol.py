"""How a connection begins, and how long it may wait, whichever way its requests take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from nowline.api import lines
from nowline.api.arrival import Arrival
from nowline.api.express import Express
from nowline.api.problems import problem_bytes
from nowline.api.questions import Questions
from nowline.api.upgrades import Upgrades
from nowline.bus.embedded import EmbeddedLog
from nowline.collect.requests import RequestStats
from nowline.ingest.admission import Admission
from nowline.ingest.group_commit import GroupCommit
from nowline.ingest.service import Ingest
from nowline.live.hub import Hub
from nowline.live.keepalive import Keepalive
from nowline.live.websocket_protocol import WebSocketProtocol
from nowline.model.user import Scope
from nowline.query.engine import Engine
from nowline.rollup.window import Windows
from nowline.store.catalogue import Catalogue
from nowline.store.embedded import EmbeddedStore
from personas import INGEST_KEY, SetClock, world

WAIT_S = 0.3
HEAD = f"Host: nowline\r\nAuthorization: Bearer {INGEST_KEY}\r\nContent-Length: 5\r\n"
SHORT = f"POST /write?precision=ms HTTP/1.1\r\n{HEAD}\r\na v=1".encode()
LONG = f"POST /elsewhere HTTP/1.1\r\n{HEAD}\r\na v=1".encode()


OPENING = (
    b"GET /ws/analytics HTTP/1.1\r\nHost: nowline\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Authorization: Bearer %b\r\n\r\n"
)
PING = b"\x89\x81\0\0\0\0?"
SWITCHING = b"HTTP/1.1 101 Switching Protocols"


async def elsewhere(
    scope: dict[str, object],
    _receive: object,
    send: Callable[[dict[str, object]], Awaitable[None]],
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class Here(NamedTuple):
    """A server.

    Attributes:
        port: Where it listens.
        head: That of a request for a WebSocket, which may be opened.
        seated: The connections that were.
        connections: All that uvicorn knows.
        upgrades: Opens them.
    """

    port: int
    head: bytes
    seated: list[WebSocketProtocol]
    connections: set[Any]
    upgrades: Upgrades


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Here]:
    """A server whose connections may be idle for `WAIT_S`."""
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
        state, seated = ServerState(), list[WebSocketProtocol]()
        config.ws_protocol_class = partial(WebSocketProtocol, Keepalive(), problem_bytes)  # type: ignore[assignment]
        given = {"config": config, "server_state": state, "app_state": {}}

        def seat(connection: WebSocketProtocol, *_: object, deflates: bool) -> None:
            assert not deflates
            seated.append(connection)

        upgrades = Upgrades(Hub(clock, 1), here.auth, RequestStats(), seat)
        made = partial(Arrival, express, upgrades, **given)
        server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        head = OPENING % (await here.key(Scope.READ)).encode()
        yield Here(port, head, seated, state.connections, upgrades)
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
    async with served(tmp_path) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        for request in (SHORT, LONG):
            assert await ask(reader, writer, request) == b"HTTP/1.1 204 No Content"
        began = loop.time()
        while loop.time() - began < 3 * WAIT_S:
            assert await ask(reader, writer, SHORT) == b"HTTP/1.1 204 No Content"
        writer.close()


async def test_a_connection_on_which_nothing_is_asked_is_closed(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with served(tmp_path) as here:
        for request in (SHORT, LONG):
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            for _ in range(3):
                await ask(reader, writer, request)
            asked = loop.time()
            assert await asyncio.wait_for(reader.read(), 10) == b""
            assert loop.time() - asked >= WAIT_S / 2
            writer.close()


async def test_websockets_that_come_at_once_are_opened_in_their_turn(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        assert await ask(reader, writer, here.head) == SWITCHING
        while here.upgrades.turns.take_at_once():
            pass
        opening = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(40)]
        answers = [asyncio.create_task(ask(*each, here.head + PING)) for each in opening]
        assert await asyncio.gather(*answers) == [SWITCHING] * len(opening)
        # Whatever came while they waited is heard.
        for _, theirs in opening:
            theirs.write(PING)
        assert [await each.readexactly(6) for each, _ in opening] == [b"\x8a\x01?" * 2] * 40
        assert len(here.seated) == 41
        for _, theirs in (*opening, (reader, writer)):
            theirs.close()


async def test_who_leaves_or_sends_more_before_its_turn(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        assert await ask(reader, writer, here.head) == SWITCHING
        began = asyncio.get_running_loop().create_future()
        while here.upgrades.turns.take_at_once():
            pass
        # They wait behind more than one round's worth of others.
        for _ in range(5_000):
            here.upgrades.turns.call(lambda: None)
        here.upgrades.turns.call(lambda: began.set_result(None))
        leaving, staying = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(2)]
        for _, each in (leaving, staying):
            each.write(here.head)
        leaving[1].transport.abort()
        staying[1].write(PING)
        staying[1].write(PING)
        assert await ask(*staying, PING) == SWITCHING
        assert await staying[0].readexactly(9) == b"\x8a\x01?" * 3
        await began
        for each in (writer, staying[1]):
            each.close()


async def test_who_waits_for_a_turn_when_the_server_stops_is_answered(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        assert await ask(reader, writer, here.head) == SWITCHING
        idle = await asyncio.open_connection("127.0.0.1", here.port)
        while here.upgrades.turns.take_at_once():
            pass
        for _ in range(5_000):
            here.upgrades.turns.call(lambda: None)
        waiting = await asyncio.open_connection("127.0.0.1", here.port)
        waiting[1].write(here.head)
        # Who is answered came later.
        other = await asyncio.open_connection("127.0.0.1", here.port)
        assert await ask(*other, LONG) == b"HTTP/1.1 204 No Content"
        for each in list(here.connections):
            each.shutdown()
        assert (await waiting[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 403")
        assert await idle[0].read() == b""
        for each in (writer, waiting[1], idle[1], other[1]):
            each.close()

"""A connection over a real socket, with applications of a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side

from nowline.live import websocket_protocol
from nowline.live.keepalive import Keepalive
from nowline.live.websocket_asgi import DisconnectedError
from nowline.live.websocket_protocol import WebSocketProtocol


class Asgi(NamedTuple):
    """What an application is called with."""

    scope: Any
    receive: Any
    send: Any


App = Callable[[Asgi], Awaitable[None]]
ACCEPT = {"type": "websocket.accept"}
SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "method": "GET",
    "http_version": "1.1",
    "scheme": "http",
    "path": "/",
    "headers": [
        (b"host", b"h"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"sec-websocket-protocol", b"one, two"),
    ],
}


class Client:
    """The other end: what the `websockets` library makes of the bytes."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: WebSocketProtocol,
        state: ServerState,
    ) -> None:
        self.reader, self.writer = streams
        self.server = server
        self.state = state
        self.frames = Protocol(Side.CLIENT, max_size=None)
        self._heard: list[Frame] = []

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def frame(self) -> tuple[Opcode, bytes]:
        while not self._heard:
            data = await self.reader.read(1 << 16)
            assert data, "the connection ended"
            self.frames.receive_data(data)
            self._heard += cast("list[Frame]", self.frames.events_received())
        heard = self._heard.pop(0)
        return heard.opcode, bytes(heard.data)

    async def text(self) -> str:
        opcode, data = await self.frame()
        assert opcode is Opcode.TEXT
        return data.decode()

    async def closed(self) -> int:
        """The code that the server closes with; the connection ends without an error."""
        while self.frames.close_rcvd is None:
            await self.frame()
        self.flush()
        assert await self.reader.read() == b""
        return self.frames.close_rcvd.code

    def flush(self) -> None:
        self.writer.write(b"".join(self.frames.data_to_send()))

    def say(self, text: str) -> None:
        self.frames.send_text(text.encode())
        self.flush()


@asynccontextmanager
async def connected(app: App, scope: Any = SCOPE) -> AsyncIterator[Client]:  # noqa: ANN401
    loop, state, made = asyncio.get_running_loop(), ServerState(), loop_future()
    state.default_headers = [(b"date", b"today")]

    async def called(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - of ASGI
        await app(Asgi(scope, receive, send))

    config = uvicorn.Config(called, proxy_headers=False, lifespan="off", log_config=None)
    config.load()

    class Opening(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            protocol = WebSocketProtocol(
                Keepalive(), refusal, config=config, server_state=state, app_state={}
            )
            opened = cast("asyncio.Transport", transport)
            opened.set_protocol(protocol)
            protocol.begin(opened, dict(scope), b"")
            made.set_result(protocol)

    server = await loop.create_server(Opening, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(20):
        streams = await asyncio.open_connection("127.0.0.1", port)
        client = Client(streams, await made, state)
        try:
            yield client
        finally:
            client.writer.transport.abort()
            server.close()
        await until(lambda: not state.connections and not state.tasks)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go on until it is so."""
    while not condition():  # noqa: ASYNC110 - the connection tells nobody
        await asyncio.sleep(0)


def loop_future() -> asyncio.Future[WebSocketProtocol]:
    return asyncio.get_running_loop().create_future()


def refusal(error: Exception) -> tuple[int, dict[str, str], bytes]:
    return (426 if "RFC 6455" in str(error) else 500), {"content-type": "x/y"}, b"no"


async def echo(asgi: Asgi) -> None:
    assert asgi.scope["type"] == "websocket"
    assert (await asgi.receive())["type"] == "websocket.connect"
    await asgi.send(
        ACCEPT | {"subprotocol": asgi.scope["subprotocols"][1], "headers": [(b"x", b"y")]}
    )
    while (message := await asgi.receive())["type"] == "websocket.receive":
        await asgi.send({**message, "type": "websocket.send"})


async def test_an_application_hears_and_speaks() -> None:
    async with connected(echo) as client:
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        for line in (b"sec-websocket-protocol: two", b"x: y", b"date: today"):
            assert line + b"\r\n" in head
        client.say("é")
        client.frames.send_binary(b"\xff")
        client.frames.send_ping(b"?")
        client.flush()
        heard = [await client.frame() for _ in range(3)]
    assert sorted(heard) == [(Opcode.TEXT, "é".encode()), (Opcode.BINARY, b"\xff"), (10, b"?")]


async def test_messages_that_come_at_once_are_read_one_by_one() -> None:
    async with connected(echo) as client:
        await client.head()
        for number in range(1000):
            client.frames.send_text(b"%d" % number)
        client.flush()
        assert [await client.text() for _ in range(1000)] == [str(n) for n in range(1000)]


async def test_what_is_not_read_stays_with_the_sender() -> None:
    go_on = asyncio.Event()

    async def waiting(asgi: Asgi) -> None:
        await asgi.receive()
        await asgi.send(ACCEPT)
        await go_on.wait()
        while (await asgi.receive())["type"] == "websocket.receive":
            pass
        await asgi.send({"type": "websocket.send", "text": "never"})

    async with connected(waiting) as client:
        await client.head()
        client.say("x" * 60_000)
        await until(lambda: not client.server._is_reading)
        for _ in range(1000):
            client.frames.send_text(b"x" * 60_000)
        client.flush()
        assert not client.server._is_reading
        assert client.writer.transport.get_write_buffer_size() > 10_000_000
        go_on.set()
        await client.writer.drain()


@pytest.mark.parametrize(("sent", "told"), [((1000, "bye"), 1000), ((4000, ""), 4000)])
async def test_a_peer_that_closes_is_answered(sent: tuple[int, str], told: int) -> None:
    heard: list[Any] = []

    async def listening(asgi: Asgi) -> None:
        await asgi.receive()
        await asgi.send(ACCEPT)
        heard.extend([await asgi.receive(), await asgi.receive()])
        with pytest.raises(DisconnectedError):
            await asgi.send({"type": "websocket.send", "text": "too late"})

    async with connected(listening) as client:
        await client.head()
        client.frames.send_close(*sent)
        client.flush()
        assert await client.closed() == told
    disconnect = {"type": "websocket.disconnect", "code": sent[0], "reason": sent[1]}
    assert heard == [disconnect, disconnect]


async def test_a_peer_that_vanishes() -> None:
    heard = []

    async def listening(asgi: Asgi) -> None:
        await asgi.receive()
        await asgi.send(ACCEPT)
        heard.append(await asgi.receive())

    async with connected(listening) as client:
        await client.head()
        client.writer.transport.abort()
    assert heard == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]


async def test_an_application_that_closes() -> None:
    async def closing(asgi: Asgi) -> None:
        await asgi.receive()
        await asgi.send(ACCEPT)
        await asgi.send({"type": "websocket.close", "code": 4001, "reason": "enough"})

    async with connected(closing) as client:
        await client.head()
        assert await client.closed() == 4001


async def test_an_application_that_returns_or_breaks() -> None:
    async def returning(asgi: Asgi) -> None:
        await asgi.send(ACCEPT)

    async def breaking(asgi: Asgi) -> None:
        await asgi.send(ACCEPT)
        raise ValueError

    for app, code in ((returning, CloseCode.NORMAL_CLOSURE), (breaking, CloseCode.INTERNAL_ERROR)):
        async with connected(app) as client:
            await client.head()
            assert await client.closed() == code


async def test_an_application_that_answers_over_http() -> None:
    async def answering(asgi: Asgi) -> None:
        headers = [(b"content-length", b"4")]
        start = {"type": "websocket.http.response.start", "status": 401, "headers": headers}
        await asgi.send(start)
        await asgi.send({"type": "websocket.http.response.body", "body": b"no", "more_body": True})
        await asgi.send({"type": "websocket.http.response.body", "body": b"pe"})

    async with connected(answering) as client:
        assert (await client.head()).startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert await client.reader.read() == b"nope"


async def test_an_application_that_does_not_accept() -> None:
    async def rejecting(asgi: Asgi) -> None:
        await asgi.send({"type": "websocket.close"})

    async def breaking(asgi: Asgi) -> None:
        raise ValueError(asgi)

    async def wrong(asgi: Asgi) -> None:
        await asgi.send({"type": "websocket.send", "text": "too early"})

    for app, status in ((rejecting, b"403"), (breaking, b"500"), (wrong, b"500")):
        async with connected(app) as client:
            assert (await client.head()).split()[1] == status
            await client.reader.read()


async def test_a_request_of_another_version_reaches_no_application() -> None:
    headers = [each for each in SCOPE["headers"] if each[0] != b"sec-websocket-version"]
    async with connected(echo, SCOPE | {"headers": headers}) as client:
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 426 ")
        assert b"sec-websocket-version: 13\r\n" in head
        assert await client.reader.read() == b"no"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x01x", 1002),
        (b"\x81\x81\0\0\0\0\xff", 1007),
        (b"\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0", 1009),
    ],
)
async def test_a_violation_is_told(data: bytes, code: int) -> None:
    async with connected(echo) as client:
        await client.head()
        # More than what is read of it: the close frame must not get lost over that.
        client.writer.write(data + bytes(200_000))
        assert await client.closed() == code


async def test_a_peer_that_does_not_answer_a_close_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket_protocol, "_CLOSE_S", 0.02)

    async def closing(asgi: Asgi) -> None:
        await asgi.send(ACCEPT)
        await asgi.send({"type": "websocket.close"})

    async with connected(closing) as client:
        await client.head()
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


async def test_a_peer_that_answers_pings_stays_and_another_is_dropped() -> None:
    async with connected(echo) as client:
        await client.head()
        for _ in range(10):
            client.server.check()
            assert (await client.frame())[0] is Opcode.PING
            client.flush()
            client.say("alive")
            await client.text()
        for _ in range(3):
            client.server.check()
            assert (await client.frame())[0] is Opcode.PING
        client.server.check()
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


async def test_of_the_pings_of_a_peer_that_reads_nothing_the_newest_is_answered() -> None:
    async with connected(echo) as client:
        await client.head()
        client.server.pause_writing()
        for number in range(100):
            client.frames.send_ping(b"%d" % number)
        client.flush()
        await until(lambda: client.server._owed_pong == b"99")
        client.server.resume_writing()
        assert await client.frame() == (Opcode.PONG, b"99")
        client.say("next")
        assert await client.text() == "next"


async def test_who_sends_waits_for_a_full_peer() -> None:
    sent: list[int] = []
    ready: list[bool] = []

    async def sending(asgi: Asgi) -> None:
        await asgi.send(ACCEPT)
        await asgi.receive()
        await asgi.receive()
        ready.append(True)
        for number in range(2):
            await asgi.send({"type": "websocket.send", "text": str(number)})
            sent.append(number)

    async with connected(sending) as client:
        await client.head()
        client.server.pause_writing()
        client.say("go")
        await until(lambda: ready == [True])
        await asyncio.sleep(0)
        assert sent == []
        client.server.resume_writing()
        assert [await client.text(), await client.text()] == ["0", "1"]


class Listener:
    """Answers in capital letters, and counts what it is told."""

    def __init__(self) -> None:
        self.closing: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.left_times = 0
        self.at_work = 0
        self.server: WebSocketProtocol | None = None

    async def hear(self, message: str | bytes) -> None:
        self.at_work += 1
        assert self.at_work == 1
        assert self.server is not None
        assert isinstance(message, str)
        if message == "break":
            raise ValueError
        await asyncio.sleep(0)
        payload = message.upper().encode()
        self.server.writer.write(b"\x81%c%b" % (len(payload), payload))
        self.at_work -= 1

    def left(self) -> None:
        self.left_times += 1


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Client, Listener]]:
    """A connection that was handed over."""
    listener = Listener()

    async def handing(asgi: Asgi) -> None:
        await asgi.send(ACCEPT)
        await asgi.send({"type": "nowline.hand_over", "listener": listener})

    async with connected(handing) as client:
        listener.server = client.server
        await client.head()
        yield client, listener
    assert listener.left_times == 1
    assert not listener.closing._callbacks


async def test_a_listener_answers_one_after_the_other_without_a_task_in_between() -> None:
    async with listening() as (client, _):
        for text in ("one", "two", "three"):
            client.frames.send_text(text.encode())
        client.flush()
        assert [await client.text() for _ in range(3)] == ["ONE", "TWO", "THREE"]
        await until(lambda: not client.state.tasks)
        client.say("four")
        assert await client.text() == "FOUR"


async def test_a_listener_may_ask_to_close() -> None:
    async with listening() as (client, listener):
        listener.closing.set_result((4401, "signed out"))
        assert await client.closed() == 4401


async def test_a_listener_that_breaks() -> None:
    async with listening() as (client, _):
        client.say("break")
        assert await client.closed() == 1011


async def test_a_stop_sends_everybody_away() -> None:
    async with listening() as (client, _):
        client.server.shutdown()
        assert await client.closed() == 1012


async def test_nothing_is_written_after_the_close_frame() -> None:
    async with listening() as (client, listener):
        listener.closing.set_result((1012, ""))
        await asyncio.sleep(0)
        client.server.writer.write(b"\x81\x01x")
        assert client.server.writer.unsent() == 0
        assert await client.closed() == 1012

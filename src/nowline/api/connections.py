"""What all live connections have in common: how they begin, what ends them, what is said then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from urllib.parse import parse_qs

from litestar.enums import ScopeType
from litestar.types import Message, Receive, Scope, Send

from nowline.api.guard import admit_stream, security_headers
from nowline.api.problems import STATUS, problem_bytes
from nowline.auth.policy import Action
from nowline.auth.service import Auth
from nowline.clock import Clock, rfc3339
from nowline.errors import Code, NowlineError
from nowline.live import commands
from nowline.live.hub import Hub
from nowline.live.pace import Pace, ViewerLimits
from nowline.live.reader import DeflatedWebSocketWire, Reader, WebSocketWire, Wire
from nowline.live.transport import TransportWriter
from nowline.live.turns import Turns
from nowline.live.websocket_asgi import DEFLATE
from nowline.live.websocket_protocol import WebSocketProtocol
from nowline.model.user import Principal

STREAM = {"action": Action.READ, "stream": True, "direct": True}
"""The options of a route that admits its callers by itself."""
# A reader that takes nothing would not take the last message either.
_FAREWELL_S = 1.0
# Connections and subscriptions that begin in one round of the loop: a millisecond or two of work.
_AT_ONCE = 8
# Policy violation (RFC 6455, section 7.4.1).
_FLOOD = 1008
_PLAIN, _DEFLATED = WebSocketWire(), DeflatedWebSocketWire()


Admitting = Callable[[Scope], Awaitable[Principal]]
"""Tells who opens a stream, or refuses it."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is said on a WebSocket.

    Attributes:
        hear: Answers one message; the next waits for it.
        begin: Says what there is to say at first.
        leave: Forgets a reader that is gone, or never came to begin.
    """

    hear: Callable[[Reader, str | bytes], Coroutine[Any, Any, None]]
    begin: Callable[[Reader], Coroutine[Any, Any, None]] | None = None
    leave: Callable[[Reader], None] | None = None


class Sockets:
    """Holds the WebSockets' side of every live stream.

    Args:
        hub: Counts readers, sends heartbeats, says when one has to go.
        auth: Knows who connects.
        clock: For the time in pongs.
        limits: What each connection may ask for.

    Attributes:
        turns: For whatever a viewer begins: after a restart all of them come at once.
    """

    def __init__(
        self, hub: Hub, auth: Auth, clock: Clock, limits: ViewerLimits | None = None
    ) -> None:
        self._hub = hub
        self._auth = auth
        self._clock = clock
        self.turns = Turns(_AT_ONCE)
        self._limits = limits or ViewerLimits()

    async def serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        opening: Callable[[], Awaitable[Conversation]],
        admitting: Admitting | None = None,
    ) -> None:
        """A connection, until its messages are all that there is to answer.

        Args:
            scope: The connection's.
            receive: The connection's.
            send: The connection's.
            opening: Gives the conversation; asked only for who may read, and before the
                handshake, so that its error is an HTTP response.
            admitting: Tells who connects where that is no user and no key.
        """
        if scope["type"] != ScopeType.WEBSOCKET:
            upgrade = NowlineError(Code.UPGRADE, "This address speaks WebSocket (RFC 6455) only.")
            await refuse(scope, send, upgrade)
            return
        await receive()
        await self.turns.take()
        try:
            principal = await (admitting or self._admit)(scope)
            conversation = await opening()
        except NowlineError as error:
            await refuse(scope, send, error, "websocket.http")
            return
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        wire = _wire(deflates=DEFLATE in (scope.get("extensions") or ()))
        await self._converse(opened(scope, principal, wire), send, conversation)

    def seat(
        self,
        connection: WebSocketProtocol,
        principal: Principal,
        conversation: Conversation,
        *,
        deflates: bool,
    ) -> None:
        """Serve a connection that is open, of a conversation that begins with nothing.

        Raises:
            NowlineError: UNAVAILABLE at capacity or while the server stops.
        """
        reader = _reader(principal, connection.writer, _wire(deflates=deflates))
        self._hub.admit(reader)
        connection.hand_over(_Viewer(self, self._hub, reader, conversation))

    async def _admit(self, scope: Scope) -> Principal:
        return await admit_stream(scope, self._auth)

    async def _converse(self, reader: Reader, send: Send, conversation: Conversation) -> None:
        """Begin, and leave what follows to the connection: an idle viewer keeps no task."""
        try:
            self._hub.admit(reader)
        except NowlineError as error:
            code = 1012 if self._hub.is_closed else 1013
            await send({"type": "websocket.close", "code": code, "reason": error.detail})
            return
        viewer = _Viewer(self, self._hub, reader, conversation)
        handed: Any = {"type": "nowline.hand_over", "listener": viewer}
        try:
            if conversation.begin is not None:
                await until_closing(reader, conversation.begin(reader))
            await send(handed)
        except BaseException:
            viewer.left()
            raise

    def lets_pass(self, reader: Reader, pace: Pace, message: str | bytes) -> bool:
        """Whether a message may be answered: who sends too many is told, and then sent away."""
        now_s = asyncio.get_running_loop().time()
        if pace.take(self._limits.messages_per_s, now_s):
            return True
        if pace.is_flood:
            reader.close(_FLOOD, "too many messages")
        else:
            rate = self._limits.messages_per_s
            detail = f"These are too many messages: {rate} a second are answered."
            self.complain(reader, NowlineError(Code.LIMITED, detail), commands.name_of(message))
        return False

    async def answer_ping(self, reader: Reader, text: str | bytes) -> None:
        """Heed a client that has nothing to ask for."""
        try:
            commands.parse_ping(text)
        except NowlineError as error:
            self.complain(reader, error)
        else:
            self.pong(reader)

    def pong(self, reader: Reader) -> None:
        """Give a sign of life."""
        now = rfc3339(self._clock.now_ms())
        self._hub.notice(reader, "pong", {"type": "pong", "time": now})

    def complain(self, reader: Reader, error: NowlineError, name: str | None = None) -> None:
        """Tell what is wrong, and with which subscription; the connection stays."""
        self._hub.notice(reader, "error", error_message(error, name))


class _Viewer:
    """A WebSocket on which nothing is done but to answer its messages.

    Attributes:
        closing: See `Reader`.
    """

    __slots__ = ("_conversation", "_hub", "_pace", "_reader", "_sockets", "closing")

    def __init__(
        self, sockets: Sockets, hub: Hub, reader: Reader, conversation: Conversation
    ) -> None:
        self._sockets = sockets
        self._hub = hub
        self._pace = Pace()
        self._reader = reader
        self._conversation = conversation
        self.closing = reader.closing

    async def hear(self, message: str | bytes) -> None:
        """Answer a message, no faster than the viewer reads the answers."""
        if self._sockets.lets_pass(self._reader, self._pace, message):
            await self._conversation.hear(self._reader, message)
        await self._reader.room()

    def left(self) -> None:
        """Forget the viewer."""
        if self._conversation.leave is not None:
            self._conversation.leave(self._reader)
        self._hub.leave(self._reader)


def error_message(error: NowlineError, name: str | None = None) -> dict[str, object]:
    """What a connection is told that stays, and under which name it asked."""
    message: dict[str, object] = {"type": "error", "status": STATUS[error.code]}
    if name is not None:
        message["id"] = name
    message["detail"] = error.detail
    if error.errors:
        message["errors"] = error.errors
    return message


def opened(scope: Scope, principal: Principal, wire: Wire) -> Reader:
    """The reader at the other end of a connection."""
    writer = TransportWriter.of(cast("MutableMapping[str, Any]", scope))
    return _reader(principal, writer, wire)


def _reader(principal: Principal, writer: TransportWriter, wire: Wire) -> Reader:
    return Reader(principal, writer, wire, "", asyncio.get_running_loop().create_future())


def _wire(*, deflates: bool) -> Wire:
    return _DEFLATED if deflates else _PLAIN


def parameters_of(scope: Scope) -> dict[str, str]:
    """The query string; of what is given twice, the last."""
    return dict(_parameters(scope["query_string"]))


# Asked twice for an event stream, whose query of subscriptions is long; many viewers send the same.
@lru_cache(64)
def _parameters(query: bytes) -> tuple[tuple[str, str], ...]:
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    return tuple((name, values[-1]) for name, values in given.items())


async def until_closing(reader: Reader, work: Coroutine[Any, Any, None]) -> None:
    """Do the work of a connection until it is done or the server ends it."""
    working = asyncio.create_task(work)
    try:
        await asyncio.wait((working, reader.closing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


async def say_last(reader: Reader, send: Send, last: Message) -> None:
    """Send the last message of a connection; who does not take it in time is dropped."""
    try:
        async with asyncio.timeout(_FAREWELL_S):
            await send(last)
    except TimeoutError:
        reader.writer.abort()


async def refuse(scope: Scope, send: Send, error: Exception, kind: str = "http") -> None:
    """Answer with problem details instead of a stream."""
    status, told, body = problem_bytes(error)
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    if kind == "websocket.http":
        headers += security_headers(scope)
    start: Any = {"type": f"{kind}.response.start", "status": status, "headers": headers}
    await send(start)
    rest: Any = {"type": f"{kind}.response.body", "body": body}
    await send(rest)

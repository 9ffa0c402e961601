"""The three ways to watch: WebSocket, Server-Sent Events, polling; all carry the same frames."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response, asgi, get
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.types import Receive, Scope, Send

from nowline.api.connections import (
    STREAM,
    Conversation,
    Sockets,
    opened,
    parameters_of,
    refuse,
    say_last,
    until_closing,
)
from nowline.api.guard import admit_stream, principal_of
from nowline.api.watched import Watched
from nowline.auth.policy import Action
from nowline.auth.service import Auth
from nowline.errors import Code, NowlineError, invalid
from nowline.live import commands
from nowline.live.commands import Ping, Subscribe, Unsubscribe, Wanted
from nowline.live.frames import chunk
from nowline.live.reader import EventStreamWire, Reader
from nowline.live.session import Sessions
from nowline.live.websocket_protocol import WebSocketProtocol
from nowline.model.query import Aggregation
from nowline.model.user import Principal

_RETRY_MS = 1000

_log = logging.getLogger(__name__)

Permit = Callable[[Wanted], None]
"""Raises a refusal of a channel that may not be seen."""


def anything(wanted: Wanted) -> None:
    """Permit every channel."""


def _unnoticed(reader: Reader) -> None:
    """Nobody else wants to know of it."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who opens an event stream.

    Attributes:
        principal: Whose it is.
        wanted: Its channels.
        begins: Told of its reader.
        ends: The same, at the end.
    """

    principal: Principal
    wanted: list[Wanted]
    begins: Callable[[Reader], None] = _unnoticed
    ends: Callable[[Reader], None] = _unnoticed


Visiting = Callable[[Scope], Awaitable[Visit]]
"""Tells who opens an event stream, or refuses it."""


class Live:
    """Serves live connections.

    Args:
        sessions: Opens channels.
        auth: Knows who connects.
        sockets: Holds the WebSockets.
        watched: Knows the channels of dashboards.
    """

    def __init__(
        self,
        sessions: Sessions,
        auth: Auth,
        sockets: Sockets,
        watched: Watched,
    ) -> None:
        self.sessions = sessions
        self._auth = auth
        self._sockets = sockets
        self._watched = watched
        self._conversation = Conversation(self.answer)

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`WS /ws/analytics`."""

        async def opening() -> Conversation:
            return self._conversation

        await self._sockets.serve(scope, receive, send, opening)

    def seat(self, connection: WebSocketProtocol, principal: Principal, *, deflates: bool) -> None:
        """Serve a WebSocket that is open, whose principal may read.

        Args:
            connection: It.
            principal: Whose it is.
            deflates: Whether messages may be compressed.

        Raises:
            NowlineError: UNAVAILABLE at capacity or while the server stops.
        """
        self._sockets.seat(connection, principal, self._conversation, deflates=deflates)

    async def stream(
        self, scope: Scope, receive: Receive, send: Send, visiting: Visiting | None = None
    ) -> None:
        """`GET /api/dashboard/stream`.

        Args:
            scope: The connection's.
            receive: The connection's.
            send: The connection's.
            visiting: Tells who asks for what where that is no user and no key.
        """
        hub = self.sessions.hub
        await self._sockets.turns.take()
        try:
            _check_streamable(scope)
            visit = await (visiting or self._visiting)(scope)
            self.sessions.check(visit.wanted)
            reader = opened(scope, visit.principal, EventStreamWire())
            hub.admit(reader)
        except (NowlineError, HTTPException) as error:
            await refuse(scope, send, error)
            return
        try:
            visit.begins(reader)
            await send(_event_stream_start())
            reader.writer.write(chunk(f"retry: {_RETRY_MS}\n\n".encode()))
            following = self._follow(reader, visit.wanted, _last_id(scope), receive)
            await until_closing(reader, following)
        finally:
            visit.ends(reader)
            hub.leave(reader)
            await say_last(
                reader, send, {"type": "http.response.body", "body": b"", "more_body": False}
            )

    async def _visiting(self, scope: Scope) -> Visit:
        principal = await admit_stream(scope, self._auth)
        return Visit(principal, await self.wanted(parameters_of(scope), principal))

    async def poll(self, parameters: Mapping[str, str], principal: Principal) -> Response[bytes]:
        """`GET /api/v1/live/poll`."""
        wanted = await self.wanted(parameters, principal)
        return await self.polled(wanted, parameters.get("cursor"))

    async def polled(self, wanted: list[Wanted], cursor: str | None) -> Response[bytes]:
        """What is new on some channels since the cursor."""
        self.sessions.check(wanted)
        frames, cursor = await self.sessions.poll(wanted, cursor)
        body = msgspec.json.encode({"frames": [msgspec.Raw(f) for f in frames], "cursor": cursor})
        return Response(body, media_type="application/json")

    async def wanted(self, parameters: Mapping[str, str], principal: Principal) -> list[Wanted]:
        """The channels that a stream's or poll's parameters ask for.

        Raises:
            NowlineError: INVALID with the parameter at fault, NOT_FOUND for a dashboard.
        """
        given = [name for name in ("metrics", "dashboard", "subscriptions") if name in parameters]
        if len(given) != 1:
            raise invalid("metrics", "give one of `metrics`, `dashboard` and `subscriptions`")
        every = parameters.get("interval", "1s")
        match given[0]:
            case "subscriptions":
                return commands.listed(parameters["subscriptions"])
            case "dashboard":
                return await self._watched.channels(parameters["dashboard"], principal)
        names = [name for name in parameters["metrics"].split(",") if name]
        return commands.of_metrics(names, every, _aggregation(parameters))

    async def answer(self, reader: Reader, text: str | bytes, permit: Permit = anything) -> None:
        """Answer a message of a WebSocket.

        Args:
            reader: Whose it is.
            text: The message.
            permit: Refuses channels that this reader may not see.
        """
        try:
            command = commands.parse_command(text)
        except NowlineError as error:
            self._sockets.complain(reader, error, commands.name_of(text))
            return
        match command:
            case Subscribe():
                await self._subscribe(reader, command, permit)
            case Unsubscribe():
                names = [*(command.metrics or []), *([command.id] if command.id else [])]
                for name in names:
                    self.sessions.hub.unsubscribe(reader, name)
            case Ping():
                self._sockets.pong(reader)

    async def _subscribe(self, reader: Reader, command: Subscribe, permit: Permit) -> None:
        name = command.id
        try:
            for want in commands.wanted(command):
                name = want.name
                permit(want)
                await self._sockets.turns.take(has_begun=bool(reader.subscriptions))
                await self.sessions.subscribe(reader, want)
        except NowlineError as error:
            self._sockets.complain(reader, error, name)
        except Exception:  # noqa: BLE001 - the connection's other channels go on
            _log.exception("A subscription failed")
            refusal = NowlineError(Code.UNAVAILABLE, "The store did not answer. Try again.")
            self._sockets.complain(reader, refusal, name)

    async def _follow(
        self, reader: Reader, wanted: list[Wanted], last_id: str | None, receive: Receive
    ) -> None:
        """Tell an event stream what it wants until the client ends it."""
        await self.sessions.stream(reader, wanted, last_id)
        while (await receive())["type"] != "http.disconnect":
            pass


@asgi("/ws/analytics", opt=STREAM, copy_scope=False)
async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Watch over a WebSocket."""
    await _live(scope).websocket(scope, receive, send)


@asgi("/api/dashboard/stream", opt=STREAM, copy_scope=False)
async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Watch over Server-Sent Events."""
    if scope["type"] != ScopeType.HTTP:
        wrong = NowlineError(Code.INVALID, "This address speaks Server-Sent Events only.")
        await refuse(scope, send, wrong, "websocket.http")
        return
    await _live(scope).stream(scope, receive, send)


@get("/api/v1/live/poll", opt={"action": Action.READ}, tags=["live"])
async def poll(request: Request[Any, Any, Any]) -> Response[Any]:
    """Watch by asking again: the frames since `cursor`, and the next cursor.

    Give one of `metrics` (names with commas between them, over the last five minutes),
    `dashboard` (its id) and `subscriptions` (a JSON list as the WebSocket takes them).
    """
    parameters = parameters_of(request.scope)
    return await _live(request.scope).poll(parameters, principal_of(request))


def _live(scope: Scope) -> Live:
    live: Live = scope["litestar_app"].state.live
    return live


def _aggregation(parameters: Mapping[str, str]) -> Aggregation:
    text = parameters.get("aggregation", "avg")
    try:
        return Aggregation(text)
    except ValueError:
        known = ", ".join(each.value for each in Aggregation)
        raise invalid("aggregation", f"`{text}` is not one of {known}") from None


def _last_id(scope: Scope) -> str | None:
    """The browser's own header wins: it is newer than the URL."""
    header = dict(scope["headers"]).get(b"last-event-id")
    return header.decode("latin-1") if header else parameters_of(scope).get("last_event_id")


def _check_streamable(scope: Scope) -> None:
    if scope.get("method") != "GET":
        raise MethodNotAllowedException(headers={"allow": "GET"})
    if scope["http_version"] == "1.0":
        raise NowlineError(
            Code.UPGRADE, "HTTP/1.0 cannot carry a stream; use /api/v1/live/poll instead."
        )


def _event_stream_start() -> Any:  # noqa: ANN401 - a message of ASGI
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        # nginx buffers what a back end sends unless told so.
        (b"x-accel-buffering", b"no"),
    ]
    return {"type": "http.response.start", "status": 200, "headers": headers}


routes = [websocket, stream, poll]

"""A WebSocket as ASGI has it: what its application receives and sends.

An application that only answers messages may hand the connection over to a listener
(`{"type": "nowline.hand_over", "listener": …}`) and return: then no task, scope or call stack is
kept while nothing is said, which is most of what ten thousand idle viewers would cost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from nowline.live.handshake import VERSION, Handshake
from nowline.live.websocket import CloseCode, Opcode, encode

if TYPE_CHECKING:
    from nowline.live.transport import App, Scope, TransportWriter
    from nowline.live.websocket_protocol import WebSocketProtocol

# In the extensions of a scope: messages to this peer may be compressed.
DEFLATE = "nowline.deflate"
_AGREED = b"sec-websocket-extensions: %b\r\n"
_OPENING = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-accept: "
)
Headers = Sequence[tuple[bytes, bytes]]

_log = logging.getLogger(__name__)


class DisconnectedError(OSError):
    """The peer is gone: nothing can be sent any more."""


class State(Enum):
    """How far a connection is: a response over HTTP comes in place of the open ones."""

    HANDSHAKE = auto()
    ANSWERING = auto()
    OPEN = auto()
    CLOSING = auto()
    OVER = auto()


class Conversation:
    """One connection and its application, until that returns.

    Args:
        connection: The connection.
        shaken: Its handshake.
    """

    def __init__(self, connection: WebSocketProtocol, shaken: Handshake) -> None:
        self._connection = connection
        self._shaken = shaken
        self._is_told = False
        self._changed: asyncio.Future[None] | None = None

    @property
    def writer(self) -> TransportWriter:
        """The short way to the peer (see `transport.TransportWriter`)."""
        return self._connection.writer

    async def run(self, app: App, request: Scope) -> None:
        """Call the application.

        Args:
            app: It.
            request: The scope of the request, as one of HTTP.
        """
        try:
            await app(_scope(request, self._shaken), self.receive, self.send)
        except DisconnectedError:
            _log.debug("A WebSocket was left amid an answer")
        except Exception as error:  # noqa: BLE001 - logged, and told to the client
            _log.exception("A WebSocket could not be served")
            self._break(error)
        self._connection.parted()

    def wake(self) -> None:
        """Something changed: a message came, the peer took some, or it is over."""
        changed, self._changed = self._changed, None
        if changed is not None and not changed.done():
            changed.set_result(None)

    async def receive(self) -> Scope:
        """The next message of ASGI."""
        if not self._is_told:
            self._is_told = True
            return {"type": "websocket.connect"}
        while (data := self._connection.take()) is None:
            if (ended := self._connection.ended) is not None:
                code, reason = ended.code, ended.reason
                return {"type": "websocket.disconnect", "code": code, "reason": reason}
            await self._change()
        return {"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data}

    async def send(self, message: Scope) -> None:
        """Take a message of ASGI, once the peer has taken most of those before.

        Raises:
            DisconnectedError: The peer is gone.
            RuntimeError: The message may not be sent now.
        """
        while self._connection.is_full:
            await self._change()
        kind = message["type"]
        act = self._ACTS.get((self._connection.state, kind))
        if act is None and self._connection.ended is not None:
            raise DisconnectedError
        if act is None:
            raise RuntimeError(f"`{kind}` may not be sent now.")
        act(self, message)

    async def _change(self) -> None:
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        # Who waits to send and who waits to receive wait for the same.
        await asyncio.shield(self._changed)

    def _break(self, error: Exception) -> None:
        if self._connection.state is State.HANDSHAKE:
            self._connection.refuse(error)
        self._connection.close(CloseCode.BROKEN)

    def _accept(self, message: Scope) -> None:
        headers = [*message.get("headers", ())]
        if message.get("subprotocol"):
            headers.append((b"sec-websocket-protocol", message["subprotocol"].encode()))
        lines = _lines([*self._connection.common_headers, *headers])
        self._connection.accept(opening(self._shaken.accept, self._shaken.extensions, lines))

    def _reject(self, message: Scope) -> None:
        del message
        head = self._head(403, [(b"content-length", b"0"), (b"connection", b"close")])
        self._connection.answer(head, more=False)

    def _answer(self, message: Scope) -> None:
        headers = [*message.get("headers", ()), (b"connection", b"close")]
        self._connection.answer(self._head(message["status"], headers), more=True)

    def _answer_on(self, message: Scope) -> None:
        more = message.get("more_body", False)
        self._connection.answer(message.get("body", b""), more=more)

    def _send(self, message: Scope) -> None:
        text = message.get("text")
        if text is not None:
            self.writer.write(encode(Opcode.TEXT, text.encode()))
        else:
            self.writer.write(encode(Opcode.BINARY, message["bytes"]))

    def _close(self, message: Scope) -> None:
        code = message.get("code", CloseCode.NORMAL)
        self._connection.close(code, message.get("reason") or "")

    def _hand_over(self, message: Scope) -> None:
        self._connection.hand_over(message["listener"])

    _ACTS: ClassVar[Mapping[tuple[State, str], Callable[[Conversation, Scope], None]]] = {
        (State.HANDSHAKE, "websocket.accept"): _accept,
        (State.HANDSHAKE, "websocket.close"): _reject,
        (State.HANDSHAKE, "websocket.http.response.start"): _answer,
        (State.ANSWERING, "websocket.http.response.body"): _answer_on,
        (State.OPEN, "websocket.send"): _send,
        (State.OPEN, "websocket.close"): _close,
        (State.OPEN, "nowline.hand_over"): _hand_over,
    }

    def _head(self, status: int, headers: Headers) -> bytes:
        return _head(status, [*self._connection.common_headers, *headers])


def opening(accept: bytes, extensions: bytes, lines: bytes) -> bytes:
    """The head of the response that opens a WebSocket (RFC 6455, section 4.2.2).

    Args:
        accept: What proves that the key was understood.
        extensions: What was agreed on; empty if nothing was.
        lines: Those of all other headers, each with its line end.
    """
    agreed = _AGREED % extensions if extensions else b""
    return b"".join((_OPENING, accept, b"\r\n", lines, agreed, b"\r\n"))


def refuse(status: int, told: Mapping[str, str], body: bytes, common: Headers) -> bytes:
    """A whole response that refuses a WebSocket."""
    headers = [*common, *((name.encode(), value.encode()) for name, value in told.items())]
    if status == HTTPStatus.UPGRADE_REQUIRED:
        headers += [(b"upgrade", b"websocket"), (b"sec-websocket-version", VERSION)]
    headers += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    return _head(status, headers) + body


def _head(status: int, headers: Headers) -> bytes:
    """The head of a response (RFC 9112, section 2)."""
    phrase = HTTPStatus(status).phrase.encode()
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, phrase, _lines(headers))


def _lines(headers: Headers) -> bytes:
    lines = b"".join([b"%b: %b\r\n" % each for each in headers])
    if lines.count(b"\n") > len(headers) or lines.count(b"\r") > len(headers):
        raise RuntimeError("A header has a line break.")
    return lines


def _scope(request: Scope, shaken: Handshake) -> Scope:
    """A request as ASGI has it for a WebSocket."""
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    if shaken.extensions:
        extensions[DEFLATE] = {}
    return {
        **{name: value for name, value in request.items() if name != "method"},
        "type": "websocket",
        "asgi": {**request["asgi"], "spec_version": "2.4"},
        "scheme": "wss" if request["scheme"] == "https" else "ws",
        "subprotocols": shaken.subprotocols,
        "extensions": extensions,
    }

"""One WebSocket of uvicorn's, between its transport and whoever answers its messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

import uvicorn
from uvicorn.server import ServerState

from nowline.errors import Code, NowlineError
from nowline.live.handshake import shake
from nowline.live.keepalive import MOST_UNANSWERED, Keepalive
from nowline.live.transport import Scope, TransportWriter
from nowline.live.websocket import (
    Close,
    CloseCode,
    Event,
    Message,
    Opcode,
    Ping,
    Receiver,
    Violation,
    encode,
    encode_close,
)
from nowline.live.websocket_asgi import Conversation, Headers, State, refuse

# How long a peer may take to answer a close frame, and how long while the server stops.
_CLOSE_S: Final = 5.0
_FAREWELL_S: Final = 1.0
_PING: Final = encode(Opcode.PING, b"")

Refusal = Callable[[Exception], tuple[int, Mapping[str, str], bytes]]

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Who answers the messages of a connection that was handed over."""

    @property
    def closing(self) -> asyncio.Future[tuple[int, str]]:
        """Resolved with a close code and reason when the connection is to end."""
        ...

    async def hear(self, message: str | bytes) -> None:
        """Answer one message; the next is read only after that."""
        ...

    def left(self) -> None:
        """Forget the connection: it is over."""
        ...


class WebSocketProtocol(asyncio.Protocol):
    """One connection, from its request on.

    Args:
        keepalive: Tells when to ask for a sign of life.
        refusal: How an error is told over HTTP.
        config: As uvicorn makes its own class.
        server_state: The same.
        app_state: The same.

    Attributes:
        writer: Takes frames from anywhere, until the connection ends.
        state: How far it is.
        is_full: Whether the peer takes less than it is sent.
        ended: How it ended, None until then.
    """

    __slots__ = (
        "_config",
        "_conversation",
        "_hearing",
        "_inbox",
        "_is_reading",
        "_keepalive",
        "_listener",
        "_owed_pong",
        "_receiver",
        "_refusal",
        "_server_state",
        "_timer",
        "_transport",
        "_unanswered",
        "ended",
        "is_full",
        "state",
        "writer",
    )

    def __init__(
        self,
        keepalive: Keepalive,
        refusal: Refusal,
        *,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: Mapping[str, Any],
    ) -> None:
        del app_state  # The scope of the request has it already.
        self._keepalive = keepalive
        self._refusal = refusal
        self._config = config
        self._server_state = server_state
        self.state = State.HANDSHAKE
        self.is_full = False
        self.ended: Close | None = None
        self._is_reading = True
        self._unanswered = 0
        self._inbox: Message | None = None
        self._owed_pong: bytes | None = None
        self._conversation: Conversation | None = None
        self._listener: Listener | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, transport: asyncio.Transport, scope: Scope, rest: bytes) -> None:
        """Take over a connection.

        Args:
            transport: Of the connection.
            scope: Of its request, as one of HTTP.
            rest: What came after that.
        """
        self._take_over(transport)
        try:
            shaken = shake(scope["method"], scope["http_version"], scope["headers"])
        except NowlineError as error:
            self.refuse(error)
            return
        self._receiver = Receiver(compresses=bool(shaken.extensions))
        self._conversation = Conversation(self, shaken)
        self._start(self._conversation.run(self._config.loaded_app, scope))
        if rest:
            self.data_received(rest)

    def open(self, transport: asyncio.Transport, head: bytes, *, compresses: bool) -> None:
        """Take over a connection whose handshake is done, for a listener that comes next.

        Args:
            transport: Of the connection.
            head: Of the response that opens it.
            compresses: Whether compression was agreed on.
        """
        self._take_over(transport)
        self._receiver = Receiver(compresses=compresses)
        self.accept(head)

    @property
    def common_headers(self) -> Headers:
        """What every response of this server has."""
        return self._server_state.default_headers

    # What uvloop tells

    def data_received(self, data: bytes) -> None:
        """Read on, as far as the messages are taken."""
        if self.state not in (State.ANSWERING, State.OVER):
            self._unanswered = 0
            self._receiver.feed(data)
            self._read()

    def pause_writing(self) -> None:
        """Let the application wait: the peer takes less than it is sent."""
        self.is_full = True

    def resume_writing(self) -> None:
        """Go on sending: the peer has taken most of it."""
        self.is_full = False
        self._unanswered = 0
        self._wake()
        if self._owed_pong is not None:
            self._pong(self._owed_pong)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever serves it."""
        del exc
        self._server_state.connections.discard(self)
        self.is_full = False
        self._end(Close(CloseCode.ABNORMAL, ""))
        if self._timer is not None:
            self._timer.cancel()

    # What uvicorn and the keepalive ask

    def shutdown(self) -> None:
        """Send the peer away: the server stops, and waits a moment only."""
        if self.state is State.HANDSHAKE:
            self.refuse(NowlineError(Code.UNAVAILABLE, "The server stops."))
        self.close(CloseCode.RESTART, "the server restarts")
        self._give_up_after(_FAREWELL_S)

    def check(self) -> None:
        """Send a ping, or drop a peer that has answered none of the last ones.

        Answers that are not read because the message before them is not answered are nothing
        that the peer can help.
        """
        if self._unanswered >= MOST_UNANSWERED:
            self.writer.abort()
        elif self.is_full or self._inbox is None:
            self._unanswered += 1
            self.writer.write(_PING)

    # What the application asks

    def accept(self, head: bytes) -> None:
        """Open the connection with the head of the response."""
        self._transport.write(head)
        self.state = State.OPEN
        self._keepalive.add(self)
        self._read()

    def answer(self, data: bytes, *, more: bool) -> None:
        """Write a part of the HTTP response that comes in place of a WebSocket."""
        self.state = State.ANSWERING
        self._transport.write(data)
        if not more:
            self._hang_up(Close(CloseCode.ABNORMAL, ""))

    def refuse(self, error: Exception) -> None:
        """Answer a request that the application does not answer."""
        response = refuse(*self._refusal(error), self.common_headers)
        self.answer(response, more=False)

    def take(self) -> str | bytes | None:
        """The next message, None if there is none yet."""
        if self._inbox is None:
            return None
        data, self._inbox = self._inbox.data, None
        self._read()
        return data

    def hand_over(self, listener: Listener) -> None:
        """Let a listener answer all further messages."""
        self._listener = listener
        listener.closing.add_done_callback(self._asked_to_close)
        self._deliver()

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake (RFC 6455, section 7.1.2), if the connection is open."""
        if self.state is State.OPEN:
            self.writer.write(encode_close(code, reason))
            self._end(Close(code, reason), State.CLOSING)
            self._give_up_after(_CLOSE_S)
            self._read()

    def parted(self) -> None:
        """End what the application has left, unless somebody listens."""
        self._conversation = None
        if self.state in (State.HANDSHAKE, State.ANSWERING):
            self._hang_up(Close(CloseCode.ABNORMAL, ""))
        if self._listener is None:
            self.close(CloseCode.NORMAL)

    def _take_over(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.writer = TransportWriter(transport)
        self._server_state.connections.add(self)  # type: ignore[arg-type]

    # Reading

    def _read(self) -> None:
        """Take events until there is a message that was not taken."""
        try:
            while self._inbox is None and self.state in (State.OPEN, State.CLOSING):
                event = self._receiver.next()
                if event is None:
                    break
                self._take(event)
        except Violation as violation:
            self._fail(violation)
        self._follow()

    def _follow(self) -> None:
        """Read from the socket only if what comes can be taken."""
        reads = self._inbox is None and self.state is not State.HANDSHAKE
        if reads != self._is_reading and not self._transport.is_closing():
            self._is_reading = reads
            (self._transport.resume_reading if reads else self._transport.pause_reading)()

    def _take(self, event: Event) -> None:
        match event:
            case Close():
                self._closed(event)
            case Message() if self.state is State.OPEN:
                self._inbox = event
                self._deliver()
            case Ping(payload) if self.state is State.OPEN:
                self._pong(payload)

    def _deliver(self) -> None:
        if self._listener is None:
            self._wake()
        elif self._hearing is None and self._inbox is not None:
            self._hearing = self._start(self._hear(self._listener))

    async def _hear(self, listener: Listener) -> None:
        """Let the listener answer until there is nothing to answer."""
        try:
            while (message := self._inbox) is not None:
                await listener.hear(message.data)
                self._inbox = None
                self._read()
        except Exception:  # noqa: BLE001 - the connection ends, the server goes on
            _log.exception("A message could not be answered")
            self.close(CloseCode.BROKEN)
        finally:
            self._hearing = None

    def _pong(self, payload: bytes) -> None:
        """Answer a ping; of those of a peer that reads nothing, the newest (section 5.5.3)."""
        self._owed_pong = payload if self.is_full else None
        if not self.is_full:
            self.writer.write(encode(Opcode.PONG, payload))

    # Ending

    def _closed(self, close: Close) -> None:
        """Answer the peer's close frame, if it is not itself an answer."""
        if self.state is State.OPEN:
            self.writer.write(encode_close(close.code))
        self._hang_up(close)

    def _fail(self, violation: Violation) -> None:
        """Say what was wrong, and read no more into what comes (section 7.1.7)."""
        if self.state is State.OPEN:
            self.writer.write(encode_close(violation.code, violation.reason))
        self._end(Close(violation.code, violation.reason))
        # To close at once, with something unread, would take the close frame back.
        self._transport.write_eof()
        self._give_up_after(_FAREWELL_S)

    def _hang_up(self, close: Close) -> None:
        """Close the connection; a peer that does not take what is left is dropped."""
        self._end(close)
        self._transport.close()
        self._give_up_after(_CLOSE_S)

    def _end(self, close: Close, state: State = State.OVER) -> None:
        """Part from whoever serves it; how it ended stays as it was told first."""
        self.state = state
        self.ended = self.ended or close
        self._inbox = None
        self.writer.finish()
        self._keepalive.discard(self)
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.closing.remove_done_callback(self._asked_to_close)
            listener.left()
        if self._hearing is not None:
            self._hearing.cancel()
        self._wake()

    def _asked_to_close(self, closing: asyncio.Future[tuple[int, str]]) -> None:
        if not closing.cancelled():
            self.close(*closing.result())

    def _give_up_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.writer.abort)

    def _wake(self) -> None:
        if self._conversation is not None:
            self._conversation.wake()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin a task that the server waits for when it stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)
        return task

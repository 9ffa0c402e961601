"""The HTTP protocol of a connection: uvicorn's, with the short way for plain requests.

A WebSocket is handed on as it was parsed; uvicorn would write the request down again.

uvicorn's class is not public as a base: the version is pinned, and `check` runs at start.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from nowline.live.websocket_asgi import opening as head

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nowline.api.express import Express, Parcel
    from nowline.api.upgrades import Opening, Upgrades
    from nowline.live.websocket_protocol import WebSocketProtocol

# How long the rest of a plain request may take; what is slower takes the long way, with its limits.
_PATIENCE_S: Final = 1.0
# A body that is sooner written by itself than copied.
_MUCH: Final = 16 << 10
_UNKNOWN: Final = b"?"

Given: TypeAlias = "Mapping[str, Any]"
"""What uvicorn makes its protocol classes with, by name."""

_OVERRIDDEN: Final = (
    "_get_upgrade",
    "connection_lost",
    "data_received",
    "handle_websocket_upgrade",
    "on_body",
    "on_message_begin",
    "on_headers_complete",
    "on_message_complete",
    "on_response_complete",
    "timeout_keep_alive_handler",
)


def check() -> None:
    """Make sure that uvicorn's class still is what this module takes it for.

    Raises:
        RuntimeError: Another version is installed.
    """
    if not all(hasattr(HttpToolsProtocol, name) for name in _OVERRIDDEN):
        raise RuntimeError("This version of uvicorn is not the one that Nowline is made for.")


class Protocol(HttpToolsProtocol):
    """One connection.

    Args:
        express: Answers plain requests.
        upgrades: Opens WebSockets.
        given: As uvicorn makes its own class.
    """

    def __init__(self, express: Express, upgrades: Upgrades, **given: Any) -> None:  # noqa: ANN401
        super().__init__(**given)
        self._express = express
        self._upgrades = upgrades
        self._parcel: Parcel | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._is_between = True
        self._is_long = False
        self._idle_since = 0.0
        self._data = self._received = b""
        self._upgrade: bytes | None = _UNKNOWN

    def data_received(self, data: bytes) -> None:
        """Read on; what is there of a plain request may wait a moment for the rest."""
        if self._is_between and self._is_idle() and (parcel := self._express.recall(data)):
            if self._take(parcel):
                return
            self._is_long = True
        self._data = data if self._is_between else b""
        self._received = data
        super().data_received(data)
        self._data = self._received = b""
        if self._parcel is not None and self._patience is None:
            self._patience = self.loop.call_later(_PATIENCE_S, self._go_the_long_way)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was being read."""
        self._take_parcel()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; called while the parser's error is handled, which says how."""
        upgrade = sys.exception()
        rest = self._received[upgrade.args[0] :] if upgrade is not None else b""
        self._begin_websocket(rest)
        # The parser is bound to this object, and would keep both until the next collection.
        self.parser = None  # type: ignore[assignment]

    def _begin_websocket(self, rest: bytes) -> None:
        version = self.scope["http_version"]
        opening = self._upgrades.read(self.scope["method"], version, self.url, self.headers)
        # Where too many come at once, ASGI lets the others wait for their turn.
        if opening is not None and self._upgrades.turns.take_at_once():
            self._upgrades.remember(self._data, rest, opening)
            self.connections.discard(self)
            given = self._given_to_websockets
            open_websocket(self.transport, self._express, self._upgrades, given, opening, rest)
            return
        path, _, query = self.url.partition(b"?")
        if not path.startswith(b"/") or not path.isascii():
            self.send_400_response("Invalid HTTP request received.")
            return
        self.connections.discard(self)
        scope = {
            **self.scope,
            "path": unquote(path.decode()),
            "raw_path": path,
            "query_string": query,
        }
        made = _websocket(self._given_to_websockets)
        self.transport.set_protocol(made)
        made.begin(self.transport, scope, rest)

    @property
    def _given_to_websockets(self) -> Given:
        return {
            "config": self.config,
            "server_state": self.server_state,
            "app_state": self.app_state,
        }

    def on_message_begin(self) -> None:
        """Note that what comes in next is not the beginning of a request."""
        self._is_between = False
        self._upgrade = _UNKNOWN
        super().on_message_begin()

    def _get_upgrade(self) -> bytes | None:
        """What the request is to be upgraded to; uvicorn asks three times."""
        if self._upgrade is _UNKNOWN:
            self._upgrade = super()._get_upgrade()
        return self._upgrade

    def on_headers_complete(self) -> None:
        """Decide which way the request takes."""
        is_long, self._is_long = self._is_long, False
        if self._is_plain() and not is_long:
            self._parcel = self._express.parcel(self.url, self.headers)
        if self._parcel is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Gather a body; no more comes than was announced."""
        if self._parcel is None:
            super().on_body(body)
        else:
            self._parcel.pieces.append(body)

    def on_message_complete(self) -> None:
        """Take in a plain request."""
        self._is_between = True
        parcel = self._take_parcel()
        if parcel is None:
            super().on_message_complete()
            return
        self._express.remember(self._data, parcel)
        if not self._take(parcel):
            self._begin_the_long_way(parcel)
            super().on_message_complete()

    def _take(self, parcel: Parcel) -> bool:
        """Have a request answered; False if it has to take the long way."""
        pending, before = _Pending(), self.cycle
        # uvicorn asks no more of it.
        self.cycle = cast("RequestResponseCycle", pending)
        if self._express.take(parcel, lambda head, body: self._reply(pending, head, body)):
            return True
        self.cycle = before
        return False

    def _is_plain(self) -> bool:
        """Whether it is a POST on a connection that waits for nothing else, and stays open."""
        return (
            self._is_idle()
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        )

    def _is_idle(self) -> bool:
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered and not self.flow.write_paused

    def _take_parcel(self) -> Parcel | None:
        parcel, self._parcel = self._parcel, None
        if parcel is not None:
            self._express.release(parcel)
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        return parcel

    def _go_the_long_way(self) -> None:
        """Begin as uvicorn does, with what is there of the body."""
        parcel = self._take_parcel()
        if parcel is not None:
            self._begin_the_long_way(parcel)

    def _begin_the_long_way(self, parcel: Parcel) -> None:
        super().on_headers_complete()
        for piece in parcel.pieces:
            super().on_body(piece)

    def _reply(self, pending: _Pending, head: bytes, body: bytes) -> None:
        pending.response_complete = True
        if pending.disconnected or self.transport.is_closing():
            return
        lines = self._express.default_lines(self.server_state.default_headers)
        if not pending.keep_alive:
            lines += b"connection: close\r\n"
        if len(body) < _MUCH:
            self.transport.write(b"".join((head, lines, b"\r\n", body)))
        else:
            self.transport.writelines((b"".join((head, lines, b"\r\n")), body))
        if not pending.keep_alive:
            self.transport.close()
        self._rest()

    def _rest(self) -> None:
        """Wait for the next request, as `on_response_complete` does with a new timer each time."""
        if self.pipeline or self.transport.is_closing():
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again(self.timeout_keep_alive)

    def on_response_complete(self) -> None:
        """Note since when nothing is asked."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing was asked for long enough: the timer may be older."""
        self.timeout_keep_alive_task = None
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self.transport.is_closing():
            return
        if not (self._is_between and self._is_idle()):
            self._look_again(self.timeout_keep_alive)
        elif left_s > 0:
            self._look_again(left_s)
        else:
            super().timeout_keep_alive_handler()

    def _look_again(self, wait_s: float) -> None:
        handler = self.timeout_keep_alive_handler
        self.timeout_keep_alive_task = self.loop.call_later(wait_s, handler)


def open_websocket(
    transport: asyncio.Transport,
    express: Express,
    upgrades: Upgrades,
    given: Given,
    opening: Opening,
    rest: bytes,
) -> None:
    """Open a WebSocket on a connection.

    Args:
        transport: Of the connection.
        express: Knows the headers that every response has.
        upgrades: Found that it may be opened.
        given: As uvicorn makes its own class.
        opening: What its request comes to.
        rest: What came after that.
    """
    made = _websocket(given)
    transport.set_protocol(made)
    extensions = opening.asked.extensions
    lines = express.default_lines(made.common_headers)
    made.open(transport, head(opening.accept, extensions, lines), compresses=bool(extensions))
    upgrades.seat(made, opening)
    if rest:
        made.data_received(rest)


def _websocket(given: Given) -> WebSocketProtocol:
    kind = given["config"].ws_protocol_class
    own = {name: given[name] for name in ("config", "server_state", "app_state")}
    return cast("Callable[..., WebSocketProtocol]", kind)(**own)


class _Pending:
    """A plain request that is not answered yet, as uvicorn looks at one: it may go meanwhile."""

    def __init__(self) -> None:
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.message_event = self

    def set(self) -> None:
        """Nobody waits for more of it."""

"""A connection until something comes in: then it is a WebSocket, or one of HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from nowline.api.protocol import Protocol, open_websocket

if TYPE_CHECKING:
    from nowline.api.express import Express
    from nowline.api.upgrades import Upgrades


class Arrival(asyncio.Protocol):
    """A connection of which nothing is known yet.

    What HTTP needs, a parser among it, is made only for what is not recognised at once. What is,
    waits for its turn: ten thousand that come at once take half a second.

    Args:
        express: Answers plain requests.
        upgrades: Opens WebSockets.
        given: As uvicorn makes its own class.
    """

    __slots__ = ("_connections", "_data", "_express", "_given", "_transport", "_upgrades")

    def __init__(self, express: Express, upgrades: Upgrades, **given: Any) -> None:  # noqa: ANN401
        self._express = express
        self._upgrades = upgrades
        self._given = given
        self._connections: set[Any] = given["server_state"].connections
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be among the connections that uvicorn closes when it stops."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing ever came, or its turn did not."""
        del exc
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """See whether it is a request that is known."""
        is_waiting, self._data = bool(self._data), self._data + data
        if is_waiting:
            self._transport.pause_reading()
        elif self._upgrades.knows(data):
            self._upgrades.turns.call(self._begin)
        else:
            self._begin_http()

    def _begin(self) -> None:
        """Open the WebSocket, if it still may be opened, and still is there."""
        if self._transport.is_closing() or not self._data:
            return
        found = self._upgrades.recall(self._data)
        if found is None:
            self._begin_http()
            return
        self._leave()
        open_websocket(self._transport, self._express, self._upgrades, self._given, *found)

    def _begin_http(self) -> None:
        self._leave()
        data, self._data = self._data, b""
        made = Protocol(self._express, self._upgrades, **self._given)
        self._transport.set_protocol(made)
        made.connection_made(self._transport)
        made.data_received(data)

    def _leave(self) -> None:
        """Leave the connection to another protocol, which takes it for one that reads."""
        self._connections.discard(self)
        self._transport.resume_reading()

    def shutdown(self) -> None:
        """Close it: the server stops. Who waits for a turn is told so."""
        if self._data:
            self._begin_http()
        else:
            self._transport.close()

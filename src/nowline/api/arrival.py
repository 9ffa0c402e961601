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

    What HTTP needs, a parser among it, is made only for what is not recognised at once.

    Args:
        express: Answers plain requests.
        upgrades: Opens WebSockets.
        given: As uvicorn makes its own class.
    """

    __slots__ = ("_connections", "_express", "_given", "_transport", "_upgrades")

    def __init__(self, express: Express, upgrades: Upgrades, **given: Any) -> None:  # noqa: ANN401
        self._express = express
        self._upgrades = upgrades
        self._given = given
        self._connections: set[Any] = given["server_state"].connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be among the connections that uvicorn closes when it stops."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing ever came."""
        del exc
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Let whoever is for it have the connection."""
        self._connections.discard(self)
        found = self._upgrades.recall(data)
        if found is None:
            made = Protocol(self._express, self._upgrades, **self._given)
            self._transport.set_protocol(made)
            made.connection_made(self._transport)
            made.data_received(data)
            return
        open_websocket(self._transport, self._express, self._upgrades, self._given, *found)

    def shutdown(self) -> None:
        """Close it: the server stops."""
        self._transport.close()

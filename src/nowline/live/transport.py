"""The raw side of a connection that uvicorn has opened.

uvicorn parses, routes and shakes hands; after that, one `transport.write` of shared bytes per
reader is a tenth of the work of a task and a queue each (bench/fanout). Its protocol classes do
not hand out their transport, so it is taken from the `receive` that they are bound to. That is
not public: the version is pinned and `check` runs at start.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = "nowline.transport"
# Without a mark the kernel takes megabytes for a reader that reads nothing (bench/fanout).
_NOT_SENT_LOW_WATER = 16 << 10


def check() -> None:
    """Make sure that uvicorn's protocol classes still are what this module takes them for.

    Raises:
        RuntimeError: Another version is installed.
    """
    bound = (RequestResponseCycle, WebSocketsSansIOProtocol)
    if not all(hasattr(kind, "receive") and hasattr(kind, "send") for kind in bound):
        raise RuntimeError("This version of uvicorn is not the one that Nowline is made for.")


def expose_transport(app: App) -> App:
    """Put each connection's transport into its scope; the outermost wrapper of the application."""

    async def exposed(scope: Scope, receive: Receive, send: Send) -> None:
        protocol = getattr(receive, "__self__", None)
        scope[_KEY] = getattr(protocol, "transport", None)
        await app(scope, receive, send)

    return exposed


class TransportWriter:
    """Writes to the transport of a connection (see `reader.Writer`)."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._limit_kernel_buffer()

    @classmethod
    def of(cls, scope: Scope) -> TransportWriter:
        """The writer of a connection that came through `expose_transport`."""
        transport = scope[_KEY]
        if transport is None:
            raise RuntimeError("The server does not hand out its transport.")
        return cls(transport)

    def write(self, data: bytes) -> None:
        """Send without waiting; what a closing connection would get is dropped."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def unsent(self) -> int:
        """Bytes that wait for the reader to take them; none once the connection is closing."""
        return 0 if self._transport.is_closing() else self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """Drop the connection at once, with a reset: a stuck peer would not take a farewell."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _limit_kernel_buffer(self) -> None:
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        connection = self._transport.get_extra_info("socket")
        if option is not None and connection is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, _NOT_SENT_LOW_WATER)

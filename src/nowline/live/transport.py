"""The raw side of a connection that uvicorn has opened.

uvicorn parses, routes and shakes hands; after that, one `transport.write` of shared bytes per
reader is a tenth of the work of a task and a queue each (bench/fanout). Its HTTP class does not
hand out its transport, so it is taken from the `receive` that is bound to it. That is not public:
the version is pinned and `check` runs at start. The WebSocket class is our own.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = "nowline.transport"
# Without a mark the kernel takes megabytes for a reader that reads nothing (bench/fanout).
_NOT_SENT_LOW_WATER = 16 << 10


def check() -> None:
    """Make sure that uvicorn's HTTP class still is what this module takes it for.

    Raises:
        RuntimeError: Another version is installed.
    """
    if not (hasattr(RequestResponseCycle, "receive") and hasattr(RequestResponseCycle, "send")):
        raise RuntimeError("This version of uvicorn is not the one that Nowline is made for.")


def expose_transport(app: App) -> App:
    """Put what each request came by into its scope; the outermost wrapper of the application."""

    async def exposed(scope: Scope, receive: Receive, send: Send) -> None:
        scope[_KEY] = getattr(receive, "__self__", None)
        await app(scope, receive, send)

    return exposed


class TransportWriter:
    """Writes to the transport of a connection (see `reader.Writer`)."""

    __slots__ = ("_is_over", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._is_over = False
        self._limit_kernel_buffer()

    @classmethod
    def of(cls, scope: Scope) -> TransportWriter:
        """The writer of a connection that came through `expose_transport`."""
        bound = scope[_KEY]
        if (writer := getattr(bound, "writer", None)) is not None:
            return cast("TransportWriter", writer)
        if (transport := getattr(bound, "transport", None)) is None:
            raise RuntimeError("The server does not hand out its transport.")
        return cls(transport)

    def write(self, data: bytes) -> None:
        """Send without waiting; what a closing connection would get is dropped."""
        if not self._is_over and not self._transport.is_closing():
            self._transport.write(data)

    def finish(self) -> None:
        """Drop what is written from now on: the protocol has said its last."""
        self._is_over = True

    def unsent(self) -> int:
        """Bytes that wait for the reader to take them; none once the connection is closing."""
        is_over = self._is_over or self._transport.is_closing()
        return 0 if is_over else self._transport.get_write_buffer_size()

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

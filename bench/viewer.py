"""A WebSocket client that costs little, so that thousands of it measure the server, not itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

_PATIENCE_S = 30
Hear = Callable[[bytes], None]


class Viewer(asyncio.Protocol):
    """Shakes hands, subscribes, and hands each text message over."""

    def __init__(self, key: str, wanted: list[dict[str, object]], hear: Hear) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._key = key
        self._wanted = wanted
        self._hear = hear
        self._data = b""
        self._is_open = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        # uvloop's transports have the methods but not the base class.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(
            b"GET /ws/analytics HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer %b\r\n\r\n" % self._key.encode()
        )

    def data_received(self, data: bytes) -> None:
        """Subscribe once there is an answer; after that, take frames."""
        self._data += data
        if not self._is_open:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head, head
            self._is_open, self._data = True, rest
            for each in self._wanted:
                self._send(0x81, json.dumps(each).encode())
        while self._next():
            pass

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        """Leave."""
        self._transport.abort()

    def _next(self) -> bool:
        """Take one whole frame off the front; false if there is none."""
        data = self._data
        if len(data) < 2:
            return False
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < start + size:
            return False
        self._data = data[start + size :]
        self._take(data[0] & 0x0F, data[start : start + size])
        return True

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == 1:
            if not self.ready.done():
                self.ready.set_result(None)
            self._hear(payload)
        elif opcode == 9:
            self._send(0x8A, payload)

    def _send(self, head: int, payload: bytes) -> None:
        """A frame masked with zeros (RFC 6455 asks for a mask, and zeros change nothing)."""
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self._transport.write(bytes((head,)) + length + bytes(4) + payload)


async def watch(url: str, key: str, wanted: list[dict[str, object]], hear: Hear) -> Viewer:
    """A viewer that has its first message."""
    where = urlsplit(url)
    _, viewer = await asyncio.get_running_loop().create_connection(
        lambda: Viewer(key, wanted, hear), where.hostname or "", where.port or 80
    )
    async with asyncio.timeout(_PATIENCE_S):
        await viewer.ready
    return viewer

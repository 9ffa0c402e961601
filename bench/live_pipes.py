"""Connections of live viewers, which may be read slowly and may break in the middle of anything."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import zlib
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

Hear = Callable[[bytes], None]

_PATIENCE_S = 20
# Little, so that a viewer that does not read is soon a slow one to the server.
_RECEIVE_BYTES = 16 << 10
# What RFC 7692 leaves off the end of a message, and an empty last block.
_TAIL = b"\x00\x00\xff\xff\x03\x00"


class Pipe(asyncio.Protocol):
    """One connection, read as slowly and broken as early as its owner likes.

    Attributes:
        left: How many more bytes are read before it breaks; None for all.
        is_over: Whether it is closed.
    """

    def __init__(self, head: bytes, status: bytes) -> None:
        self.left: int | None = None
        self.is_over = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = head
        self._status = status
        self._data = b""
        self._first: list[bytes] = []
        self._is_open = False
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, url: str, pipe: Pipe) -> Pipe:
        """Connect, and wait for the head of the answer."""
        where = urlsplit(url)
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, (where.hostname, where.port))
        await loop.create_connection(lambda: pipe, sock=raw)
        async with asyncio.timeout(_PATIENCE_S):
            await pipe.ready
        return pipe

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        """Take what is still to be read of it."""
        if self.left is not None:
            data, self.left = data[: self.left], self.left - len(data)
        self._data += data
        if not self._is_open:
            self._answered()
        if self._is_open:
            self._read()
        if self.left is not None and self.left <= 0:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self.is_over = True
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("the server closed the connection"))

    def say(self, message: bytes) -> None:
        """Send a message as soon as the connection is open."""
        self._first.append(message)

    def pause(self) -> None:
        """Read nothing."""
        if not self.is_over:
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if not self.is_over:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Break it."""
        self.is_over = True
        self._transport.abort()

    def _answered(self) -> None:
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        if not head.startswith(b"HTTP/1.1 " + self._status):
            self.ready.set_exception(RuntimeError(self._data[:500].decode(errors="replace")))
            self.abort()
            return
        self._is_open, self._data = True, rest
        self._opened()
        self.ready.set_result(None)

    def _opened(self) -> None:
        """Begin."""

    def _read(self) -> None:
        """Take what is whole."""
        raise NotImplementedError


class SocketPipe(Pipe):
    """A WebSocket."""

    def __init__(self, key: str, hear: Hear, *, deflates: bool) -> None:
        lines = [
            "GET /ws/analytics HTTP/1.1",
            "Host: bench",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Authorization: Bearer {key}",
            *(["Sec-WebSocket-Extensions: permessage-deflate"] if deflates else []),
        ]
        super().__init__("\r\n".join((*lines, "", "")).encode(), b"101")
        self._hear = hear

    def _opened(self) -> None:
        for message in self._first:
            self._send(0x81, message)

    def _read(self) -> None:
        while (frame := self._next()) is not None:
            first, payload = frame
            if first & 0x40:
                payload = zlib.decompress(payload + _TAIL, -15)
            if first & 0x0F == 1:
                self._hear(payload)
            elif first & 0x0F == 9:  # a ping
                self._send(0x8A, payload)
            elif first & 0x0F == 8:  # a close frame
                self.abort()

    def _next(self) -> tuple[int, bytes] | None:
        """The next whole frame of a server, which masks none."""
        data = self._data
        if len(data) < 2:
            return None
        size, start = data[1], 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        if len(data) < start or len(data) < start + size:
            return None
        self._data = data[start + size :]
        return data[0], data[start : start + size]

    def _send(self, first: int, payload: bytes) -> None:
        """A frame masked with zeros: a mask must be, and zeros change nothing."""
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self._transport.write(bytes((first,)) + length + bytes(4) + payload)


class StreamPipe(Pipe):
    """A response of Server-Sent Events, in chunks."""

    def __init__(self, key: str, path: str, last_id: str, hear: Hear) -> None:
        last = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        head = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n{last}\r\n"
        super().__init__(head.encode(), b"200")
        self._hear = hear
        self._body = b""

    def _read(self) -> None:
        while (chunk := self._chunk()) is not None:
            self._body += chunk
        *events, self._body = self._body.split(b"\n\n")
        for event in events:
            self._hear(event)

    def _chunk(self) -> bytes | None:
        line, end, rest = self._data.partition(b"\r\n")
        if not end or len(rest) < (size := int(line, 16)) + 2:
            return None
        self._data = rest[size + 2 :]
        return rest[:size]

"""An HTTP/1.1 connection that costs little, so that what is measured is the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import urlsplit

_MOST_BYTES = 64 << 20


class Repeater(asyncio.Protocol):
    """A connection on which one whole request after the other is sent; answers are looked at only.

    It costs a tenth of a `Connection`, and so little of the machine that is measured.

    Attributes:
        seconds: How long each answer took.
        done: When all are answered; the error, if one is none of success.
    """

    def __init__(self, requests: Sequence[bytes]) -> None:
        self.seconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = iter(requests)
        self._transport: asyncio.Transport | None = None
        self._sent_s = 0.0
        self._answer = b""

    @classmethod
    async def send(cls, url: str, requests: Sequence[bytes]) -> list[float]:
        """Send all of them over a connection of their own; how long each answer took."""
        where = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, repeater = await loop.create_connection(
            lambda: cls(requests), where.hostname or "", where.port or 80
        )
        await repeater.done
        return repeater.seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        """Go on once the answer is whole: with the end of its head, and as much as that says."""
        self._answer += data
        head, ended, body = self._answer.partition(b"\r\n\r\n")
        if not ended or len(body) < content_length(head.lower()):
            return
        if not head.startswith(b"HTTP/1.1 2"):
            self.done.set_exception(RuntimeError(f"{head!r}: {body[:500]!r}"))
            return
        self.seconds.append(time.perf_counter() - self._sent_s)
        self._answer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so, if anything was still to be sent."""
        if not self.done.done():
            self.done.set_exception(exc or RuntimeError("The connection was closed."))

    def _next(self) -> None:
        assert self._transport is not None
        request = next(self._requests, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_s = time.perf_counter()
        self._transport.write(request)


class Connection:
    """One connection, kept open; one request after the other. Make it with `open`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._head = head

    @classmethod
    async def open(cls, url: str, headers: Mapping[str, str]) -> Connection:
        """Connect; `headers` go with every request."""
        where = urlsplit(url)
        reader, writer = await asyncio.open_connection(
            where.hostname, where.port, limit=_MOST_BYTES
        )
        return cls(reader, writer, lines_of(headers))

    async def get(self, path: str) -> bytes:
        """The body of a good answer."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())

    async def post(self, path: str, kind: str, body: bytes, more: str = "") -> bytes:
        """The body of a good answer; `more` are further lines of the head."""
        return await self._ask(post(path, kind, body, self._head + more))

    def close(self) -> None:
        """Leave."""
        self._writer.close()

    async def _ask(self, request: bytes) -> bytes:
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        body = await self._body(head)
        if not head.startswith(b"http/1.1 2"):
            raise RuntimeError(f"{head.splitlines()[0]!r}: {body[:500]!r}")
        return body

    async def _body(self, head: bytes) -> bytes:
        if b"transfer-encoding: chunked" in head:
            return await self._chunks()
        return await self._reader.readexactly(content_length(head))

    async def _chunks(self) -> bytes:
        parts = []
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(parts)


def lines_of(headers: Mapping[str, str]) -> str:
    """The lines of a head."""
    lines = [f"{name}: {value}" for name, value in {"Host": "bench", **headers}.items()]
    return "".join(f"{line}\r\n" for line in lines)


def post(path: str, kind: str, body: bytes, more: str) -> bytes:
    """A whole request; `more` are further lines of the head."""
    head = f"POST {path} HTTP/1.1\r\nContent-Type: {kind}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def content_length(head: bytes) -> int:
    """How long the body is, as a head in lower case says."""
    _, found, rest = head.partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0

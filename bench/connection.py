"""An HTTP/1.1 connection that costs little, so that what is measured is the server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

_MOST_BYTES = 64 << 20


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
        lines = [f"{name}: {value}" for name, value in {"Host": "bench", **headers}.items()]
        return cls(reader, writer, "".join(f"{line}\r\n" for line in lines))

    async def get(self, path: str) -> bytes:
        """The body of a good answer."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())

    async def post(self, path: str, kind: str, body: bytes, more: str = "") -> bytes:
        """The body of a good answer; `more` are further lines of the head."""
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Type: {kind}\r\n{more}"
        return await self._ask(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

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
        _, found, rest = head.partition(b"content-length:")
        size = int(rest.split(b"\r\n", 1)[0]) if found else 0
        return await self._reader.readexactly(size)

    async def _chunks(self) -> bytes:
        parts = []
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(parts)

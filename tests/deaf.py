"""A way to PostgreSQL that loses what nobody should rely on hearing."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit, urlunsplit


class Deaf:
    """A way to the server on which, once it is deaf, the answer to a commit gets lost."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self.is_deaf = False

    async def __aenter__(self) -> Deaf:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        credentials = self._to.netloc.rpartition("@")[0]
        where = f"127.0.0.1:{port}"
        self.url = urlunsplit(self._to._replace(netloc=f"{credentials}@{where}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(self._to.hostname, self._to.port)
        back = asyncio.create_task(self._pass(there[0], writer, is_answer=True))
        await self._pass(reader, there[1], is_answer=False)
        await back
        for each in (writer, there[1]):
            each.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        while data := await reader.read(1 << 16):
            # "COMMIT" is what the server calls it when one is done.
            if is_answer and self.is_deaf and b"C\x00\x00\x00\x0bCOMMIT\x00" in data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

"""A small HTTP server that takes ingest requests and answers as the test says."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


def accept(points: list[dict[str, Any]]) -> Answer:
    return 202, {}, json.dumps({"accepted": len(points), "rejected": []}).encode()


@dataclass
class IngestServer:
    """Keeps what it accepted. `answer` decides on the n-th request (from 1)."""

    answer: Callable[[int, list[dict[str, Any]]], Answer] = lambda _, points: accept(points)
    url: str = ""
    points: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = {k.lower(): v for k, v in (x.split(": ", 1) for x in lines[1:] if x)}
                body = await reader.readexactly(int(headers["content-length"]))
                writer.write(self._respond({"line": lines[0], **headers}, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _respond(self, request: dict[str, str], body: bytes) -> bytes:
        self.requests.append(request)
        if request.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        rows = [json.loads(line) for line in body.splitlines()]
        status, headers, answer = self.answer(len(self.requests), rows)
        if status == 202:
            self._kept(request["line"]).extend(rows)
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return (
            f"HTTP/1.1 {status} x\r\nContent-Length: {len(answer)}\r\n{fields}\r\n".encode()
            + answer
        )

    def _kept(self, line: str) -> list[dict[str, Any]]:
        path = line.split(" ")[1]
        kept = {"metrics": self.points, "events": self.events, "tasks": self.tasks}
        return kept[path.removeprefix("/api/v1/ingest/")]

    def asked(self, kind: str) -> int:
        """How many requests with rows of this kind came."""
        return sum(f"/ingest/{kind} " in request["line"] for request in self.requests)


@asynccontextmanager
async def serving(ingest: IngestServer) -> AsyncIterator[IngestServer]:
    server = await asyncio.start_server(ingest.handle, "127.0.0.1", 0)
    ingest.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield ingest
    finally:
        server.close()

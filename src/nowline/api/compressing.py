"""Answers in JSON, compressed for whoever takes that (RFC 9110, section 12.5.3).

Only what is asked by GET: what is sent in a body to be asked back could tell, by how well both
compress together, what else is in the answer. Only what has no entity tag: that of a compressed
answer would have to be another one (section 8.8.3), and would no longer fit `If-Match`.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

LEAST_BYTES: Final = 1024
"""What is shorter fits a packet or two anyway."""
_LONG_BYTES: Final = 64 << 10
# On 120 KB of JSON a fifth smaller than 1, in half the time of 6 (1.3 ms).
_LEVEL: Final = 4
_JSON: Final = b"application/json"
_KEPT: Final = frozenset({b"content-encoding", b"etag"})


def compress_json(app: ASGIApp) -> ASGIApp:
    """Wrap an application so that its longer answers in JSON are compressed with gzip."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] == "GET" and _is_taken(scope):
            send = _Compressing(send).send
        await app(scope, receive, send)

    return answered


@lru_cache(maxsize=256)
def takes_gzip(accepted: bytes) -> bool:
    """Whether an `Accept-Encoding` allows gzip; one that names it with weight 0 does not."""
    for part in accepted.lower().split(b","):
        coding, _, weight = part.partition(b";")
        if coding.strip() == b"gzip":
            return weight.replace(b" ", b"").rstrip(b"0") not in {b"q=", b"q=0."}
    return False


def _is_taken(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and takes_gzip(value) for name, value in scope["headers"])


class _Compressing:
    """Sends one answer on; what can be compressed waits for its body."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: HTTPResponseStartEvent | None = None

    async def send(self, message: Message) -> None:
        """As ASGI has it."""
        if message["type"] == "http.response.start" and _is_json(message):
            self._held = message
            return
        held, self._held = self._held, None
        if held is not None and message["type"] == "http.response.body":
            body = message["body"]
            if not message["more_body"] and len(body) >= LEAST_BYTES:
                message["body"] = await _packed(body)
                held["headers"] = list(_packed_headers(held["headers"], len(message["body"])))
            await self._send(held)
        await self._send(message)


def _is_json(start: HTTPResponseStartEvent) -> bool:
    headers = {name.lower(): value for name, value in start["headers"]}
    is_json = headers.get(b"content-type", b"").startswith(_JSON)
    return is_json and start["status"] == HTTPStatus.OK and not _KEPT & headers.keys()


async def _packed(body: bytes) -> bytes:
    if len(body) < _LONG_BYTES:
        return gzip.compress(body, _LEVEL, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)


def _packed_headers(
    headers: Iterable[tuple[bytes, bytes]], size: int
) -> Iterable[tuple[bytes, bytes]]:
    yield from (each for each in headers if each[0].lower() != b"content-length")
    yield b"content-length", b"%d" % size
    yield b"content-encoding", b"gzip"
    yield b"vary", b"accept-encoding"

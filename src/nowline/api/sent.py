"""What a door is sent, within the limits that all doors share."""

from __future__ import annotations

from typing import Any

from litestar import Request

from nowline.errors import Code, NowlineError
from nowline.ingest.unpack import read_body

MOST_SENT = 16 << 20
MOST_UNPACKED = 128 << 20


async def sent_body(request: Request[Any, Any, Any]) -> bytes:
    """The body, unpacked; see `read_body` for what is refused."""
    return await _read(request, request.headers.get("content-encoding", ""))


async def sent_as_is(request: Request[Any, Any, Any]) -> bytes:
    """The body as it was sent, for a protocol that packs in a way of its own."""
    return await _read(request, "")


async def _read(request: Request[Any, Any, Any], encoding: str) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MOST_SENT:
        # Before reading what says itself that it is too long.
        detail = f"The body is over {MOST_SENT:,} bytes. Send smaller batches."
        raise NowlineError(Code.TOO_LARGE, detail)
    return await read_body(
        request.stream(),
        encoding,
        most_sent=MOST_SENT,
        most_unpacked=MOST_UNPACKED,
    )

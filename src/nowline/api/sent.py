"""What a door is sent, within the limits that all doors share."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request

from nowline.errors import Code, NowlineError
from nowline.ingest.admission import Hold
from nowline.ingest.unpack import read_body

HOLD: Final = "hold"
"""Where the state of a request to a door has its `Hold`."""


async def sent_body(request: Request[Any, Any, Any]) -> bytes:
    """The body, unpacked; see `read_body` and `Hold` for what is refused."""
    return await _read(request, _header(request, b"content-encoding"))


async def sent_as_is(request: Request[Any, Any, Any]) -> bytes:
    """The body as it was sent, for a protocol that packs in a way of its own."""
    return await _read(request, "")


def most_unpacked(request: Request[Any, Any, Any]) -> int:
    """How many bytes a door may unpack itself."""
    hold: Hold = request.scope["state"][HOLD]
    return hold.limits.unpacked_bytes


def unpacked(request: Request[Any, Any, Any], body: bytes) -> bytes:
    """What a door itself has unpacked, counted as held too; see `Hold`."""
    hold: Hold = request.scope["state"][HOLD]
    hold.grow(0, len(body))
    return body


async def _read(request: Request[Any, Any, Any], encoding: str) -> bytes:
    hold: Hold = request.scope["state"][HOLD]
    length = _header(request, b"content-length")
    if length.isdigit():
        _check_announced(int(length), hold)
    return await hold.read(
        read_body(
            request.stream(),
            encoding,
            most_sent=hold.limits.sent_bytes,
            most_unpacked=hold.limits.unpacked_bytes,
            grown=hold.grow,
        )
    )


def _check_announced(length: int, hold: Hold) -> None:
    """Refuse what says itself that it is too much, before reading it."""
    most = hold.limits.sent_bytes
    if length > most:
        detail = f"The body is over {most:,} bytes. Send smaller batches."
        raise NowlineError(Code.TOO_LARGE, detail)
    hold.announce(length)


def _header(request: Request[Any, Any, Any], name: bytes) -> str:
    """A header's value, "" if it was not sent; the framework would first copy all headers."""
    values = (value for key, value in request.scope["headers"] if key == name)
    return next(values, b"").decode("latin-1")

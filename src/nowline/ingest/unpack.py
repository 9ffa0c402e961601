"""Request bodies, unpacked piece by piece and cut off at a limit: a bomb never gets to swell."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Callable
from typing import Protocol

import zstandard

from nowline.errors import Code, NowlineError

_PIECE = 1 << 20
_MOST_WINDOW = 8 << 20
# A block of four bytes may unpack to 128 KiB, and zstd's own limit is on its window only: what
# goes in at once is therefore small.
_ZSTD_SLICE = 512


Grown = Callable[[int, int], None]


def _ignore(_received: int, _unpacked: int) -> None:
    pass


class _Unpacker(Protocol):
    def feed(self, data: bytes, most: int) -> bytes:
        """Unpack; may stop once more than `most` bytes came out."""
        ...

    def is_whole(self) -> bool:
        """Whether the packed data ended where it should."""
        ...


async def read_body(
    stream: AsyncIterable[bytes],
    encoding: str,
    *,
    most_sent: int,
    most_unpacked: int,
    grown: Grown = _ignore,
) -> bytes:
    """The body as the client meant it.

    Args:
        stream: The body as sent.
        encoding: Its `Content-Encoding`: empty, `identity`, `gzip` or `zstd`.
        most_sent: Limit in bytes on what is sent.
        most_unpacked: Limit in bytes on what it unpacks to.
        grown: Told of each piece how many bytes came in and how many they became; may refuse.

    Raises:
        NowlineError: UNSUPPORTED for another encoding, TOO_LARGE over a limit, INVALID for data
            that is not what the encoding says.
    """
    unpacker = _unpacker(encoding)
    sent = 0
    body = bytearray()
    async for piece in stream:
        sent += len(piece)
        if sent > most_sent:
            raise _too_large(f"The body is over {most_sent:,} bytes.")
        unpacked = _unpack(unpacker, piece, most_unpacked - len(body), encoding)
        if len(body) + len(unpacked) > most_unpacked:
            raise _too_large(f"The body unpacks to over {most_unpacked:,} bytes.")
        grown(len(piece), len(unpacked))
        body += unpacked
    if sent and not unpacker.is_whole():
        raise NowlineError(Code.INVALID, f"The {encoding} body ends before its end.")
    return bytes(body)


def _unpack(unpacker: _Unpacker, piece: bytes, most: int, encoding: str) -> bytes:
    try:
        return unpacker.feed(piece, most)
    except (zlib.error, zstandard.ZstdError) as error:
        raise NowlineError(Code.INVALID, f"The body is not {encoding}: {error}.") from error


def _too_large(detail: str) -> NowlineError:
    return NowlineError(Code.TOO_LARGE, detail + " Send smaller batches.")


def _unpacker(encoding: str) -> _Unpacker:
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Gzip()
        case "zstd":
            return _Zstd()
    raise NowlineError(
        Code.UNSUPPORTED, f"Content-Encoding `{encoding}` is not known; send gzip, zstd or none."
    )


class _Plain:
    def feed(self, data: bytes, most: int) -> bytes:  # noqa: ARG002 - nothing can swell here
        return data

    def is_whole(self) -> bool:
        return True


class _Gzip:
    """Gzip members one after the other (RFC 1952, section 2.2)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)

    def feed(self, data: bytes, most: int) -> bytes:
        out = bytearray()
        while data and len(out) <= most:
            if self._member.eof:
                self._member = zlib.decompressobj(31)
            out += self._member.decompress(data, _PIECE)
            data = self._member.unconsumed_tail or self._member.unused_data
        return bytes(out)

    def is_whole(self) -> bool:
        return self._member.eof


class _Zstd:
    """Zstandard frames one after the other (RFC 8878, section 3.1)."""

    def __init__(self) -> None:
        self._frame = self._next_frame()

    def feed(self, data: bytes, most: int) -> bytes:
        out = bytearray()
        at = 0
        while at < len(data) and len(out) <= most:
            if self._frame.eof:
                self._frame = self._next_frame()
            piece = data[at : at + _ZSTD_SLICE]
            out += self._frame.decompress(piece)
            at += len(piece) - len(self._frame.unused_data)
        return bytes(out)

    def is_whole(self) -> bool:
        return bool(self._frame.eof)

    @staticmethod
    def _next_frame() -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW).decompressobj()

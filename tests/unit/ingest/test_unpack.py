"""Packed bodies: unpacked exactly, cut off in time, refused when they are not what they say."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable

import pytest
import zstandard

from nowline.errors import Code, NowlineError
from nowline.ingest.unpack import read_body

BODY = b'{"metrics": []}' * 20_000
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}
MOST = 1 << 20


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def read(
    body: bytes, encoding: str, *, size: int = 65_536, sent: int = MOST, unpacked: int = MOST
) -> bytes:
    return await read_body(pieces(body, size), encoding, most_sent=sent, most_unpacked=unpacked)


async def refusal(body: bytes, encoding: str, **limits: int) -> Code:
    with pytest.raises(NowlineError) as caught:
        await read(body, encoding, **limits)
    return caught.value.code


def zstd_bomb(blocks: int) -> bytes:
    """A frame of blocks that say "128 KiB of a" in four bytes each (RFC 8878, section 3.1.1)."""
    size = 128 << 10
    block = (size << 3 | 1 << 1).to_bytes(3, "little") + b"a"
    last = (size << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"a"
    return b"\x28\xb5\x2f\xfd\x00\x58" + block * (blocks - 1) + last


@pytest.mark.parametrize("size", [1, 7, 4_096, 1 << 20])
@pytest.mark.parametrize("packer", PACKERS)
async def test_a_body_comes_out_as_it_went_in(packer: str, size: int) -> None:
    assert await read(PACKERS[packer](BODY), packer, size=size) == BODY


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
async def test_a_plain_body_is_left_alone(encoding: str) -> None:
    assert await read(BODY, encoding) == BODY


@pytest.mark.parametrize("encoding", ["x-gzip", "GZIP", " gzip "])
async def test_gzip_by_its_other_names(encoding: str) -> None:
    assert await read(gzip.compress(BODY), encoding) == BODY


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
@pytest.mark.parametrize("packer", PACKERS)
async def test_several_members_are_one_body(packer: str, size: int) -> None:
    pack = PACKERS[packer]
    assert await read(pack(b"one ") + pack(b"") + pack(b"two"), packer, size=size) == b"one two"


@pytest.mark.parametrize("encoding", ["", *PACKERS])
async def test_nothing_is_an_empty_body(encoding: str) -> None:
    assert await read(b"", encoding) == b""


@pytest.mark.parametrize("packer", PACKERS)
async def test_a_body_cut_anywhere_is_refused(packer: str) -> None:
    packed = PACKERS[packer](b"some text, some text")
    for end in range(1, len(packed)):
        assert await refusal(packed[:end], packer) is Code.INVALID


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("size", [3, 1 << 20])
async def test_what_is_not_packed_is_refused(packer: str, size: int) -> None:
    assert await refusal(BODY, packer, size=size) is Code.INVALID
    packed = PACKERS[packer](BODY)
    assert await refusal(packed + b"trailing words", packer, size=size) is Code.INVALID


async def test_a_wrong_gzip_checksum_is_refused() -> None:
    packed = bytearray(gzip.compress(BODY))
    packed[-5] ^= 1
    assert await refusal(bytes(packed), "gzip") is Code.INVALID


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "snappy"])
async def test_another_encoding_is_refused(encoding: str) -> None:
    assert await refusal(BODY, encoding) is Code.UNSUPPORTED


@pytest.mark.parametrize("encoding", ["", *PACKERS])
async def test_the_limit_on_what_is_sent_is_exact(encoding: str) -> None:
    body = PACKERS.get(encoding, bytes)(BODY)
    assert await read(body, encoding, sent=len(body)) == BODY
    assert await refusal(body, encoding, sent=len(body) - 1) is Code.TOO_LARGE


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("size", [50, 1 << 20])
async def test_the_limit_on_what_it_unpacks_to_is_exact(packer: str, size: int) -> None:
    packed = PACKERS[packer](BODY)
    assert await read(packed, packer, size=size, unpacked=len(BODY)) == BODY
    assert await refusal(packed, packer, size=size, unpacked=len(BODY) - 1) is Code.TOO_LARGE


BOMBS = {
    "gzip": zlib.compress(bytes(64 << 20), 9, 31),
    "gzip, many members": gzip.compress(bytes(1 << 20)) * 64,
    "zstd": zstd_bomb(16_000),
    "zstd, many frames": zstd_bomb(10) * 100,
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_never_swells(bomb: str) -> None:
    tracemalloc.start()
    try:
        code = await refusal(BOMBS[bomb], bomb.partition(",")[0], size=1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert code is Code.TOO_LARGE
    assert peak < 48 << 20

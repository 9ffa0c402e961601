"""Snappy blocks: what they unpack to, and what is refused before it is."""

from __future__ import annotations

import contextlib

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.ingest.snappy import unpack_snappy


def refused(packed: bytes, most: int = 1000) -> Code:
    with pytest.raises(NowlineError) as caught:
        unpack_snappy(packed, most)
    return caught.value.code


def test_the_example_of_the_format() -> None:
    # A literal "abc", then a copy of 4 bytes from 3 bytes back.
    assert unpack_snappy(b"\x07\x08abc\x01\x03", 7) == b"abcabca"


@given(st.binary(max_size=2000))
def test_what_was_packed_comes_out(content: bytes) -> None:
    packed = bytes(cramjam.snappy.compress_raw(content))
    assert unpack_snappy(packed, len(content)) == content


def test_the_length_is_looked_at_before_anything_is_unpacked() -> None:
    assert refused(bytes(cramjam.snappy.compress_raw(bytes(1001)))) is Code.TOO_LARGE
    assert refused(b"\xff\xff\xff\xff\x0f" + b"\x00" * 20, 1 << 27) is Code.TOO_LARGE


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\x80",
        b"\xff\xff\xff\xff\xff\x01",
        b"\x05\x08abc",
        b"\x03\x08abcd",
        b"\x07\x08abc\x01\x04",
        b"{}",
    ],
    ids=["nothing", "no end", "long length", "too short", "too long", "before the start", "json"],
)
def test_what_is_no_block_is_refused(packed: bytes) -> None:
    assert refused(packed) is Code.INVALID


@given(st.binary(max_size=60))
def test_any_bytes_are_unpacked_or_refused(packed: bytes) -> None:
    with contextlib.suppress(NowlineError):
        assert len(unpack_snappy(packed, 1 << 16)) <= 1 << 16

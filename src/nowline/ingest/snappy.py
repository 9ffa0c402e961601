"""Snappy's block format, which says how long the content is before it is unpacked.

Source: https://github.com/google/snappy/blob/main/format_description.txt, sections 1 and 2.
"""

from __future__ import annotations

import cramjam

from nowline.errors import Code, NowlineError

_MOST_LENGTH_BYTES = 5


def unpack_snappy(packed: bytes, most: int) -> bytes:
    """The content of a block.

    Args:
        packed: One whole block.
        most: Limit in bytes on what it unpacks to.

    Raises:
        NowlineError: INVALID for what is no block, TOO_LARGE over the limit.
    """
    length = _length(packed)
    if length > most:
        detail = f"The body unpacks to over {most:,} bytes. Send smaller batches."
        raise NowlineError(Code.TOO_LARGE, detail)
    try:
        return bytes(cramjam.snappy.decompress_raw(packed))
    except cramjam.DecompressionError as error:
        raise NowlineError(Code.INVALID, f"The body is not snappy: {error}.") from error


def _length(packed: bytes) -> int:
    """The length that the block begins with: a varint of at most 32 bits."""
    length = 0
    for place, byte in enumerate(packed[:_MOST_LENGTH_BYTES]):
        length |= (byte & 127) << (7 * place)
        if byte < 128:
            return length
    raise NowlineError(Code.INVALID, "The body is not snappy: it says no length.")

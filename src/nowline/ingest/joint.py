"""Several small bodies of lines, read as one text. Pure.

Most of what reading costs does not depend on how many rows there are. Only bodies that nothing is
wrong with are read so; the others are read one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from nowline.errors import NowlineError
from nowline.ingest.columns import PART_SHIFT, Columns
from nowline.ingest.json import decode_ndjson
from nowline.ingest.lines import decode_lines
from nowline.model.partials import Ints

# As encoders write them.
_ARRAYS = ((b'{"metrics":[', b"]}"), (b'{"metrics": [', b"]}"), (b"[", b"]"))


def decode_lines_of(bodies: Sequence[bytes], now_ms: int, precision: str) -> Columns | None:
    """The rows of several bodies of line protocol, as `lines.decode_lines` reads each of them.

    Returns:
        As `Columns.joined`; None if the bodies are to be read one by one.
    """
    text = b"\n".join(bodies)
    if b'"' in text or b"\\" in text:
        # A string, or an escaped line end, could go on in the next body.
        return None
    return _apart(bodies, lambda: decode_lines(text, now_ms, precision))


def decode_ndjson_of(bodies: Sequence[bytes], now_ms: int) -> Columns | None:
    """The same for bodies of NDJSON, as `json.decode_ndjson` reads each of them."""
    text = b"\n".join(bodies)
    return _apart(bodies, lambda: decode_ndjson(text, now_ms))


def decode_json_of(bodies: Sequence[bytes], now_ms: int) -> Columns | None:
    """The same for bodies of JSON with one row each, as `json.decode_json` reads each of them."""
    lines = [line for body in bodies if (line := _row_of(body)) is not None]
    return decode_ndjson_of(lines, now_ms) if len(lines) == len(bodies) else None


def _row_of(body: bytes) -> bytes | None:
    """What stands in the array of a body: if that is a line of NDJSON, then it is its only row."""
    if b"\n" in body:
        return None
    for before, after in _ARRAYS:
        if body.startswith(before) and body.endswith(after):
            return body[len(before) : -len(after)]
    return None


def _apart(bodies: Sequence[bytes], decode: Callable[[], Columns]) -> Columns | None:
    try:
        columns = decode()
    except NowlineError:
        return None
    if columns.rejected or columns.metadata:
        return None
    return replace(columns, index=_joined_index(columns.index, bodies))


def _joined_index(line: Ints, bodies: Sequence[bytes]) -> Ints:
    """The index of joined rows, by the line of the text that each is from."""
    lines = [body.count(b"\n") + 1 for body in bodies]
    if len(bodies) == sum(lines):
        return line << PART_SHIFT
    ends: Ints = np.cumsum(lines, dtype=np.int64)
    body = np.searchsorted(ends, line, side="right")
    joined: Ints = (body << PART_SHIFT) + line - (ends - lines)[body]
    return joined

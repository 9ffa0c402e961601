"""Answers and rows as bytes, and names for them, for a cache that outlives the server. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import fields
from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from nowline.model.histogram import Bins
from nowline.model.partials import Partials
from nowline.model.points import Points
from nowline.query.merging import T
from nowline.store.catalogue import Selection
from nowline.store.shared import MOST_BYTES, Name

# Columns of more are not worth the time: packed, they would hardly be small enough to be kept.
_MOST_UNPACKED = 16 * MOST_BYTES
# Part of every name: a server that packs otherwise must not see these values.
_FORMAT = b"1"


def name_of(metric: str, key: Hashable, selection: Selection) -> Name:
    """What a value is kept as.

    Args:
        metric: The metric.
        key: What it is kept as in memory.
        selection: The series that it was made from: of others, it would be another value.
    """
    told = hashlib.blake2b(_FORMAT, digest_size=16)
    for part in (msgspec.msgpack.encode(key), msgspec.msgpack.encode(selection.tags)):
        told.update(b"%d " % len(part))
        told.update(part)
    told.update(selection.series.tobytes())
    told.update(selection.group.tobytes())
    return metric, told.digest()


def pack_rows(start: int, end: int, rows: Partials | Bins) -> bytes | None:
    """Rows of `[start, end)` as bytes, None if they are too many."""
    columns = [getattr(rows, each.name) for each in fields(rows)]
    return _packed([start, end, *map(_told, columns)], columns)


def unpack_rows(kind: type[T], packed: bytes) -> tuple[int, int, T] | None:
    """What `pack_rows` was given; None if it was something else."""
    try:
        start, end, *columns = _unpacked(packed)
        rows = kind(*map(_column, columns))
    except _MALFORMED:
        return None
    return start, end, rows


def pack_points(parts: Sequence[Points | None]) -> bytes | None:
    """Points as bytes, None if they are too many."""
    known = [part for part in parts if part is not None]
    columns = [column for part in known for column in (part.group, part.bucket, part.value)]
    told = [
        part and [part.tags, *map(_told, (part.group, part.bucket, part.value))] for part in parts
    ]
    return _packed(told, columns)


def unpack_points(packed: bytes) -> list[Points | None] | None:
    """What `pack_points` was given; None if it was something else."""
    try:
        return [part and Points(part[0], *map(_column, part[1:])) for part in _unpacked(packed)]
    except _MALFORMED:
        return None


_MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    msgspec.MsgspecError,
    zstandard.ZstdError,
)


def _packed(told: list[Any], columns: Sequence[NDArray[Any]]) -> bytes | None:
    if sum(column.nbytes for column in columns) > _MOST_UNPACKED:
        return None
    return zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(told))


def _unpacked(packed: bytes) -> list[Any]:
    most = _MOST_UNPACKED + MOST_BYTES
    told = zstandard.ZstdDecompressor().decompress(packed, max_output_size=most)
    found: list[Any] = msgspec.msgpack.decode(told, type=list)
    return found


def _told(column: NDArray[Any]) -> tuple[str, bytes]:
    return column.dtype.str, column.tobytes()


def _column(told: list[Any]) -> NDArray[Any]:
    return np.frombuffer(told[1], np.dtype(told[0]))

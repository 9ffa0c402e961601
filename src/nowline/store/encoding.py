"""One column of a block as bytes, and back. Pure.

Integers are told as their distance from the least one, in a unit that they have in common, or as
steps from one to the next, in as few bytes as the greatest needs; floats that are decimals
("21.57") as whole numbers of their last digit. What is left is laid out byte by byte - all low
bytes first - and compressed with Zstandard (RFC 8878). A CRC-32 at the end tells a damaged column
from a whole one.

Decimal scaling and steps are those of Gorilla (T. Pelkonen et al., VLDB 2015) and of BtrBlocks
(M. Kuschewski et al., SIGMOD 2023); the byte order is the "shuffle" of HDF5 and Blosc.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from nowline.model import planes
from nowline.model.partials import Floats, Ints

_HEADER = struct.Struct("<BBBqq")
_CHECKSUM = struct.Struct("<I")
_RUNS = struct.Struct("<II")
_COMPRESSION = 3
_WIDTHS = (1, 2, 4, 8)
_UNSIGNED = {width: np.dtype(f"<u{width}") for width in _WIDTHS}
_MOST_DIGITS = 9
# So few regular times are told by their number, in one byte each: the steps back to the first time
# of the next series take four or eight.
_FEW_UNITS, _FEW_STEPS, _MOST_DISTANCE = 1 << 8, 64, 1 << 62
# Where so few values are not decimals of so many digits, none of the others is looked at.
_PROBE = 64
# Doubles above this are not all whole numbers.
_MOST_WHOLE = float(1 << 53)
EVERY = slice(None)
"""All rows of a column."""


class CorruptColumnError(ValueError):
    """The bytes are not a column, or not those that were written."""


class _Kind(IntEnum):
    """How the whole numbers of a column are told."""

    EQUAL = 0
    """All are `base`."""
    PLAIN = 1
    """`base` plus `least` times what is packed."""
    STEPS = 2
    """`base`, and steps of `least` plus what is packed."""
    BITS = 3
    """The doubles as they are."""


class _Coders(threading.local):
    """Zstandard's contexts are costly to make and not to be shared by threads."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_COMPRESSION)
        self.decompressor = zstandard.ZstdDecompressor()


_coders = _Coders()


def encode_ints(values: Ints, *, steps: bool = False) -> bytes:
    """A column of at least one integer.

    Args:
        values: In the order of the rows.
        steps: Whether neighbours differ by the same again and again, as times do.
    """
    return _sealed(_encode(values, 0, steps=steps))


def encode_floats(values: Floats, slack: Floats | None = None) -> bytes:
    """A column of at least one double; the sign of a zero is not kept.

    Args:
        values: In the order of the rows.
        slack: By how much of itself each value may be off from the decimal that it is told as: a
            sum of decimals is known no better than its order of addition. Without it, none is.
    """
    if slack is None:
        slack = np.zeros(len(values))
    for digits in _promising_digits(values, slack):
        whole = _scaled(values, digits, slack)
        if whole is not None:
            return _sealed(_encode(whole, digits, steps=False))
    return _sealed(_HEADER.pack(_Kind.BITS, 8, 0, 0, 0) + _pack(values.view(np.uint64)))


def encode_runs(values: Ints) -> bytes:
    """A column of at least one integer, with equal ones beside each other."""
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    numbers = encode_ints(values[starts], steps=True)
    lengths = encode_ints(np.diff(np.append(starts, len(values))))
    return _RUNS.pack(len(starts), len(numbers)) + numbers + lengths


def decode_runs(data: bytes | memoryview, rows: int) -> tuple[Ints, Ints]:
    """The integers that `encode_runs` was given, each once, and how often each comes.

    Raises:
        CorruptColumnError: The bytes were changed.
    """
    try:
        runs, size = _RUNS.unpack_from(data)
    except struct.error as error:
        raise CorruptColumnError("a column is cut short") from error
    if not 0 < runs <= rows:
        raise CorruptColumnError("a column is of another length than its block")
    at = _RUNS.size
    values = decode_ints(data[at : at + size], runs)
    lengths = decode_ints(data[at + size :], runs)
    if lengths.min() < 1 or int(lengths.sum()) != rows:
        raise CorruptColumnError("a column is of another length than its block")
    return values, lengths


def decode_ints(data: bytes | memoryview, rows: int, wanted: slice = EVERY) -> Ints:
    """The integers that `encode_ints` was given, or some of them.

    Args:
        data: What it returned.
        rows: How many integers it was given.
        wanted: Which of them to tell, one after the other.

    Raises:
        CorruptColumnError: The bytes were changed.
    """
    return _decode(_opened(data), rows, wanted)[1]


def decode_floats(data: bytes | memoryview, rows: int, wanted: slice = EVERY) -> Floats:
    """The doubles that `encode_floats` was given, or some of them; see `decode_ints`.

    Raises:
        CorruptColumnError: The bytes were changed.
    """
    whole_column = _opened(data)
    if whole_column[0] == _Kind.BITS:
        return _unpack(whole_column[_HEADER.size :], 8, rows, wanted).view(np.float64)
    return _decode_decimals(whole_column, rows, wanted)


def _sealed(column: bytes) -> bytes:
    return column + _CHECKSUM.pack(zlib.crc32(column))


def _opened(data: bytes | memoryview) -> memoryview:
    column = memoryview(data)[: -_CHECKSUM.size]
    if len(column) < _HEADER.size:
        raise CorruptColumnError("a column is cut short")
    if _CHECKSUM.pack(zlib.crc32(column)) != data[-_CHECKSUM.size :]:
        raise CorruptColumnError("a column fails its checksum")
    return column


def _encode(values: Ints, digits: int, *, steps: bool) -> bytes:
    least, greatest = int(values.min()), int(values.max())
    if least == greatest:
        return _HEADER.pack(_Kind.EQUAL, 0, digits, least, 0)
    if not steps:
        return _encode_plain(values, digits, 1)
    differences = np.diff(values)
    unit = _unit(differences) if greatest - least < _MOST_DISTANCE else 1
    if unit > 1 and (greatest - least) // unit < _FEW_UNITS:
        return _encode_plain(values, digits, unit)
    return _encode_steps(int(values[0]), differences, digits)


def _encode_plain(values: Ints, digits: int, unit: int) -> bytes:
    least, greatest = int(values.min()), int(values.max())
    width = _width((greatest - least) // unit)
    # Differences that 64 bits have no room for wrap around, and back when they are added.
    distance = (values - least).view(np.uint64)
    whole = distance // np.uint64(unit) if unit > 1 else distance
    header = _HEADER.pack(_Kind.PLAIN, width, digits, least, unit)
    return header + _pack(whole.astype(_UNSIGNED[width]))


def _encode_steps(first: int, steps: Ints, digits: int) -> bytes:
    least, greatest = int(steps.min()), int(steps.max())
    width = 0 if least == greatest else _width(greatest - least)
    header = _HEADER.pack(_Kind.STEPS, width, digits, first, least)
    return header + (_pack((steps - least).astype(_UNSIGNED[width])) if width else b"")


def _unit(steps: Ints) -> int:
    """What all steps are multiples of, where they are of a few lengths; 1 where they are of one."""
    different = np.unique(steps)
    if not 1 < len(different) <= _FEW_STEPS:
        return 1
    return int(np.gcd.reduce(different))


def _decode(data: memoryview, rows: int, wanted: slice) -> tuple[int, Ints]:
    kind, width, digits, base, least = _HEADER.unpack_from(data)
    if kind == _Kind.EQUAL:
        values = np.empty(len(range(rows)[wanted]), np.int64)
        values.fill(base)
        return digits, values
    if kind == _Kind.STEPS:
        return digits, _decode_steps(data, rows)[wanted]
    raw = _raw(data[_HEADER.size :], width, rows)
    return digits, planes.ints(raw, width, range(rows)[wanted], base, least)


def _decode_decimals(data: memoryview, rows: int, wanted: slice) -> Floats:
    """The same as doubles: whole numbers of so many digits behind the point."""
    kind, width, digits, base, _ = _HEADER.unpack_from(data)
    if kind == _Kind.PLAIN and width < _WIDTHS[-1]:
        raw = _raw(data[_HEADER.size :], width, rows)
        return planes.doubles(raw, width, range(rows)[wanted], base, 10.0**digits)
    digits, whole = _decode(data, rows, wanted)
    floats = whole.astype(np.float64)
    return np.divide(floats, 10.0**digits, out=floats) if digits else floats


def _decode_steps(data: memoryview, rows: int) -> Ints:
    _, width, _, first, least = _HEADER.unpack_from(data)
    if not width:
        return np.arange(rows, dtype=np.int64) * np.int64(least) + np.int64(first)
    values = np.empty(rows, np.int64)
    values[0] = first
    rest = _unpack(data[_HEADER.size :], width, rows - 1)
    np.add(rest, least, out=values[1:], dtype=np.int64, casting="unsafe")
    return np.cumsum(values, out=values)


def _width(greatest: int) -> int:
    return next(width for width in _WIDTHS if greatest < 1 << 8 * width)


def _pack(values: NDArray[Any]) -> bytes:
    """All first bytes, then all second ones, …, compressed."""
    by_byte = values.view(np.uint8).reshape(-1, values.itemsize).T
    return _coders.compressor.compress(np.ascontiguousarray(by_byte).data)


def _unpack(data: memoryview, width: int, rows: int, wanted: slice = EVERY) -> NDArray[Any]:
    return planes.unsigned(_raw(data, width, rows), width, range(rows)[wanted])


def _raw(data: memoryview, width: int, rows: int) -> bytes:
    """What was compressed."""
    try:
        raw = _coders.decompressor.decompress(data, max_output_size=width * rows)
    except zstandard.ZstdError as error:
        raise CorruptColumnError(f"a column cannot be read: {error}") from error
    if len(raw) != width * rows:
        raise CorruptColumnError("a column is of another length than its block")
    return raw


def _promising_digits(values: Floats, slack: Floats) -> Iterator[int]:
    """Numbers of digits to try: those that are enough for the first few values."""
    probe, slack = values[:_PROBE], slack[:_PROBE]
    return (d for d in range(_MOST_DIGITS + 1) if _scaled(probe, d, slack) is not None)


def _scaled(values: Floats, digits: int, slack: Floats) -> Ints | None:
    """The values as whole numbers of their last digit, if they are."""
    power = 10.0**digits
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.rint(values * power)
        off = np.abs(whole / power - values)
        is_exact = (off <= np.abs(values) * slack) & (np.abs(whole) <= _MOST_WHOLE)
    return whole.astype(np.int64) if is_exact.all() else None

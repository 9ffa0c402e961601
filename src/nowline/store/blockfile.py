"""Files of sorted rows in columns: written once, mapped into memory, never changed.

A file is blocks of some thousand rows, each column of each as `encoding` has it, and an index at
its end: which series and times each block has, and where its columns are. The rows of a block
are ordered by series, then time, and it ends between two series where it can, so the rows of one
series are in few blocks. The index and every column have a checksum.

    magic · columns of block 0 · columns of block 1 · … · index · CRC-32 of it · its length · magic
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import sys
import weakref
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Ints
from nowline.store import encoding
from nowline.store.encoding import EVERY, CorruptColumnError

Columns: TypeAlias = Mapping[str, NDArray[Any]]
"""Arrays of equal length by name; `series` and `time` are always among them."""

MAGIC = b"NLB1"
_TAIL = struct.Struct("<II4s")
_IN_RUNS, _STEPPED = "series", "time"
# Of so few blocks, each is looked at by itself: NumPy takes longer to begin.
_FEW_BLOCKS = 8
# A sum of so many doubles is off by half a unit in the last place for each, at least.
_SUM, _COUNT, _HALF_A_UNIT = "total", "count", 2.0**-53


class DamagedFileError(ValueError):
    """A file is not what was written."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a kind of file, and which of them are floats."""

    names: tuple[str, ...]
    floats: frozenset[str]


RAW = Shape(("series", "time", "value"), frozenset({"value"}))
PARTIALS = Shape(
    ("series", "time", "count", "low", "high", "last", "total", "after"),
    frozenset({"low", "high", "last", "total"}),
)
"""`time` is the bucket's start; `after` is how long after it the last row was."""
BINS = Shape(("series", "time", "bin", "count"), frozenset())


class _Index(msgspec.Struct, array_like=True):
    """Arrays as bytes: per block the rows, and the least and greatest series and time.

    For each column of each block, where it begins, and the number of the column of that block
    that it is the same as, which is its own where it was written.
    """

    names: tuple[str, ...]
    rows: bytes
    bounds: bytes
    places: bytes
    same_as: bytes


class Writer:
    """Writes one file.

    Args:
        path: Where; there is no such file yet.
        shape: What it holds.
        block_rows: How many rows a block has at most.
    """

    def __init__(self, path: Path, shape: Shape, block_rows: int) -> None:
        self._path = path
        self._shape = shape
        self._block_rows = block_rows
        self._file: BinaryIO = path.open("xb")
        self._file.write(MAGIC)
        self._places = [len(MAGIC)]
        self._rows: list[int] = []
        self._bounds: list[tuple[int, int, int, int]] = []
        self._same_as = bytearray()

    @property
    def rows(self) -> int:
        """How many were written."""
        return sum(self._rows)

    @property
    def oldest(self) -> int:
        """The time of the oldest row that was written."""
        return min(bounds[2] for bounds in self._bounds)

    def add(self, columns: Columns) -> None:
        """Write these rows, which are ordered by series, then time, to blocks of their own."""
        series, at = columns["series"], 0
        while at < len(series):
            end = _end_of_block(series, at, at + self._block_rows)
            self._write({name: values[at:end] for name, values in columns.items()})
            at = end

    def finish(self) -> int:
        """Write the index; when this returns, the file is safe on disk. Its size, in bytes."""
        index = msgspec.msgpack.encode(
            _Index(
                self._shape.names,
                np.array(self._rows, "<u4").tobytes(),
                np.array(self._bounds, "<i8").tobytes(),
                np.array(self._places, "<u8").tobytes(),
                bytes(self._same_as),
            )
        )
        self._file.write(index + _TAIL.pack(zlib.crc32(index), len(index), MAGIC))
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        return size

    def discard(self) -> None:
        """Leave nothing of it."""
        self._path.unlink(missing_ok=True)
        # Closing writes what is left, which fails again where the disk is full.
        with contextlib.suppress(OSError):
            self._file.close()

    def _write(self, columns: Columns) -> None:
        series, time = columns["series"], columns["time"]
        self._rows.append(len(series))
        self._bounds.append((int(series[0]), int(series[-1]), int(time.min()), int(time.max())))
        for number, name in enumerate(self._shape.names):
            same_as = self._first_like(columns, number)
            data = self._encoded(columns, name) if same_as == number else b""
            self._file.write(data)
            self._places.append(self._places[-1] + len(data))
            self._same_as.append(same_as)

    def _first_like(self, columns: Columns, number: int) -> int:
        """The first column this one equals: of single rows, all values of a partial are one."""
        names, floats = self._shape.names, self._shape.floats
        if names[number] not in floats:
            return number
        for earlier in range(number):
            if names[earlier] in floats and np.array_equal(
                columns[names[number]], columns[names[earlier]]
            ):
                return earlier
        return number

    def _encoded(self, columns: Columns, name: str) -> bytes:
        if name == _IN_RUNS:
            return encoding.encode_runs(columns[name])
        if name == _SUM:
            return encoding.encode_floats(columns[name], columns[_COUNT] * _HALF_A_UNIT)
        if name in self._shape.floats:
            return encoding.encode_floats(columns[name])
        return encoding.encode_ints(columns[name], steps=name == _STEPPED)


class Reader:
    """A file that is whole, mapped into memory; any thread may read it.

    Args:
        path: The file; it may be deleted while this is in use.
        shape: What it holds.
        step_ms: What the times of a series' rows are all multiples of, where no two are the same;
            None of other files.

    Raises:
        DamagedFileError: It is not such a file, or it was cut short or changed.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, shape: Shape, step_ms: int | None = None) -> None:
        self._path = path
        self._shape = shape
        self._step_ms = step_ms
        with path.open("rb") as file:
            try:
                self._data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            except ValueError as error:
                raise self._damage("it is empty") from error
            self._descriptor = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._descriptor)
        index = self._index()
        self._rows: list[int] = np.frombuffer(index.rows, "<u4").tolist()
        bounds = np.frombuffer(index.bounds, "<i8").reshape(-1, 4).astype(np.int64)
        self._first, self._last, self._oldest, self._newest = bounds.T
        self._bounds: list[list[int]] = bounds.tolist()
        self._places: list[int] = np.frombuffer(index.places, "<u8").tolist()
        self._same_as = index.same_as

    def blocks(self, series: tuple[int, int], start: int, end: int) -> list[int]:
        """The blocks that may have rows of series from the first to the last, in `[start, end)`."""
        if self._by_series is not None:
            firsts, lasts = self._by_series
            near = range(bisect_left(lasts, series[0]), bisect_right(firsts, series[1]))
            if len(near) <= _FEW_BLOCKS:
                return [block for block in near if self._touches(block, start, end)]
        is_near = (self._last >= series[0]) & (self._first <= series[1])
        if not start <= self.span[0] <= self.span[1] < end:
            is_near &= (self._newest >= start) & (self._oldest < end)
        found: list[int] = is_near.nonzero()[0].tolist()
        return found

    def rows_of(self, block: int) -> int:
        """How many rows a block has."""
        return self._rows[block]

    def rows_a_series(self, block: int) -> int | None:
        """How many rows each series of a full block has; None of others.

        A full block has a row for each step from its oldest to its newest and for each series
        from its first to its last: as many as there can be, so their number tells all of it.
        """
        return self._each[block]

    def rows_in(self, block: int, series: int) -> slice:
        """Where the rows of a series are in a block; of none, an empty slice.

        Raises:
            DamagedFileError: They were changed.
        """
        first, last, _, _ = self._bounds[block]
        each = self._each[block]
        if each is not None and first <= series <= last:
            at = (series - first) * each
            return slice(at, at + each)
        numbers, rows = self.series(block)
        at, to = numbers.searchsorted((series, series + 1)).tolist()
        before = int(rows[:at].sum())
        return slice(before, before + int(rows[at:to].sum()))

    def first_series(self, block: int) -> int:
        """The first series of a block."""
        return self._bounds[block][0]

    @cached_property
    def span(self) -> tuple[int, int]:
        """The times of the oldest and the newest row, epoch milliseconds."""
        return int(self._oldest.min()), int(self._newest.max())

    def is_at_hand(self, block: int) -> bool:
        """Whether a block is in the system's page cache: to read it does not wait for the disk.

        Only Linux tells (`RWF_NOWAIT`, preadv2(2)), and not of every file system.
        """
        if sys.platform != "linux":
            return False
        columns = len(self._shape.names)
        start, end = (self._places[number * columns] for number in (block, block + 1))
        room = bytearray(end - start)
        try:
            return os.preadv(self._descriptor, [room], start, os.RWF_NOWAIT) == len(room)
        except OSError:
            return False

    def is_within(self, block: int, start: int, end: int) -> bool:
        """Whether all rows of a block are in `[start, end)`."""
        _, _, oldest, newest = self._bounds[block]
        return oldest >= start and newest < end

    def series(self, block: int) -> tuple[Ints, Ints]:
        """The series of a block, ascending, and how many rows each has.

        Raises:
            DamagedFileError: They were changed.
        """
        each = self.rows_a_series(block)
        if each is not None:
            series = np.arange(self._first[block], self._last[block] + 1)
            return series, np.full(len(series), each)
        try:
            return encoding.decode_runs(self._bytes(block, 0), self.rows_of(block))
        except CorruptColumnError as error:
            raise self._damage(str(error)) from error

    def column(self, block: int, name: str, rows: slice = EVERY) -> NDArray[Any]:
        """One column of a block, or some rows of it.

        Raises:
            DamagedFileError: It was changed.
        """
        if name == _IN_RUNS:
            return np.repeat(*self.series(block))[rows]
        if name == _STEPPED and self._step_ms and (each := self._each[block]) is not None:
            return self._steps(block, each, self._step_ms, rows)
        data = self._bytes(block, self._shape.names.index(name))
        decode = encoding.decode_floats if name in self._shape.floats else encoding.decode_ints
        try:
            return decode(data, self.rows_of(block), rows)
        except CorruptColumnError as error:
            raise self._damage(str(error)) from error

    def block(self, number: int) -> Columns:
        """All columns of a block."""
        return {name: self.column(number, name) for name in self._shape.names}

    @cached_property
    def _by_series(self) -> tuple[list[int], list[int]] | None:
        """The first and the last series of each block, where both ascend from block to block."""
        if (np.diff(self._first) < 0).any() or (np.diff(self._last) < 0).any():
            return None
        return self._first.tolist(), self._last.tolist()

    @cached_property
    def _each(self) -> list[int | None]:
        """For each block, see `rows_a_series`."""
        if self._step_ms is None:
            return [None] * len(self._rows)
        each: list[int | None] = []
        for rows, (first, last, oldest, newest) in zip(self._rows, self._bounds, strict=True):
            steps = (newest - oldest) // self._step_ms + 1
            each.append(steps if steps * (last - first + 1) == rows else None)
        return each

    def _touches(self, block: int, start: int, end: int) -> bool:
        """Whether a block may have rows of `[start, end)`."""
        _, _, oldest, newest = self._bounds[block]
        return oldest < end and newest >= start

    def _steps(self, block: int, each: int, step: int, rows: slice) -> Ints:
        """The times of some rows of a full block, of which each series has so many."""
        _, _, oldest, newest = self._bounds[block]
        at, to, _ = rows.indices(self._rows[block])
        if at // each == (to - 1) // each:  # they are of one series
            first = oldest + at % each * step
            return np.arange(first, first + (to - at) * step, step)
        times = np.arange(oldest, newest + 1, step)
        return times[np.newaxis].repeat(self._rows[block] // each, axis=0).ravel()[rows]

    def _bytes(self, block: int, number: int) -> memoryview:
        first = block * len(self._shape.names)
        at = first + self._same_as[first + number]
        return self._data[self._places[at] : self._places[at + 1]]

    def _index(self) -> _Index:
        size = len(self._data) - _TAIL.size
        if size < len(MAGIC):
            raise self._damage("it is cut short")
        crc, length, magic = _TAIL.unpack_from(self._data, size)
        raw = self._data[max(0, size - length) : size]
        if magic != MAGIC or zlib.crc32(raw) != crc:
            raise self._damage("its index fails the checksum")
        try:
            index = msgspec.msgpack.decode(raw, type=_Index)
        except msgspec.DecodeError as error:
            raise self._damage("its index cannot be read") from error
        if index.names != self._shape.names:
            raise self._damage("it has other columns")
        return index

    def _damage(self, what: str) -> DamagedFileError:
        return DamagedFileError(f"{self._path} is damaged: {what}")


def concatenate(parts: Sequence[Columns], shape: Shape) -> Columns:
    """The rows of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in shape.names}


def _end_of_block(series: NDArray[Any], at: int, full: int) -> int:
    """Where a block that begins there ends: between two series, unless one is longer than it."""
    if full >= len(series):
        return len(series)
    between = int(np.searchsorted(series, series[full], side="left"))
    return between if between > at else full

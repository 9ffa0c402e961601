"""Partial aggregates: columns that merge, whatever they were folded from.

A partial row says of one key (a series or a group of series) and one bucket how many rows it
saw, their sum, least, greatest and newest value. Merging partials of the same key and bucket
gives the same result in any order and at any level, so roll-ups, open windows and query results
are all made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Need(Enum):
    """What of partials is of use beside their counts: the rest may be anything."""

    ALL = ("total", "low", "high", "last", "last_at")
    SUMS = ("total",)
    LOW = ("low",)
    HIGH = ("high",)

    # Each is there once: this spares every look into a table the hash of its name.
    __hash__ = object.__hash__

    def reads(self, column: str) -> bool:
        """Whether a column is of use."""
        return column in self.value

    def with_(self, other: Need) -> Need:
        """What is of use to either."""
        return self if self is other else Need.ALL


@dataclass(frozen=True, slots=True)
class Partials:
    """Parallel columns, one row per (key, bucket) seen.

    Attributes:
        key: Series id or group index.
        bucket: The bucket's start, epoch milliseconds.
        count: Rows folded in.
        total: Their sum.
        low: The least value.
        high: The greatest value.
        last: The value with the latest time; of equal times, the one that came in last.
        last_at: That time, epoch milliseconds.
    """

    key: Ints
    bucket: Ints
    count: Ints
    total: Floats
    low: Floats
    high: Floats
    last: Floats
    last_at: Ints

    def __len__(self) -> int:
        return len(self.key)

    def where(self, chosen: NDArray[np.bool_]) -> Partials:
        """Only the rows where `chosen` is true."""
        return Partials(*(getattr(self, f.name)[chosen] for f in fields(self)))

    def rekeyed(self, key: Ints, width_ms: int) -> Partials:
        """The same rows under other keys and in wider buckets; merge them before use."""
        bucket = self.bucket // width_ms * width_ms
        return Partials(
            key, bucket, self.count, self.total, self.low, self.high, self.last, self.last_at
        )


def empty() -> Partials:
    """No rows."""
    ints, floats = np.empty(0, np.int64), np.empty(0, np.float64)
    return Partials(ints, ints, ints, floats, floats, floats, floats, ints)


def some(key: Ints, bucket: Ints, count: Ints, column: Floats, need: Need) -> Partials:
    """Partials of which nothing but counts and one column is of use: the rest is zero."""
    floats, ints = np.zeros(len(key)), np.zeros(len(key), np.int64)
    total, low, high = (column if need.reads(name) else floats for name in ("total", "low", "high"))
    return Partials(key, bucket, count, total, low, high, floats, ints)


def of_rows(key: Ints, time: Ints, value: Floats) -> Partials:
    """Each raw row as a partial of its own, in the order given; its bucket is its time."""
    count = np.ones(len(key), np.int64)
    return Partials(key, time, count, value, value, value, value, time)


def merge(parts: Sequence[Partials]) -> Partials:
    """One partial per key and bucket, ordered by key, then bucket.

    Of equal `last_at`, the part given last wins, and within a part the later row.
    """
    rows = concatenate(parts)
    if len(rows) == 0:
        return rows
    order = np.lexsort((rows.bucket, rows.key))
    key, bucket, last_at = rows.key[order], rows.bucket[order], rows.last_at[order]
    starts = np.flatnonzero(
        np.concatenate(([True], (key[1:] != key[:-1]) | (bucket[1:] != bucket[:-1])))
    )
    newest = newest_of(last_at, starts)
    # A sum beyond the greatest double is infinite, and told as null.
    with np.errstate(over="ignore"):
        total = np.add.reduceat(rows.total[order], starts)
    return Partials(
        key=key[starts],
        bucket=bucket[starts],
        count=np.add.reduceat(rows.count[order], starts),
        total=total,
        low=np.minimum.reduceat(rows.low[order], starts),
        high=np.maximum.reduceat(rows.high[order], starts),
        last=rows.last[order][newest],
        last_at=last_at[newest],
    )


def newest_of(last_at: Ints, starts: Ints) -> Ints:
    """The index of the greatest, of equals the last, of each stretch that begins at `starts`."""
    lengths = np.diff(np.append(starts, len(last_at)))
    greatest = np.repeat(np.maximum.reduceat(last_at, starts), lengths)
    place = np.where(last_at == greatest, np.arange(len(last_at)), -1)
    found: Ints = np.maximum.reduceat(place, starts)
    return found


def concatenate(parts: Sequence[Partials]) -> Partials:
    """The rows of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return empty()
    columns = ([getattr(part, f.name) for part in parts] for f in fields(Partials))
    return Partials(*map(np.concatenate, columns))

"""Rows of many series as one per group and bucket, without sorting them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nowline.model.partials import Ints, Partials, empty, merge

# A table that is mostly empty takes longer to fill than its few rows take to sort.
_MOST_PLACES_A_ROW = 4
_OLDEST = np.iinfo(np.int64).min


def grouped(parts: Sequence[Partials], width_ms: int) -> Partials:
    """One partial per key and bucket of that width, ordered by key, then bucket.

    Of equal `last_at`, the part given last wins, and within a part the later row.
    """
    parts = [each for each in parts if len(each)]
    if not parts:
        return empty()
    shape = _Shape.of(parts, width_ms)
    if shape.places > _MOST_PLACES_A_ROW * sum(map(len, parts)):
        return merge([each.rekeyed(each.key, width_ms) for each in parts])
    table = _Table(shape)
    for each in parts:
        table.add(each)
    return table.rows()


class _Shape(NamedTuple):
    """The keys and buckets that there may be: from the least of each on, so many."""

    key: int
    keys: int
    bucket: int
    buckets: int
    width_ms: int

    @classmethod
    def of(cls, parts: Sequence[Partials], width_ms: int) -> _Shape:
        """A shape that has room for all rows."""
        key, most_key = _ends([each.key for each in parts])
        first, last = (moment // width_ms for moment in _ends([each.bucket for each in parts]))
        return cls(key, most_key - key + 1, first, last - first + 1, width_ms)

    @property
    def places(self) -> int:
        """How many combinations of key and bucket there may be."""
        return self.keys * self.buckets

    def place(self, rows: Partials) -> Ints:
        """Where each row belongs: by key, then bucket."""
        return (rows.key - self.key) * self.buckets + (rows.bucket // self.width_ms - self.bucket)


class _Table:
    """A place for each key and bucket that there may be."""

    def __init__(self, shape: _Shape) -> None:
        self._shape = shape
        self._count = np.zeros(shape.places, np.int64)
        self._total = np.zeros(shape.places)
        self._low = np.full(shape.places, np.inf)
        self._high = np.full(shape.places, -np.inf)
        self._last = np.empty(shape.places)
        self._last_at = np.full(shape.places, _OLDEST)

    def add(self, rows: Partials) -> None:
        """Put rows in their places."""
        place = self._shape.place(rows)
        np.add.at(self._count, place, rows.count)
        # A sum beyond the greatest double is infinite, and told as null.
        with np.errstate(over="ignore"):
            np.add.at(self._total, place, rows.total)
        np.minimum.at(self._low, place, rows.low)
        np.maximum.at(self._high, place, rows.high)
        np.maximum.at(self._last_at, place, rows.last_at)
        newest = np.flatnonzero(rows.last_at == self._last_at[place])
        # Where several go to one place, NumPy keeps the last of them.
        self._last[place[newest]] = rows.last[newest]

    def rows(self) -> Partials:
        """The places that have rows."""
        place = np.flatnonzero(self._count)
        key, bucket = np.divmod(place, self._shape.buckets)
        return Partials(
            key=key + self._shape.key,
            bucket=(bucket + self._shape.bucket) * self._shape.width_ms,
            count=self._count[place],
            total=self._total[place],
            low=self._low[place],
            high=self._high[place],
            last=self._last[place],
            last_at=self._last_at[place],
        )


def _ends(columns: Sequence[Ints]) -> tuple[int, int]:
    return int(min(each.min() for each in columns)), int(max(each.max() for each in columns))

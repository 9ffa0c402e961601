"""Rows of many series as one per group and bucket, without sorting them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from nowline.model.partials import (
    Floats,
    Ints,
    Need,
    Partials,
    concatenate,
    empty,
    merge,
    of_rows,
    some,
)

# A table that is mostly empty takes longer to fill than its few rows take to sort.
_MOST_PLACES_A_ROW = 4
# Columns of more rows than that are memory which the system has to be asked for each time.
_FEW_ROWS = 1 << 12
_OLDEST = np.iinfo(np.int64).min


def fold(key: Ints, time: Ints, value: Floats, width_ms: int) -> Partials:
    """Partials of raw rows, one per key and bucket of `width_ms`, ordered by key, then bucket."""
    return grouped([of_rows(key, time, value)], width_ms)


def grouped(parts: Sequence[Partials], width_ms: int) -> Partials:
    """One partial per key and bucket of that width, ordered by key, then bucket.

    Of equal `last_at`, the part given last wins, and within a part the later row.
    """
    parts = [each for each in parts if len(each)]
    if not parts:
        return empty()
    shape = Shape.of(parts, width_ms)
    if shape.places > _MOST_PLACES_A_ROW * sum(map(len, parts)):
        return merge([each.rekeyed(each.key, width_ms) for each in parts])
    return tabled(parts, shape)


def tabled(parts: Iterable[Partials], shape: Shape, *, need: Need = Need.ALL) -> Partials:
    """The same, by a table of that shape, holding only few of the parts at a time.

    Args:
        parts: `bucket` may be any time within the bucket.
        shape: Has room for all rows.
        need: What of them is of use.
    """
    gathered = _gathered(parts, need=need)
    first, second = next(gathered, empty()), next(gathered, empty())
    if not len(second) and shape.is_in_place(first):
        return first.rekeyed(first.key, shape.width_ms)
    table = Table(shape, need=need)
    for each in chain((first, second), gathered):
        table.add(each)
    return table.rows()


class Shape(NamedTuple):
    """The keys and buckets that there may be: from the least of each on, so many.

    Attributes:
        key: The least key.
        keys: How many there may be.
        bucket: The first bucket, in widths since 1970.
        buckets: How many there may be.
        width_ms: The width of a bucket.
    """

    key: int
    keys: int
    bucket: int
    buckets: int
    width_ms: int

    @classmethod
    def of(cls, parts: Sequence[Partials], width_ms: int) -> Shape:
        """A shape that has room for all rows."""
        key, most_key = _ends([each.key for each in parts])
        first, last = (moment // width_ms for moment in _ends([each.bucket for each in parts]))
        return cls(key, most_key - key + 1, first, last - first + 1, width_ms)

    @property
    def places(self) -> int:
        """How many combinations of key and bucket there may be."""
        return self.keys * self.buckets

    def place(self, key: Ints, time: Ints) -> Ints:
        """Where a row of this key and time belongs: by key, then bucket."""
        return (key - self.key) * self.buckets + (time // self.width_ms - self.bucket)

    def is_in_place(self, rows: Partials) -> bool:
        """Whether they are in order, and each is alone in its place."""
        if len(rows) > self.places:
            return False
        place = self.place(rows.key, rows.bucket)
        return bool((place[1:] > place[:-1]).all())

    def at(self, place: Ints) -> tuple[Ints, Ints]:
        """The key and the bucket of each of these places."""
        # Several times faster than `np.divmod`, which does not divide by multiplying.
        key = place // max(1, self.buckets)
        bucket = place - key * self.buckets
        return key + self.key, (bucket + self.bucket) * self.width_ms


class Table:
    """A place for each key and bucket that there may be.

    Args:
        shape: Which there are.
        need: What of them is of use: the rest is zero then.
    """

    def __init__(self, shape: Shape, *, need: Need = Need.ALL) -> None:
        self._shape = shape
        self._need = need
        self._count = np.zeros(shape.places, np.int64)
        self._total = np.zeros(shape.places)
        self._low = np.full(shape.places, np.inf)
        self._high = np.full(shape.places, -np.inf)
        self._last = np.empty(shape.places)
        self._last_at = np.full(shape.places, _OLDEST)

    def add(self, rows: Partials) -> None:
        """Put rows in their places; of equal `last_at`, the row that was added last wins.

        Args:
            rows: `bucket` may be any time within the bucket.
        """
        place, need = self._shape.place(rows.key, rows.bucket), self._need
        np.add.at(self._count, place, rows.count)
        if need.reads("total"):
            # A sum beyond the greatest double is infinite, and told as null.
            with np.errstate(over="ignore"):
                np.add.at(self._total, place, rows.total)
        if need.reads("low"):
            np.minimum.at(self._low, place, rows.low)
        if need.reads("high"):
            np.maximum.at(self._high, place, rows.high)
        if need.reads("last"):
            self._renew(place, rows)

    def _renew(self, place: Ints, rows: Partials) -> None:
        """Take the newest of the rows for the last one of their places, unless that is newer."""
        np.maximum.at(self._last_at, place, rows.last_at)
        newest = np.flatnonzero(rows.last_at == self._last_at[place])
        # Where several go to one place, NumPy keeps the last of them.
        self._last[place[newest]] = rows.last[newest]

    def rows(self) -> Partials:
        """The places that have rows, ordered by key, then bucket."""
        place = np.flatnonzero(self._count)
        key, bucket = self._shape.at(place)
        if self._need is not Need.ALL:
            column = getattr(self, f"_{self._need.value[0]}")
            return some(key, bucket, self._count[place], column[place], self._need)
        return Partials(
            key=key,
            bucket=bucket,
            count=self._count[place],
            total=self._total[place],
            low=self._low[place],
            high=self._high[place],
            last=self._last[place],
            last_at=self._last_at[place],
        )


def _gathered(parts: Iterable[Partials], *, need: Need) -> Iterator[Partials]:
    """The parts, those of few rows put together: each costs as much as many more rows."""
    few: list[Partials] = []
    rows = 0
    for each in parts:
        few.append(each)
        rows += len(each)
        if rows >= _FEW_ROWS:
            yield _concatenated(few, need=need)
            few, rows = [], 0
    if few:
        yield _concatenated(few, need=need)


def _concatenated(parts: Sequence[Partials], *, need: Need) -> Partials:
    if len(parts) == 1 or need is Need.ALL:
        return concatenate(parts)
    names = ("key", "bucket", "count", *need.value)
    key, bucket, count, column = (
        np.concatenate([getattr(part, name) for part in parts]) for name in names
    )
    return some(key, bucket, count, column, need)


def _ends(columns: Sequence[Ints]) -> tuple[int, int]:
    return int(min(each.min() for each in columns)), int(max(each.max() for each in columns))

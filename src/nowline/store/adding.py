"""Rows added up by group and bucket, where there are few enough of both to hold them all.

Rows are added to the cells that they belong to, block by block and in any order: no sort, and
memory that does not grow with the rows. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nowline.model import histogram
from nowline.model.histogram import Bins
from nowline.model.partials import Ints, Partials
from nowline.store.base import Span
from nowline.store.blockfile import Columns

MOST_CELLS = 1 << 18
"""About 12 MB of partials."""
# About 32 MB of counts.
_MOST_PLACES = 1 << 22
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Cells:
    """How groups and buckets are numbered.

    Attributes:
        first: The first bucket, in buckets since 1970.
        buckets: How many there are.
        groups: How many groups there are.
        width_ms: The width of a bucket.
    """

    first: int
    buckets: int
    groups: int
    width_ms: int

    @classmethod
    def of(cls, span: Span, groups: int) -> Cells:
        """Those of a range."""
        first = span.start // span.width_ms
        return cls(first, -(-span.end // span.width_ms) - first, groups, span.width_ms)

    def __len__(self) -> int:
        return max(0, self.buckets) * self.groups

    def numbers(self, groups: Ints, time: Ints) -> Ints:
        """The cell of each row."""
        number: Ints = time // self.width_ms
        number += groups * self.buckets - self.first
        return number

    def places(self, numbers: Ints) -> tuple[Ints, Ints]:
        """Group and bucket of cells."""
        group, bucket = np.divmod(numbers, max(1, self.buckets))
        return group, (bucket + self.first) * self.width_ms


class Sums:
    """All cells, with the partials of what was added to them.

    Args:
        cells: Which there are.
    """

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        size = len(cells)
        self._count = np.zeros(size)
        self._total = np.zeros(size)
        self._low = np.full(size, np.inf)
        self._high = np.full(size, -np.inf)
        self._last = np.zeros(size)
        self._last_at = np.full(size, _NEVER)

    def add_rows(self, groups: Ints, rows: Columns) -> None:
        """Add raw rows; of equal times of the last value the one added last counts."""
        time, value = rows["time"], rows["value"]
        at = self._cells.numbers(groups, time)
        self._count += np.bincount(at, minlength=len(self._count))
        self._add(at, (value, value, value, value), time)

    def add_partials(self, groups: Ints, parts: Columns) -> None:
        """Add partials, which are no wider than the buckets."""
        time = parts["time"]
        at = self._cells.numbers(groups, time)
        # Counts below 2 ** 53 are exact as doubles.
        self._count += np.bincount(at, weights=parts["count"], minlength=len(self._count))
        values = (parts["total"], parts["low"], parts["high"], parts["last"])
        self._add(at, values, time + parts["after"])

    def partials(self) -> Partials:
        """The cells that have rows, ordered by group and bucket."""
        found = np.flatnonzero(self._count)
        key, bucket = self._cells.places(found)
        return Partials(
            key=key,
            bucket=bucket,
            count=self._count[found].astype(np.int64),
            total=self._total[found],
            low=self._low[found],
            high=self._high[found],
            last=self._last[found],
            last_at=self._last_at[found],
        )

    def _add(self, at: Ints, values: tuple[NDArray[Any], ...], last_at: Ints) -> None:
        total, low, high, last = values
        # A sum beyond the greatest double is infinite, and told as null.
        with np.errstate(over="ignore"):
            self._total += np.bincount(at, weights=total, minlength=len(self._total))
        np.minimum.at(self._low, at, low)
        np.maximum.at(self._high, at, high)
        np.maximum.at(self._last_at, at, last_at)
        is_last = last_at == self._last_at[at]
        self._last[at[is_last]] = last[is_last]


class Tally:
    """All cells, with the histogram bins of what was added to them.

    Args:
        cells: Which there are.
    """

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._least = 0
        self._counts = np.zeros((len(cells), 0), np.int64)
        # What would take too many places, merged in the end.
        self._apart: list[Bins] = []

    def add_rows(self, groups: Ints, rows: Columns) -> None:
        """Add raw rows."""
        self._add(groups, rows["time"], histogram.codes(rows["value"]), None)

    def add_bins(self, groups: Ints, bins: Columns) -> None:
        """Add bins of buckets that are no wider."""
        self._add(groups, bins["time"], bins["bin"], bins["count"])

    def bins(self) -> Bins:
        """The bins that have rows, ordered by group, bucket and bin."""
        found = np.flatnonzero(self._counts)
        number, code = np.divmod(found, max(1, self._counts.shape[1]))
        key, bucket = self._cells.places(number)
        counted = Bins(key, bucket, code + self._least, self._counts.reshape(-1)[found])
        return histogram.merge([counted, *self._apart]) if self._apart else counted

    def _add(self, groups: Ints, time: Ints, code: Ints, count: Ints | None) -> None:
        if not len(code):
            return
        number = self._cells.numbers(groups, time)
        if self._has_room(int(code.min()), int(code.max())):
            number *= self._counts.shape[1]
            number += code - self._least
            np.add.at(self._counts.reshape(-1), number, 1 if count is None else count)
            return
        _, bucket = self._cells.places(number)
        ones = np.ones(len(code), np.int64) if count is None else count
        self._apart = [histogram.merge([*self._apart, Bins(groups, bucket, code, ones)])]

    def _has_room(self, least: int, greatest: int) -> bool:
        """Whether there are places for these bins, made if they are not too many."""
        reach = self._counts.shape[1]
        if reach:
            least, greatest = min(least, self._least), max(greatest, self._least + reach - 1)
        needed = greatest - least + 1
        if needed == reach:
            return True
        if needed * len(self._cells) > _MOST_PLACES:
            return False
        grown = np.zeros((len(self._cells), needed), np.int64)
        grown[:, self._least - least : self._least - least + reach] = self._counts
        self._least, self._counts = least, grown
        return True

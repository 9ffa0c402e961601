"""Histogram bins added up by group and bucket, where there are few enough of both to hold them all.

Rows are added to the places that they belong to, block by block and in any order: no sort, and
memory that does not grow with the rows. Pure.
"""

from __future__ import annotations

import numpy as np

from nowline.model import histogram
from nowline.model.grouping import Shape
from nowline.model.histogram import Bins
from nowline.model.partials import Ints
from nowline.store.blockfile import Columns

# About 32 MB of counts.
_MOST_PLACES = 1 << 22
_ROWS_AT_A_TIME = 1 << 19


class Tally:
    """Histogram bins of what is added, by key and bucket.

    Args:
        shape: Which keys and buckets there are.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._least = 0
        self._counts = np.zeros((shape.places, 0), np.int64)
        # What would take too many places, merged whenever it has doubled.
        self._apart: list[Bins] = []
        self._merged = 0

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
        key, bucket = self._shape.at(number)
        counted = Bins(key, bucket, code + self._least, self._counts.reshape(-1)[found])
        return histogram.merge([counted, *self._apart]) if self._apart else counted

    def _add(self, groups: Ints, time: Ints, code: Ints, count: Ints | None) -> None:
        if not len(code):
            return
        number = self._shape.place(groups, time)
        if self._has_room(int(code.min()), int(code.max())):
            number *= self._counts.shape[1]
            number += code - self._least
            np.add.at(self._counts.reshape(-1), number, 1 if count is None else count)
            return
        _, bucket = self._shape.at(number)
        ones = np.ones(len(code), np.int64) if count is None else count
        self._apart.append(Bins(groups, bucket, code, ones))
        if sum(map(len, self._apart)) > 2 * self._merged + _ROWS_AT_A_TIME:
            self._apart = [histogram.merge(self._apart)]
            self._merged = len(self._apart[0])

    def _has_room(self, least: int, greatest: int) -> bool:
        """Whether there are places for these bins, made if they are not too many."""
        reach = self._counts.shape[1]
        if reach:
            least, greatest = min(least, self._least), max(greatest, self._least + reach - 1)
        needed = greatest - least + 1
        if needed == reach:
            return True
        if needed * self._shape.places > _MOST_PLACES:
            return False
        grown = np.zeros((self._shape.places, needed), np.int64)
        grown[:, self._least - least : self._least - least + reach] = self._counts
        self._least, self._counts = least, grown
        return True

"""The open windows: partials of every series for each of the last seconds, and what changed.

Pure: no clock, no I/O. Live frames and the newest part of every query are made from here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from nowline.model.partials import Floats, Ints, Partials, concatenate, fold, merge
from nowline.model.query import SECOND_MS
from nowline.store.catalogue import Selection

# A second that many batches wrote into is merged again when it has this many pieces.
_MOST_PIECES = 16


@dataclass(frozen=True, slots=True)
class Change:
    """Which cells one batch touched.

    Attributes:
        position: Counts the batches folded in since the start.
        series: Series ids, parallel to `second`.
        second: The start of the second touched, epoch milliseconds.
        received_ms: When the server took the batch in.
        offset: The log's offset of the batch.
    """

    position: int
    series: Ints
    second: Ints
    received_ms: int
    offset: int


class Windows:
    """Seconds from `start` on, each with the partials of all rows that fell into it.

    Every row with a time of `start` or later that was folded is in here; older rows are the
    store's. A late row older than that leaves only its `Change`.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.position = 0
        self._seconds: dict[int, list[Partials]] = {}
        self._changes: deque[Change] = deque()
        self._forgotten = 0

    @property
    def cells(self) -> int:
        """How many (series, second) cells are held, pieces counted apart."""
        return sum(len(piece) for pieces in self._seconds.values() for piece in pieces)

    def fold(
        self, series: Ints, time: Ints, value: Floats, *, received_ms: int, offset: int
    ) -> None:
        """Take in the rows of one batch."""
        cells = fold(series, time, value, SECOND_MS)
        self.position += 1
        change = Change(self.position, cells.key, cells.bucket, received_ms, offset)
        self._changes.append(change)
        self._place(cells)

    def restore(self, series: Ints, time: Ints, value: Floats) -> None:
        """Take in rows that the store already has: they are here, but nobody is told of them."""
        self._place(fold(series, time, value, SECOND_MS))

    def changes_since(self, position: int) -> list[Change] | None:
        """What was folded after `position`, oldest first; None if that is forgotten in part."""
        if position < self._forgotten:
            return None
        newer = self.position - position
        count = len(self._changes)
        return [self._changes[i] for i in range(count - newer, count)]

    def partials(self, selection: Selection, start: int, end: int, width_ms: int) -> Partials:
        """Partials of the selected series by group and bucket, of seconds in `[start, end)`.

        `start` and `end` are whole seconds; seconds before `self.start` have no rows here.
        """
        rows = concatenate(self._pieces(start, end))
        chosen, groups = selection.groups_of(rows.key)
        return merge([rows.where(chosen).rekeyed(groups, width_ms)])

    def forget(self, before: int, changes_before: int, stored: int) -> None:
        """Drop what is older than anyone needs and safe in the store.

        Args:
            before: Drop seconds that start before this, unless one of them has a row that is not
                in the store yet: no row may be in neither place.
            changes_before: Drop changes that were taken in before this and are in the store.
            stored: The log's offset up to which the store has everything.
        """
        for change in reversed(self._changes):
            if change.offset <= stored:
                break
            before = min(before, int(change.second.min(initial=before)))
        self.start = max(self.start, before)
        for second in [s for s in self._seconds if s < self.start]:
            del self._seconds[second]
        while self._changes and _is_done_with(self._changes[0], changes_before, stored):
            self._forgotten = self._changes.popleft().position

    def _place(self, cells: Partials) -> None:
        for second in np.unique(cells.bucket).tolist():
            if second < self.start:
                continue
            pieces = self._seconds.setdefault(second, [])
            pieces.append(cells.where(cells.bucket == second))
            if len(pieces) > _MOST_PIECES:
                self._seconds[second] = [merge(pieces)]

    def _pieces(self, start: int, end: int) -> list[Partials]:
        first = max(start, self.start)
        if (end - first) // SECOND_MS > len(self._seconds):
            wanted = sorted(s for s in self._seconds if first <= s < end)
        else:
            wanted = [s for s in range(first, end, SECOND_MS) if s in self._seconds]
        return [piece for second in wanted for piece in self._seconds[second]]


def _is_done_with(change: Change, changes_before: int, stored: int) -> bool:
    return change.received_ms < changes_before and change.offset <= stored

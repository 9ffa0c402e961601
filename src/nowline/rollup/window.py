"""The open windows: partials of every series for each of the last seconds, and what changed.

Pure: no clock, no I/O. Live frames and the newest part of every query are made from here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from nowline.model.grouping import fold
from nowline.model.partials import Floats, Ints, Partials
from nowline.model.query import SECOND_MS
from nowline.rollup.cells import Cells
from nowline.rollup.revision import concatenate, empty, where
from nowline.store.base import Rows
from nowline.store.catalogue import Selection


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


@dataclass(frozen=True, slots=True)
class Fresh:
    """Rows as they came in that the store may not have yet; increases are not among them.

    Attributes:
        series: Series ids.
        time: Epoch milliseconds.
        value: The values.
        offset: For each row, the log's offset of its batch, ascending.
    """

    series: Ints
    time: Ints
    value: Floats
    offset: Ints

    def after(self, offset: int) -> Fresh:
        """Only the rows of batches after this offset."""
        at = int(np.searchsorted(self.offset, offset, side="right"))
        if not at:
            return self
        return Fresh(self.series[at:], self.time[at:], self.value[at:], self.offset[at:])


@dataclass(frozen=True, slots=True)
class _Late:
    """The series that got rows from before the windows in one fold, and its offset."""

    series: Ints
    offset: int


# After every row: all of them are the store's.
_NEVER = 1 << 62
# Seconds since the epoch need no more bits.
_SERIES_SHIFT = 40


class Windows:
    """Seconds from `start` on, each with the partials of all rows that fell into it.

    Every row with a time of `start` or later that was folded is in here; older rows are the
    store's. A late row older than that leaves only its `Change`. `offset` is the log's offset up to
    which everything was folded but for the records at `gaps`, which could not be.

    Windows that were given up hold nothing until they start again: `is_whole` is false, and all
    rows are the store's. Changes are told all the same, once the store has them. `is_behind` says
    that the log is far ahead.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.offset = 0
        self.gaps: list[int] = []
        self.position = 0
        self.is_whole = True
        self.is_behind = False
        self._settled = start
        self._owed: int | None = None
        self._cells = Cells()
        self._changes: deque[Change] = deque()
        self._forgotten = 0
        self._fresh: deque[Fresh] = deque()
        self._late: deque[_Late] = deque()
        self._late_listeners: list[Callable[[Ints], None]] = []

    @property
    def is_degraded(self) -> bool:
        """Whether the newest rows are not to be had from here at once."""
        return self.is_behind or not self.is_whole

    @property
    def settled(self) -> int:
        """Rows of before this time, epoch milliseconds, do not come without listeners' knowing."""
        return self.start if self.is_whole else self._settled

    @property
    def cells(self) -> int:
        """How many (series, second) cells are held, pieces counted apart."""
        return len(self._cells)

    @property
    def fresh(self) -> list[Fresh]:
        """The rows that were folded and may not be in the store yet, oldest first."""
        return list(self._fresh)

    def unstored(self, after: int, most_rows: int) -> tuple[Rows, int]:
        """The oldest rows that are not in the store.

        Args:
            after: The log's offset up to which the store has everything.
            most_rows: Stop when there are so many; what was folded at once is given at once.

        Returns:
            The rows, and the log's offset up to which they are all.
        """
        taken: list[Fresh] = []
        for fresh in self._fresh:
            if most_rows <= 0:
                return _rows(taken), int(taken[-1].offset[-1])
            newer = fresh.after(after)
            taken += [newer] if len(newer.time) else []
            most_rows -= len(newer.time)
        return _rows(taken), self.offset

    def on_late(self, listener: Callable[[Ints], None]) -> None:
        """Tell the listener which series got rows from before the windows.

        It is called with distinct ids when they are folded, and again when the store has them:
        what was read from the store between the two is out of date too.
        """
        self._late_listeners.append(listener)

    def fold(
        self,
        series: Ints,
        time: Ints,
        value: Floats,
        *,
        received_ms: int,
        offset: int | Ints,
        increases: Rows | None = None,
    ) -> None:
        """Take in rows.

        Args:
            series: Series ids.
            time: Epoch milliseconds.
            value: The values.
            received_ms: When the newest of the rows came in.
            offset: The log's offset of all rows, or of each, ascending.
            increases: Rows of companions that these rows make.
        """
        if not len(time):
            return
        offsets = np.broadcast_to(np.asarray(offset, np.int64), time.shape)
        newest = self.offset = int(offsets[-1])
        self._fresh.append(Fresh(series, time, value, offsets))
        rows = _with(Rows(series, time, value), increases)
        self._tell_late(_Late(np.unique(rows.series[rows.time < self.start]), newest))
        cells = fold(rows.series, rows.time, rows.value, SECOND_MS)
        self.position += 1
        change = Change(self.position, cells.key, cells.bucket, received_ms, newest)
        self._changes.append(change)
        self._place(cells)

    def restore(self, series: Ints, time: Ints, value: Floats) -> None:
        """Take in rows that the store already has: they are here, but nobody is told of them."""
        self._place(fold(series, time, value, SECOND_MS))

    def give_up(self, stored: int) -> None:
        """Hold nothing any more.

        Once the store has everything that was told from here, what changed before cannot be told
        apart any more.

        Args:
            stored: The log's offset up to which the store has everything.
        """
        if self.is_whole:
            self._settled, self._owed, self.is_whole = self.start, self.offset, False
        self.start = _NEVER
        self._empty()
        self._pay(stored)

    def pass_over(self, rows: Rows, received_ms: int, offset: int) -> None:
        """Tell of rows that the store took in while nothing is held here.

        Args:
            rows: The rows.
            received_ms: When the newest of them came in.
            offset: The log's offset up to which the store has everything.
        """
        change = self._change(rows, received_ms, offset)
        late = np.unique(change.series[change.second < self._settled])
        if len(late):
            self._tell(late)
        self._pay(offset)

    def revise(self, increases: Rows, offset: int) -> None:
        """Tell of increases from before the windows that the store has taken in.

        Whoever folded their samples did not know all that is around them: some of it was on its way
        to the store.

        Args:
            increases: Rows of companions.
            offset: The log's offset up to which the store has everything.
        """
        late = where(increases, increases.time < self.start)
        if len(late.time):
            folded = (each for each in reversed(self._changes) if each.offset <= offset)
            received_ms = next((each.received_ms for each in folded), 0)
            # Changes are in the order of the log: this one stands behind what is on its way.
            self._tell(np.unique(self._change(late, received_ms, self.offset).series))

    def start_again(self, start: int, offset: int) -> None:
        """Hold rows again, from none on; `resume` says when it is all of them.

        Args:
            start: From when on; `settled` or later.
            offset: The log's offset after which rows are folded.
        """
        self._empty()
        self.start, self.offset = start, offset

    def resume(self) -> None:
        """Be whole again: everything was restored and folded."""
        self.is_whole = True
        self._pay(self._owed or 0)

    def changes_since(self, position: int) -> list[Change] | None:
        """What was folded after `position`, oldest first; None if that is forgotten in part."""
        if position < self._forgotten:
            return None
        newer = self.position - position
        count = len(self._changes)
        return [self._changes[i] for i in range(count - newer, count)]

    def changes_after(self, offset: int) -> list[Change]:
        """What was folded of the log after this offset and is remembered, oldest first."""
        newer = takewhile(lambda change: change.offset > offset, reversed(self._changes))
        return list(newer)[::-1]

    def partials(self, selection: Selection, start: int, end: int, width_ms: int) -> Partials:
        """Partials of the selected series by group and bucket, of seconds in `[start, end)`.

        `start` and `end` are whole seconds; seconds before `self.start` have no rows here.
        """
        return self._cells.find(selection, max(start, self.start), end, width_ms)

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
        self._cells.drop_before(self.start)
        while self._changes and _is_done_with(self._changes[0], changes_before, stored):
            self._forgotten = self._changes.popleft().position
        while self._fresh and self._fresh[0].offset[-1] <= stored:
            self._fresh.popleft()
        self.gaps = [offset for offset in self.gaps if offset > stored]
        while self._late and self._late[0].offset <= stored:
            self._tell(self._late.popleft().series)

    def _empty(self) -> None:
        self._cells = Cells()
        self._fresh.clear()
        self._late.clear()
        self.gaps = []

    def _pay(self, stored: int) -> None:
        """Forget changes that may not all have been told apart, when their rows can be read."""
        if self._owed is not None and stored >= self._owed:
            self._owed = None
            self._changes.clear()
            self.position += 1
            self._forgotten = self.position

    def _change(self, rows: Rows, received_ms: int, offset: int) -> Change:
        """Note which cells these rows of the store touched."""
        cells = np.unique((rows.series << _SERIES_SHIFT) + rows.time // SECOND_MS)
        series = cells >> _SERIES_SHIFT
        second = (cells - (series << _SERIES_SHIFT)) * SECOND_MS
        self.position += 1
        change = Change(self.position, series, second, received_ms, offset)
        self._changes.append(change)
        return change

    def _tell_late(self, late: _Late) -> None:
        if len(late.series):
            self._late.append(late)
            self._tell(late.series)

    def _tell(self, late: Ints) -> None:
        for listener in self._late_listeners:
            listener(late)

    def _place(self, cells: Partials) -> None:
        held = cells.bucket >= self.start
        self._cells.add(cells if held.all() else cells.where(held))


def _rows(fresh: list[Fresh]) -> Rows:
    return concatenate(empty(), *(Rows(each.series, each.time, each.value) for each in fresh))


def _with(rows: Rows, more: Rows | None) -> Rows:
    return rows if more is None or not len(more.time) else concatenate(rows, more)


def _is_done_with(change: Change, changes_before: int, stored: int) -> bool:
    return change.received_ms < changes_before and change.offset <= stored

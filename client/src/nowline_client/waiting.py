"""What was recorded and is not sent yet: bounded, thread safe, and cheap to add to."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Row = TypeVar("Row")
# A metric's name and its tags as they were given.
Series = tuple[str, tuple[tuple[str, object], ...]]

# So many rows are worth a request of their own before the interval is over.
BATCH_ROWS = 1000


class Waiting(Generic[Row]):
    """A queue that drops its oldest row when it is full, and counts what it dropped.

    Its lock may be taken again by who holds it, since signal handlers and finalisers record too.

    Args:
        limit: The most rows that may wait, at least 1.
        wake: Called with False when the first row waits, with True when a batch of them does.

    Attributes:
        dropped: How many rows had to go for newer ones.
    """

    def __init__(self, limit: int, wake: Callable[[bool], None]) -> None:
        self.dropped = 0
        self._limit = limit
        self._wake = wake
        self._rows: deque[Row] = deque()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Row) -> None:
        """Append a row, at the cost of the oldest one if the queue is full."""
        with self._lock:
            rows = self._rows
            if len(rows) >= self._limit:
                rows.popleft()
                self.dropped += 1
            rows.append(row)
            length = len(rows)
        if length == 1 or length == BATCH_ROWS:  # noqa: PLR1714 (a tuple would cost more)
            self._wake(length == BATCH_ROWS)

    def take(self, most: int) -> list[Row]:
        """Remove the oldest rows, at most so many."""
        with self._lock:
            return [self._rows.popleft() for _ in range(min(most, len(self._rows)))]


class Counts:
    """Increments added up by series until they are sealed into one row each.

    Args:
        limit: The most series; a new one beyond that drops the oldest.
        wake: Called with False when the first series waits.

    Attributes:
        dropped: How many series' sums had to go for newer ones.
    """

    def __init__(self, limit: int, wake: Callable[[bool], None]) -> None:
        self.dropped = 0
        self._limit = limit
        self._wake = wake
        self._sums: dict[Series, float] = {}
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._sums)

    def add(self, series: Series, n: float) -> None:
        """Add an increment to a series.

        Raises:
            TypeError: If the series has something that cannot be hashed, or n is no number.
        """
        with self._lock:
            sums = self._sums
            known = sums.get(series)
            if known is not None:
                sums[series] = known + n
                return
            if len(sums) >= self._limit:
                del sums[next(iter(sums))]
                self.dropped += 1
            sums[series] = n + 0
            first = len(sums) == 1
        if first:
            self._wake(False)

    def seal(self) -> tuple[int, dict[Series, float]]:
        """The sums so far, which begin anew, and the time of that in epoch milliseconds."""
        with self._lock:
            sums, self._sums = self._sums, {}
        return time.time_ns() // 1_000_000, sums

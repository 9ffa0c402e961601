"""The newest records of a log, in memory, and since when its records are there. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from nowline.bus.base import Record

# A row takes a few bytes there, and 24 as the columns that it still has.
_TAIL_BYTES = 4 << 20
_MOST_MARKS = 1024


class Tail:
    """The last records up to the head, without a gap, as many as fit."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque()
        self._bytes = 0

    def __iter__(self) -> Iterator[Record]:
        """All of them, oldest first."""
        return iter(self._records)

    def add(self, first: int, blobs: Sequence[bytes]) -> None:
        """Take in the next records; `first` is the offset after the last one."""
        self._records.extend(Record(offset, blob) for offset, blob in enumerate(blobs, first))
        self._bytes += sum(map(len, blobs))
        while self._bytes > _TAIL_BYTES:
            self._bytes -= len(self._records.popleft().blob)

    def clear(self) -> None:
        """Forget all of them."""
        self._records.clear()
        self._bytes = 0

    def after(self, offset: int, limit_bytes: int) -> list[Record] | None:
        """What follows `offset`, until the limit; None if that is not all in memory."""
        if not self._records or self._records[0].offset > offset + 1:
            return None
        start = offset + 1 - self._records[0].offset
        newer = (self._records[i] for i in range(start, len(self._records)))
        return take_up_to(limit_bytes, newer)


class Ages:
    """When which records came in: about a thousand marks, however many records there are."""

    def __init__(self, head: int, now_s: float) -> None:
        self._head = head
        self._gap_s = 1.0
        # What was there at the start counts from the start on.
        self._marks: list[tuple[int, float]] = [(head, now_s)]

    def note(self, head: int, now_s: float) -> None:
        """Say how far the log is now."""
        self._head = head
        if now_s - self._marks[-1][1] < self._gap_s:
            self._marks[-1] = (head, self._marks[-1][1])
            return
        self._marks.append((head, now_s))
        if len(self._marks) > _MOST_MARKS:
            # Each later mark of a pair also covers the records of the earlier one.
            pairs = zip(self._marks[::2], self._marks[1::2], strict=False)
            self._marks = [(last, since) for (_, since), (last, _) in pairs] + self._marks[-1:]
            self._gap_s *= 2

    def forget(self, done: int) -> None:
        """Drop what nobody will ask for: records up to `done`."""
        kept = [mark for mark in self._marks if mark[0] > done]
        self._marks = kept or self._marks[-1:]
        if len(self._marks) < _MOST_MARKS // 2:
            self._gap_s = 1.0

    def of(self, after: int, now_s: float) -> float:
        """How long the oldest record above `after` has been there, 0 if there is none."""
        if after >= self._head:
            return 0.0
        return next(max(0.0, now_s - since) for last, since in self._marks if last > after)


def take_up_to(limit_bytes: int, records: Iterable[Record]) -> list[Record]:
    """The first of the records, until the limit is reached."""
    taken: list[Record] = []
    size = 0
    for record in records:
        taken.append(record)
        size += len(record.blob)
        if size >= limit_bytes:
            break
    return taken

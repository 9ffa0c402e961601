"""What all logs share: one write for all appends that wait, and the newest records in memory.

While one write waits for the disk, the next appends gather. Waiting on purpose before a write
would only halve what single requests can do.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nowline.bus.base import MOST_DEAD, MOST_DEAD_BYTES, DeadLetter, Log, LogState, Record
from nowline.bus.tail import Ages, Tail
from nowline.errors import Code, NowlineError

_PENDING_BYTES = 64 << 20
_SAVE_EVERY = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What a log held when it was opened.

    Attributes:
        id: Which log it is.
        head: The newest offset ever given.
        commits: The committed offset of each consumer group.
        letters: The dead letters.
    """

    id: str
    head: int
    commits: dict[str, int]
    letters: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class Entry:
    """One append that waits; `letter` is the dead letter that it takes the place of, if any."""

    blob: bytes
    letter: int | None
    offset: asyncio.Future[int]


class GroupedLog(Log):
    """A log of which a subclass writes and reads the records: the methods at the end."""

    def __init__(self, found: Found) -> None:
        self._id = found.id
        self._head = found.head
        self._commits = dict(found.commits)
        self._letters = {letter.id: letter for letter in found.letters}
        self._dead_bytes = sum(letter.size for letter in found.letters)
        self._moving: set[int] = set()
        self._saved = min(self._commits.values(), default=0)
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Entry] = []
        self._writer: asyncio.Task[None] | None = None
        self._pending_bytes = 0
        self._is_unsure = False
        self._tail = Tail()
        self._ages = Ages(found.head, time.monotonic())
        self._grown = asyncio.Event()

    @property
    def id(self) -> str:
        """Which log this is."""
        return self._id

    @property
    def head(self) -> int:
        """The newest durable offset."""
        return self._head

    async def append(self, blob: bytes) -> int:
        """Append and return the offset once it is durable."""
        # One blob alone is let through whatever its size: later there would be no more room.
        if self._pending_bytes and self._pending_bytes + len(blob) > _PENDING_BYTES:
            raise NowlineError(
                Code.UNAVAILABLE, "More is coming in than the log can take.", retry_after_s=1
            )
        return await self._submit(blob, None)

    async def read(self, after: int, limit_bytes: int) -> list[Record]:
        """Records above `after`: from memory where the tail reaches back so far."""
        if after >= self._head:
            return []
        known = self._tail.after(after, limit_bytes)
        if known is not None:
            return known
        found = await self._fetch(after, limit_bytes)
        # What is above the head may still be undone.
        return [record for record in found if record.offset <= self._head]

    async def wait(self, after: int) -> None:
        """Return once the head is above `after`."""
        while self._head <= after:
            self._grown.clear()
            await self._grown.wait()

    def waiting_s(self, after: int) -> float:
        """For how long the oldest record above `after` has been here."""
        return self._ages.of(after, time.monotonic())

    def join(self, group: str) -> None:
        """Have a group, with nothing committed if it is new."""
        self._commits.setdefault(group, 0)

    async def committed(self, group: str) -> int:
        """The offset that the group committed last."""
        return self._commits.get(group, 0)

    async def commit(self, group: str, offset: int) -> None:
        """Move the group's offset; it becomes durable with the next trim.

        A commit that is lost in a crash only makes the group read records again that it knows.
        """
        if offset > self._head:
            self._head = offset
            self._tail.clear()
            self._ages.note(offset, time.monotonic())
        self._commits[group] = offset
        done = min(self._commits.values())
        self._ages.forget(done)
        if done - self._saved >= _SAVE_EVERY and await self._save(dict(self._commits)):
            self._saved = done

    async def bury(self, letter: DeadLetter, blob: bytes) -> None:
        """Keep a record as a dead letter; one that is there already stays as it is."""
        if letter.id in self._letters:
            return
        size = self._dead_bytes + letter.size
        if self._letters and (len(self._letters) >= MOST_DEAD or size > MOST_DEAD_BYTES):
            detail = "There are as many dead letters as may be kept: replay or drop some."
            raise NowlineError(Code.DISK_FULL, detail)
        await self._keep(letter, blob)
        self._letters[letter.id] = letter
        self._dead_bytes += letter.size

    def dead_letters(self) -> list[DeadLetter]:
        """All of them, by id."""
        return [letter for _, letter in sorted(self._letters.items())]

    async def replay(self, letter: int) -> int:
        """Append a dead letter again; the same write drops it."""
        self._begin_to_move(letter)
        try:
            blob = await self._blob_of(letter)
        except BaseException:
            self._moving.discard(letter)
            raise
        return await self._submit(blob, letter)

    async def drop(self, letter: int) -> None:
        """Delete a dead letter for good."""
        self._begin_to_move(letter)
        try:
            await self._remove(letter)
            self._forget(letter)
        finally:
            self._moving.discard(letter)

    def state(self) -> LogState:
        """Depth and head as of now."""
        return LogState(
            self._head,
            {group: self._head - offset for group, offset in self._commits.items()},
            self._pending_bytes,
            dict(Counter(letter.group for letter in self._letters.values())),
            self._dead_bytes,
        )

    async def close(self) -> None:
        """Finish the appends under way, remember the commits and let go."""
        if self._writer is not None:
            await self._writer
        await self._save(dict(self._commits))
        await self._release()

    async def _submit(self, blob: bytes, letter: int | None) -> int:
        entry = Entry(blob, letter, self._loop.create_future())
        self._waiting.append(entry)
        self._pending_bytes += len(blob)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting())
        # Shielded: a caller that goes away must not undo an append that is on its way.
        return await asyncio.shield(entry.offset)

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._write(batch)
        finally:
            # Empty but for a writer that is stopped: nobody would write these any more.
            self._settle(self._waiting, _stopped())
            self._waiting, self._writer = [], None

    async def _write(self, batch: list[Entry]) -> None:
        """Write a batch; whatever happens, each append in it comes to an end."""
        refusal = _stopped()
        try:
            await self._find_out()
            await self._write_surely(self._head + 1, batch)
        except NowlineError as error:
            refusal = error
        except Exception as error:
            log.exception("An append to the log failed.")
            refusal = _failed(error)
            self._tail.clear()
        finally:
            self._settle(batch, refusal)

    async def _write_surely(self, first: int, batch: list[Entry]) -> None:
        """Write a batch; where the error does not tell whether that was done, the log does."""
        blobs = [entry.blob for entry in batch]
        letters = [entry.letter for entry in batch if entry.letter is not None]
        self._is_unsure = True
        try:
            await self._persist(first, blobs, letters)
        except NowlineError:
            self._is_unsure = False
            raise
        except Exception as error:
            await self._find_out()
            if self._head < first:
                raise
            log.warning("An append to the log failed, and is there all the same: %r", error)
        self._take_over(first, batch)
        self._tail.add(first, blobs)
        self._is_unsure = False

    def _take_over(self, first: int, batch: list[Entry]) -> None:
        """Tell of records that are durable now."""
        self._head = max(self._head, first + len(batch) - 1)
        _accept(batch, first)
        self._ages.note(self._head, time.monotonic())
        self._grown.set()
        for entry in batch:
            if entry.letter is not None:
                self._forget(entry.letter)

    async def _find_out(self) -> None:
        """Look at what the log holds, where a write left that open."""
        if not self._is_unsure:
            return
        head, letters = await self._look()
        self._letters = {letter.id: letter for letter in letters}
        self._dead_bytes = sum(letter.size for letter in letters)
        self._tail.clear()
        if head > self._head:
            self._head = head
            self._ages.note(head, time.monotonic())
            self._grown.set()
        self._is_unsure = False

    def _settle(self, batch: list[Entry], refusal: NowlineError) -> None:
        """Let go of a batch; who was not told an offset is refused."""
        _refuse(batch, refusal)
        self._moving.difference_update(entry.letter for entry in batch if entry.letter is not None)
        self._pending_bytes -= sum(len(entry.blob) for entry in batch)

    def _begin_to_move(self, letter: int) -> None:
        if letter not in self._letters:
            raise NowlineError(Code.NOT_FOUND, f"There is no dead letter {letter}.")
        if letter in self._moving:
            detail = f"The dead letter {letter} is just being replayed or dropped."
            raise NowlineError(Code.CONFLICT, detail)
        self._moving.add(letter)

    def _forget(self, letter: int) -> None:
        if known := self._letters.pop(letter, None):
            self._dead_bytes -= known.size

    @abstractmethod
    async def _persist(self, first: int, blobs: Sequence[bytes], letters: Sequence[int]) -> None:
        """Write the blobs at offsets from `first` on and drop the letters: all of it or nothing.

        Raises:
            NowlineError: Nothing was written, nor will be. After any other error, `_look` tells.
        """

    @abstractmethod
    async def _look(self) -> tuple[int, list[DeadLetter]]:
        """The newest offset and the dead letters that there are, once no write is under way.

        Raises:
            NowlineError: That cannot be told now.
        """

    @abstractmethod
    async def _fetch(self, after: int, limit_bytes: int) -> list[Record]:
        """Read records that the tail does not reach back to."""

    @abstractmethod
    async def _save(self, commits: dict[str, int]) -> bool:
        """Make the commits durable and trim; False if that has to wait for the next time."""

    @abstractmethod
    async def _keep(self, letter: DeadLetter, blob: bytes) -> None:
        """Make a dead letter durable; one of the same id stays as it is."""

    @abstractmethod
    async def _blob_of(self, letter: int) -> bytes:
        """The blob of a dead letter."""

    @abstractmethod
    async def _remove(self, letter: int) -> None:
        """Delete a dead letter."""

    @abstractmethod
    async def _release(self) -> None:
        """Let go of files and connections."""


def _failed(error: Exception) -> NowlineError:
    detail = f"The log could not be written ({str(error) or type(error).__name__})."
    return NowlineError(Code.UNAVAILABLE, detail, retry_after_s=5)


def _stopped() -> NowlineError:
    return NowlineError(Code.UNAVAILABLE, "The log is being closed.", retry_after_s=5)


def _accept(batch: list[Entry], first: int) -> None:
    for offset, entry in enumerate(batch, first):
        if not entry.offset.done():
            entry.offset.set_result(offset)


def _refuse(batch: list[Entry], refusal: NowlineError) -> None:
    for entry in batch:
        if not entry.offset.done():
            entry.offset.set_exception(refusal)
            # Retrieved here too, so that a caller that has gone leaves no warning behind.
            entry.offset.exception()

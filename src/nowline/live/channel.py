"""One channel: a source evaluated once per tick, and the one sequence of frames it makes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from nowline.clock import Clock
from nowline.live.frames import Frame, FrameId, Ring

# A channel that follows every change tells at most one frame in this time …
LIVE_MS = 100
# … and looks at most this often whether there is anything to tell.
_GATHER_MS = 10
# A reader may be gone for 60 s; the rest is for the reconnect itself.
_RESUME_MS = 75_000
# A first picture is shared by whoever comes within this time.
_SHARE_MS = 1_000
# Ticks come a little after the full interval, when what was measured on it has come in.
_TICK_OFFSET_MS = 120


class News(Protocol):
    """See `query.watch.News`."""

    @property
    def data(self) -> bytes: ...  # noqa: D102
    @property
    def position(self) -> int: ...  # noqa: D102
    @property
    def newest_ms(self) -> int | None: ...  # noqa: D102


class Source(Protocol):
    """What a channel shows."""

    @property
    def position(self) -> int:
        """Counts what has happened; changes are told by it."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether changes are known that could not be told yet."""
        ...

    async def snapshot(self) -> News:
        """The whole picture, at least as new as `position` was when this was called."""
        ...

    async def changes(self, since: int) -> News | None:
        """What changed after that position; None when it cannot be told any more."""
        ...


@dataclass(slots=True)
class Sequence:
    """Numbers the frames of all channels of one server run, so that one id covers them all."""

    epoch: str
    newest: int = 0
    channels: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next(self) -> int:
        """The number of the next frame."""
        self.newest += 1
        return self.newest

    def channel_epoch(self) -> str:
        """An epoch that no channel ever had."""
        return f"{self.epoch}{next(self.channels):x}"


class Channel:
    """Frames `epoch-1`, `epoch-2`, … of one source. Nothing is evaluated unless asked."""

    def __init__(
        self, key: str, source: Source, interval_ms: int, sequence: Sequence, clock: Clock
    ) -> None:
        self.key = key
        self.interval_ms = interval_ms
        self.evaluations = 0
        self.used_ms = clock.now_ms()
        self._source = source
        self._sequence = sequence
        self._clock = clock
        self._ticking = asyncio.Lock()
        self._pictures: dict[FrameId, asyncio.Task[Frame]] = {}
        self._merged: dict[tuple[int, int], asyncio.Task[Frame | None]] = {}
        self._begin()

    def _begin(self) -> None:
        """Start a new sequence: what was told before cannot be continued."""
        self.id = FrameId(self._sequence.channel_epoch(), 0)
        self.position = self._source.position
        self.newest: Frame | None = None
        self.ticked_ms = self._clock.now_ms()
        self._told_ms = 0
        self._ring = Ring(_RESUME_MS, self._sequence.newest)

    @property
    def has_news(self) -> bool:
        """Whether something happened in the source since the last tick."""
        return self._source.position > self.position or self._source.waiting

    @property
    def is_ticking(self) -> bool:
        """Whether an evaluation is under way."""
        return self._ticking.locked()

    def due_ms(self) -> int | None:
        """When the next tick is due, epoch milliseconds; None while only news can make it so."""
        if self.interval_ms == LIVE_MS:
            soonest = max(self._told_ms + LIVE_MS, self.ticked_ms + _GATHER_MS)
            return soonest if self.has_news else None
        last = (self.ticked_ms - _TICK_OFFSET_MS) // self.interval_ms
        return (last + 1) * self.interval_ms + _TICK_OFFSET_MS

    def is_due(self, now_ms: int) -> bool:
        """Whether to tick now; a clock that was set back makes a channel due as well."""
        due = self.due_ms()
        return due is not None and (due <= now_ms or now_ms < self.ticked_ms)

    async def tick(self) -> bool:
        """Evaluate what changed since the last tick; true if that made a frame or a new epoch."""
        async with self._ticking:
            self.ticked_ms = self._clock.now_ms()
            if not self.has_news:
                return False
            self.evaluations += 1
            news = await self._source.changes(self.position)
            if news is None:
                self._begin()
                return True
            self.position = news.position
            return self._publish(news)

    def _publish(self, news: News) -> bool:
        if news.data == b"[]":
            return False
        self.id = FrameId(self.id.epoch, self.id.number + 1)
        self.newest = self._frame("metrics_update", self.id, news)
        self._ring.append(self.newest)
        self._told_ms = self.newest.published_ms
        self._merged.clear()
        return True

    def missed(self, since: FrameId) -> list[Frame] | None:
        """Every frame after `since`, in order; None if they cannot all be given."""
        if since.epoch != self.id.epoch or since.number > self.id.number:
            return None
        return self._ring.after(since.number, self.id.number)

    def missed_after(self, sequence: int) -> list[Frame] | None:
        """The same, for an id that counts the frames of all channels."""
        return self._ring.after_sequence(sequence)

    def picture(self) -> asyncio.Task[Frame]:
        """The whole picture, under way; the frames after the id that is newest now continue it.

        Whoever comes at about the same time shares it, so shield it when awaiting.
        """
        task = self._pictures.get(self.id)
        if task is None or (task.done() and not self._is_fresh(task)):
            task = asyncio.create_task(self._picture(self.id, self._sequence.newest))
            self._pictures = {self.id: task}
        return task

    async def merged(self, position: int, skipped: int) -> Frame | None:
        """One frame instead of all those that a slow reader missed since `position`."""
        key = (position, self.id.number)
        task = self._merged.get(key)
        if task is None:
            task = self._merged[key] = asyncio.create_task(self._merge(position, skipped))
        return await asyncio.shield(task)

    async def _picture(self, frame_id: FrameId, sequence: int) -> Frame:
        position = self.position
        news = await self._source.snapshot()
        frame = self._frame("snapshot", frame_id, news)
        frame.sequence, frame.position = sequence, position
        return frame

    async def _merge(self, position: int, skipped: int) -> Frame | None:
        newest, frame_id = self.newest, self.id
        news = await self._source.changes(position)
        if news is None or newest is None:
            return None
        frame = self._frame("metrics_update", frame_id, news)
        frame.sequence, frame.position, frame.skipped = newest.sequence, newest.position, skipped
        return frame

    def _frame(self, kind: str, frame_id: FrameId, news: News) -> Frame:
        return Frame(
            kind,
            frame_id,
            self._sequence.epoch,
            self._sequence.next() if kind == "metrics_update" else self._sequence.newest,
            news.position,
            news.data,
            self._clock.now_ms(),
            news.newest_ms,
        )

    def _is_fresh(self, task: asyncio.Task[Frame]) -> bool:
        if task.cancelled() or task.exception():
            return False
        return self._clock.now_ms() - task.result().published_ms < _SHARE_MS

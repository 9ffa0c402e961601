"""One channel: a source evaluated once per tick, and the one sequence of frames it makes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Protocol

from nowline.clock import Clock
from nowline.live.delays import Delays
from nowline.live.frames import Frame, FrameId, Ring

# A channel that follows every change tells at most one frame in this time …
LIVE_MS = 100
# … and looks at most this often whether there is anything to tell …
_GATHER_MS = 10
# … or, where that hangs on the store, whether it can be told by now.
_RETRY_MS = 250
# While only the store can be asked, it is asked no more often than this.
DEGRADED_MS = 5_000
# A reader may be gone for 60 s; the rest is for the reconnect itself.
RESUME_MS = 62_000
# What is kept for readers that come back has a size too; past it they begin anew.
_RESUME_BYTES = 32 << 20
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
    def is_degraded(self) -> bool:
        """Whether it can tell only what the store has, or what is late."""
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

    def merge(self, parts: list[bytes]) -> bytes:
        """The data of consecutive frames as that of one: what came later replaces."""
        ...


@dataclass(slots=True)
class Sequence:
    """Numbers the frames of all channels of one server run, so that one id covers them all.

    Attributes:
        epoch: Stands for the run.
        newest: The newest number.
        frames: Updates that were published.
        evaluations: How often a channel asked its source for changes.
        published: How long after its newest row came in each update was published.
    """

    epoch: str
    newest: int = 0
    frames: int = 0
    evaluations: int = 0
    published: Delays = field(default_factory=Delays)

    def next(self) -> int:
        """The next number."""
        self.newest += 1
        return self.newest


class Channel:
    """Frames `epoch-1`, `epoch-2`, … of one source. Nothing is evaluated unless asked."""

    def __init__(
        self, key: str, source: Source, interval_ms: int, sequence: Sequence, clock: Clock
    ) -> None:
        self.key = key
        self.interval_ms = interval_ms
        self.newest: Frame | None = None
        self.used_ms = self.ticked_ms = clock.now_ms()
        self._source = source
        self._sequence = sequence
        self._clock = clock
        self._position = source.position
        self._told_ms = 0
        self._degraded = source.is_degraded
        self._failed = False
        self._ticking = asyncio.Lock()
        # The number that this takes stands for its beginning: no older id continues it.
        born = sequence.next()
        self.id = FrameId(f"{sequence.epoch}{born:x}", 0)
        self._ring = Ring(RESUME_MS, _RESUME_BYTES, born)
        self._picture: asyncio.Task[Frame] | None = None
        self._merged: dict[int, Frame] = {}

    @property
    def has_news(self) -> bool:
        """Whether something happened in the source since the last tick, or to it."""
        is_turning = self._source.is_degraded != self._degraded
        return self._source.position > self._position or self._source.waiting or is_turning

    @property
    def is_ticking(self) -> bool:
        """Whether an evaluation is under way."""
        return self._ticking.locked()

    @property
    def held_bytes(self) -> int:
        """What is kept for readers that come back, and for those that come."""
        picture = self._picture
        is_taken = picture is not None and picture.done() and not picture.cancelled()
        if picture is None or not is_taken or picture.exception():
            return self._ring.bytes
        return self._ring.bytes + len(picture.result().data)

    def due_ms(self) -> int | None:
        """When the next tick is due, epoch milliseconds; None while only news can make it so."""
        step = DEGRADED_MS if self._source.is_degraded else LIVE_MS
        if (step := max(self.interval_ms, step)) != LIVE_MS:
            last = (self.ticked_ms - _TICK_OFFSET_MS) // step
            return (last + 1) * step + _TICK_OFFSET_MS
        if self._failed or self._source.position <= self._position:
            return self.ticked_ms + _RETRY_MS if self.has_news else None
        return max(self._told_ms + LIVE_MS, self.ticked_ms + _GATHER_MS)

    def is_due(self, now_ms: int) -> bool:
        """Whether to tick now; a clock that was set back makes a channel due as well."""
        due = self.due_ms()
        return due is not None and (due <= now_ms or now_ms < self.ticked_ms)

    async def tick(self) -> bool:
        """Evaluate what changed since the last tick; true if that made a frame."""
        async with self._ticking:
            self.ticked_ms = self._clock.now_ms()
            if not self.has_news:
                return False
            self._sequence.evaluations += 1
            self._failed, degraded = True, self._source.is_degraded
            # What is too long ago to be told apart is told by the whole picture.
            news = await self._source.changes(self._position) or await self._source.snapshot()
            self._failed = False
            self._position = news.position
            is_turning, self._degraded = degraded != self._degraded, degraded
            return self._publish(news, even_nothing=is_turning)

    def _publish(self, news: News, *, even_nothing: bool) -> bool:
        if news.data == b"[]" and not even_nothing:
            return False
        self.id = FrameId(self.id.epoch, self.id.number + 1)
        self._sequence.frames += 1
        self.newest = self._frame("metrics_update", news, self._sequence.next())
        self._ring.append(self.newest)
        self._told_ms = self.newest.published_ms
        if news.newest_ms is not None:
            self._sequence.published.observe(self._told_ms - news.newest_ms)
        self._merged.clear()
        self._picture = None
        return True

    def missed(self, since: FrameId) -> list[Frame] | None:
        """Every frame after `since`, in order; None if they cannot all be given."""
        if since.epoch != self.id.epoch or since.number > self.id.number:
            return None
        return self._ring.after(since.number, self.id.number)

    def missed_after(self, sequence: int) -> list[Frame] | None:
        """The same, for an id that counts the frames of all channels."""
        return self._ring.after_sequence(sequence)

    def merged(self, since: FrameId) -> Frame | None:
        """One frame that stands for all after `since`, of which there is at least one.

        None if they are not all there any more.
        """
        known = self._merged.get(since.number)
        if known is None and (missed := self.missed(since)):
            known = self._merged[since.number] = self._merge(missed)
        return known

    def picture(self) -> asyncio.Task[Frame]:
        """The whole picture, under way; the frames after the id that is newest now continue it.

        Whoever comes at about the same time shares it, so shield it when awaiting.
        """
        if self._picture is None or (self._picture.done() and not self._is_fresh(self._picture)):
            self._picture = asyncio.create_task(self._take_picture(self.id, self._sequence.newest))
        return self._picture

    def let_go(self) -> None:
        """Forget a picture that is not shared any more: it may be large, and nobody may watch."""
        if self._picture is not None and self._picture.done() and not self._is_fresh(self._picture):
            self._picture = None

    async def _take_picture(self, frame_id: FrameId, sequence: int) -> Frame:
        news = await self._source.snapshot()
        return replace(self._frame("snapshot", news, sequence), id=frame_id)

    def _merge(self, missed: list[Frame]) -> Frame:
        if len(missed) == 1:
            return missed[0]
        received = [frame.newest_ms for frame in missed if frame.newest_ms is not None]
        return replace(
            missed[-1],
            data=self._source.merge([frame.data for frame in missed]),
            newest_ms=max(received, default=None),
            skipped=len(missed) - 1,
            _encoded={},
        )

    def _frame(self, kind: str, news: News, sequence: int) -> Frame:
        return Frame(
            kind,
            self.id,
            self._sequence.epoch,
            sequence,
            news.data,
            self._clock.now_ms(),
            news.newest_ms,
            degraded=self._source.is_degraded,
        )

    def _is_fresh(self, task: asyncio.Task[Frame]) -> bool:
        if task.cancelled() or task.exception():
            return False
        return self._clock.now_ms() - task.result().published_ms < _SHARE_MS

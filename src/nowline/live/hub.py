"""All channels and all readers: ticks what is watched, writes to whoever watches it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from nowline.clock import Clock, rfc3339
from nowline.errors import Code, NowlineError
from nowline.live.channel import Channel, Sequence, Source
from nowline.live.frames import Frame
from nowline.live.reader import Reader, Subscription

# After this many readers the loop serves others, so that REST calls stay quick (FANOUT).
_SLICE = 250
_HEARTBEAT_S = 20.0
_STUCK_S = 60.0
_IDLE_CHANNEL_MS = 120_000
_LONGEST_SLEEP_MS = 1_000

log = logging.getLogger(__name__)


@dataclass(slots=True)
class HubState:
    """What the hub does, for `/metrics`."""

    readers: int
    channels: int
    evaluations: int
    frames: int
    writes: int
    skipped: int


class Hub:
    """Fans frames out.

    Args:
        clock: Tells when ticks are due.
        most_readers: How many connections are served; more are refused.
    """

    def __init__(self, clock: Clock, most_readers: int) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._most_readers = most_readers
        self.sequence = Sequence(f"{clock.now_ms():x}")
        self.readers: set[Reader] = set()
        self._channels: dict[str, Channel] = {}
        self._watchers: dict[Channel, dict[Subscription, Reader]] = {}
        self._dirty: set[Reader] = set()
        self._flushing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._evaluations = self._writes = self._skipped = 0
        self._closed = False

    # Readers

    def admit(self, reader: Reader) -> None:
        """Let a reader in.

        Raises:
            NowlineError: UNAVAILABLE at capacity or while the server stops.
        """
        self.check_capacity()
        reader.written_at = self._loop.time()
        self.readers.add(reader)

    def check_capacity(self) -> None:
        """Refuse when no further reader can be served."""
        if self._closed or len(self.readers) >= self._most_readers:
            raise NowlineError(
                Code.UNAVAILABLE, "All live connections are taken. Try again soon.", retry_after_s=5
            )

    def leave(self, reader: Reader) -> None:
        """Forget a reader and what it watched."""
        for name in list(reader.subscriptions):
            self.unsubscribe(reader, name)
        self.readers.discard(reader)
        self._dirty.discard(reader)

    def revoke(self, identity: str) -> None:
        """Close the streams of a user, session or key that may not see them any more."""
        for reader in list(self.readers):
            if identity in (reader.principal.id, reader.principal.session_id):
                reader.close(4401, "signed out")

    def close(self) -> None:
        """Refuse new readers and send the others away: they may come back soon."""
        self._closed = True
        for reader in self.readers:
            reader.close(1012, "the server restarts")

    # Subscriptions

    def channel(self, key: str, source: Source, interval_ms: int) -> Channel:
        """The one channel of this key."""
        known = self._channels.get(key)
        if known is None:
            known = Channel(key, source, interval_ms, self.sequence, self._clock)
            self._channels[key] = known
            self._watchers[known] = {}
        return known

    def subscribe(self, reader: Reader, name: str, channel: Channel) -> Subscription:
        """Watch a channel under a name; frames flow once the subscription is active."""
        self.unsubscribe(reader, name)
        subscription = Subscription(name, channel)
        reader.subscriptions[name] = subscription
        self._watchers[channel][subscription] = reader
        self._wake.set()
        return subscription

    def unsubscribe(self, reader: Reader, name: str) -> None:
        """Stop watching; a name that is not watched is passed over."""
        subscription = reader.subscriptions.pop(name, None)
        if subscription:
            self._watchers[subscription.channel].pop(subscription, None)
            subscription.channel.used_ms = self._clock.now_ms()

    async def catch_up(self, channel: Channel) -> None:
        """Evaluate what happened while nobody watched; for watched channels the ticks do that."""
        if not self._watchers[channel]:
            await self.tick(channel)

    async def poll(self, channel: Channel) -> None:
        """A poll is a viewer for a moment: tick the channel if it is due and nobody else does."""
        channel.used_ms = now = self._clock.now_ms()
        if not self._watchers[channel] and channel.is_due(now):
            await self.tick(channel)

    # Ticks

    def news(self) -> None:
        """Something was folded in: channels that follow every change may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Tick what is watched until cancelled."""
        beat = self._loop.time()
        while True:
            self._wake.clear()
            self._start_ticks()
            if self._loop.time() - beat > _HEARTBEAT_S / 4:
                beat = self._loop.time()
                self._keep_house()
            await self._sleep()

    async def tick(self, channel: Channel) -> None:
        """Evaluate a channel and tell its readers."""
        epoch = channel.id.epoch
        before = channel.evaluations
        try:
            told = await channel.tick()
        except Exception:
            log.exception("A live query failed")
            return
        self._evaluations += channel.evaluations - before
        if channel.id.epoch != epoch:
            await self._start_over(channel)
        elif told:
            self._mark_dirty(self._watchers[channel].values())
        self._wake.set()

    def _start_ticks(self) -> None:
        now = self._clock.now_ms()
        for channel, watchers in self._watchers.items():
            if watchers and not channel.is_ticking and channel.is_due(now):
                self._start(self.tick(channel))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _sleep(self) -> None:
        """Until the next tick is due, or until there is something new to do."""
        now = self._clock.now_ms()
        waiting = (c for c, watchers in self._watchers.items() if watchers and not c.is_ticking)
        due = (channel.due_ms() for channel in waiting)
        soonest = min((at for at in due if at is not None), default=now + _LONGEST_SLEEP_MS)
        wait = min(max(soonest - now, 1), _LONGEST_SLEEP_MS) / 1000
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._wake.wait()

    # Writing

    def _mark_dirty(self, readers: Iterable[Reader]) -> None:
        self._dirty.update(readers)
        if self._dirty and self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        """Write to every reader with news, after all channels of this tick had their turn."""
        try:
            while self._dirty:
                batch, self._dirty = self._dirty, set()
                for i, reader in enumerate(batch, 1):
                    self._write_news(reader)
                    if i % _SLICE == 0:
                        await asyncio.sleep(0)
        finally:
            self._flushing = None

    def _write_news(self, reader: Reader) -> None:
        if reader not in self.readers:
            return
        if reader.is_full():
            reader.stuck_since = reader.stuck_since or self._loop.time()
            return
        reader.stuck_since = None
        behind = [s for s in reader.subscriptions.values() if s.behind]
        if any(s.behind > 1 for s in behind):
            self._start(self._write_missed(reader, behind))
            return
        self.write_frames(reader, [(s, s.channel.newest) for s in behind if s.channel.newest])

    async def _write_missed(self, reader: Reader, behind: list[Subscription]) -> None:
        """Bring a slow reader to the present: one frame for all that it missed of a channel."""
        frames = []
        for subscription in behind:
            skipped = subscription.behind - 1
            frame = await subscription.channel.merged(subscription.position, skipped)
            if frame is None:
                await self.start_over(reader, subscription)
            elif frame.id.number > subscription.sent:
                frames.append((subscription, frame))
                self._skipped += skipped
        self.write_frames(reader, frames)

    def write_frames(self, reader: Reader, frames: list[tuple[Subscription, Frame]]) -> None:
        """Write frames in the order in which they were made, none of them twice."""
        frames = [(s, frame) for s, frame in frames if _wants(reader, s, frame)]
        if not frames or reader not in self.readers:
            return
        frames.sort(key=lambda pair: pair[1].sequence)
        reader.writer.write(b"".join(reader.encode(frame, s.name) for s, frame in frames))
        reader.written_at = self._loop.time()
        self._writes += len(frames)
        for subscription, frame in frames:
            subscription.mark(frame)

    async def _start_over(self, channel: Channel) -> None:
        for subscription, reader in list(self._watchers[channel].items()):
            await self.start_over(reader, subscription)

    async def start_over(self, reader: Reader, subscription: Subscription) -> None:
        """Tell a reader that a channel cannot be continued, and give it a new picture."""
        subscription.active = False
        self.notice(reader, "reset", {"type": "reset", "id": subscription.name})
        picture = await asyncio.shield(subscription.channel.picture())
        self.write_frames(reader, [(subscription, picture)])

    def notice(self, reader: Reader, kind: str, message: dict[str, object]) -> None:
        """Write something that is not a frame."""
        if reader in self.readers:
            reader.writer.write(reader.wire.notice(kind, msgspec.json.encode(message)))
            reader.written_at = self._loop.time()

    def _keep_house(self) -> None:
        """Heartbeats, stuck readers, channels that nobody asked for in a while."""
        now = self._loop.time()
        beat = msgspec.json.encode({"type": "heartbeat", "time": rfc3339(self._clock.now_ms())})
        for reader in list(self.readers):
            if reader.stuck_since is not None and now - reader.stuck_since > _STUCK_S:
                reader.writer.abort()
            elif reader.is_full():
                continue
            elif reader.stuck_since is not None:
                self._mark_dirty([reader])
            elif now - reader.written_at > _HEARTBEAT_S:
                reader.writer.write(reader.wire.heartbeat(beat))
                reader.written_at = now
        self._drop_idle_channels()

    def _drop_idle_channels(self) -> None:
        oldest = self._clock.now_ms() - _IDLE_CHANNEL_MS
        for key, channel in list(self._channels.items()):
            if not self._watchers[channel] and channel.used_ms < oldest:
                del self._channels[key], self._watchers[channel]

    def state(self) -> HubState:
        """Counters as of now."""
        return HubState(
            readers=len(self.readers),
            channels=sum(1 for watchers in self._watchers.values() if watchers),
            evaluations=self._evaluations,
            frames=self.sequence.newest,
            writes=self._writes,
            skipped=self._skipped,
        )


def _wants(reader: Reader, subscription: Subscription, frame: Frame) -> bool:
    """Whether the subscription still stands and has not been told this frame meanwhile."""
    if reader.subscriptions.get(subscription.name) is not subscription:
        return False
    return not subscription.active or frame.id.number > subscription.sent

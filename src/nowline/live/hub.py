"""All channels and all readers: ticks what is watched, writes to whoever watches it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from nowline.clock import Clock, rfc3339
from nowline.errors import Code, NowlineError
from nowline.live.channel import RESUME_MS, Channel, Sequence, Source
from nowline.live.delays import Delays
from nowline.live.frames import Frame, FrameId
from nowline.live.reader import Reader, Subscription
from nowline.live.state import HubState

# After this many readers the loop serves others, so that REST calls stay quick (FANOUT).
_SLICE = 250
_LONGEST_SLEEP_MS = 1_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the hub waits: for something to say, and for readers that take nothing."""

    heartbeat_s: float = 20.0
    stuck_s: float = 60.0


class Hub:
    """Fans frames out.

    Args:
        clock: Tells when ticks are due.
        most_readers: How many connections are served; more are refused.
        patience: When to send heartbeats and when to give a stuck reader up.
    """

    def __init__(self, clock: Clock, most_readers: int, patience: Patience | None = None) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._most_readers = most_readers
        self._patience = patience or Patience()
        self.sequence = Sequence(f"{clock.now_ms():x}")
        self.readers: set[Reader] = set()
        self._channels: dict[str, Channel] = {}
        self._watchers: dict[Channel, dict[Subscription, Reader]] = {}
        self._dirty: set[Reader] = set()
        self._flushing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._writes = self._skipped = 0
        self._written = Delays()
        # By when it was published: readers that were just given a frame.
        self._just_written: dict[int, int] = {}
        self.is_closed = False

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
        """Refuse when no further reader can be served.

        Raises:
            NowlineError: UNAVAILABLE at capacity or while the server stops.
        """
        if self.is_closed or len(self.readers) >= self._most_readers:
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
        self.is_closed = True
        for reader in self.readers:
            reader.close(1012, "the server restarts")

    # Subscriptions

    def channel(self, key: str, source: Source, interval_ms: int) -> Channel:
        """The one channel of this key; whom it had is gone too long to resume after a while."""
        known = self._channels.get(key)
        if known is not None and self._is_idle(known):
            self._drop(known)
            known = None
        if known is None:
            known = Channel(key, source, interval_ms, self.sequence, self._clock)
            self._channels[key] = known
            self._watchers[known] = {}
        known.used_ms = self._clock.now_ms()
        return known

    def subscribe(self, reader: Reader, name: str, channel: Channel) -> Subscription:
        """Watch a channel under a name; frames flow after `begin` or `replay`."""
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
            if self._loop.time() - beat > self._patience.heartbeat_s / 4:
                beat = self._loop.time()
                self._keep_house()
            await self._sleep()

    async def tick(self, channel: Channel) -> None:
        """Evaluate a channel and tell its readers."""
        try:
            if await channel.tick():
                self._mark_dirty(self._watchers[channel].values())
        except Exception:
            log.exception("A live query failed")
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
                        self._observe_written()
                        await asyncio.sleep(0)
                self._observe_written()
        finally:
            self._flushing = None

    def _observe_written(self) -> None:
        """Count what was written since the last call as written now: a slice takes a moment."""
        now = self._clock.now_ms()
        for published_ms, readers in self._just_written.items():
            self._written.observe(now - published_ms, readers)
        self._just_written.clear()

    def _write_news(self, reader: Reader) -> None:
        if reader not in self.readers or reader.closing.done():
            return
        if reader.is_full():
            reader.stuck_since = reader.stuck_since or self._loop.time()
            return
        skipping, reader.stuck_since = reader.stuck_since is not None, None
        behind = [s for s in reader.subscriptions.values() if s.is_behind]
        news = [(s, frame) for s in behind for frame in self._news(reader, s, skipping=skipping)]
        self._write(reader, news)
        if news and not skipping:
            published_ms = news[0][1].published_ms
            self._just_written[published_ms] = self._just_written.get(published_ms, 0) + 1

    def _news(self, reader: Reader, subscription: Subscription, *, skipping: bool) -> list[Frame]:
        """Each frame that the reader has not been told, or one for all that it was too slow for."""
        channel, told = subscription.channel, subscription.told
        missed = channel.missed(told) if told else []
        if missed is None:
            self.start_over(reader, subscription)
            return []
        merged = channel.merged(told) if told and skipping else None
        if merged is None:
            return missed
        self._skipped += merged.skipped
        return [merged]

    def _write(self, reader: Reader, news: list[tuple[Subscription, Frame]]) -> None:
        """Write frames in the order in which they were made."""
        if not news:
            return
        news.sort(key=_sequence)
        reader.writer.write(b"".join([reader.encode(frame, s.name) for s, frame in news]))
        reader.written_at = self._loop.time()
        self._writes += len(news)
        for subscription, frame in news:
            subscription.told = frame.id

    async def begin(self, reader: Reader, subscription: Subscription) -> None:
        """Give a reader its first picture; what happens from then on follows."""
        picture = await asyncio.shield(subscription.channel.picture())
        if _stands(reader, subscription):
            self.tell(reader, subscription, picture)
            await self.replay(reader, {subscription: picture.id})

    async def replay(self, reader: Reader, since: Mapping[Subscription, FrameId]) -> None:
        """Tell every frame after the given ids, in order and as fast as the reader takes them.

        After that, frames flow.
        """
        upto = dict(since)
        while missed := self._missed(reader, upto):
            for subscription, frame in missed:
                self.tell(reader, subscription, frame)
                upto[subscription] = frame.id
                if reader.is_full():
                    await reader.room()
                    break
        for subscription, frame_id in upto.items():
            subscription.told = frame_id

    def _missed(
        self, reader: Reader, upto: dict[Subscription, FrameId]
    ) -> list[tuple[Subscription, Frame]]:
        """The frames after these ids; a subscription that cannot have them starts over."""
        found = []
        for subscription, frame_id in list(upto.items()):
            missed = subscription.channel.missed(frame_id)
            if missed is not None and _stands(reader, subscription):
                found += [(subscription, frame) for frame in missed]
                continue
            del upto[subscription]
            if missed is None:
                self.start_over(reader, subscription)
        return sorted(found, key=_sequence)

    def tell(
        self, reader: Reader, subscription: Subscription, frame: Frame, event_id: str | None = None
    ) -> None:
        """Write one frame, under the id that it has in the reader's stream if no other is given."""
        if reader in self.readers:
            known = frame.stream_id(reader.watched) if event_id is None else event_id
            reader.writer.write(reader.wire.frame(frame, subscription.name, known))
            reader.written_at = self._loop.time()
            self._writes += 1

    def start_over(self, reader: Reader, subscription: Subscription) -> None:
        """Tell a reader that a channel cannot be continued, and give it a new picture."""
        if reader.watched:
            # One id covers all channels of its stream: it begins this one anew when it is back.
            reader.close(1012, "a channel starts over")
            return
        subscription.told = None
        self.reset(reader, subscription)
        self._start(self._begin_again(reader, subscription))

    async def _begin_again(self, reader: Reader, subscription: Subscription) -> None:
        try:
            await self.begin(reader, subscription)
        except Exception:
            log.exception("A picture could not be taken")
            reader.close(1012, "the store did not answer")

    def reset(self, reader: Reader, subscription: Subscription) -> None:
        """Tell a reader to forget what it knows of a channel."""
        self.notice(reader, "reset", {"type": "reset", "id": subscription.name})

    def notice(self, reader: Reader, kind: str, message: dict[str, object]) -> None:
        """Write something that is not a frame."""
        if reader in self.readers:
            reader.writer.write(reader.wire.notice(kind, msgspec.json.encode(message)))
            reader.written_at = self._loop.time()

    def _keep_house(self) -> None:
        """Heartbeats, stuck readers, channels that nobody asked for in a while."""
        beat = msgspec.json.encode({"type": "heartbeat", "time": rfc3339(self._clock.now_ms())})
        for reader in list(self.readers):
            self._look_after(reader, beat)
        for channel in list(self._channels.values()):
            if self._is_idle(channel):
                self._drop(channel)

    def _look_after(self, reader: Reader, beat: bytes) -> None:
        now = self._loop.time()
        if reader.is_full():
            reader.stuck_since = reader.stuck_since or now
            if now - reader.stuck_since > self._patience.stuck_s:
                reader.writer.abort()
        elif reader.stuck_since is not None:
            self._mark_dirty([reader])
        elif now - reader.written_at > self._patience.heartbeat_s and not reader.closing.done():
            reader.writer.write(reader.wire.heartbeat(beat))
            reader.written_at = now

    def _is_idle(self, channel: Channel) -> bool:
        """Whether all whom it had are gone for so long that they cannot resume."""
        gone = self._clock.now_ms() - channel.used_ms > RESUME_MS
        return gone and not self._watchers[channel] and not channel.is_ticking

    def _drop(self, channel: Channel) -> None:
        del self._channels[channel.key], self._watchers[channel]

    def state(self) -> HubState:
        """Counters as of now."""
        return HubState(
            readers=len(self.readers),
            channels=sum(1 for watchers in self._watchers.values() if watchers),
            evaluations=self.sequence.evaluations,
            frames=self.sequence.frames,
            writes=self._writes,
            skipped=self._skipped,
            published=self.sequence.published,
            written=self._written,
        )


def _stands(reader: Reader, subscription: Subscription) -> bool:
    """Whether the reader has not given the subscription up or replaced it meanwhile."""
    return reader.subscriptions.get(subscription.name) is subscription


def _sequence(told: tuple[Subscription, Frame]) -> int:
    return told[1].sequence

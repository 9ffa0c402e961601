"""All channels and all readers: ticks what is watched, writes to whoever watches it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from nowline.clock import Clock, rfc3339
from nowline.errors import Code, NowlineError
from nowline.live.audience import Audience, Audiences
from nowline.live.channel import RESUME_MS, Channel, Sequence, Source
from nowline.live.delivery import Delivery
from nowline.live.frames import Frame, FrameId
from nowline.live.reader import Reader, Subscription
from nowline.live.slices import Slices, serve_others
from nowline.live.state import HubState

_LONGEST_SLEEP_MS = 1_000
# What nobody watches any more is kept for who comes back, but no more of it than this: whoever
# asks for other things all the time would fill the memory with what is left of them.
_MOST_IDLE = 2_000
_MOST_IDLE_BYTES = 64 << 20

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
        self.audiences = Audiences()
        self._channels: dict[str, Channel] = {}
        # Above so many channels it is time to look how many of them are idle.
        self._crowded = _MOST_IDLE
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticks: set[asyncio.Task[None]] = set()
        # Channels that are due, and are evaluated one after the other.
        self._waiting: set[Channel] = set()
        self._turn = asyncio.Lock()
        self.delivery = Delivery(clock, self.audiences, self._ticks, self.start_over)
        self._wake = asyncio.Event()
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
        now = self._clock.now_ms()
        for subscription in self.audiences.leave(reader):
            subscription.channel.used_ms = now
        self.readers.discard(reader)
        self.delivery.forget(reader)

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

    def channel(self, key: str, make: Callable[[], Source], interval_ms: int) -> Channel:
        """The one channel of this key; whom it had is gone too long to resume after a while."""
        known = self._channels.get(key)
        if known is not None and self._is_idle(known):
            self._drop(known)
            known = None
        if known is None:
            self._make_room()
            known = Channel(key, make(), interval_ms, self.sequence, self._clock)
            self._channels[key] = known
            self.audiences.of[known] = Audience()
        known.used_ms = self._clock.now_ms()
        return known

    def subscribe(self, reader: Reader, name: str, channel: Channel) -> Subscription:
        """Watch a channel under a name; frames flow after `begin` or `replay`."""
        self.unsubscribe(reader, name)
        subscription = Subscription(name, self._kept(channel))
        self.audiences.watch(reader, subscription)
        self._wake.set()
        return subscription

    def unsubscribe(self, reader: Reader, name: str) -> None:
        """Stop watching; a name that is not watched is passed over."""
        subscription = self.audiences.unwatch(reader, name)
        if subscription is not None:
            subscription.channel.used_ms = self._clock.now_ms()

    async def catch_up(self, channel: Channel) -> None:
        """Evaluate what happened while nobody watched; for watched channels the ticks do that."""
        if not self.audiences.of.get(channel):
            await self.tick(channel)

    async def poll(self, channel: Channel) -> None:
        """A poll is a viewer for a moment: tick the channel if it is due and nobody else does."""
        channel.used_ms = now = self._clock.now_ms()
        if not self.audiences.of.get(channel) and channel.is_due(now):
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
                _start(self._keep_house(), self._tasks)
            await self._sleep()

    async def tick(self, channel: Channel) -> None:
        """Evaluate a channel and tell its readers."""
        try:
            if await channel.tick():
                self.delivery.tell(channel)
        except Exception:
            log.exception("A live query failed")
        self._wake.set()

    def _start_ticks(self) -> None:
        now = self._clock.now_ms()
        for channel, audience in self.audiences.of.items():
            if audience and not self._is_at_it(channel) and channel.is_due(now):
                self._waiting.add(channel)
                _start(self._tick_in_turn(channel), self._ticks)

    async def _tick_in_turn(self, channel: Channel) -> None:
        """Evaluate a channel, and let the loop serve others before the next one."""
        try:
            async with self._turn:
                await serve_others()
        finally:
            self._waiting.discard(channel)
        await self.tick(channel)

    def _is_at_it(self, channel: Channel) -> bool:
        return channel.is_ticking or channel in self._waiting

    async def _sleep(self) -> None:
        """Until the next tick is due, or until there is something new to do."""
        now = self._clock.now_ms()
        waiting = (c for c, who in self.audiences.of.items() if who and not self._is_at_it(c))
        due = (channel.due_ms() for channel in waiting)
        soonest = min((at for at in due if at is not None), default=now + _LONGEST_SLEEP_MS)
        wait = min(max(soonest - now, 1), _LONGEST_SLEEP_MS) / 1000
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._wake.wait()

    # Beginning, and what is not shared

    async def begin(self, reader: Reader, subscription: Subscription) -> None:
        """Give a reader its first picture; what happens from then on follows."""
        picture = await asyncio.shield(subscription.channel.picture())
        if _stands(reader, subscription):
            self.tell(reader, subscription, picture)
            await self.replay(reader, {subscription: picture.id})

    async def replay(self, reader: Reader, since: Mapping[Subscription, FrameId]) -> None:
        """Tell every frame after the given ids, in order and as fast as the reader takes them.

        After that, frames flow. An event stream has all its channels now, and is told with others
        from its first frame on; a WebSocket may still ask for more, and joins them later.
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
        if reader.watched:
            self.audiences.step_in(reader)

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
            self.delivery.writes += 1

    def start_over(self, reader: Reader, subscription: Subscription) -> None:
        """Tell a reader that a channel cannot be continued, and give it a new picture."""
        if reader.watched:
            # One id covers all channels of its stream: it begins this one anew when it is back.
            reader.close(1012, "a channel starts over")
            return
        subscription.told = None
        self.reset(reader, subscription)
        _start(self._begin_again(reader, subscription), self._tasks)

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

    async def _keep_house(self) -> None:
        """Heartbeats, stuck readers, channels that nobody asked for in a while."""
        beat = msgspec.json.encode({"type": "heartbeat", "time": rfc3339(self._clock.now_ms())})
        slices = Slices()
        for reader in list(self.readers):
            if reader in self.readers:
                self._look_after(reader, beat)
            if slices.is_over:
                await slices.rest()
        for channel in list(self._channels.values()):
            channel.let_go()
            if self._is_idle(channel):
                self._drop(channel)
        self._let_go_of_idle()

    def _look_after(self, reader: Reader, beat: bytes) -> None:
        now = self._loop.time()
        if reader.is_full():
            self.audiences.step_out(reader)
            reader.stuck_since = reader.stuck_since or now
            if now - reader.stuck_since > self._patience.stuck_s:
                reader.writer.abort()
        elif reader.stuck_since is not None:
            self.delivery.tell_late(reader)
        elif now - reader.written_at > self._patience.heartbeat_s and not reader.closing.done():
            reader.writer.write(reader.wire.heartbeat(beat))
            reader.written_at = now

    def _is_idle(self, channel: Channel) -> bool:
        """Whether all whom it had are gone for so long that they cannot resume."""
        return self._clock.now_ms() - channel.used_ms > RESUME_MS and self._is_unwatched(channel)

    def _is_unwatched(self, channel: Channel) -> bool:
        return not self.audiences.of[channel] and not self._is_at_it(channel)

    def _kept(self, channel: Channel) -> Channel:
        """The channel of this key: it may have been let go of before anybody watched it."""
        kept = self._channels.setdefault(channel.key, channel)
        self.audiences.of.setdefault(kept, Audience())
        return kept

    def _make_room(self) -> None:
        """Look how many channels are idle, each time that there are many more than before."""
        if len(self._channels) >= self._crowded:
            self._let_go_of_idle()
            self._crowded = len(self._channels) + _MOST_IDLE // 4

    def _let_go_of_idle(self) -> None:
        """Drop the idle channels that are too many, or too much, the longest unused first.

        Who comes back for one of them is told to start over.
        """
        idle = [channel for channel in self._channels.values() if self._is_unwatched(channel)]
        idle.sort(key=lambda channel: channel.used_ms, reverse=True)
        held = 0
        for count, channel in enumerate(idle, 1):
            held += channel.held_bytes
            if count > _MOST_IDLE * 3 // 4 or held > _MOST_IDLE_BYTES:
                self._drop(channel)

    def _drop(self, channel: Channel) -> None:
        del self._channels[channel.key], self.audiences.of[channel]

    def state(self) -> HubState:
        """Counters as of now."""
        idle = [channel for channel, who in self.audiences.of.items() if not who]
        return HubState(
            readers=len(self.readers),
            channels=len(self.audiences.of) - len(idle),
            idle=len(idle),
            idle_bytes=sum(channel.held_bytes for channel in idle),
            evaluations=self.sequence.evaluations,
            frames=self.sequence.frames,
            writes=self.delivery.writes,
            skipped=self.delivery.skipped,
            published=self.sequence.published,
            written=self.delivery.written,
        )


def _start(work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
    task = asyncio.create_task(work)
    among.add(task)
    task.add_done_callback(among.discard)


def _stands(reader: Reader, subscription: Subscription) -> bool:
    """Whether the reader has not given the subscription up or replaced it meanwhile."""
    return reader.subscriptions.get(subscription.name) is subscription


def _sequence(told: tuple[Subscription, Frame]) -> int:
    return told[1].sequence

"""Writes what channels tell to whoever watches them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from nowline.clock import Clock
from nowline.live.audience import Audiences, Party
from nowline.live.channel import Channel
from nowline.live.delays import Delays
from nowline.live.frames import Frame
from nowline.live.reader import FULL_BYTES, Reader, Subscription
from nowline.live.slices import Slices

# The clock is looked at after this many writes of what is shared: half a millisecond or less.
_AT_ONCE = 32
# What is due together is told in one write, as long as one evaluation follows the other so soon; a
# slow one is not waited for, and neither are very many.
_NEXT_S = 0.01
_TOGETHER_S = 0.1


News = list[tuple[str, Frame]]


class Delivery:
    """Tells readers what they have not been told.

    Args:
        clock: For how long it takes.
        audiences: Who watches what.
        ticks: Evaluations under way.
        start_over: Tells a reader that a channel cannot be continued.

    Attributes:
        flushing: The writing that is under way, None if all is written.
        writes: How many frames were written.
        skipped: How many were not, because a reader was too slow for them.
        written: How long after they were published frames were written.
    """

    def __init__(
        self,
        clock: Clock,
        audiences: Audiences,
        ticks: Collection[asyncio.Task[None]],
        start_over: Callable[[Reader, Subscription], None],
    ) -> None:
        self._clock = clock
        self._audiences = audiences
        self._ticks = ticks
        self._start_over = start_over
        self._loop = asyncio.get_running_loop()
        self._channels: set[Channel] = set()
        self._late: set[Reader] = set()
        self.flushing: asyncio.Task[None] | None = None
        self.writes = self.skipped = 0
        self.written = Delays()
        # By when it was published: readers that were just given a frame.
        self._just_written: dict[int, int] = {}
        self._slices = Slices()

    def tell(self, channel: Channel) -> None:
        """Tell all who watch a channel what is new there."""
        if self._audiences.of.get(channel):
            self._channels.add(channel)
            self._start()

    def tell_late(self, reader: Reader) -> None:
        """Tell one reader what it could not be told when it was new."""
        self._late.add(reader)
        self._start()

    def forget(self, reader: Reader) -> None:
        """Tell a reader nothing any more."""
        self._late.discard(reader)

    def _start(self) -> None:
        if self.flushing is None:
            self.flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        """Write until everybody has been told everything, or is full."""
        try:
            while self._channels or self._late:
                await self._gather()
                self._slices.begin()
                for party, members, news in self._turns():
                    await self._tell_party(party, members, news)
                await self._tell_apart()
                self._observe_written()
        finally:
            self.flushing = None

    def _turns(self) -> list[tuple[Party, list[Reader], News | None]]:
        """What to tell to which party. Who leaves it before its turn is told by itself."""
        channels, self._channels = self._channels, set()
        audiences = [self._audiences.of[c] for c in channels if c in self._audiences.of]
        for audience in audiences:
            self._late.update(audience.apart.values())
        parties = {party: None for audience in audiences for party in audience.parties}
        return [(party, list(party.members), party.advance()) for party in parties]

    async def _gather(self) -> None:
        """Let channels that were due together have their turn: each reader gets one write."""
        until = self._loop.time() + _TOGETHER_S
        while self._ticks and self._loop.time() < until:
            first = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait(list(self._ticks), timeout=_NEXT_S, return_when=first)
            if not done:
                return

    async def _tell_party(self, party: Party, members: list[Reader], news: News | None) -> None:
        """Write the same bytes to all of a party."""
        if news is None:
            for reader in members:
                self._audiences.step_out(reader)
            self._late.update(members)
        if not news:
            return
        shared, published_ms = party.encode(news), news[0][1].published_ms
        for first in range(0, len(members), _AT_ONCE):
            some = members[first : first + _AT_ONCE]
            count = self._write_shared(party, some, shared)
            self.writes += count * len(news)
            self._count_written(published_ms, count)
            await self._pause()

    def _write_shared(self, party: Party, readers: Sequence[Reader], shared: bytes) -> int:
        """How many took it. Who is full, or has just left the party, is told by itself."""
        now, turn, count = self._loop.time(), party.turn, 0
        for reader in readers:
            writer = reader.writer
            if reader.party is not party:
                self._late.add(reader)
            elif writer.unsent() > FULL_BYTES:
                self._audiences.step_out(reader)
                reader.stuck_since = now
            elif not reader.closing.done():
                writer.write(shared)
                reader.turn, reader.written_at = turn, now
                count += 1
        return count

    async def _tell_apart(self) -> None:
        late, self._late = self._late, set()
        for reader in late:
            self._tell_reader(reader)
            await self._pause()

    def _tell_reader(self, reader: Reader) -> None:
        if reader.closing.done():
            return
        if reader.is_full():
            self._audiences.step_out(reader)
            reader.stuck_since = reader.stuck_since or self._loop.time()
            return
        skipping, reader.stuck_since = reader.stuck_since is not None, None
        if reader.party is None:
            self._catch_up(reader, skipping=skipping)
            self._audiences.step_in(reader)

    def _catch_up(self, reader: Reader, *, skipping: bool) -> None:
        behind = [s for s in reader.subscriptions.values() if s.is_behind]
        news = [(s, frame) for s in behind for frame in self._news(reader, s, skipping=skipping)]
        if not news:
            return
        news.sort(key=_sequence)
        reader.writer.write(b"".join([reader.encode(frame, s.name) for s, frame in news]))
        reader.written_at = self._loop.time()
        self.writes += len(news)
        for subscription, frame in news:
            subscription.told = frame.id
        if not skipping:
            self._count_written(news[0][1].published_ms, 1)

    def _news(self, reader: Reader, subscription: Subscription, *, skipping: bool) -> list[Frame]:
        """Each frame that the reader has not been told, or one for all that it was too slow for."""
        channel, told = subscription.channel, subscription.told
        missed = channel.missed(told) if told else []
        if missed is None:
            self._start_over(reader, subscription)
            return []
        merged = channel.merged(told) if told and skipping else None
        if merged is None:
            return missed
        self.skipped += merged.skipped
        return [merged]

    async def _pause(self) -> None:
        """Let the loop serve others if a slice is over."""
        if self._slices.is_over:
            self._observe_written()
            await self._slices.rest()

    def _count_written(self, published_ms: int, readers: int) -> None:
        if readers:
            self._just_written[published_ms] = self._just_written.get(published_ms, 0) + readers

    def _observe_written(self) -> None:
        """Count what was written since the last call as written now: a slice takes a moment."""
        now = self._clock.now_ms()
        for published_ms, readers in self._just_written.items():
            self.written.observe(now - published_ms, readers)
        self._just_written.clear()


def _sequence(told: tuple[Subscription, Frame]) -> int:
    return told[1].sequence

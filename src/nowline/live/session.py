"""What a client is told first: a picture, the frames it missed, or that it must start over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import msgspec

from nowline.errors import invalid
from nowline.live.channel import Channel, Source
from nowline.live.commands import Wanted, fingerprint
from nowline.live.frames import Frame, FrameId, StreamId
from nowline.live.hub import Hub
from nowline.live.pace import ViewerLimits
from nowline.live.reader import Reader, Subscription
from nowline.model.query import Query


class Sources(Protocol):
    """Where channels come from."""

    def metric(self, query: Query, interval_ms: int) -> tuple[str, Callable[[], Source]]:
        """The key that equal queries share, and what makes the one that answers them.

        Raises:
            NowlineError: INVALID or UNPROCESSABLE, here or when it is made.
        """
        ...

    def catalogue(self) -> tuple[str, Callable[[], Source]]:
        """The same for the list of metrics."""
        ...


async def _at_once() -> None:
    """Nothing has to be waited for."""


class Sessions:
    """Opens channels for viewers, whatever transport they came by.

    Args:
        hub: Writes to them.
        sources: Where channels come from.
        most_subscriptions: How many a connection may have.
        caught_up: Returns when what was acknowledged before is to be seen.
    """

    def __init__(
        self,
        hub: Hub,
        sources: Sources,
        most_subscriptions: int | None = None,
        caught_up: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:
        self.hub = hub
        self._most_subscriptions = most_subscriptions or ViewerLimits().subscriptions
        self._sources = sources
        self._caught_up = caught_up

    def check(self, wanted: Sequence[Wanted]) -> None:
        """Refuse what no channel can show, before a stream of it begins.

        Raises:
            NowlineError: INVALID with the field at fault, or UNPROCESSABLE.
        """
        self._limit(len(wanted))
        for want in wanted:
            self._channel(want)

    async def subscribe(self, reader: Reader, wanted: Wanted) -> None:
        """Add one channel to a WebSocket's: continue after `since`, or begin with a picture."""
        if wanted.name not in reader.subscriptions:
            self._limit(len(reader.subscriptions) + 1)
        await reader.room()
        await self._caught_up()
        channel = self._channel(wanted)
        await self.hub.catch_up(channel)
        subscription = self.hub.subscribe(reader, wanted.name, channel)
        try:
            await self._begin(reader, subscription, wanted.since)
        except Exception:
            self.hub.unsubscribe(reader, wanted.name)
            raise

    async def _begin(
        self, reader: Reader, subscription: Subscription, since: FrameId | None
    ) -> None:
        if since and subscription.channel.missed(since) is not None:
            await self.hub.replay(reader, {subscription: since})
            return
        if since:
            self.hub.reset(reader, subscription)
        await self.hub.begin(reader, subscription)

    async def stream(self, reader: Reader, wanted: Sequence[Wanted], last_id: str | None) -> None:
        """Begin or continue an event stream of several channels under one id."""
        channels = [self._channel(want) for want in wanted]
        for channel in channels:
            await self.hub.catch_up(channel)
        reader.watched = fingerprint([channel.key for channel in channels])
        subscriptions = [
            self.hub.subscribe(reader, want.name, channel)
            for want, channel in zip(wanted, channels, strict=True)
        ]
        last = self._resumable(last_id, reader.watched)
        since: dict[Subscription, FrameId] = {}
        for place, subscription in enumerate(subscriptions):
            missed = _missed(subscription.channel, last, place)
            if missed is not None:
                newest = subscription.channel.id
                since[subscription] = FrameId(newest.epoch, newest.number - len(missed))
        upto = StreamId(self.hub.sequence.epoch, self.hub.sequence.newest, reader.watched)
        ids = _picture_ids(upto, subscriptions, since, resumed=last_id is not None)
        since |= await self._tell_pictures(reader, ids, resumed=last_id is not None)
        await self.hub.replay(reader, since)

    async def poll(self, wanted: Sequence[Wanted], cursor: str | None) -> tuple[list[bytes], str]:
        """What is new since the cursor, as the JSON of frames, and the next cursor."""
        channels = [self._channel(want) for want in wanted]
        for channel in channels:
            await self.hub.poll(channel)
        watched = fingerprint([channel.key for channel in channels])
        last = self._resumable(cursor, watched)
        following = StreamId(self.hub.sequence.epoch, self.hub.sequence.newest, watched)
        told: list[tuple[int, bytes]] = []
        pictures: list[tuple[str, asyncio.Task[Frame]]] = []
        for place, (want, channel) in enumerate(zip(wanted, channels, strict=True)):
            missed = _missed(channel, last, place)
            if missed is None:
                pictures.append((want.name, channel.picture()))
            else:
                told += [(frame.sequence, frame.text(want.name)) for frame in missed]
        texts = [text for _, text in sorted(told)]
        for name, picture in pictures:
            if cursor:
                texts.append(msgspec.json.encode({"type": "reset", "id": name}))
            texts.append((await asyncio.shield(picture)).text(name))
        return texts, str(following)

    async def _tell_pictures(
        self, reader: Reader, ids: dict[Subscription, str], *, resumed: bool
    ) -> dict[Subscription, FrameId]:
        """Write the first pictures of some channels; returns which frames they stand for."""
        # All at once: no frame comes between the pictures and the id that covers them.
        pictures = [(subscription, subscription.channel.picture()) for subscription in ids]
        since: dict[Subscription, FrameId] = {}
        for subscription, picture in pictures:
            frame = await asyncio.shield(picture)
            await reader.room()
            if resumed:
                self.hub.reset(reader, subscription)
            self.hub.tell(reader, subscription, frame, ids[subscription])
            since[subscription] = frame.id
        return since

    def _limit(self, subscriptions: int) -> None:
        if subscriptions > self._most_subscriptions:
            raise invalid(
                "subscriptions", f"a connection may have up to {self._most_subscriptions}"
            )

    def _channel(self, wanted: Wanted) -> Channel:
        if wanted.query is None:
            key, make = self._sources.catalogue()
        else:
            key, make = self._sources.metric(wanted.query, wanted.interval_ms)
        return self.hub.channel(f"{wanted.interval_ms} {key}", make, wanted.interval_ms)

    def _resumable(self, text: str | None, watched: str) -> StreamId | None:
        """The id, if it is of this server run and of the same channels."""
        last = StreamId.parse(text) if text else None
        if last is None or last.watched != watched or last.epoch != self.hub.sequence.epoch:
            return None
        return last if last.sequence <= self.hub.sequence.newest else None


def _picture_ids(
    upto: StreamId,
    subscriptions: Sequence[Subscription],
    since: Mapping[Subscription, FrameId],
    *,
    resumed: bool,
) -> dict[Subscription, str]:
    """Which id goes out with the first picture of each channel that begins.

    A first stream that breaks off amid its pictures is resumed after those that it has: the ids
    say how many. One that was resumed itself begins again from where it was before.
    """
    fresh = [s for s in subscriptions if s not in since]
    partly = [replace(upto, pictures=place) for place in range(1, len(fresh) + 1)]
    ids = ["" if resumed else str(each) for each in partly]
    if fresh and all(frame_id == s.channel.id for s, frame_id in since.items()):
        ids[-1] = str(upto)
    return dict(zip(fresh, ids, strict=True))


def _missed(channel: Channel, last: StreamId | None, place: int) -> list[Frame] | None:
    """The frames after a stream's id; None if the channel at this place begins anew."""
    if last is None or (last.pictures is not None and place >= last.pictures):
        return None
    return channel.missed_after(last.sequence)

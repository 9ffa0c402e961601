"""What a client is told first: a picture, the frames it missed, or that it must start over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import msgspec

from nowline.errors import invalid
from nowline.live.channel import Channel, Source
from nowline.live.commands import MOST_SUBSCRIPTIONS, Wanted, fingerprint
from nowline.live.frames import Frame, StreamId, sse_event
from nowline.live.hub import Hub
from nowline.live.reader import Reader, Subscription
from nowline.model.query import Query


class Sources(Protocol):
    """Where channels come from."""

    def metric(self, query: Query, interval_ms: int) -> tuple[str, Source]:
        """The key that equal queries share, and what answers them.

        Raises:
            NowlineError: INVALID or UNPROCESSABLE.
        """
        ...

    def catalogue(self) -> tuple[str, Source]:
        """The same for the list of metrics."""
        ...


class Sessions:
    """Opens channels for viewers, whatever transport they came by."""

    def __init__(self, hub: Hub, sources: Sources) -> None:
        self.hub = hub
        self._sources = sources

    def check(self, wanted: Sequence[Wanted]) -> None:
        """Refuse what no channel can show, before a stream of it begins.

        Raises:
            NowlineError: INVALID with the field at fault, or UNPROCESSABLE.
        """
        _limit(len(wanted))
        for want in wanted:
            self._channel(want)

    async def subscribe(self, reader: Reader, wanted: Wanted) -> None:
        """Add one channel to a WebSocket's: continue after `since`, or begin with a picture."""
        if wanted.name not in reader.subscriptions:
            _limit(len(reader.subscriptions) + 1)
        channel = self._channel(wanted)
        await self.hub.catch_up(channel)
        subscription = self.hub.subscribe(reader, wanted.name, channel)
        if wanted.since is None:
            picture = await asyncio.shield(channel.picture())
            self.hub.write_frames(reader, [(subscription, picture)])
            return
        missed = channel.missed(wanted.since)
        if missed is None:
            await self.hub.start_over(reader, subscription)
            return
        self.hub.write_frames(reader, [(subscription, frame) for frame in missed])
        _continue_from_now(subscription)
        subscription.active = True

    async def stream(self, reader: Reader, wanted: Sequence[Wanted], last_id: str | None) -> None:
        """Begin or continue an event stream of several channels under one id."""
        channels = await self._channels(wanted)
        reader.watched = fingerprint([channel.key for channel in channels])
        subscriptions = [
            self.hub.subscribe(reader, want.name, channel)
            for want, channel in zip(wanted, channels, strict=True)
        ]
        last = self._resumable(last_id, reader.watched)
        fresh: list[Subscription] = []
        told: list[tuple[Subscription, Frame]] = []
        for place, subscription in enumerate(subscriptions):
            missed = _missed(subscription.channel, last, place)
            if missed is None:
                fresh.append(subscription)
            else:
                told += [(subscription, frame) for frame in missed]
                _continue_from_now(subscription)
        await self._tell(reader, told, fresh, resumed=last_id is not None)
        for subscription in subscriptions:
            subscription.active = True

    async def poll(self, wanted: Sequence[Wanted], cursor: str | None) -> tuple[list[bytes], str]:
        """What is new since the cursor, as the JSON of frames, and the next cursor."""
        channels = await self._channels(wanted)
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

    async def _tell(
        self,
        reader: Reader,
        told: list[tuple[Subscription, Frame]],
        fresh: list[Subscription],
        *,
        resumed: bool,
    ) -> None:
        """Write the frames that were missed, then the pictures of channels that begin anew.

        The id that covers the whole stream goes out with the last of it; until then a stream
        that breaks off is resumed from where it was before, or after the pictures it has.
        """
        upto = StreamId(self.hub.sequence.epoch, self.hub.sequence.newest, reader.watched)
        pictures = [(subscription, subscription.channel.picture()) for subscription in fresh]
        for subscription, frame in sorted(told, key=lambda pair: pair[1].sequence):
            event_id = "" if fresh else frame.stream_id(reader.watched)
            reader.writer.write(reader.wire.frame(frame, subscription.name, event_id))
        for place, (subscription, picture) in enumerate(pictures, 1):
            if resumed:
                self.hub.notice(reader, "reset", {"type": "reset", "id": subscription.name})
            frame = await asyncio.shield(picture)
            is_last = place == len(pictures)
            partly = "" if resumed else str(replace(upto, pictures=place))
            event_id = str(upto) if is_last else partly
            reader.writer.write(sse_event(frame.kind, event_id, frame.text(subscription.name)))
            subscription.sent, subscription.position = frame.id.number, frame.position

    def _channel(self, wanted: Wanted) -> Channel:
        if wanted.query is None:
            key, source = self._sources.catalogue()
        else:
            key, source = self._sources.metric(wanted.query, wanted.interval_ms)
        return self.hub.channel(f"{wanted.interval_ms} {key}", source, wanted.interval_ms)

    async def _channels(self, wanted: Sequence[Wanted]) -> list[Channel]:
        _limit(len(wanted))
        channels = [self._channel(want) for want in wanted]
        for channel in channels:
            await self.hub.catch_up(channel)
        return channels

    def _resumable(self, text: str | None, watched: str) -> StreamId | None:
        """The id, if it is of this server run and of the same channels."""
        last = StreamId.parse(text) if text else None
        if last is None or last.watched != watched or last.epoch != self.hub.sequence.epoch:
            return None
        return last if last.sequence <= self.hub.sequence.newest else None


def _continue_from_now(subscription: Subscription) -> None:
    """Count everything up to now as told."""
    subscription.sent = subscription.channel.id.number
    subscription.position = subscription.channel.position


def _missed(channel: Channel, last: StreamId | None, place: int) -> list[Frame] | None:
    """The frames after a stream's id; None if the channel at this place begins anew."""
    if last is None or (last.pictures is not None and place >= last.pictures):
        return None
    return channel.missed_after(last.sequence)


def _limit(subscriptions: int) -> None:
    if subscriptions > MOST_SUBSCRIPTIONS:
        raise invalid("subscriptions", f"a connection may have up to {MOST_SUBSCRIPTIONS}")

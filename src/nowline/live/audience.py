"""Who watches what, and which readers can be told the same bytes. Pure: no sockets, no clock.

Most of ten thousand viewers look at the same few dashboards. Those that watch the same channels
under the same names, come by the same kind of wire and have been told the same are a party: what
they are told next is put together once, and all that is left to do for each of them is one write.
A reader that cannot keep up, or asks for something else, steps out, and comes back once it has
been told everything.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from nowline.live.channel import Channel
from nowline.live.frames import Frame, FrameId
from nowline.live.reader import Reader, Subscription, Wire


class Party:
    """Readers that are told the same.

    Args:
        reader: The first of them; it has been told everything.

    Attributes:
        key: Stands for what they watch, and how.
        channels: What they watch.
        members: Who they are.
        turn: How often they have been told something; see `Reader.turn`.
    """

    __slots__ = (
        "_before",
        "_names",
        "_watched",
        "_wire",
        "channels",
        "key",
        "members",
        "told",
        "turn",
    )

    def __init__(self, reader: Reader) -> None:
        self.key = key_of(reader)
        self.members: set[Reader] = set()
        self.turn = 0
        self.channels = [each.channel for each in reader.subscriptions.values()]
        self.told = [channel.id for channel in self.channels]
        self._before = self.told
        self._names = list(reader.subscriptions)
        self._wire: Wire = reader.wire
        self._watched = reader.watched

    def told_to(self, reader: Reader) -> list[FrameId]:
        """For each channel, the newest frame that a member has been told."""
        return self.told if reader.turn == self.turn else self._before

    def advance(self) -> list[tuple[str, Frame]] | None:
        """The frames that were not told yet, in order, which are told from now on.

        None if one of them is gone: then nothing has changed.
        """
        news: list[tuple[str, Frame]] = []
        for name, channel, told in zip(self._names, self.channels, self.told, strict=True):
            if told != channel.id:
                missed = channel.missed(told)
                if missed is None:
                    return None
                news += [(name, frame) for frame in missed]
        if news:
            self._before, self.told = self.told, [channel.id for channel in self.channels]
            self.turn += 1
        return sorted(news, key=_sequence)

    def encode(self, news: Iterable[tuple[str, Frame]]) -> bytes:
        """Frames as all members get them."""
        watched, wire = self._watched, self._wire
        return b"".join([wire.frame(f, name, f.stream_id(watched)) for name, f in news])


@dataclass(slots=True)
class Audience:
    """Who watches one channel: parties, and those who are told by themselves."""

    parties: dict[Party, None] = field(default_factory=dict)
    apart: dict[Subscription, Reader] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anybody does."""
        return bool(self.parties or self.apart)


class Audiences:
    """The audiences of all channels.

    Attributes:
        of: By channel.
    """

    def __init__(self) -> None:
        self.of: dict[Channel, Audience] = {}
        self._parties: dict[Hashable, Party] = {}

    def watch(self, reader: Reader, subscription: Subscription) -> None:
        """Let a reader watch under a name that it does not use."""
        self.step_out(reader)
        reader.subscriptions[subscription.name] = subscription
        self.of[subscription.channel].apart[subscription] = reader

    def unwatch(self, reader: Reader, name: str) -> Subscription | None:
        """Let a reader no longer watch what it calls by this name, if there is such a thing."""
        if name not in reader.subscriptions:
            return None
        self.step_out(reader)
        subscription = reader.subscriptions.pop(name)
        del self.of[subscription.channel].apart[subscription]
        return subscription

    def leave(self, reader: Reader) -> list[Subscription]:
        """Forget a reader; returns what it watched."""
        self.step_out(reader)
        watched = list(reader.subscriptions.values())
        for subscription in watched:
            del self.of[subscription.channel].apart[subscription]
        reader.subscriptions.clear()
        return watched

    def step_out(self, reader: Reader) -> None:
        """Tell a reader by itself from now on."""
        party, reader.party = reader.party, None
        if party is None:
            return
        told = party.told_to(reader)
        for subscription, frame_id in zip(reader.subscriptions.values(), told, strict=True):
            subscription.told = frame_id
            self.of[subscription.channel].apart[subscription] = reader
        party.members.discard(reader)
        if not party.members:
            self._dissolve(party)

    def step_in(self, reader: Reader) -> None:
        """Let a reader join those who have been told the same, if it has been told everything."""
        watched = reader.subscriptions.values()
        if not watched or any(each.told != each.channel.id for each in watched):
            return
        party = self._parties.get(key_of(reader)) or self._found(reader)
        if any(each.told != told for each, told in zip(watched, party.told, strict=True)):
            # It is ahead of them: they meet after their next turn.
            return
        party.members.add(reader)
        reader.party, reader.turn = party, party.turn
        for each in watched:
            del self.of[each.channel].apart[each]

    def _found(self, reader: Reader) -> Party:
        party = Party(reader)
        self._parties[party.key] = party
        for channel in party.channels:
            self.of[channel].parties[party] = None
        return party

    def _dissolve(self, party: Party) -> None:
        del self._parties[party.key]
        for channel in party.channels:
            self.of[channel].parties.pop(party, None)


def key_of(reader: Reader) -> Hashable:
    """Equal for readers that may be told the same bytes."""
    watched = tuple([(each.name, each.channel) for each in reader.subscriptions.values()])
    return type(reader.wire), reader.watched, watched


def _sequence(told: tuple[str, Frame]) -> int:
    return told[1].sequence

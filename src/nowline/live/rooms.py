"""Rooms: everyone in them is told what happens there, each message once and in order.

A reader that is full is passed over. What it has missed stays for a while, so that one which only
took a breath gets everything; one that is slower than that goes on with the newest and is told how
many messages it skipped. Nobody waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec

from nowline.live.backlog import Backlog, Piece
from nowline.live.frames import websocket_text
from nowline.live.reader import Reader
from nowline.live.slices import Slices
from nowline.live.topic import Topic

Stats = Callable[[ZoneInfo], tuple[object, bytes]]

# Readers are told at most this often, all that came meanwhile at once …
_GATHER_S = 0.1
# … and those that were full are looked after in between.
_ROOM_S = 0.02
_STATS_S = 1.0
_MOST_BYTES = 16 << 20


@dataclass(slots=True, eq=False)
class _Visitor:
    """A reader in some rooms.

    Attributes:
        reader: Who it is.
        rooms: The bits of its rooms.
        next: The piece that it is told next.
        heard: How many messages its rooms had before that piece.
        pulse: Tells it the counters.
    """

    reader: Reader
    rooms: int
    next: int
    heard: int
    pulse: _Pulse


class _Pulse(Topic):
    """The counters as those of one zone see them."""

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self.zone = zone
        self._figures: object = None

    def look(self, stats: Stats) -> None:
        """Have the counters told if they changed, or if somebody has not been told any."""
        figures, text = stats(self.zone)
        if figures != self._figures:
            self._figures = figures
            self.post(text)
        elif self.has_newcomers:
            self.renew(text)


class Rooms:
    """Tells what happens.

    Args:
        stats: The counters for a zone: what makes them different from others, and their message.
        most_bytes: How many bytes of messages are kept for readers that are behind.
    """

    def __init__(self, stats: Stats, most_bytes: int = _MOST_BYTES) -> None:
        self._stats = stats
        self._backlog = Backlog(most_bytes)
        self._visitors: dict[Reader, _Visitor] = {}
        self._pulses: dict[str, _Pulse] = {}
        self._news = asyncio.Event()
        self._came = asyncio.Event()
        self.skipped = 0

    def enter(self, reader: Reader, rooms: int, zone: ZoneInfo) -> None:
        """Tell a reader what happens in these rooms from now on.

        Args:
            reader: Whom to tell.
            rooms: The bits of its rooms.
            zone: Whose day today is.
        """
        self._backlog.seal()
        pulse = self._pulses.setdefault(zone.key, _Pulse(zone))
        pulse.join(reader, knows=False)
        at = self._backlog.next
        heard = self._backlog.before(at, rooms)
        self._visitors[reader] = _Visitor(reader, rooms, at, heard, pulse)
        self._came.set()

    def leave(self, reader: Reader) -> None:
        """Forget a reader."""
        visitor = self._visitors.pop(reader, None)
        if visitor is None:
            return
        visitor.pulse.leave(reader)
        if not len(visitor.pulse):
            del self._pulses[visitor.pulse.zone.key]
        if not self._visitors:
            self._came.clear()

    async def publish(self, told: Iterable[tuple[int, Sequence[bytes]]]) -> None:
        """Have messages told; they are not even made where nobody is there.

        Args:
            told: The bit of the room, and the messages of one event, in their order.
        """
        if not self._visitors:
            return
        slices = Slices()
        for room, texts in told:
            self._backlog.append(room, texts)
            if slices.is_over:
                self._news.set()
                await slices.rest()
        self._news.set()

    async def run(self) -> None:
        """Tell readers what is published until cancelled."""
        await asyncio.gather(self._tell_news(), self._tell_stats())

    async def _tell_news(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._news.wait()
            self._news.clear()
            self._backlog.seal()
            until = loop.time() + _GATHER_S
            is_done = await self.tell()
            while (left := until - loop.time()) > 0:
                await asyncio.sleep(left if is_done else _ROOM_S)
                is_done = is_done or await self.tell()
            if not self._backlog.is_empty:
                self._news.set()

    async def tell(self) -> bool:
        """Write to everyone who has room; whether nobody is behind any more."""
        slices, newest = Slices(), self._backlog.next
        behind = [each for each in self._visitors.values() if each.next < newest]
        for visitor in behind:
            self._write_to(visitor)
            if slices.is_over:
                await slices.rest()
        is_done = all(each.next >= self._backlog.next for each in self._visitors.values())
        if is_done:
            self._backlog.clear()
        return is_done

    def _write_to(self, visitor: _Visitor) -> None:
        """Write what comes next until the reader is full."""
        reader = visitor.reader
        while reader in self._visitors and not reader.closing.done() and not reader.is_full():
            piece = self._backlog.after(visitor.next)
            if piece is None:
                break
            if piece.number != visitor.next:
                self._skip_to(visitor, piece)
            if data := piece.of(visitor.rooms, deflates=reader.wire.deflates):
                reader.send(data)
            visitor.next = piece.number + 1
            visitor.heard = self._backlog.before(visitor.next, visitor.rooms)

    def _skip_to(self, visitor: _Visitor, piece: Piece) -> None:
        """Tell a reader how many messages it was too slow for."""
        skipped = self._backlog.before(piece.number, visitor.rooms) - visitor.heard
        if skipped:
            self.skipped += skipped
            notice = msgspec.json.encode({"type": "skipped", "skipped": skipped})
            visitor.reader.send(websocket_text(notice))

    async def _tell_stats(self) -> None:
        while True:
            await self._came.wait()
            await self.tell_stats()
            await asyncio.sleep(_STATS_S)

    async def tell_stats(self) -> None:
        """Tell everyone the counters, if they changed."""
        for pulse in list(self._pulses.values()):
            pulse.look(self._stats)
            await pulse.tell()
            await asyncio.sleep(0)

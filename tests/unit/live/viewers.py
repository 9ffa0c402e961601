"""A source in memory, a clock that stands still, and clients that notice every wrong frame."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nowline.errors import NowlineError
from nowline.live.commands import Wanted
from nowline.live.frames import FrameId
from nowline.live.hub import Hub
from nowline.live.reader import EventStreamWire, Reader, WebSocketWire, Wire
from nowline.live.session import Sessions
from nowline.model.query import Query
from nowline.model.user import Principal, Scope

START_MS = 1_800_000_000_000
ALICE = Principal("u1", "alice@example.org", frozenset({Scope.READ}), "s1")


class SetClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms


@dataclass
class Told:
    data: bytes
    position: int
    newest_ms: int | None = None


@dataclass
class Table:
    """A source: some cells, each with its value and the position at which it was set.

    It answers after some turns of the loop.
    """

    cells: dict[str, tuple[int, int]] = field(default_factory=dict)
    position: int = 0
    waiting: bool = False
    forgotten: int = 0
    broken: bool = False
    asked: int = 0
    newest_ms: int | None = None
    is_degraded: bool = False
    turns: int = 1

    def put(self, cell: str, value: int) -> None:
        self.position += 1
        self.cells[cell] = (value, self.position)

    def truth(self) -> dict[str, int]:
        return {cell: value for cell, (value, _) in self.cells.items()}

    async def snapshot(self) -> Told:
        return await self._told(0)

    async def changes(self, since: int) -> Told | None:
        self.asked += 1
        return None if since < self.forgotten else await self._told(since)

    def merge(self, parts: list[bytes]) -> bytes:
        latest = {point["timestamp"]: point for part in parts for point in json.loads(part)}
        return json.dumps(list(latest.values())).encode()

    async def _told(self, since: int) -> Told:
        points = [
            {"timestamp": cell, "value": value, "tags": {}}
            for cell, (value, at) in self.cells.items()
            if at > since
        ]
        position = self.position
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if self.broken:
            raise OSError("the store is gone")
        return Told(json.dumps(points, separators=(",", ":")).encode(), position, self.newest_ms)


class Tables:
    """Sources by metric name."""

    def __init__(self) -> None:
        self.named: dict[str, Table] = {}

    def metric(self, query: Query, interval_ms: int) -> tuple[str, Callable[[], Table]]:
        del interval_ms
        return query.metric_name, partial(self.table, query.metric_name)

    def catalogue(self) -> tuple[str, Callable[[], Table]]:
        return "catalogue", partial(self.table, "")

    def table(self, name: str) -> Table:
        return self.named.setdefault(name, Table())


class Pipe:
    """A connection's raw side: what was written waits until the client takes it."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        if not self.aborted:
            self.waiting.append(data)

    def unsent(self) -> int:
        return 0 if self.aborted else sum(map(len, self.waiting))

    def abort(self) -> None:
        self.aborted = True

    def take(self) -> bytes:
        taken, self.waiting = b"".join(self.waiting), []
        return taken


def reader(hub: Hub, wire: Wire | None = None) -> tuple[Reader, Pipe]:
    """A reader that the hub has admitted."""
    pipe = Pipe()
    closing = asyncio.get_running_loop().create_future()
    made = Reader(ALICE, pipe, wire or WebSocketWire(), "", closing)
    hub.admit(made)
    return made, pipe


def lone_reader(wire: Wire | None = None) -> tuple[Reader, Pipe]:
    """A reader that no hub knows."""
    pipe = Pipe()
    closing = asyncio.get_running_loop().create_future()
    return Reader(ALICE, pipe, wire or WebSocketWire(), "", closing), pipe


def inflated(frame: bytes) -> bytes:
    """What is in a compressed message of less than 64 KiB."""
    assert frame[0] == 0xC1
    return zlib.decompressobj(-15).decompress(frame[2 if frame[1] < 126 else 4 :])


def messages(data: bytes) -> list[dict[str, Any]]:
    """The messages in a run of unmasked WebSocket text frames."""
    found = []
    while data:
        assert data[0] == 0x81
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        found.append(json.loads(data[start : start + size]))
        data = data[start + size :]
    return found


def events(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The events in a run of HTTP chunks: the id of each, empty if none, and its message."""
    found = []
    while data:
        size, _, rest = data.partition(b"\r\n")
        body, data = rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        if body.startswith(b":"):
            continue
        lines = dict(line.split(": ", 1) for line in body.decode().strip().split("\n"))
        found.append((lines.get("id", ""), json.loads(lines["data"])))
    return found


@dataclass
class Held:
    """What a client knows of one channel; complains about frames that do not fit."""

    cells: dict[str, int] = field(default_factory=dict)
    epoch: str = ""
    number: int = -1
    knows: bool = False
    is_reset: bool = False
    skipped: int = 0

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "reset":
            self.is_reset, self.knows = True, False
            return
        epoch, _, number = message["frame"].rpartition("-")
        points = {point["timestamp"]: point["value"] for point in message["data"]}
        if message["type"] == "snapshot":
            assert not self.knows, "a picture that nobody needed"
            self.cells, self.epoch = points, epoch
        else:
            assert message["type"] == "metrics_update"
            assert self.knows, "an update before the picture"
            skipped = message.get("skipped", 0)
            assert (epoch, int(number)) == (self.epoch, self.number + 1 + skipped)
            self.skipped += skipped
            self.cells |= points
        self.number, self.knows, self.is_reset = int(number), True, False

    @property
    def id(self) -> str:
        return f"{self.epoch}-{self.number}"


class Client:
    """One viewer of some metrics, over one kind of connection or another."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.held = {name: Held() for name in names}
        self.reader: Reader | None = None
        self.pipe = Pipe()
        self.opening: asyncio.Task[None] | None = None

    def connect(self, sessions: Sessions) -> None:
        """Come, or come back."""

    def wanted(self) -> list[Wanted]:
        return [Wanted(name, Query(name), 1000) for name in self.names]

    def leave(self, hub: Hub) -> None:
        """The connection breaks: what was not taken is lost."""
        if self.reader is not None:
            if self.opening is not None:
                self.opening.cancel()
            self.pipe.abort()
            hub.leave(self.reader)
            self.reader = None

    def take(self, writes: int) -> None:
        """Read so many of the writes that wait."""
        taken, self.pipe.waiting = self.pipe.waiting[:writes], self.pipe.waiting[writes:]
        for data in taken:
            self.read(data)

    def read(self, data: bytes) -> None:
        """Understand what was written."""


class SocketClient(Client):
    def connect(self, sessions: Sessions) -> None:
        self.reader, self.pipe = reader(sessions.hub)
        self.opening = asyncio.create_task(self._subscribe(sessions, self.reader))

    async def _subscribe(self, sessions: Sessions, mine: Reader) -> None:
        for want in self.wanted():
            held = self.held[want.name]
            since = FrameId.parse(held.id) if held.knows else None
            if not held.knows:
                self.held[want.name] = Held()
            await sessions.subscribe(mine, Wanted(want.name, want.query, 1000, since))

    def read(self, data: bytes) -> None:
        for message in messages(data):
            self.held[message["id"]].take(message)


class StreamClient(Client):
    last_id = ""

    def connect(self, sessions: Sessions) -> None:
        self.reader, self.pipe = reader(sessions.hub, EventStreamWire())
        work = sessions.stream(self.reader, self.wanted(), self.last_id or None)
        if not self.last_id:
            self.held = {name: Held() for name in self.names}
        self.opening = asyncio.create_task(work)

    def read(self, data: bytes) -> None:
        for event_id, message in events(data):
            self.held[message["id"]].take(message)
            self.last_id = event_id or self.last_id


class PollClient(Client):
    cursor: str | None = None

    async def poll(self, sessions: Sessions, *, lost: bool = False) -> None:
        try:
            texts, cursor = await sessions.poll(self.wanted(), self.cursor)
        except (OSError, NowlineError):
            return
        if lost:
            return
        self.cursor = cursor
        for message in map(json.loads, texts):
            self.held[message["id"]].take(message)

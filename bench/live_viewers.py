"""Viewers that notice every frame that does not fit."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from bench.live_pipes import Pipe, SocketPipe, StreamPipe

Message = dict[str, Any]
Cell = tuple[str, str]
# Of a stream's id that covers only some of the first pictures.
_PARTIAL_DASHES = 3


class Server(Protocol):
    """Whom to connect to."""

    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def run(self) -> int:
        """Counts its starts."""
        ...


class WrongFrameError(AssertionError):
    """A viewer was told something that does not follow from what it was told before."""


@dataclass
class Held:
    """What a viewer holds of one channel."""

    name: str
    cells: dict[Cell, float] = field(default_factory=dict)
    epoch: str = ""
    number: int = -1
    knows: bool = False
    run: int = -1

    @property
    def id(self) -> str:
        """The id of the newest frame."""
        return f"{self.epoch}-{self.number}"

    def take(self, message: Message, run: int, *, may_reset: bool) -> None:
        """Apply a message as docs/live.md says.

        Raises:
            WrongFrameError: It does not fit.
        """
        if message["type"] == "reset":
            self._check(may_reset or not self.knows or run != self.run, message)
            self.knows = False
            return
        epoch, _, number = message["frame"].rpartition("-")
        told = {_cell(point): point["value"] for point in message["data"]}
        if message["type"] == "snapshot":
            self._check(not self.knows, message)
            self.cells, self.epoch = told, epoch
        else:
            self._check(message["type"] == "metrics_update" and self.knows, message)
            due = self.number + 1 + message.get("skipped", 0)
            self._check((epoch, int(number)) == (self.epoch, due), message)
            self.cells |= told
        self.number, self.knows, self.run = int(number), True, run

    def _check(self, fits: bool, message: Message) -> None:
        if not fits:
            shown = json.dumps(message)[:500]
            raise WrongFrameError(f"{self.name}, at {self.id} (knows: {self.knows}): {shown}")


class Viewer:
    """Somebody who watches some channels, over one kind of connection or another.

    Attributes:
        held: What it knows, by the channel's name.
        heard: How many messages it has taken.
        fault: The first that did not fit.
    """

    def __init__(self, name: str, wanted: Mapping[str, Message]) -> None:
        self.name = name
        self.wanted = wanted
        self.held = self._nothing()
        self.heard = self.skipped = self.resets = 0
        self.fault: WrongFrameError | None = None
        self._run = 0
        self._pipe: Pipe | None = None
        self._saved: dict[str, Held] = {}

    @property
    def is_there(self) -> bool:
        """Whether it is connected, as far as it knows."""
        return self._pipe is not None and not self._pipe.is_over

    async def connect(self, server: Server) -> None:
        """Come, or come back."""
        self._run = server.run
        self._pipe = await Pipe.open(server.url, self._make_pipe(server.key))

    def drop(self) -> None:
        """Break the connection; what was on its way is lost."""
        if self._pipe is not None:
            self._pipe.abort()

    def break_after(self, size: int) -> None:
        """Break it after so many more bytes, whatever they are the middle of."""
        if self._pipe is not None:
            self._pipe.left = size

    def pause(self) -> None:
        """Read nothing for now."""
        if self._pipe is not None:
            self._pipe.pause()

    def go_on(self) -> None:
        """Read on."""
        if self._pipe is not None:
            self._pipe.go_on()

    def save(self) -> None:
        """Remember what it knows."""
        self._saved = copy.deepcopy(self.held)

    def rewind(self) -> None:
        """Know only what it knew when that was saved, as a machine that is set back does."""
        if self._saved:
            self.drop()
            self.held = copy.deepcopy(self._saved)

    def _make_pipe(self, key: str) -> Pipe:
        raise NotImplementedError

    def _nothing(self) -> dict[str, Held]:
        return {name: Held(f"{self.name}/{name}") for name in self.wanted}

    def _take(self, message: Message, *, may_reset: bool = False) -> None:
        if message["type"] in ("heartbeat", "pong"):
            return
        self.heard += 1
        self.resets += message["type"] == "reset"
        self.skipped += message.get("skipped", 0)
        if message["type"] == "error":
            self.fault = self.fault or WrongFrameError(json.dumps(message))
            return
        try:
            self.held[message["id"]].take(message, self._run, may_reset=may_reset)
        except WrongFrameError as fault:
            self.fault = self.fault or fault


class SocketViewer(Viewer):
    """Over a WebSocket."""

    def __init__(self, name: str, wanted: Mapping[str, Message], *, deflates: bool) -> None:
        super().__init__(name, wanted)
        self._deflates = deflates

    def _make_pipe(self, key: str) -> Pipe:
        pipe = SocketPipe(key, self._hear, deflates=self._deflates)
        for name, wanted in self.wanted.items():
            message = {"type": "subscribe", "id": name, **wanted}
            held = self.held[name]
            if held.knows:
                message["since"] = held.id
            else:
                self.held[name] = Held(held.name)
            pipe.say(json.dumps(message).encode())
        return pipe

    def _hear(self, payload: bytes) -> None:
        self._take(json.loads(payload))


class StreamViewer(Viewer):
    """Over Server-Sent Events."""

    def __init__(self, name: str, wanted: Mapping[str, Message]) -> None:
        super().__init__(name, wanted)
        self._last_id = self._saved_id = ""
        self._id_run = self._saved_run = 0
        self._may_reset = False

    def save(self) -> None:  # noqa: D102
        super().save()
        self._saved_id, self._saved_run = self._last_id, self._id_run

    def rewind(self) -> None:  # noqa: D102
        super().rewind()
        if self._saved:
            self._last_id, self._id_run = self._saved_id, self._saved_run

    def _make_pipe(self, key: str) -> Pipe:
        if not self._last_id:
            self.held = self._nothing()
        # An id that covers only some of the first pictures lets the others begin again.
        is_partial = self._last_id.count("-") == _PARTIAL_DASHES
        self._may_reset = is_partial or self._id_run != self._run
        path = f"/api/dashboard/stream?{urlencode({'subscriptions': listed(self.wanted)})}"
        return StreamPipe(key, path, self._last_id, self._hear)

    def _hear(self, event: bytes) -> None:
        lines = [line.partition(": ") for line in event.decode().split("\n")]
        fields = {name: value for name, _, value in lines}
        if "data" in fields:
            self._take(json.loads(fields["data"]), may_reset=self._may_reset)
            if "id" in fields:
                self._last_id, self._id_run = fields["id"], self._run


class PollViewer(Viewer):
    """By asking again."""

    cursor = saved_cursor = ""

    @property
    def is_there(self) -> bool:
        """It is always as much there as ever."""
        return True

    def save(self) -> None:  # noqa: D102
        super().save()
        self.saved_cursor = self.cursor

    def rewind(self) -> None:  # noqa: D102
        super().rewind()
        self.cursor = self.saved_cursor if self._saved else self.cursor

    def path(self) -> str:
        """What to ask next."""
        cursor = {"cursor": self.cursor} if self.cursor else {}
        asked = {"subscriptions": listed(self.wanted), **cursor}
        return f"/api/v1/live/poll?{urlencode(asked)}"

    def take(self, answer: bytes, server: Server) -> None:
        """Take an answer in."""
        self._run = server.run
        told = json.loads(answer)
        for message in told["frames"]:
            self._take(message)
        self.cursor = told["cursor"]


def wanted(base: int) -> Mapping[str, Message]:
    """What everybody watches, by channels whose names begin with that of their metric.

    Args:
        base: Where the ranges begin that do not move, epoch milliseconds.
    """
    recent, everything = {"last": "5m"}, {"start": base}
    asked: dict[str, tuple[str, str, Message]] = {
        "level.last": ("last", "live", {"time_range": recent, "group_by": ["k"]}),
        "level.avg": ("avg", "1s", {"time_range": everything, "interval": "1m"}),
        "level.p90": ("p90", "live", {"time_range": everything, "interval": "10s"}),
        "work.sum": ("sum", "live", {"time_range": everything, "interval": "10s"}),
        "work.max": ("max", "1s", {"time_range": recent, "filters": {"k": ["a", "b"]}}),
        "total.sum": ("sum", "live", {"time_range": everything, "interval": "10s"}),
        "took.count": ("count", "live", {"time_range": recent, "group_by": ["k"]}),
        "wide": ("last", "live", {"time_range": recent, "group_by": ["k"]}),
    }
    return {
        name: {
            "query": {
                "metric_name": name.partition(".")[0],
                "aggregation": aggregation,
                "interval": "1s",
                "max_points": 10_000,
                **more,
            },
            "interval": every,
        }
        for name, (aggregation, every, more) in asked.items()
    }


def listed(wanted: Mapping[str, Message]) -> str:
    """The channels as event streams and polls name them."""
    return json.dumps([{"id": name, **each} for name, each in wanted.items()])


def _cell(point: Message) -> Cell:
    return json.dumps(point["tags"], sort_keys=True), point["timestamp"]

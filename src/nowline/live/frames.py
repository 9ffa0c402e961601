"""Frames, their ids, and the minute of them that a channel keeps. Pure: no sockets, no clock."""

from __future__ import annotations

import itertools
import re
from collections import deque
from dataclasses import dataclass, field

import msgspec

from nowline.clock import rfc3339
from nowline.live.websocket import Opcode, deflate, encode

# Widgets of one dashboard have the same names for all who watch it; this many dashboards share.
_MOST_ENCODINGS = 16
# Shorter frames gain nothing by being compressed; longer ones would hold the loop up.
_LEAST_DEFLATED = 256
_MOST_DEFLATED = 1 << 20


@dataclass(frozen=True, slots=True)
class FrameId:
    """A place in the one sequence of a channel; another epoch is another sequence."""

    epoch: str
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> FrameId | None:
        """The id that a client sent back, None if it is not one."""
        epoch, dash, number = text.rpartition("-")
        if not (dash and epoch and number.isascii() and number.isdigit() and len(number) < 19):
            return None
        return cls(epoch, int(number))


@dataclass(frozen=True, slots=True)
class StreamId:
    """How far a whole stream of several channels has been told; opaque to clients.

    Attributes:
        epoch: The server run that numbered the frames.
        sequence: Every frame up to this one has been told.
        watched: Stands for the channels of the stream and their order.
        pictures: How many of the first pictures were told, None for all.
    """

    epoch: str
    sequence: int
    watched: str
    pictures: int | None = None

    def __str__(self) -> str:
        pictures = "" if self.pictures is None else f"-{self.pictures}"
        return f"{self.epoch}-{self.sequence}-{self.watched}{pictures}"

    @classmethod
    def parse(cls, text: str) -> StreamId | None:
        """The id that a client sent back, None if it is not one."""
        match = _STREAM_ID.fullmatch(text)
        if match is None:
            return None
        pictures = None if match[4] is None else int(match[4])
        return cls(match[1], int(match[2]), match[3], pictures)


_STREAM_ID = re.compile(r"([0-9a-z]{1,32})-([0-9]{1,18})-([0-9a-f]{1,8})(?:-([0-9]{1,6}))?")


@dataclass(slots=True)
class Frame:
    """What a channel tells its readers, encoded once for each name they gave it.

    Attributes:
        kind: `snapshot` or `metrics_update`.
        id: The frame's place in its channel.
        run: The server run that numbers the frames of all channels.
        sequence: The frame's place among those.
        data: The JSON array of points.
        published_ms: When it was made.
        newest_ms: When its newest row was received, None if that is not known.
        skipped: How many frames it stands for besides itself.
        degraded: Whether it was read from the store, every few seconds, for want of anything newer.
    """

    kind: str
    id: FrameId
    run: str
    sequence: int
    data: bytes
    published_ms: int
    newest_ms: int | None
    skipped: int = 0
    degraded: bool = False
    _encoded: dict[object, bytes] = field(default_factory=dict)

    def text(self, name: str) -> bytes:
        """The frame as JSON for readers that call its channel by this name."""
        newest = "null" if self.newest_ms is None else f'"{rfc3339(self.newest_ms)}"'
        skipped = f',"skipped":{self.skipped}' if self.skipped else ""
        head = f'{{"type":"{self.kind}","id":{_json(name)},"frame":"{self.id}","data":'
        degraded = ',"degraded":true' if self.degraded else ""
        published = f',"published_at":"{rfc3339(self.published_ms)}","newest_at":{newest}'
        tail = f"{published}{skipped}{degraded}}}"
        return head.encode() + self.data + tail.encode()

    def message(self, name: str) -> bytes:
        """The same as one WebSocket message."""
        return self._encoded.get(name) or self._keep(name, websocket_text(self.text(name)))

    def deflated_message(self, name: str) -> bytes:
        """The same, compressed where that is worth it and some readers may share it."""
        key = (name,)
        if (known := self._encoded.get(key)) is not None:
            return known
        if len(self._encoded) >= _MOST_ENCODINGS:
            return self.message(name)
        text = self.text(name)
        if not _is_worth_deflating(text):
            return self.message(name)
        return self._keep(key, deflated_text(text))

    def event(self, name: str, event_id: str) -> bytes:
        """The same as one Server-Sent Event in one HTTP chunk."""
        key = (name, event_id)
        known = self._encoded.get(key)
        return known or self._keep(key, sse_event(self.kind, event_id, self.text(name)))

    def forget_encodings(self) -> None:
        """Let go of what was encoded: few will ask for this frame again."""
        self._encoded.clear()

    def stream_id(self, watched: str) -> str:
        """The id of a stream of these channels that has been told everything up to this frame."""
        return str(StreamId(self.run, self.sequence, watched))

    def _keep(self, key: object, encoded: bytes) -> bytes:
        # Names are the clients' to choose: one for each of them must not fill the memory.
        if len(self._encoded) < _MOST_ENCODINGS:
            self._encoded[key] = encoded
        return encoded


class Ring:
    """The newest frames of a channel, as far back as a reader may resume.

    Attributes:
        bytes: How much data they hold.
    """

    def __init__(self, keep_ms: int, most_bytes: int, sequence: int) -> None:
        self._keep_ms = keep_ms
        self._most_bytes = most_bytes
        self.bytes = 0
        self._frames: deque[Frame] = deque()
        # Every frame of this channel that is not kept came at or before this.
        self._gone = sequence

    def append(self, frame: Frame) -> None:
        """Take a frame in and let go of those that are too old, or too much together."""
        if self._frames:
            self._frames[-1].forget_encodings()
        self._frames.append(frame)
        self.bytes += len(frame.data)
        oldest = frame.published_ms - self._keep_ms
        while len(self._frames) > 1 and (
            self._frames[0].published_ms < oldest or self.bytes > self._most_bytes
        ):
            gone = self._frames.popleft()
            self.bytes -= len(gone.data)
            self._gone = gone.sequence

    def after(self, number: int, newest: int) -> list[Frame] | None:
        """The frames from `number` (without it) to `newest`, in order; None if one is gone."""
        count = newest - number
        if count > len(self._frames):
            return None
        return list(itertools.islice(reversed(self._frames), count))[::-1]

    def after_sequence(self, sequence: int) -> list[Frame] | None:
        """The frames that came later among those of all channels; None if one may be gone."""
        if sequence < self._gone:
            return None
        return [frame for frame in self._frames if frame.sequence > sequence]


class SharedText:
    """A message that several readers are told, encoded once for each way to write it."""

    __slots__ = ("_deflated", "_plain", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._plain = self._deflated = b""

    def message(self, *, deflates: bool) -> bytes:
        """It as one WebSocket message, compressed if that is agreed on and worth it."""
        if not deflates or not _is_worth_deflating(self.text):
            self._plain = self._plain or websocket_text(self.text)
            return self._plain
        self._deflated = self._deflated or deflated_text(self.text)
        return self._deflated


def _is_worth_deflating(text: bytes) -> bool:
    return _LEAST_DEFLATED <= len(text) <= _MOST_DEFLATED


def deflated_text(payload: bytes) -> bytes:
    """The same as `websocket_text`, compressed (RFC 7692)."""
    return encode(Opcode.TEXT, deflate(payload), compressed=True)


def websocket_text(payload: bytes) -> bytes:
    """A whole unmasked text message (RFC 6455, section 5.2)."""
    return encode(Opcode.TEXT, payload)


def sse_event(kind: str, event_id: str, data: bytes) -> bytes:
    """An event (WHATWG HTML, section 9.2.6) as one HTTP chunk; `data` has no line breaks.

    An empty `event_id` leaves the reader's last id as it is.
    """
    id_line = f"id: {event_id}\n" if event_id else ""
    return chunk(f"event: {kind}\n{id_line}data: ".encode() + data + b"\n\n")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()

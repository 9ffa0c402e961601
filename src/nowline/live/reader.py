"""One viewer's connection: what it watches and how far it has been told. Pure but for the writer.

A reader holds no frames. For each subscription it knows the last one sent; what it gets next
follows from the channel. So a slow reader costs no memory here: it is passed over while its
socket is full, and then gets one frame for all that it missed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from nowline.live.channel import Channel
from nowline.live.frames import Frame, FrameId, SharedText, chunk, sse_event, websocket_text
from nowline.model.user import Principal

if TYPE_CHECKING:
    from nowline.live.audience import Party

# A socket with more than this unsent belongs to a reader that cannot keep up.
FULL_BYTES = 64 << 10
# How soon to look whether it has taken some, and how long to wait at most where it has not.
_ROOM_S, _MOST_ROOM_S = 0.02, 1.0


class Writer(Protocol):
    """The raw side of a connection."""

    def write(self, data: bytes) -> None:
        """Send without waiting."""
        ...

    def unsent(self) -> int:
        """Bytes that the reader has not taken yet; none once the connection is closing."""
        ...

    def abort(self) -> None:
        """Drop the connection at once."""
        ...


class Wire(Protocol):
    """How a transport writes what a reader is told.

    Attributes:
        deflates: Whether messages may be compressed.
    """

    deflates: bool

    def frame(self, frame: Frame, name: str, event_id: str) -> bytes:
        """A frame under the name that the reader gave its channel."""
        ...

    def notice(self, kind: str, data: bytes) -> bytes:
        """Anything else: `data` is the JSON of a message of that type."""
        ...

    def heartbeat(self, data: bytes) -> bytes:
        """A sign of life."""
        ...


class WebSocketWire:
    """One text message each."""

    deflates = False

    def frame(self, frame: Frame, name: str, event_id: str) -> bytes:  # noqa: ARG002, D102
        return frame.message(name)

    def notice(self, kind: str, data: bytes) -> bytes:  # noqa: ARG002, D102
        return websocket_text(data)

    def heartbeat(self, data: bytes) -> bytes:  # noqa: D102
        return websocket_text(data)


class DeflatedWebSocketWire(WebSocketWire):
    """The same for those who take compressed messages: what is shared is compressed, once."""

    deflates = True

    def frame(self, frame: Frame, name: str, event_id: str) -> bytes:  # noqa: ARG002, D102
        return frame.deflated_message(name)


class EventStreamWire:
    """One Server-Sent Event each, as HTTP chunks; heartbeats are comments."""

    deflates = False

    def frame(self, frame: Frame, name: str, event_id: str) -> bytes:  # noqa: D102
        return frame.event(name, event_id)

    def notice(self, kind: str, data: bytes) -> bytes:  # noqa: D102
        return sse_event(kind, "", data)

    def heartbeat(self, data: bytes) -> bytes:  # noqa: ARG002, D102
        return chunk(b": heartbeat\n\n")


@dataclass(slots=True, eq=False)
class Subscription:
    """One channel under the name that the reader gave it.

    Attributes:
        told: The newest frame that the reader has been told, None until its picture is written:
            until then it is silent. While the reader is in a party, that knows.
    """

    name: str
    channel: Channel
    told: FrameId | None = None

    @property
    def is_behind(self) -> bool:
        """Whether there are frames that the reader has not been told."""
        return self.told is not None and self.told != self.channel.id


@dataclass(slots=True, eq=False)
class Reader:
    """A viewer's open connection.

    Attributes:
        principal: Whose it is.
        writer: Where bytes go.
        wire: How frames become bytes.
        watched: Stands for its channels in ids that cover the whole connection; empty where
            channels come and go and each is resumed by its own ids.
        party: With whom it is told the same; None while it is told by itself.
        turn: How often the party had been told something when the reader was told the last.
        closing: Resolved with a close code and reason when the server ends it.
    """

    principal: Principal
    writer: Writer
    wire: Wire
    watched: str
    closing: asyncio.Future[tuple[int, str]]
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    written_at: float = 0.0
    stuck_since: float | None = None
    party: Party | None = None
    turn: int = 0

    def is_full(self) -> bool:
        """Whether the socket takes no more for now."""
        return self.writer.unsent() > FULL_BYTES

    async def room(self) -> None:
        """Wait until the socket takes more."""
        wait_s = _ROOM_S
        while self.is_full():
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _MOST_ROOM_S)

    def tell(self, message: SharedText) -> None:
        """Write a message that others are told too, over a WebSocket."""
        self.send(message.message(deflates=self.wire.deflates))

    def send(self, data: bytes) -> None:
        """Write what is encoded already; the silence before it is over."""
        self.writer.write(data)
        self.written_at = asyncio.get_running_loop().time()

    def encode(self, frame: Frame, name: str) -> bytes:
        """A frame as this reader's transport writes it."""
        return self.wire.frame(frame, name, frame.stream_id(self.watched))

    def close(self, code: int, reason: str) -> None:
        """Ask the connection's own task to end it."""
        if not self.closing.done():
            self.closing.set_result((code, reason))

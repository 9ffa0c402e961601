"""Messages in order, kept for as long as a reader that is a little behind may need them. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nowline.live.frames import SharedText

# So much is written at once to a reader that may be full afterwards.
_PIECE_BYTES = 32 << 10


@dataclass(slots=True)
class Piece:
    """Some messages that follow each other.

    Attributes:
        number: Its place among the pieces.
        before: For each room, how many messages there were before this piece.
        messages: The room and the text of each.
        size: How many bytes all of it is.
    """

    number: int
    before: Mapping[int, int]
    messages: list[tuple[int, SharedText]] = field(default_factory=list)
    size: int = 0
    _joined: dict[tuple[int, bool], bytes] = field(default_factory=dict)

    def of(self, rooms: int, *, deflates: bool = False) -> bytes:
        """What is told in these rooms, joined once for all who are in the same.

        Args:
            rooms: Their bits.
            deflates: Whether messages may be compressed.
        """
        known = self._joined.get((rooms, deflates))
        if known is None:
            told = [message for room, message in self.messages if room & rooms]
            known = b"".join([message.message(deflates=deflates) for message in told])
            self._joined[rooms, deflates] = known
        return known


class Backlog:
    """The newest messages of all rooms, as far as they fit.

    Args:
        most_bytes: How much is kept; the oldest go first, and never the newest piece.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._pieces: deque[Piece] = deque()
        self._totals: Counter[int] = Counter()
        self._open = Piece(0, {})

    @property
    def next(self) -> int:
        """The number of the piece that is not complete yet."""
        return self._open.number

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._pieces and not self._open.messages

    def append(self, room: int, texts: Sequence[bytes]) -> None:
        """Add the messages of one event, each a JSON object."""
        for text in texts:
            self._open.messages.append((room, SharedText(text)))
            self._open.size += len(text)
        self._totals[room] += len(texts)
        if self._open.size >= _PIECE_BYTES:
            self.seal()

    def seal(self) -> None:
        """Complete the open piece, so that it can be told."""
        piece = self._open
        if not piece.messages:
            return
        self._open = Piece(piece.number + 1, dict(self._totals))
        self._pieces.append(piece)
        self._bytes += piece.size
        while self._bytes > self._most_bytes and len(self._pieces) > 1:
            self._bytes -= self._pieces.popleft().size

    def after(self, number: int) -> Piece | None:
        """The piece of this number, or the newest if it is gone; None if it is still to come."""
        if number >= self._open.number:
            return None
        first = self._pieces[0].number
        return self._pieces[number - first] if number >= first else self._pieces[-1]

    def before(self, number: int, rooms: int) -> int:
        """How many messages these rooms had before a piece that is kept, or the open one."""
        counts = self._open.before
        if number < self._open.number:
            counts = self._pieces[number - self._pieces[0].number].before
        return sum(count for room, count in counts.items() if room & rooms)

    def clear(self) -> None:
        """Let go of everything that is complete."""
        self._pieces.clear()
        self._bytes = 0

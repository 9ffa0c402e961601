"""The frames of WebSocket (RFC 6455), read and written by a server. Pure: no sockets, no clock.

Messages may be compressed (RFC 7692), each on its own. What a peer sends is held only up to the
limit of a message, whatever the sizes that it announces or packs.
"""

from __future__ import annotations

import codecs
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

# The longest message, unpacked.
MOST_BYTES: Final = 64 << 10
# What RFC 7692 leaves off the end of each message.
_TAIL: Final = b"\x00\x00\xff\xff"
# A last block of DEFLATE needs no such end, but gets one, with or without an empty block before.
_AFTER_LAST_BLOCK: Final = (b"", _TAIL, b"\x00" + _TAIL)
_MOST_CONTROL_BYTES: Final = 125
_LONGEST_HEAD: Final = 14
_OPCODE: Final = 0x0F
_FINAL: Final = 0x80
_COMPRESSED: Final = 0x40
_RESERVED: Final = 0x30
_MASKED: Final = 0x80
_SIZE: Final = 0x7F
_decoders = codecs.getincrementaldecoder("utf-8")


class Opcode(IntEnum):
    """What a frame is (section 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class CloseCode(IntEnum):
    """Why a connection ends (section 7.4.1)."""

    NORMAL = 1000
    PROTOCOL = 1002
    NONE = 1005
    ABNORMAL = 1006
    NOT_TEXT = 1007
    TOO_BIG = 1009
    BROKEN = 1011
    RESTART = 1012


class Violation(Exception):  # noqa: N818 - it is what the peer does, not what goes wrong here
    """The peer does not keep to the protocol: the connection is to be failed.

    Args:
        code: The close code that says how.
        reason: The same in words.
    """

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message: text or bytes."""

    data: str | bytes


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered by a pong with the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """An answer to a ping, or a sign of life of its own accord."""


@dataclass(frozen=True, slots=True)
class Close:
    """The last frame of a peer; 1005 stands for no code."""

    code: int
    reason: str


Event = Message | Ping | Pong | Close


class Receiver:
    """Makes events of the bytes of a client, however they are cut.

    Args:
        compresses: Whether compression was agreed on.
        most_bytes: The longest message.
    """

    __slots__ = ("_at", "_compresses", "_data", "_frame", "_message", "_most_bytes")

    def __init__(self, *, compresses: bool, most_bytes: int = MOST_BYTES) -> None:
        self._compresses = compresses
        self._most_bytes = most_bytes
        self._data = b""
        self._at = 0
        self._frame: _Frame | None = None
        self._message: _Message | None = None

    def feed(self, data: bytes) -> None:
        """Take in what came next."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def next(self) -> Event | None:
        """The next event; None until more bytes come.

        Raises:
            Violation: The peer broke the protocol; nothing after this has a meaning.
        """
        while (frame := self._frame or self._begin()) is not None:
            event = self._go_on(frame)
            if event is not None:
                return event
            if self._frame is not None:
                break
        self._forget_read()
        return None

    def _begin(self) -> _Frame | None:
        """Read the head of a frame (section 5.2); None until it is all there."""
        head = self._data[self._at : self._at + _LONGEST_HEAD]
        if len(head) < 2:
            return None
        self._check(head[0], head[1])
        size, start = head[1] & _SIZE, 2
        if size > _MOST_CONTROL_BYTES:
            start = 4 if size == 126 else 10
            size = int.from_bytes(head[2:start], "big")
        if len(head) < start + 4:
            return None
        frame = self._frame = _Frame(head[0], head[start : start + 4], size)
        if frame.is_data:
            self._admit(frame)
        self._at += start + 4
        return frame

    def _admit(self, frame: _Frame) -> None:
        """Refuse a frame that would make its message too long; begin one with the first."""
        if self._message is None:
            self._message = _Message(frame.head, self._most_bytes)
        if frame.left >> 63:
            raise Violation(CloseCode.PROTOCOL, "the length of a frame has 63 bits")
        if self._message.taken + frame.left > self._most_bytes:
            raise Violation(CloseCode.TOO_BIG, f"a message may have {self._most_bytes} bytes")

    def _check(self, first: int, second: int) -> None:
        """Refuse what is wrong with the first two bytes of a frame."""
        opcode, is_first = first & _OPCODE, self._message is None
        if not second & _MASKED:
            raise Violation(CloseCode.PROTOCOL, "frames of a client must be masked")
        if opcode not in _OPCODES:
            raise Violation(CloseCode.PROTOCOL, "reserved opcode")
        compressible = self._compresses and opcode in (Opcode.TEXT, Opcode.BINARY)
        if first & _RESERVED or (first & _COMPRESSED and not compressible):
            raise Violation(CloseCode.PROTOCOL, "reserved bits")
        if opcode >= Opcode.CLOSE:
            if not first & _FINAL or second & _SIZE > _MOST_CONTROL_BYTES:
                raise Violation(CloseCode.PROTOCOL, "a control frame must be short and whole")
        elif is_first == (opcode == Opcode.CONTINUATION):
            wrong = "nothing to continue" if is_first else "the last message is not finished"
            raise Violation(CloseCode.PROTOCOL, wrong)

    def _go_on(self, frame: _Frame) -> Event | None:
        """Take in what is there of the frame's payload; an event if that ends one."""
        part = self._data[self._at : self._at + frame.left]
        self._at += len(part)
        part = frame.unmask(part)
        if not frame.is_data:
            frame.payload += part
        elif self._message is not None:
            self._message.append(part)
        if frame.left:
            return None
        self._frame = None
        return self._finish_data(frame) if frame.is_data else _control(frame)

    def _finish_data(self, frame: _Frame) -> Event | None:
        if not frame.is_final or self._message is None:
            return None
        message, self._message = self._message, None
        return Message(message.finish())

    def _forget_read(self) -> None:
        self._data = self._data[self._at :]
        self._at = 0


class _Frame:
    """A frame under way."""

    __slots__ = ("_mask", "head", "left", "payload")

    def __init__(self, head: int, mask: bytes, size: int) -> None:
        self.head = head
        self.left = size
        self.payload = b""
        self._mask = mask

    @property
    def is_data(self) -> bool:
        return self.head & _OPCODE < Opcode.CLOSE

    @property
    def is_final(self) -> bool:
        return bool(self.head & _FINAL)

    def unmask(self, part: bytes) -> bytes:
        """The next part of the payload as it was before it was masked (section 5.3)."""
        size = len(part)
        self.left -= size
        key = (self._mask * (size // 4 + 1))[:size]
        turn = size % 4
        self._mask = self._mask[turn:] + self._mask[:turn]
        plain = int.from_bytes(part, "little") ^ int.from_bytes(key, "little")
        return plain.to_bytes(size, "little")


class _Message:
    """A message under way, checked as it comes: text that is none is not waited for."""

    __slots__ = ("_data", "_inflater", "_most_bytes", "_text", "taken")

    def __init__(self, head: int, most_bytes: int) -> None:
        self.taken = 0
        self._data = bytearray()
        self._most_bytes = most_bytes
        self._text = _decoders() if head & _OPCODE == Opcode.TEXT else None
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if head & _COMPRESSED else None

    def append(self, part: bytes) -> None:
        """Take in a part of the payload, unmasked.

        Raises:
            Violation: Unpacked it is too much, or it is not text.
        """
        self.taken += len(part)
        self._take(part if self._inflater is None else self._inflate(self._inflater, part))

    def finish(self) -> str | bytes:
        """The whole message.

        Raises:
            Violation: It ends amid a character, or cannot be unpacked.
        """
        if self._inflater is not None:
            self._take(self._inflate(self._inflater, _TAIL))
            if self._inflater.unused_data not in _AFTER_LAST_BLOCK:
                raise Violation(CloseCode.NOT_TEXT, "more data after the last block of DEFLATE")
        if self._text is None:
            return bytes(self._data)
        self._take(b"", final=True)
        return self._data.decode()

    def _take(self, part: bytes, *, final: bool = False) -> None:
        self._data += part
        if self._text is None:
            return
        try:
            self._text.decode(part, final)
        except UnicodeDecodeError:
            raise Violation(CloseCode.NOT_TEXT, "a text message must be UTF-8") from None

    def _inflate(self, inflater: zlib._Decompress, part: bytes) -> bytes:
        room = self._most_bytes - len(self._data)
        try:
            data = inflater.decompress(part, room + 1)
        except zlib.error:
            raise Violation(CloseCode.NOT_TEXT, "a message that cannot be unpacked") from None
        if len(data) > room:
            raise Violation(CloseCode.TOO_BIG, f"a message may have {self._most_bytes} bytes")
        return data


def encode(opcode: Opcode, payload: bytes, *, compressed: bool = False) -> bytes:
    """A whole frame, unmasked as a server sends it (section 5.2)."""
    head, size = _FINAL | (_COMPRESSED if compressed else 0) | opcode, len(payload)
    if size <= _MOST_CONTROL_BYTES:
        return bytes((head, size)) + payload
    if size < 1 << 16:
        return bytes((head, 126)) + size.to_bytes(2, "big") + payload
    return bytes((head, 127)) + size.to_bytes(8, "big") + payload


def encode_close(code: int, reason: str = "") -> bytes:
    """A close frame; 1005 is sent as none. A reason that is too long is cut between characters."""
    if code == CloseCode.NONE:
        return encode(Opcode.CLOSE, b"")
    told = reason.encode()[: _MOST_CONTROL_BYTES - 2].decode(errors="ignore").encode()
    return encode(Opcode.CLOSE, code.to_bytes(2, "big") + told)


def deflate(payload: bytes) -> bytes:
    """A message compressed on its own (RFC 7692, section 7.2.1)."""
    compressor = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return packed.removesuffix(_TAIL)


def _control(frame: _Frame) -> Event:
    match Opcode(frame.head & _OPCODE):
        case Opcode.PING:
            return Ping(frame.payload)
        case Opcode.PONG:
            return Pong()
    return _closed(frame.payload)


def _closed(payload: bytes) -> Close:
    """What a close frame says (section 5.5.1)."""
    if not payload:
        return Close(CloseCode.NONE, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not _may_be_sent(code):
        raise Violation(CloseCode.PROTOCOL, "a close code that may not be sent")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise Violation(CloseCode.NOT_TEXT, "the reason of a close frame must be UTF-8") from None


def _may_be_sent(code: int) -> bool:
    """Whether a peer may close with it: section 7.4.2 and IANA's registry of close codes."""
    return code in _SENT_CODES or 3000 <= code < 5000


_OPCODES = frozenset(Opcode)
_SENT_CODES = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))

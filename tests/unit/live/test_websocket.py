from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.frames import Opcode as Theirs
from websockets.protocol import Protocol, Side

from nowline.live.websocket import (
    MOST_BYTES,
    Close,
    CloseCode,
    Event,
    Message,
    Opcode,
    Ping,
    Pong,
    Receiver,
    Violation,
    deflate,
    encode,
    encode_close,
)

MASK = bytes.fromhex("37fa213d")
TEXTS = st.text(max_size=300)
HELLO = bytes.fromhex("f248cdc9c90700")


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes | None = MASK
) -> bytes:
    """A frame as a client sends it, or one that it must not send."""
    size = len(payload)
    head = bytes(((0x80 if fin else 0) | rsv | opcode,))
    masked = 0 if mask is None else 0x80
    if size < 126:
        head += bytes((masked | size,))
    elif size < 1 << 16:
        head += bytes((masked | 126,)) + size.to_bytes(2, "big")
    else:
        head += bytes((masked | 127,)) + size.to_bytes(8, "big")
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def fragments(opcode: int, parts: list[bytes], *, rsv: int = 0) -> list[bytes]:
    """One message in several frames."""
    last = len(parts) - 1
    return [
        frame(0 if i else opcode, part, fin=i == last, rsv=0 if i else rsv)
        for i, part in enumerate(parts)
    ]


def received(chunks: Iterable[bytes], *, compresses: bool = False) -> list[Event]:
    receiver = Receiver(compresses=compresses)
    events = []
    for chunk in chunks:
        receiver.feed(chunk)
        while (event := receiver.next()) is not None:
            events.append(event)
    return events


def code_of(data: bytes, *, compresses: bool = False) -> CloseCode:
    """How a client is refused that sends this, at once or byte by byte."""
    codes = []
    for chunks in ([data], [data[i : i + 1] for i in range(len(data))]):
        with pytest.raises(Violation) as caught:
            received(chunks, compresses=compresses)
        assert caught.value.reason
        codes.append(caught.value.code)
    assert codes[0] == codes[1]
    return codes[0]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        ("818537fa213d7f9f4d5158", [Message("Hello")]),
        ("898537fa213d7f9f4d5158", [Ping(b"Hello")]),
        ("8a8537fa213d7f9f4d5158", [Pong()]),
        ("010337fa213d", None),
        ("01830000000048656c" + "8082000000006c6f", [Message("Hello")]),
    ],
)
def test_the_examples_of_rfc_6455(data: str, events: list[Event] | None) -> None:
    if events is None:
        assert code_of(bytes.fromhex(data)) is CloseCode.PROTOCOL
    else:
        assert received([bytes.fromhex(data)]) == events


def test_what_the_examples_of_rfc_6455_send() -> None:
    assert encode(Opcode.TEXT, b"Hello").hex() == "810548656c6c6f"
    assert encode(Opcode.PONG, b"Hello").hex() == "8a0548656c6c6f"
    assert encode(Opcode.BINARY, bytes(256))[:4].hex() == "827e0100"
    assert encode(Opcode.BINARY, bytes(65536))[:10].hex() == "827f0000000000010000"


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ("f248cdc9c90700", "one compressed block"),
        ("000500faff48656c6c6f00", "a block without compression"),
        ("f348cdc9c9070000", "a last block"),
        ("f348cdc9c90700", "a last block without the empty one after it"),
        ("f248050000 00ffffcac9c90700".replace(" ", ""), "two blocks"),
    ],
)
def test_the_examples_of_rfc_7692(payload: str, why: str) -> None:
    packed = bytes.fromhex(payload)
    del why
    assert received([frame(1, packed, rsv=0x40)], compresses=True) == [Message("Hello")]
    parts = fragments(1, [packed[:3], packed[3:]], rsv=0x40)
    assert received(parts, compresses=True) == [Message("Hello")]


def test_we_compress_as_the_example_of_rfc_7692() -> None:
    assert deflate(b"Hello") == HELLO


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Event], bytes]:
    """Messages in fragments with control frames in between, and what they are."""
    events: list[Event] = []
    sent = b""
    for text in draw(st.lists(TEXTS, max_size=4)):
        is_text, is_packed = draw(st.booleans()), draw(st.booleans())
        payload = deflate(text.encode()) if is_packed else text.encode()
        cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
        parts = [payload[a:b] for a, b in pairwise([0, *cuts, len(payload)])]
        for each in fragments(1 if is_text else 2, parts, rsv=0x40 if is_packed else 0):
            control, code = draw(st.sampled_from([None, (Ping(b"p"), 9), (Pong(), 10)])) or (0, 0)
            if isinstance(control, Ping | Pong):
                events.append(control)
                sent += frame(code, b"p")
            sent += each
        events.append(Message(text if is_text else text.encode()))
    return events, sent


@given(streams(), st.lists(st.integers(0, 2000), max_size=20), st.binary(min_size=4, max_size=4))
def test_however_the_stream_is_cut_the_messages_are_the_same(
    stream: tuple[list[Event], bytes], cuts: list[int], mask: bytes
) -> None:
    events, sent = stream
    places = sorted(min(cut, len(sent)) for cut in cuts)
    chunks = [sent[a:b] for a, b in pairwise([0, *places, len(sent)])]
    assert received([*chunks, frame(1, b"end", mask=mask)], compresses=True) == [
        *events,
        Message("end"),
    ]
    assert received((bytes((b,)) for b in sent), compresses=True) == events


@given(st.lists(st.tuples(st.sampled_from(["text", "binary", "ping"]), TEXTS), max_size=5))
def test_what_the_websockets_library_sends(sent: list[tuple[str, str]]) -> None:
    client = Protocol(Side.CLIENT, max_size=None)
    for kind, text in sent:
        payload = text.encode()[:120] if kind == "ping" else text.encode()
        getattr(client, f"send_{kind}")(payload)
    kinds = [type(event) for event in received(client.data_to_send())]
    assert kinds == [Ping if kind == "ping" else Message for kind, _ in sent]


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_events_or_a_violation(data: bytes, compresses: bool) -> None:
    code = None
    try:
        received([data], compresses=compresses)
    except Violation as violation:
        code = violation.code
    assert code in {None, CloseCode.PROTOCOL, CloseCode.NOT_TEXT, CloseCode.TOO_BIG}


@pytest.mark.parametrize(
    "data",
    [
        frame(1, b"x", mask=None),
        frame(1, b"x", rsv=0x40),
        frame(1, b"x", rsv=0x20),
        frame(1, b"x", rsv=0x10),
        *(frame(opcode, b"x") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
        frame(9, b"x", fin=False),
        frame(8, b"", fin=False),
        frame(9, b"x" * 126),
        frame(8, bytes(200)),
        frame(0, b"nothing to continue"),
        frame(1, b"x", fin=False) + frame(1, b"another"),
        frame(2, b"x", fin=False) + frame(2, b"another"),
        b"\x81\xff\x80" + bytes(7) + MASK,
    ],
)
def test_what_breaks_the_framing(data: bytes) -> None:
    assert code_of(data) is CloseCode.PROTOCOL


@pytest.mark.parametrize(
    "data",
    [
        frame(9, b"x", rsv=0x40),
        frame(1, HELLO[:3], fin=False, rsv=0x40) + frame(0, HELLO[3:], rsv=0x40),
        frame(2, b"x", rsv=0x60),
    ],
)
def test_where_no_compression_may_be(data: bytes) -> None:
    assert code_of(data, compresses=True) is CloseCode.PROTOCOL


@pytest.mark.parametrize(
    "text",
    [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xce\xba\xe1\xbd", b"\xe2"],
)
def test_text_that_is_none(text: bytes) -> None:
    assert code_of(frame(1, text)) is CloseCode.NOT_TEXT
    assert code_of(b"".join(fragments(1, [text[:1], text[1:]]))) is CloseCode.NOT_TEXT
    assert code_of(frame(1, deflate(text), rsv=0x40), compresses=True) is CloseCode.NOT_TEXT
    assert received([frame(2, text)]) == [Message(text)]


def test_text_is_not_waited_for_once_it_is_none() -> None:
    receiver = Receiver(compresses=False)
    receiver.feed(frame(1, b"good \xff and much more to come" * 100)[:40])
    with pytest.raises(Violation):
        receiver.next()


def test_a_character_may_be_cut_by_a_ping() -> None:
    first, last = fragments(1, ["é".encode()[:1], "é".encode()[1:]])
    assert received([first + frame(9, b"?") + last]) == [Ping(b"?"), Message("é")]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000])
def test_close_codes_that_may_not_be_sent(code: int) -> None:
    assert code_of(frame(8, code.to_bytes(2, "big"))) is CloseCode.PROTOCOL


@pytest.mark.parametrize("code", [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4401, 4999])
def test_close_codes_that_may_be_sent(code: int) -> None:
    assert received([frame(8, code.to_bytes(2, "big") + b"bye")]) == [Close(code, "bye")]


def test_other_close_frames() -> None:
    assert received([frame(8)]) == [Close(1005, "")]
    assert code_of(frame(8, b"\x03")) is CloseCode.PROTOCOL
    assert code_of(frame(8, b"\x03\xe8\xff")) is CloseCode.NOT_TEXT


def test_the_longest_message() -> None:
    longest = b"x" * MOST_BYTES
    assert received([frame(1, longest)]) == [Message(longest.decode())]
    halves = fragments(1, [longest[:100], longest[100:]])
    assert received(halves) == [Message(longest.decode())]
    packed = frame(1, deflate(longest), rsv=0x40)
    assert received([packed], compresses=True) == [Message(longest.decode())]


def test_a_longer_message_is_refused_before_it_is_there() -> None:
    whole = frame(1, b"x" * (MOST_BYTES + 1))
    assert code_of(whole[:20]) is CloseCode.TOO_BIG
    first, last = fragments(2, [b"x" * 100, b"x" * MOST_BYTES])
    assert code_of(first + last[:20]) is CloseCode.TOO_BIG


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 10_000_000])
def test_what_is_small_only_while_it_is_packed(size: int) -> None:
    packed = deflate(bytes(size))
    assert len(packed) < MOST_BYTES
    with pytest.raises(Violation) as caught:
        received([frame(2, packed, rsv=0x40)], compresses=True)
    assert caught.value.code is CloseCode.TOO_BIG


@pytest.mark.parametrize("payload", [b"\xff\xff", b"\x06", zlib.compress(b"with a head")])
def test_what_cannot_be_unpacked(payload: bytes) -> None:
    assert code_of(frame(2, payload, rsv=0x40), compresses=True) is CloseCode.NOT_TEXT


def test_nothing_follows_the_last_block() -> None:
    ended = bytes.fromhex("f348cdc9c90700") + HELLO
    assert code_of(frame(1, ended, rsv=0x40), compresses=True) is CloseCode.NOT_TEXT


@given(st.text(max_size=5000))
def test_the_websockets_library_reads_what_we_send(text: str) -> None:
    client = Protocol(Side.CLIENT, max_size=None)
    client.receive_data(encode(Opcode.TEXT, text.encode()))
    client.receive_data(encode_close(4401, "signed out"))
    message, close = client.events_received()
    assert isinstance(message, Frame)
    assert (message.opcode, bytes(message.data).decode()) == (Theirs.TEXT, text)
    assert client.close_rcvd is not None
    assert isinstance(close, Frame)
    assert (client.close_rcvd.code, client.close_rcvd.reason) == (4401, "signed out")
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(deflate(text.encode()) + b"\0\0\xff\xff").decode() == text


def test_a_long_reason_is_cut_between_characters() -> None:
    data = encode_close(1008, "é" * 100)
    assert len(data) <= 2 + 125
    assert data[4:].decode() == "é" * 61
    assert encode_close(1005) == b"\x88\x00"

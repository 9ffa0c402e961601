from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side

from nowline.live.frames import (
    Frame,
    FrameId,
    Ring,
    SharedText,
    StreamId,
    sse_event,
    websocket_text,
)
from unit.live.viewers import inflated

EPOCHS = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20)
COUNTS = st.integers(0, 10**17)


def frame(number: int, *, at: int = 0, data: bytes = b"[1]", sequence: int | None = None) -> Frame:
    placed = number if sequence is None else sequence
    return Frame("metrics_update", FrameId("e", number), "run", placed, data, at, None)


@given(EPOCHS, COUNTS)
def test_a_frame_id_is_read_back(epoch: str, number: int) -> None:
    assert FrameId.parse(str(FrameId(epoch, number))) == FrameId(epoch, number)


@given(EPOCHS, COUNTS, st.integers(0, 2**32 - 1), st.none() | st.integers(0, 999_999))
def test_a_stream_id_is_read_back(
    epoch: str, sequence: int, watched: int, pictures: int | None
) -> None:
    whole = StreamId(epoch, sequence, f"{watched:x}", pictures)
    assert StreamId.parse(str(whole)) == whole


@given(st.text())
def test_any_text_is_an_id_or_none(text: str) -> None:
    frame_id, stream_id = FrameId.parse(text), StreamId.parse(text)
    assert frame_id is None or isinstance(frame_id.number, int)
    assert stream_id is None or str(stream_id.epoch) in text


@pytest.mark.parametrize("text", ["", "-", "e-", "-1", "e", "e-x", "e-1.5", "e-٣", "e-" + "9" * 30])
def test_what_is_no_frame_id(text: str) -> None:
    assert FrameId.parse(text) is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_message_of_any_size_is_one_whole_frame(size: int) -> None:
    payload = b"x" * size
    client = Protocol(Side.CLIENT, max_size=None)
    client.receive_data(websocket_text(payload))
    (received,) = client.events_received()
    assert isinstance(received, WebSocketFrame)
    assert (received.opcode, received.fin, bytes(received.data)) == (Opcode.TEXT, True, payload)


def test_an_event_is_one_chunk() -> None:
    event = b'event: reset\nid: e-1\ndata: {"a":1}\n\n'
    assert sse_event("reset", "e-1", b'{"a":1}') == b"%x\r\n%b\r\n" % (len(event), event)
    assert b"id:" not in sse_event("reset", "", b"{}")


@given(st.text(min_size=1), st.none() | st.integers(0, 2**41), st.integers(0, 5))
def test_a_frame_is_told_as_json(name: str, newest_ms: int | None, skipped: int) -> None:
    made = Frame("snapshot", FrameId("e", 7), "run", 9, b"[1,2]", 1_500, newest_ms, skipped)
    told: dict[str, Any] = json.loads(made.text(name))
    assert told["type"] == "snapshot"
    assert told["id"] == name
    assert told["frame"] == "e-7"
    assert told["data"] == [1, 2]
    assert told["published_at"] == "1970-01-01T00:00:01.500Z"
    assert (told["newest_at"] is None) == (newest_ms is None)
    assert told.get("skipped", 0) == skipped
    assert b"\n" not in made.text(name)


def test_readers_with_one_name_share_the_bytes() -> None:
    shared = frame(1)
    assert shared.message("w") is shared.message("w")
    assert shared.event("w", "r-1-a") is shared.event("w", "r-1-a")
    assert shared.message("v") != shared.message("w")


def test_a_frame_is_compressed_once_for_all_who_share_it() -> None:
    shared = frame(1, data=b"[%b]" % (b"1," * 500))
    packed = shared.deflated_message("w")
    assert packed is shared.deflated_message("w")
    assert packed[0] == 0xC1
    assert len(packed) < len(shared.message("w")) / 5
    text = zlib.decompressobj(-15).decompress(packed[2 if packed[1] < 126 else 4 :])
    assert text == shared.text("w")


@pytest.mark.parametrize("size", [255, 256, 1 << 20, 2 << 20])
def test_a_shared_text_is_encoded_once_for_each_way_to_write_it(size: int) -> None:
    shared = SharedText(b"1" * size)
    plain, packed = (shared.message(deflates=deflates) for deflates in (False, True))
    assert shared.message(deflates=False) is plain
    assert shared.message(deflates=True) is packed
    assert plain.endswith(shared.text)
    if 256 <= size <= 1 << 20:
        assert inflated(packed) == shared.text
    else:
        assert packed is plain


@pytest.mark.parametrize("size", [1, 2 << 20])
def test_what_gains_nothing_or_takes_long_is_not_compressed(size: int) -> None:
    made = frame(1, data=b"1" * size)
    assert made.deflated_message("w") is made.message("w")


def test_no_frame_is_compressed_for_each_of_many_names() -> None:
    shared = frame(1, data=b"[%b]" % (b"1," * 500))
    heads = [shared.deflated_message(f"w{number}")[0] for number in range(100)]
    assert heads == [0xC1] * 16 + [0x81] * 84
    assert len(shared._encoded) <= 16


def test_names_that_clients_choose_do_not_fill_the_memory() -> None:
    shared = frame(1)
    for number in range(1000):
        name = f"w{number}"
        assert json.loads(shared.message(name)[2:])["id"] == name
        shared.event(name, f"r-1-{number:x}")
    assert len(shared._encoded) <= 16


def test_a_ring_gives_each_missed_frame_once_in_order() -> None:
    ring = Ring(1000, 1 << 20, 0)
    for number in range(1, 6):
        ring.append(frame(number))
    missed = ring.after(2, 5)
    assert missed is not None
    assert [each.id.number for each in missed] == [3, 4, 5]
    assert ring.after(5, 5) == []


def test_a_ring_forgets_by_age() -> None:
    ring = Ring(1000, 1 << 20, 0)
    for number in range(1, 6):
        ring.append(frame(number, at=number * 500))
    assert ring.after(1, 5) is None
    assert len(ring.after(2, 5) or []) == 3
    assert ring.after_sequence(1) is None
    assert len(ring.after_sequence(2) or []) == 3


def test_a_ring_forgets_by_size_but_keeps_the_newest() -> None:
    ring = Ring(1000, 250, 0)
    for number in range(1, 6):
        ring.append(frame(number, data=b"x" * 100))
    assert ring.after(2, 5) is None
    assert len(ring.after(3, 5) or []) == 2
    ring.append(frame(6, data=b"x" * 1000))
    assert len(ring.after(5, 6) or []) == 1


def test_only_the_newest_frame_of_a_ring_keeps_its_encodings() -> None:
    ring = Ring(1000, 1 << 20, 0)
    older, newer = frame(1), frame(2)
    ring.append(older)
    older.message("w")
    ring.append(newer)
    newer.message("w")
    assert not older._encoded
    assert newer._encoded


def test_an_id_from_before_a_channel_began_is_not_continued() -> None:
    ring = Ring(1000, 1 << 20, 5)
    assert ring.after_sequence(4) is None
    assert ring.after_sequence(5) == []

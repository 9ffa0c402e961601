"""The newest message, once for each reader; who was too slow for some is told how many."""

from __future__ import annotations

import json

from nowline.live.reader import FULL_BYTES, DeflatedWebSocketWire, WebSocketWire
from nowline.live.topic import Topic
from unit.live.viewers import inflated, lone_reader, messages


async def test_a_message_is_encoded_once_and_told_once() -> None:
    topic = Topic()
    people = [lone_reader() for _ in range(300)]
    for reader, _ in people:
        topic.join(reader, knows=False)
    topic.post(b'{"n":1}')
    assert await topic.tell()
    assert await topic.tell()
    first = people[0][1].waiting
    assert messages(first[0]) == [{"n": 1}]
    assert all(pipe.waiting == first and pipe.waiting[0] is first[0] for _, pipe in people)


async def test_a_slow_reader_skips_to_the_newest() -> None:
    topic = Topic()
    slow, pipe = lone_reader()
    topic.join(slow, knows=False)
    pipe.write(b"x" * (FULL_BYTES + 1))
    for number in range(1, 5):
        topic.post(json.dumps({"n": number}).encode())
        assert not await topic.tell()
    pipe.take()
    assert await topic.tell()
    assert messages(pipe.take()) == [{"n": 4, "skipped": 3}]
    pipe.write(b"x" * (FULL_BYTES + 1))
    for number in range(5, 8):
        topic.post(json.dumps({"n": number}).encode())
        await topic.tell()
    pipe.take()
    assert await topic.tell()
    assert messages(pipe.take()) == [{"n": 7, "skipped": 2}]


async def test_who_comes_later_is_told_what_it_does_not_know() -> None:
    topic = Topic()
    topic.join(lone_reader()[0], knows=True)
    topic.post(b'{"n":1}')
    await topic.tell()
    (knows, quiet), (new, pipe) = lone_reader(), lone_reader()
    topic.join(knows, knows=True)
    topic.join(new, knows=False)
    topic.renew(b'{"n":"1, later"}')
    await topic.tell()
    assert messages(pipe.take()) == [{"n": "1, later"}]
    assert quiet.take() == b""


async def test_who_knows_a_message_is_not_told_it() -> None:
    topic = Topic()
    (knows, quiet), (other, pipe) = lone_reader(), lone_reader()
    for reader in (knows, other):
        topic.join(reader, knows=True)
    topic.post(b'{"n":1}', known_by=[knows])
    assert await topic.tell()
    assert quiet.take() == b""
    assert messages(pipe.take()) == [{"n": 1}]
    topic.post(b'{"n":2}')
    assert await topic.tell()
    assert messages(quiet.take()) == [{"n": 2}]


async def test_who_left_or_is_sent_away_is_told_nothing() -> None:
    topic = Topic()
    (left, quiet), (sent, silent) = lone_reader(), lone_reader()
    for reader in (left, sent):
        topic.join(reader, knows=False)
    topic.leave(left)
    sent.close(4401, "signed out")
    topic.post(b'{"n":1}')
    await topic.tell()
    assert quiet.take() == silent.take() == b""
    assert topic.readers == [sent]


async def test_a_long_message_is_compressed_once_for_all_who_agreed_on_that() -> None:
    topic = Topic()
    wires = [WebSocketWire(), DeflatedWebSocketWire()] * 2
    people = [lone_reader(wire) for wire in wires]
    for reader, _ in people:
        topic.join(reader, knows=False)
    text = json.dumps({"n": "x" * 300}).encode()
    topic.post(text)
    assert await topic.tell()
    (plain,), (packed,), (again_plain,), (again_packed,) = (pipe.waiting for _, pipe in people)
    assert (again_plain is plain, again_packed is packed) == (True, True)
    assert messages(plain) == [json.loads(text)]
    assert inflated(packed) == text

from __future__ import annotations

import asyncio
import json

import pytest

from nowline.errors import NowlineError
from nowline.live.commands import Wanted
from nowline.live.frames import FrameId
from nowline.live.hub import Hub
from nowline.live.reader import EventStreamWire
from nowline.live.session import Sessions
from nowline.model.query import Query
from unit.live.viewers import Pipe, PollClient, SetClock, StreamClient, Tables, messages, reader

A = Wanted("a", Query("a"), 1000)
BIG = 40_000


class World:
    """Sessions over tables in memory."""

    def __init__(self) -> None:
        self.clock, self.tables = SetClock(), Tables()
        self.hub = Hub(self.clock, 100)
        self.sessions = Sessions(self.hub, self.tables)

    def put(self, name: str, cell: str, value: int) -> None:
        self.tables.table(name).put(cell, value)

    async def tick(self) -> None:
        self.clock.ms += 1000
        for channel in list(self.hub.audiences.of):
            await self.hub.tick(channel)
        while self.hub.delivery.flushing is not None:
            await self.hub.delivery.flushing

    async def subscribe(self, since: FrameId | None = None) -> Pipe:
        mine, pipe = reader(self.hub)
        await self.sessions.subscribe(mine, Wanted("a", Query("a"), 1000, since))
        return pipe


@pytest.fixture
async def world() -> World:
    return World()


def kinds(pipe: Pipe) -> list[str]:
    return [message["type"] for message in messages(pipe.take())]


async def test_a_picture_comes_first(world: World) -> None:
    world.put("a", "p", 1)
    pipe = await world.subscribe()
    (picture,) = messages(pipe.take())
    assert picture["type"] == "snapshot"
    assert picture["data"] == [{"timestamp": "p", "value": 1, "tags": {}}]


async def test_who_comes_back_gets_each_frame_once_and_no_picture(world: World) -> None:
    witness = await world.subscribe()
    since = FrameId.parse(messages(witness.take())[0]["frame"])
    for value in range(3):
        world.put("a", "p", value)
        await world.tick()
    pipe = await world.subscribe(since)
    assert messages(pipe.take()) == messages(witness.take())
    world.put("a", "p", 9)
    await world.tick()
    assert messages(pipe.take()) == messages(witness.take())


async def test_who_missed_nothing_is_told_nothing(world: World) -> None:
    first = await world.subscribe()
    since = FrameId.parse(messages(first.take())[0]["frame"])
    pipe = await world.subscribe(since)
    assert kinds(pipe) == []


@pytest.mark.parametrize("since", [FrameId("", 0), FrameId("other", 3)])
async def test_what_cannot_be_continued_starts_over(world: World, since: FrameId) -> None:
    pipe = await world.subscribe(since)
    assert kinds(pipe) == ["reset", "snapshot"]


async def test_who_was_gone_too_long_starts_over(world: World) -> None:
    mine, pipe = reader(world.hub)
    await world.sessions.subscribe(mine, A)
    since = FrameId.parse(messages(pipe.take())[0]["frame"])
    world.hub.leave(mine)
    world.clock.ms += 63_000
    back = await world.subscribe(since)
    assert kinds(back) == ["reset", "snapshot"]


async def test_what_happened_while_nobody_watched_is_told_to_who_comes_back(world: World) -> None:
    mine, pipe = reader(world.hub)
    await world.sessions.subscribe(mine, A)
    since = FrameId.parse(messages(pipe.take())[0]["frame"])
    world.hub.leave(mine)
    world.put("a", "p", 1)
    world.clock.ms += 59_000
    back = await world.subscribe(since)
    (update,) = messages(back.take())
    assert (update["type"], update["data"][0]["value"]) == ("metrics_update", 1)


async def test_much_that_was_missed_is_told_as_fast_as_it_is_read(world: World) -> None:
    witness = await world.subscribe()
    since = FrameId.parse(messages(witness.take())[0]["frame"])
    for value in range(10):
        world.put("a", "p" * BIG, value)
        await world.tick()
        witness.take()
    mine, pipe = reader(world.hub)
    opening = world.sessions.subscribe(mine, Wanted("a", Query("a"), 1000, since))
    task = asyncio.create_task(opening)
    heard = []
    while not task.done():
        await asyncio.wait([task], timeout=0.001)
        assert pipe.unsent() < 3 * BIG
        heard += messages(pipe.take())
    heard += messages(pipe.take())
    assert [message["data"][0]["value"] for message in heard] == list(range(10))
    assert not any("skipped" in message for message in heard)


async def test_a_stream_id_from_before_a_channel_was_dropped_is_not_continued(
    world: World,
) -> None:
    client = StreamClient(["a"])
    client.connect(world.sessions)
    assert client.opening is not None
    await client.opening
    client.take(9)
    client.leave(world.hub)
    world.put("a", "p", 1)
    world.clock.ms += 200_000
    client.connect(world.sessions)
    await client.opening
    client.take(9)
    assert client.held["a"].cells == {"p": 1}


async def test_the_id_of_a_stream_is_for_its_own_channels_only(world: World) -> None:
    client = StreamClient(["a", "b"])
    client.connect(world.sessions)
    assert client.opening is not None
    await client.opening
    client.take(9)
    other = StreamClient(["b"])
    other.last_id = client.last_id
    other.connect(world.sessions)
    assert other.opening is not None
    await other.opening
    assert [b"reset" in data for data in other.pipe.waiting] == [True, False]


async def test_a_stream_that_breaks_off_amid_its_pictures_gets_the_others(world: World) -> None:
    world.put("a", "p", 1)
    world.put("b", "p", 2)
    client = StreamClient(["a", "b"])
    client.connect(world.sessions)
    assert client.opening is not None
    await client.opening
    client.take(1)
    client.leave(world.hub)
    client.connect(world.sessions)
    await client.opening
    client.take(9)
    assert [held.cells for held in client.held.values()] == [{"p": 1}, {"p": 2}]


async def test_streams_are_told_with_others_from_their_first_frame_on(world: World) -> None:
    world.put("a", "p", 1)
    pair = [reader(world.hub, EventStreamWire()) for _ in range(2)]
    for mine, pipe in pair:
        await world.sessions.stream(mine, [A], None)
        pipe.take()
    (first, one), (second, other) = pair
    assert first.party is not None
    assert first.party is second.party
    world.put("a", "p", 2)
    await world.tick()
    assert one.waiting[0] is other.waiting[0]
    assert len(one.waiting) == len(other.waiting) == 1


async def test_polls_tell_each_frame_once(world: World) -> None:
    client = PollClient(["a", "b"])
    await client.poll(world.sessions)
    for value in range(3):
        world.put("a", "p", value)
        world.clock.ms += 1000
        await client.poll(world.sessions)
        await client.poll(world.sessions)
        assert client.held["a"].cells == {"p": value}
    assert client.held["a"].number == 3


async def test_a_poll_between_ticks_evaluates_nothing(world: World) -> None:
    client = PollClient(["a"])
    await client.poll(world.sessions)
    for _ in range(5):
        world.put("a", "p", 1)
        await client.poll(world.sessions)
    assert world.tables.named["a"].asked == 0


async def test_a_cursor_that_is_none_starts_over(world: World) -> None:
    texts, _ = await world.sessions.poll([A], "garbage")
    assert [json.loads(text)["type"] for text in texts] == ["reset", "snapshot"]


async def test_a_connection_has_a_limit_of_channels(world: World) -> None:
    mine, _ = reader(world.hub)
    for number in range(200):
        await world.sessions.subscribe(mine, Wanted(str(number), Query("a"), 1000))
    with pytest.raises(NowlineError, match="up to 200"):
        await world.sessions.subscribe(mine, Wanted("200", Query("a"), 1000))
    await world.sessions.subscribe(mine, Wanted("7", Query("b"), 1000))
    with pytest.raises(NowlineError, match="up to 200"):
        world.sessions.check([A] * 201)

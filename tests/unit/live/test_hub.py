from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from nowline.errors import Code, NowlineError
from nowline.live import hub as hub_module
from nowline.live import slices
from nowline.live.commands import Wanted
from nowline.live.frames import FrameId
from nowline.live.hub import Hub, Patience
from nowline.live.reader import Reader
from nowline.live.session import Sessions
from nowline.model.query import Query
from unit.live.viewers import Held, Pipe, SetClock, Tables, messages, reader

FULL = b"x" * (65 << 10)


class World:
    """A hub whose ticks run by themselves, on a clock that goes on when told."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.clock, self.tables = SetClock(), Tables()
        self.hub = Hub(self.clock, 3, patience)
        self.sessions = Sessions(self.hub, self.tables)

    async def watch(self, name: str = "a", since: FrameId | None = None) -> tuple[Reader, Pipe]:
        mine, pipe = reader(self.hub)
        await self.sessions.subscribe(mine, Wanted(name, Query(name), 1000, since))
        return mine, pipe

    async def tell(self, value: int, name: str = "a") -> None:
        self.tables.named[name].put("p", value)
        self.clock.ms += 1000
        for channel in list(self.hub.audiences.of):
            await self.hub.tick(channel)
        while self.hub.delivery.flushing is not None:
            await self.hub.delivery.flushing


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
async def hasty() -> AsyncIterator[World]:
    made = World(Patience(heartbeat_s=0.004, stuck_s=0.0))
    running = asyncio.create_task(made.hub.run())
    yield made
    running.cancel()


async def until_written(pipe: Pipe) -> None:
    async with asyncio.timeout(10):
        while not pipe.waiting and not pipe.aborted:  # noqa: ASYNC110 - a pipe has no event
            await asyncio.sleep(0)


async def until_updated(pipe: Pipe) -> None:
    kinds: list[str] = []
    while "metrics_update" not in kinds:
        await until_written(pipe)
        kinds = [message["type"] for message in messages(pipe.take())]


async def test_a_silent_connection_gets_heartbeats(hasty: World) -> None:
    _, pipe = reader(hasty.hub)
    await until_written(pipe)
    assert messages(pipe.take())[0] == {"type": "heartbeat", "time": "2027-01-15T08:00:00.000Z"}


async def test_a_reader_that_takes_nothing_is_given_up(hasty: World) -> None:
    mine, pipe = reader(hasty.hub)
    pipe.write(FULL)
    async with asyncio.timeout(10):
        while not pipe.aborted:  # noqa: ASYNC110 - a pipe has no event
            await asyncio.sleep(0)
    assert mine.stuck_since is not None


async def test_ticks_come_by_themselves(hasty: World) -> None:
    _, pipe = await hasty.watch()
    pipe.take()
    hasty.tables.named["a"].put("p", 1)
    hasty.clock.ms += 2000
    hasty.hub.news()
    await until_updated(pipe)


async def test_a_failing_source_does_not_stop_the_others(
    hasty: World, caplog: pytest.LogCaptureFixture
) -> None:
    await hasty.watch("broken")
    _, pipe = await hasty.watch("a")
    pipe.take()
    hasty.tables.named["broken"].broken = True
    hasty.tables.named["broken"].put("p", 1)
    hasty.tables.named["a"].put("p", 1)
    hasty.clock.ms += 2000
    hasty.hub.news()
    await until_updated(pipe)
    assert "A live query failed" in caplog.text


async def test_a_slow_reader_skips_and_is_told_so(world: World) -> None:
    _, quick = await world.watch()
    _, slow = await world.watch()
    held = {pipe: Held() for pipe in (quick, slow)}
    held[slow].take(messages(slow.take())[0])
    held[quick].take(messages(quick.take())[0])
    slow.write(FULL)
    for value in range(5):
        await world.tell(value)
        (message,) = messages(quick.take())
        held[quick].take(message)
    assert slow.waiting == [FULL]
    slow.take()
    await world.tell(7)
    (message,) = messages(slow.take())
    held[slow].take(message)
    assert message["skipped"] == 5
    assert held[slow].cells == {"p": 7}
    assert held[quick].skipped == 0
    assert world.hub.state().skipped == 5


async def test_a_slow_reader_is_brought_up_to_date_without_further_news(world: World) -> None:
    _, slow = await world.watch()
    slow.take()
    slow.write(FULL)
    await world.tell(1)
    slow.take()
    await world.hub._keep_house()
    while world.hub.delivery.flushing is not None:
        await world.hub.delivery.flushing
    assert messages(slow.take())[0]["data"][0]["value"] == 1


async def test_what_was_missed_while_the_picture_was_taken_follows_it(world: World) -> None:
    _, witness = await world.watch()
    mine, pipe = reader(world.hub)
    opening = asyncio.create_task(world.sessions.subscribe(mine, Wanted("a", Query("a"), 1000)))
    await asyncio.sleep(0)
    await world.tell(1)
    await opening
    held = Held()
    for message in messages(pipe.take()):
        held.take(message)
    assert held.cells == {"p": 1}
    assert held.skipped == 0
    assert f"{held.epoch}-{held.number}" == messages(witness.take())[-1]["frame"]


async def test_one_channel_under_two_names(world: World) -> None:
    mine, pipe = reader(world.hub)
    for name in ("x", "y"):
        await world.sessions.subscribe(mine, Wanted(name, Query("a"), 1000))
    pipe.take()
    await world.tell(1)
    first, second = messages(pipe.take())
    assert {first["id"], second["id"]} == {"x", "y"}
    assert first["frame"] == second["frame"]
    assert world.tables.named["a"].asked == 1


async def test_a_name_that_is_taken_again_is_another_subscription(world: World) -> None:
    mine, pipe = reader(world.hub)
    for metric in ("a", "b", "a"):
        await world.sessions.subscribe(mine, Wanted("w", Query(metric), 1000))
    world.tables.named["b"].put("p", 1)
    pipe.take()
    await world.tell(2)
    assert [message["data"][0]["value"] for message in messages(pipe.take())] == [2]
    assert world.hub.state().channels == 1


async def test_after_unsubscribing_nothing_is_told_or_evaluated(world: World) -> None:
    mine, pipe = await world.watch()
    world.hub.unsubscribe(mine, "a")
    world.hub.unsubscribe(mine, "never watched")
    pipe.take()
    world.tables.named["a"].put("p", 1)
    world.clock.ms += 5000
    world.hub._start_ticks()
    assert not world.hub._tasks
    assert not world.hub._ticks
    assert not pipe.waiting
    assert world.tables.named["a"].asked == 0


async def test_a_failed_subscription_is_not_watched(world: World) -> None:
    world.tables.table("a").broken = True
    mine, _ = reader(world.hub)
    with pytest.raises(OSError, match="gone"):
        await world.sessions.subscribe(mine, Wanted("a", Query("a"), 1000))
    assert not mine.subscriptions
    assert world.hub.state().channels == 0


async def test_capacity_is_refused_with_when_to_come_back(world: World) -> None:
    for _ in range(3):
        reader(world.hub)
    with pytest.raises(NowlineError) as caught:
        reader(world.hub)
    assert caught.value.code is Code.UNAVAILABLE
    assert caught.value.retry_after_s
    world.hub.leave(next(iter(world.hub.readers)))
    reader(world.hub)


@pytest.mark.parametrize("identity", ["u1", "s1"])
async def test_who_is_revoked_hears_nothing_more(world: World, identity: str) -> None:
    mine, pipe = await world.watch()
    world.hub.revoke("somebody else")
    assert not mine.closing.done()
    world.hub.revoke(identity)
    assert mine.closing.result()[0] == 4401
    pipe.take()
    await world.tell(1)
    assert not pipe.waiting


async def test_a_hub_that_closes_sends_everybody_away(world: World) -> None:
    mine, _ = await world.watch()
    world.hub.close()
    assert mine.closing.result()[0] == 1012
    with pytest.raises(NowlineError):
        reader(world.hub)


async def test_channels_that_nobody_can_resume_are_dropped(world: World) -> None:
    mine, _ = await world.watch("a")
    await world.watch("b")
    world.hub.leave(mine)
    world.clock.ms += 61_000
    await world.hub._keep_house()
    assert len(world.hub._channels) == 2
    world.clock.ms += 2_000
    await world.hub._keep_house()
    assert [key.split()[1] for key in world.hub._channels] == ["b"]


async def test_only_so_many_idle_channels_are_kept_the_newest_of_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_MOST_IDLE", 8)
    world.hub = Hub(world.clock, 3)
    world.sessions = Sessions(world.hub, world.tables)
    await world.watch("watched")
    mine, _ = reader(world.hub)
    most = 0
    for number in range(100):
        name = f"n{number}"
        world.clock.ms += 1
        await world.sessions.subscribe(mine, Wanted(name, Query(name), 1000))
        world.hub.unsubscribe(mine, name)
        most = max(most, world.hub.state().idle)
    assert 6 <= most <= 8
    await world.hub._keep_house()
    state = world.hub.state()
    assert (state.channels, state.idle) == (1, 6)
    kept = {key.split()[1] for key in world.hub._channels}
    assert kept == {"watched", *(f"n{number}" for number in range(94, 100))}


async def test_only_so_much_is_kept_of_idle_channels(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_MOST_IDLE_BYTES", 1000)
    for name in "ab":
        mine, _ = await world.watch(name)
        world.tables.named[name].put("x" * 700, 1)
        await world.tell(2, name)
        world.hub.leave(mine)
        world.clock.ms += 1
    assert world.hub.state().idle_bytes > 1400
    await world.hub._keep_house()
    assert [key.split()[1] for key in world.hub._channels] == ["b"]
    assert 700 < world.hub.state().idle_bytes <= 1000


async def test_who_comes_back_for_what_was_let_go_of_starts_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, pipe = await world.watch()
    await world.tell(1)
    last = FrameId.parse(messages(pipe.take())[-1]["frame"])
    world.hub.leave(mine)
    monkeypatch.setattr(hub_module, "_MOST_IDLE", 0)
    await world.hub._keep_house()
    assert world.hub.state().idle == 0
    _, again = await world.watch(since=last)
    assert [message["type"] for message in messages(again.take())] == ["reset", "snapshot"]


async def test_what_is_let_go_of_before_it_is_watched_is_watched_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, pipe = reader(world.hub)
    channel = world.sessions._channel(Wanted("a", Query("a"), 1000))
    monkeypatch.setattr(hub_module, "_MOST_IDLE", 0)
    await world.hub._keep_house()
    await world.hub.catch_up(channel)
    await world.hub.poll(channel)
    subscription = world.hub.subscribe(mine, "a", channel)
    await world.hub.begin(mine, subscription)
    await world.tell(3)
    assert messages(pipe.take())[-1]["data"][0]["value"] == 3


async def test_many_readers_are_written_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "LONGEST_S", 0)
    world = World()
    world.hub = Hub(world.clock, 1000)
    world.sessions = Sessions(world.hub, world.tables)
    pipes = [(await world.watch())[1] for _ in range(600)]
    for pipe in pipes:
        pipe.take()
    await world.tell(1)
    assert all(len(messages(pipe.take())) == 1 for pipe in pipes)


async def test_who_keeps_up_tells_how_long_writing_takes(world: World) -> None:
    for _ in range(2):
        await world.watch()
    _, slow = await world.watch()
    await world.tell(1)
    assert world.hub.state().written.count == 3
    slow.write(FULL)
    await world.tell(2)
    slow.take()
    await world.tell(3)
    written = world.hub.state().written
    assert (written.count, written.sum_ms) == (7, 0)


async def test_writing_is_measured_from_publishing_on(world: World) -> None:
    await world.watch()
    world.tables.named["a"].put("p", 1)
    (channel,) = world.hub.audiences.of
    await world.hub.tick(channel)
    world.clock.ms += 30
    while world.hub.delivery.flushing is not None:
        await world.hub.delivery.flushing
    assert world.hub.state().written.sum_ms == 30


async def test_who_watches_the_same_is_written_the_same_bytes(world: World) -> None:
    pipes = [(await world.watch())[1] for _ in range(2)]
    _, other = await world.watch("b")
    for value in (1, 2):
        for pipe in (*pipes, other):
            pipe.take()
        await world.tell(value)
    (mine,), (theirs,) = (pipe.waiting for pipe in pipes)
    assert mine is theirs
    assert not other.waiting


async def test_who_has_missed_something_shares_again_when_it_has_caught_up(world: World) -> None:
    (_, quick), (_, slow) = [await world.watch() for _ in range(2)]
    slow.write(FULL)
    for value in range(4):
        quick.take()
        if value == 2:
            slow.take()
        await world.tell(value)
    assert [m["data"][0]["value"] for m in messages(slow.waiting[0])] == [2]
    assert slow.waiting[-1] is quick.waiting[-1]


async def test_who_asks_for_less_amid_the_writing_is_told_everything_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slices, "LONGEST_S", 0)
    world = World()
    world.hub = Hub(world.clock, 1000)
    world.sessions = Sessions(world.hub, world.tables)
    watching = [await world.watch() for _ in range(600)]
    for mine, _ in watching:
        await world.sessions.subscribe(mine, Wanted("b", Query("b"), 1000))
    await world.tell(1)
    for _, pipe in watching:
        pipe.take()
    world.tables.named["a"].put("p", 2)
    world.clock.ms += 1000
    await world.hub.tick(next(iter(world.hub.audiences.of)))
    await asyncio.sleep(0)
    assert 0 < sum(1 for _, pipe in watching if pipe.waiting) < len(watching)
    for mine, _ in watching:
        world.hub.unsubscribe(mine, "b")
    assert world.hub.delivery.flushing
    await world.hub.delivery.flushing
    for _, pipe in watching:
        assert [m["data"][0]["value"] for m in messages(pipe.take())] == [2]
    await world.tell(3)
    for _, pipe in watching:
        assert [m["data"][0]["value"] for m in messages(pipe.take())] == [3]


async def test_what_is_due_together_is_told_in_one_write(world: World) -> None:
    mine, pipe = await world.watch("a")
    for name in "bcd":
        await world.sessions.subscribe(mine, Wanted(name, Query(name), 1000))
    pipe.take()
    for name in "abcd":
        world.tables.named[name].put("p", 1)
        world.tables.named[name].turns = 1 + ord(name) - ord("a")
    world.clock.ms += 2000
    world.hub._start_ticks()
    await asyncio.wait(world.hub._ticks)
    assert world.hub.delivery.flushing
    await world.hub.delivery.flushing
    (written,) = pipe.waiting
    assert {message["id"] for message in messages(written)} == set("abcd")

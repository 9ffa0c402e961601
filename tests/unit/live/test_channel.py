from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest

from nowline.live.channel import LIVE_MS, Channel, Sequence
from nowline.live.frames import FrameId
from unit.live.viewers import START_MS, SetClock, Table


class Bench:
    """A channel over a table."""

    def __init__(self, interval_ms: int = 1000) -> None:
        self.clock, self.table, self.sequence = SetClock(), Table(), Sequence("run")
        self.channel = Channel("key", self.table, interval_ms, self.sequence, self.clock)

    async def tell(self, cell: str, value: int) -> FrameId:
        self.table.put(cell, value)
        assert await self.channel.tick()
        return self.channel.id


async def test_a_tick_tells_only_what_changed() -> None:
    bench = Bench()
    await bench.tell("p", 1)
    await bench.tell("q", 2)
    assert bench.channel.newest is not None
    assert json.loads(bench.channel.newest.data) == [{"timestamp": "q", "value": 2, "tags": {}}]


async def test_without_news_nothing_is_evaluated() -> None:
    bench = Bench()
    assert not await bench.channel.tick()
    assert bench.table.asked == bench.sequence.evaluations == 0


async def test_frames_are_numbered_without_gaps() -> None:
    bench = Bench()
    ids = [await bench.tell("p", value) for value in range(3)]
    assert [frame_id.number for frame_id in ids] == [1, 2, 3]
    assert len({frame_id.epoch for frame_id in ids}) == 1


async def test_channels_have_epochs_of_their_own() -> None:
    bench = Bench()
    other = Channel("other", bench.table, 1000, bench.sequence, bench.clock)
    assert other.id.epoch != bench.channel.id.epoch


async def test_what_is_forgotten_is_told_by_the_whole_picture() -> None:
    bench = Bench()
    await bench.tell("p", 1)
    bench.table.put("q", 2)
    bench.table.forgotten = bench.table.position
    assert await bench.channel.tick()
    assert bench.channel.newest is not None
    assert {point["timestamp"] for point in json.loads(bench.channel.newest.data)} == {"p", "q"}


async def test_a_failed_evaluation_is_made_up_for() -> None:
    bench = Bench()
    bench.table.put("p", 1)
    bench.table.broken = True
    with pytest.raises(OSError, match="gone"):
        await bench.channel.tick()
    bench.table.broken = False
    assert await bench.channel.tick()
    assert bench.channel.id.number == 1


async def test_viewers_who_come_together_share_a_picture() -> None:
    bench = Bench()
    first, second = bench.channel.picture(), bench.channel.picture()
    assert first is second
    await first
    assert bench.channel.picture() is first
    bench.clock.ms += 1000
    assert bench.channel.picture() is not first


async def test_a_picture_is_let_go_when_it_is_not_shared_any_more() -> None:
    bench = Bench()
    picture = bench.channel.picture()
    bench.channel.let_go()
    assert bench.channel.picture() is picture
    await picture
    bench.channel.let_go()
    assert bench.channel.picture() is picture
    bench.clock.ms += 1000
    bench.channel.let_go()
    assert bench.channel._picture is None


async def test_a_picture_that_failed_is_not_shared() -> None:
    bench = Bench()
    bench.table.broken = True
    failed = bench.channel.picture()
    with pytest.raises(OSError, match="gone"):
        await failed
    bench.table.broken = False
    assert (await bench.channel.picture()).kind == "snapshot"


async def test_frames_after_a_picture_continue_it() -> None:
    bench = Bench()
    await bench.tell("p", 1)
    picture = bench.channel.picture()
    newest = await bench.tell("p", 2)
    told = await picture
    assert told.id.number == newest.number - 1
    missed = bench.channel.missed(told.id)
    assert missed is not None
    assert [frame.id for frame in missed] == [newest]


async def test_a_merged_frame_stands_for_those_missed() -> None:
    bench = Bench()
    start = bench.channel.id
    await bench.tell("p", 1)
    await bench.tell("q", 2)
    newest = await bench.tell("p", 3)
    merged = bench.channel.merged(start)
    assert merged is not None
    assert (merged.id, merged.skipped) == (newest, 2)
    values = {point["timestamp"]: point["value"] for point in json.loads(merged.data)}
    assert values == {"p": 3, "q": 2}
    assert bench.channel.merged(start) is merged


async def test_one_missed_frame_is_told_as_it_is() -> None:
    bench = Bench()
    start = bench.channel.id
    await bench.tell("p", 1)
    assert bench.channel.merged(start) is bench.channel.newest


@pytest.mark.parametrize("since", [FrameId("other", 0), FrameId("", 0)])
async def test_another_epoch_is_not_continued(since: FrameId) -> None:
    assert Bench().channel.missed(since) is None


async def test_a_frame_that_is_yet_to_come_is_not_continued() -> None:
    bench = Bench()
    assert bench.channel.missed(FrameId(bench.channel.id.epoch, 1)) is None


async def test_a_reader_may_be_gone_for_a_minute_but_not_longer() -> None:
    bench = Bench()
    start = bench.channel.id
    await bench.tell("p", 0)
    bench.clock.ms += 60_000
    await bench.tell("p", 1)
    assert len(bench.channel.missed(start) or []) == 2
    bench.clock.ms += 5_000
    await bench.tell("p", 2)
    assert bench.channel.missed(start) is None


def test_intervals_are_aligned_to_the_clock() -> None:
    async def check() -> None:
        bench = Bench(interval_ms=5000)
        bench.channel.ticked_ms = START_MS + 3_000
        assert bench.channel.due_ms() == START_MS + 5_120
        assert not bench.channel.is_due(START_MS + 5_119)
        assert bench.channel.is_due(START_MS + 5_120)

    asyncio.run(check())


async def test_a_clock_that_was_set_back_does_not_stop_a_channel() -> None:
    bench = Bench()
    assert bench.channel.is_due(START_MS - 3_600_000)


async def test_live_is_due_on_news_and_at_most_every_tenth_of_a_second() -> None:
    bench = Bench(LIVE_MS)
    assert bench.channel.due_ms() is None
    bench.clock.ms += 500
    await bench.tell("p", 1)
    told = bench.clock.ms
    assert bench.channel.due_ms() is None
    bench.table.put("p", 2)
    assert bench.channel.due_ms() == told + LIVE_MS


async def test_a_live_channel_whose_store_fails_does_not_hurry() -> None:
    bench = Bench(LIVE_MS)
    bench.table.put("p", 1)
    bench.table.broken = True
    with pytest.raises(OSError, match="gone"):
        await bench.channel.tick()
    due = bench.channel.due_ms()
    assert due is not None
    assert due >= bench.clock.ms + 250


async def test_updates_tell_how_old_their_newest_row_is() -> None:
    bench = Bench()
    await bench.tell("p", 1)
    assert bench.sequence.published.count == 0
    bench.table.newest_ms = START_MS - 84
    await bench.channel.picture()
    assert bench.sequence.published.count == 0
    await bench.tell("p", 2)
    published = bench.sequence.published
    assert (published.count, published.sum_ms) == (1, 84)


async def test_a_degraded_channel_says_so_when_it_turns_and_in_every_frame() -> None:
    bench = Bench(LIVE_MS)
    await bench.tell("p", 1)
    bench.table.is_degraded = True
    assert bench.channel.has_news
    assert await bench.channel.tick()
    await bench.tell("p", 2)
    bench.table.is_degraded = False
    assert await bench.channel.tick()
    told = bench.channel.missed(FrameId(bench.channel.id.epoch, 0))
    assert told is not None
    assert [(frame.degraded, json.loads(frame.data) != []) for frame in told] == [
        (False, True),
        (True, False),
        (True, True),
        (False, False),
    ]
    assert ["degraded" in json.loads(frame.text("a")) for frame in told] == [0, 1, 1, 0]
    assert not bench.channel.has_news


async def test_the_picture_of_a_degraded_channel_says_so() -> None:
    bench = Bench()
    bench.table.is_degraded = True
    channel = Channel("late", bench.table, 1000, bench.sequence, bench.clock)
    assert (await channel.picture()).degraded
    assert not channel.has_news


@pytest.mark.parametrize(("interval_ms", "step_ms"), [(LIVE_MS, 5_000), (30_000, 30_000)])
async def test_a_degraded_channel_is_due_every_five_seconds_at_most(
    interval_ms: int, step_ms: int
) -> None:
    bench = Bench(interval_ms)
    bench.table.is_degraded = True
    due = []
    for value in range(3):
        await bench.tell("p", value)
        at = bench.channel.due_ms()
        assert at is not None
        due.append(at)
        bench.clock.ms = at
    assert {later - earlier for earlier, later in pairwise(due)} == {step_ms}

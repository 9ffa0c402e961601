from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest

from nowline.collect.schedule import CollectHealth, Sample, run_every_second
from nowline.model.series import Point

START_MS = 1_700_000_000_250


class Finished(BaseException):
    """Ends the endless loop."""


class SimulatedClock:
    """Time that passes by waiting, plus what the test adds: lateness and jumps."""

    def __init__(self, until_ms: int, oversleep_ms: int = 0) -> None:
        self.time_ms = START_MS
        self.waited_ms = 0
        self._until_ms = until_ms
        self._oversleep_ms = oversleep_ms

    def now_ms(self) -> int:
        return self.time_ms

    async def wait(self, seconds: float) -> None:
        assert 0 < seconds <= 1
        passed = max(1, round(seconds * 1000) + self._oversleep_ms)
        self.time_ms += passed
        self.waited_ms += passed
        if self.waited_ms > self._until_ms:
            raise Finished


class RecordingSink:
    """Keeps what it was given; `upset` may raise first."""

    def __init__(self, upset: Callable[[int], None] = lambda _: None) -> None:
        self.batches: list[list[Point]] = []
        self._upset = upset
        self._calls = 0

    async def submit(self, points: Sequence[Point]) -> None:
        self._calls += 1
        self._upset(self._calls)
        self.batches.append(list(points))

    def seconds(self) -> list[int]:
        """Seconds since the start, of each point received."""
        times = [point.time for batch in self.batches for point in batch]
        return [(time or 0) // 1000 - START_MS // 1000 for time in times]


def one_point() -> list[Point]:
    return [Point(name="m", value=1.0)]


async def run(
    clock: SimulatedClock,
    sink: RecordingSink,
    samples: Sequence[Sample] = (one_point,),
) -> CollectHealth:
    health = CollectHealth()
    with pytest.raises(Finished):
        await run_every_second(samples, sink, clock, wait=clock.wait, health=health)
    return health


async def test_each_second_has_one_sample_at_its_start() -> None:
    sink = RecordingSink()
    health = await run(SimulatedClock(until_ms=60_000), sink)
    assert sink.seconds() == list(range(1, 61))
    assert all(point.time and point.time % 1000 == 0 for batch in sink.batches for point in batch)
    assert health == CollectHealth()


@pytest.mark.parametrize("oversleep_ms", [1, 17, 400, 900])
async def test_lateness_within_a_second_neither_drifts_nor_leaves_holes(oversleep_ms: int) -> None:
    sink = RecordingSink()
    await run(SimulatedClock(until_ms=50_000, oversleep_ms=oversleep_ms), sink)
    seconds = sink.seconds()
    assert seconds == list(range(1, len(seconds) + 1))
    assert len(seconds) >= 49


async def test_waking_early_does_not_sample_a_second_twice() -> None:
    sink = RecordingSink()
    await run(SimulatedClock(until_ms=20_000, oversleep_ms=-3), sink)
    seconds = sink.seconds()
    assert seconds == sorted(set(seconds))
    assert len(seconds) >= 19


async def test_seconds_that_the_loop_slept_through_are_missed_and_counted() -> None:
    clock = SimulatedClock(until_ms=8_000)

    def stall(call: int) -> None:
        if call == 2:
            clock.time_ms += 3_400

    sink = RecordingSink(stall)
    health = await run(clock, sink)
    assert sink.seconds()[:4] == [1, 2, 5, 6]
    assert health.missed_seconds == 2


async def test_a_clock_set_forward_goes_on_at_the_new_time() -> None:
    clock = SimulatedClock(until_ms=5_000)

    def jump(call: int) -> None:
        if call == 2:
            clock.time_ms += 7_200_000

    sink = RecordingSink(jump)
    await run(clock, sink)
    assert sink.seconds()[:4] == [1, 2, 7202, 7203]


async def test_a_clock_set_back_a_little_does_not_sample_a_second_twice() -> None:
    clock = SimulatedClock(until_ms=12_000)

    def jump(call: int) -> None:
        if call == 3:
            clock.time_ms -= 2_000

    sink = RecordingSink(jump)
    await run(clock, sink)
    assert sink.seconds()[:6] == [1, 2, 3, 4, 5, 6]


async def test_a_clock_set_back_far_does_not_stop_the_samples() -> None:
    clock = SimulatedClock(until_ms=6_000)

    def jump(call: int) -> None:
        if call == 2:
            clock.time_ms -= 3_600_000

    sink = RecordingSink(jump)
    await run(clock, sink)
    assert sink.seconds()[:4] == [1, 2, -3598, -3597]


async def test_a_failing_collector_leaves_out_its_own_points_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> list[Point]:
        raise RuntimeError("sensor on fire")

    sink = RecordingSink()
    with caplog.at_level(logging.WARNING):
        health = await run(SimulatedClock(until_ms=125_000), sink, (broken, one_point))
    assert sink.seconds() == list(range(1, 126))
    assert health.failed_samples == 125
    assert len(caplog.records) == 3  # once a minute
    assert "sensor on fire" in caplog.text


async def test_what_the_sink_refused_is_submitted_again_in_order() -> None:
    def overloaded(call: int) -> None:
        if 3 <= call <= 6:
            raise OSError("no space left on device")

    sink = RecordingSink(overloaded)
    health = await run(SimulatedClock(until_ms=10_000), sink)
    assert sink.seconds() == list(range(1, 11))
    assert (health.failed_submits, health.lost_points) == (4, 0)


async def test_what_is_kept_for_a_refusing_sink_is_bounded() -> None:
    def overloaded(call: int) -> None:
        if call <= 100:
            raise OSError("no space left on device")

    sink = RecordingSink(overloaded)
    health = await run(SimulatedClock(until_ms=101_000), sink)
    assert sink.seconds() == list(range(42, 102))
    assert health.lost_points == 41


async def test_nothing_is_submitted_when_there_is_nothing_to_say() -> None:
    sink = RecordingSink()
    await run(SimulatedClock(until_ms=5_000), sink, (list,))
    assert sink.batches == []


async def test_cancelling_ends_it_at_once() -> None:
    waiting = asyncio.Event()

    async def forever(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    clock = SimulatedClock(until_ms=1)
    task = asyncio.create_task(run_every_second((one_point,), RecordingSink(), clock, wait=forever))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

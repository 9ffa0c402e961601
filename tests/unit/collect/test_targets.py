from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pytest

from nowline.collect.metrics import Metric
from nowline.collect.targets import Answer, Follower, Target, TargetError
from nowline.ingest.columns import Columns, Label, Rejected
from nowline.ingest.service import Outcome
from nowline.model.series import Point

START_MS = 1_700_000_000_123
INTERVAL_MS = 10_000


class Finished(BaseException):
    """Ends the endless loop."""


class SimulatedClock:
    """Time that passes by waiting, plus what the test adds."""

    def __init__(self, rounds: int = 3) -> None:
        self.time_ms = START_MS
        self._until_ms = START_MS + rounds * INTERVAL_MS

    def now_ms(self) -> int:
        return self.time_ms

    async def wait(self, seconds: float) -> None:
        assert 0 < seconds <= INTERVAL_MS / 1000
        self.time_ms += round(seconds * 1000)
        if self.time_ms > self._until_ms:
            raise Finished


@dataclass(frozen=True)
class Settings:
    tags: Mapping[str, str] = field(default_factory=lambda: {"instance": "h:1"})
    interval: timedelta = timedelta(milliseconds=INTERVAL_MS)
    timeout: timedelta = timedelta(seconds=5)


class Simulated(Target):
    """Answers what the test says, round by round."""

    up = Metric("up", "count", "Whether it answered")

    def __init__(self, answer: Callable[[int], Answer], settings: Settings | None = None) -> None:
        super().__init__("simulated", settings or Settings())
        self.times: list[int] = []
        self.is_closed = False
        self._answer = answer

    async def ask(self, time_ms: int) -> Answer:
        self.times.append(time_ms)
        return self._answer(len(self.times))

    async def close(self) -> None:
        self.is_closed = True


class RecordingSink:
    """Keeps what it was given; `upset` may raise first."""

    def __init__(self, upset: Callable[[int], None] = lambda _: None) -> None:
        self.points: list[Point] = []
        self.columns: list[Columns] = []
        self.rejected: list[Rejected] = []
        self._upset = upset
        self._calls = 0

    async def submit(self, points: Sequence[Point]) -> None:
        self._calls += 1
        self._upset(self._calls)
        self.points += points

    async def accept(self, columns: Columns) -> Outcome:
        self.columns.append(columns)
        return Outcome(len(columns.label), self.rejected)

    def values(self, name: str) -> list[float]:
        return [point.value for point in self.points if point.name == name]


async def follow(
    target: Target, sink: RecordingSink | None = None, clock: SimulatedClock | None = None
) -> RecordingSink:
    sink, clock = sink or RecordingSink(), clock or SimulatedClock()
    with pytest.raises(Finished):
        await Follower(target, sink, clock, clock.wait).run()
    return sink


def one(_: int) -> Answer:
    return Answer([Point(name="m", value=1.0)], samples=1)


def rows(count: int) -> Columns:
    label = np.arange(count)
    labels = [Label(f"m{at}", None, {}) for at in range(count)]
    metadata = {f"m{at}": b"{}" for at in range(0, count, 2)}
    return Columns(
        labels, label, label + START_MS, label.astype(np.float64), label, metadata=metadata
    )


def failing_at(*rounds: int) -> Callable[[int], Answer]:
    def answer(number: int) -> Answer:
        if number in rounds:
            raise TargetError("it says no")
        return one(number)

    return answer


async def test_rounds_are_an_interval_apart_and_points_get_their_time() -> None:
    target = Simulated(one)
    sink = await follow(target)
    assert len(target.times) == 3
    assert set(np.diff(target.times)) == {INTERVAL_MS}
    assert [point.time for point in sink.points if point.name == "m"] == target.times
    assert target.is_closed


async def test_each_target_has_an_offset_of_its_own() -> None:
    names = [f"h:{at}" for at in range(50)]
    targets = [Simulated(one, Settings(tags={"instance": name})) for name in names]
    for target in targets:
        await follow(target)
    offsets = {target.times[0] % INTERVAL_MS for target in targets}
    assert len(offsets) > 40
    assert max(offsets) - min(offsets) > INTERVAL_MS // 2


async def test_a_round_is_told_of_with_the_tags_of_the_target() -> None:
    sink = await follow(Simulated(lambda _: Answer(samples=5, skipped=2)))
    assert sink.values("nowline.collect.up") == [1, 1, 1]
    assert sink.values("nowline.collect.samples") == [5, 5, 5]
    assert sink.values("nowline.collect.skipped") == [2, 2, 2]
    assert len(sink.values("nowline.collect.duration_ms")) == 3
    tags = {point.name: point.tags for point in sink.points}
    assert tags["nowline.collect.up"] == {"collector": "simulated", "instance": "h:1"}
    assert tags["up"] == {"instance": "h:1"}


async def test_a_failure_is_a_metric_and_a_line_when_it_begins_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        sink = await follow(Simulated(failing_at(2, 3, 5)), clock=SimulatedClock(6))
    assert sink.values("up") == [1, 0, 0, 1, 0, 1]
    assert sink.values("nowline.collect.up") == [1, 0, 0, 1, 0, 1]
    assert len(sink.values("m")) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "simulated h:1 is not collected: it says no",
        "simulated h:1 is collected again",
    ] * 2


async def test_whatever_a_target_raises_the_next_round_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(number: int) -> Answer:
        if number == 1:
            raise ZeroDivisionError("by\nzero")
        return one(number)

    with caplog.at_level(logging.WARNING):
        sink = await follow(Simulated(answer))
    assert sink.values("up") == [0, 1, 1]
    assert caplog.messages == ["simulated h:1 is not collected: ZeroDivisionError: by"]


async def test_a_target_that_hangs_is_given_up_and_delays_no_other() -> None:
    class Hanging(Simulated):
        async def ask(self, time_ms: int) -> Answer:  # noqa: ARG002
            await asyncio.get_running_loop().create_future()
            raise AssertionError

    hanging = Hanging(one, Settings(timeout=timedelta(milliseconds=50)))
    sinks = [RecordingSink(), RecordingSink()]
    clocks = [SimulatedClock(), SimulatedClock()]
    tasks = [
        asyncio.create_task(Follower(target, sink, clock, clock.wait).run())
        for target, sink, clock in zip([hanging, Simulated(one)], sinks, clocks, strict=True)
    ]
    with pytest.raises(Finished):
        await tasks[1]
    assert sinks[1].values("up") == [1, 1, 1]
    assert sinks[0].values("up") == []
    with pytest.raises(Finished):
        await tasks[0]
    assert sinks[0].values("up") == [0, 0, 0]


async def test_many_rows_are_handed_on_in_pieces() -> None:
    sink = await follow(Simulated(lambda _: Answer(columns=rows(4_500))), clock=SimulatedClock(1))
    assert [len(piece.label) for piece in sink.columns] == [2_000, 2_000, 500]
    names = [piece.labels[at].name for piece in sink.columns for at in piece.label.tolist()]
    assert names == [f"m{at}" for at in range(4_500)]
    assert [value for piece in sink.columns for value in piece.value] == list(range(4_500))
    described = [name for piece in sink.columns for name in piece.metadata]
    assert described == [f"m{at}" for at in range(0, 4_500, 2)]


async def test_refused_rows_are_counted_and_the_first_reason_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = RecordingSink()
    sink.rejected = [Rejected(0, "type: m0 is a counter since its first row, not a gauge")]
    await follow(Simulated(lambda _: Answer(columns=rows(3), skipped=1)), sink)
    assert sink.values("nowline.collect.skipped") == [2, 2, 2]
    assert caplog.messages == [
        "simulated h:1 is collected in part: type: m0 is a counter since its first row, not a gauge"
    ]


async def test_what_cannot_be_ingested_is_logged_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def upset(call: int) -> None:
        if call in {1, 2}:
            raise OSError("full")

    with caplog.at_level(logging.WARNING):
        sink = await follow(Simulated(one), RecordingSink(upset), SimulatedClock(4))
    assert sink.values("up") == [1, 1]
    assert caplog.messages == ["simulated h:1 could not be ingested: OSError: full"]


async def test_rounds_that_were_slept_through_are_left_out() -> None:
    clock = SimulatedClock(6)

    def answer(number: int) -> Answer:
        if number == 2:
            clock.time_ms += 2 * INTERVAL_MS + 100
        return one(number)

    target = Simulated(answer)
    await follow(target, clock=clock)
    assert np.diff(target.times).tolist() == [
        INTERVAL_MS,
        2 * INTERVAL_MS,
        INTERVAL_MS,
        INTERVAL_MS,
    ]


@pytest.mark.parametrize(("rounds_back", "expected"), [(2, [1, 1]), (100, [1, -100, 1])])
async def test_a_clock_set_back(rounds_back: int, expected: list[int]) -> None:
    clock = SimulatedClock(3)

    def answer(number: int) -> Answer:
        if number == 2:
            clock.time_ms -= rounds_back * INTERVAL_MS
        if number == 4:
            raise Finished
        return one(number)

    target = Simulated(answer)
    await follow(target, clock=clock)
    steps = (np.diff(target.times) // INTERVAL_MS).tolist()
    assert steps == expected

"""One sample a second, aligned to the wall clock, whatever the clock or the collectors do."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from nowline.clock import Clock
from nowline.model.series import Point

_log = logging.getLogger(__name__)

_STEP_BACK_S = 5
_LOG_EVERY_S = 60
_KEPT_BATCHES = 60

Sample = Callable[[], Sequence[Point]]
Wait = Callable[[float], Awaitable[object]]


class Sink(Protocol):
    """Where points go in."""

    async def submit(self, points: Sequence[Point]) -> None:
        """Ingest `points`; returns once they are durable."""
        ...


@dataclass
class CollectHealth:
    """What went wrong while collecting, counted since the start."""

    failed_samples: int = 0
    failed_submits: int = 0
    missed_seconds: int = 0
    lost_points: int = 0


async def run_every_second(
    samples: Sequence[Sample],
    sink: Sink,
    clock: Clock,
    *,
    wait: Wait = asyncio.sleep,
    health: CollectHealth | None = None,
) -> None:
    """Take every sample at each whole second and submit them as one batch, until cancelled.

    All points of a tick get the time of the whole second at or before it, so a 1-second bucket
    gets one sample, also when the loop is late within that second. Seconds that passed entirely
    while the loop was busy are missed, not made up: increments then cover the longer time.
    When the clock is set forward the next tick simply has the new time; set back by up to 5 s,
    ticks pause until it has caught up; set back further, they go on in the new time.

    A sample that fails leaves out its own points only. What the sink refuses is kept for up to
    60 ticks and submitted again before newer points. Both are counted, and logged at most once
    a minute.

    Args:
        samples: Collectors; a point without a time gets the tick's.
        sink: Where the points go.
        clock: The wall clock.
        wait: Waits a number of seconds.
        health: Counts failures.
    """
    ticker = _Ticker(samples, sink, health or CollectHealth())
    last = clock.now_ms() // 1000
    while True:
        second = await _next_second(last, clock, wait)
        ticker.health.missed_seconds += max(0, second - last - 1)
        last = second
        await ticker.tick(second)


async def _next_second(last: int, clock: Clock, wait: Wait) -> int:
    """The whole second to sample next; waits for it where it has not begun."""
    while True:
        now_ms = clock.now_ms()
        second = now_ms // 1000
        if second > last or second < last - _STEP_BACK_S:
            return second
        await wait((1000 - now_ms % 1000) / 1000)


class _Ticker:
    """Samples and submits; failures stay inside."""

    def __init__(self, samples: Sequence[Sample], sink: Sink, health: CollectHealth) -> None:
        self.health = health
        self._samples = samples
        self._sink = sink
        self._pending: deque[list[Point]] = deque()
        self._logged_at: dict[str, int] = {}

    async def tick(self, second: int) -> None:
        self._keep([point for take in self._samples for point in self._take(take, second)])
        batch = [point for points in self._pending for point in points]
        if not batch:
            return
        try:
            await self._sink.submit(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next second still comes
            self.health.failed_submits += 1
            self._complain("own metrics could not be ingested", error, second)
        else:
            self._pending.clear()

    def _take(self, take: Sample, second: int) -> list[Point]:
        try:
            return [_at(point, second * 1000) for point in take()]
        except Exception as error:  # noqa: BLE001 - one collector must not stop the others
            self.health.failed_samples += 1
            self._complain("a collector failed", error, second)
            return []

    def _keep(self, points: list[Point]) -> None:
        if len(self._pending) == _KEPT_BATCHES:
            self.health.lost_points += len(self._pending.popleft())
        if points:
            self._pending.append(points)

    def _complain(self, what: str, error: Exception, second: int) -> None:
        if abs(second - self._logged_at.get(what, 0)) >= _LOG_EVERY_S:
            self._logged_at[what] = second
            _log.warning("%s (said once a minute): %s: %s", what, type(error).__name__, error)


def _at(point: Point, time_ms: int) -> Point:
    if point.time is not None:
        return point
    return msgspec.structs.replace(point, time=time_ms)

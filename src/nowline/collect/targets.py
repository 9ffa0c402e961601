"""Asking others what they measure: one task for each target, none of which waits for another."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final, Protocol

import msgspec
import numpy as np

from nowline.clock import Clock
from nowline.collect.metrics import Describer, Metric
from nowline.ingest.columns import Columns, Rejected
from nowline.model.series import Point

UP = Metric("nowline.collect.up", "count", "Whether a target answered: 1 or 0")
DURATION = Metric("nowline.collect.duration_ms", "ms", "Time that a target took to answer")
SAMPLES = Metric("nowline.collect.samples", "count", "Samples in a target's answer")
SKIPPED = Metric("nowline.collect.skipped", "count", "Samples of an answer that were left out")

_FAILED: Final = ("is not collected", "is collected again")
_PARTLY: Final = ("is collected in part", "is collected in full again")
_UNKEPT: Final = ("could not be ingested", "is ingested again")
# How many rows are handed on before others get their turn.
_MOST_ROWS: Final = 2_000
# Set back by more rounds than this, the clock counts as right.
_STEP_BACK: Final = 5

Wait = Callable[[float], Awaitable[object]]

_log = logging.getLogger(__name__)


class TargetError(Exception):
    """A target that does not answer as it should; the text says why, and has no secrets."""


class Taken(Protocol):
    """What became of rows."""

    @property
    def rejected(self) -> list[Rejected]: ...  # noqa: D102


class Sink(Protocol):
    """Where rows go in."""

    async def submit(self, points: Sequence[Point]) -> None:
        """Ingest `points`; returns once they are durable."""
        ...

    async def accept(self, columns: Columns) -> Taken:
        """Ingest rows by column; returns once the good ones are durable."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target said: points, which get the time of the round, or rows by column.

    Attributes:
        points: Without times.
        columns: With times.
        samples: How many there were, those left out included.
        skipped: How many were left out.
        complaint: Why one was left out that somebody should look at.
    """

    points: Sequence[Point] = ()
    columns: Columns | None = None
    samples: int = 0
    skipped: int = 0
    complaint: str | None = None


class Asked(Protocol):
    """What the settings say of a target."""

    @property
    def tags(self) -> Mapping[str, str]: ...  # noqa: D102

    @property
    def interval(self) -> timedelta: ...  # noqa: D102

    @property
    def timeout(self) -> timedelta: ...  # noqa: D102


class Target(ABC):
    """Something that is asked again and again.

    Args:
        kind: What it is, such as `redis`.
        asked: Its tags, how often it is asked, and for how long at most.
    """

    up: ClassVar[Metric | None] = None
    """By what else, with the target's own tags alone, it is told whether it answers."""

    def __init__(self, kind: str, asked: Asked) -> None:
        self.kind = kind
        self.tags = dict(asked.tags)
        self.interval_s = asked.interval.total_seconds()
        self.timeout_s = asked.timeout.total_seconds()
        self.name = " ".join([kind, *self.tags.values()])

    @abstractmethod
    async def ask(self, time_ms: int) -> Answer:
        """What it measures now, for the round of that time.

        Raises:
            TargetError: It does not answer as it should.
        """

    @abstractmethod
    async def close(self) -> None:
        """End the connection, if there is one, without waiting for the other side."""


class Follower:
    """Asks one target, and hands on what it says.

    Rounds are an interval apart, at an offset of the target's own, so that many targets are not
    asked at once, and they never overlap: one that is late is left out, not made up for. Whatever
    goes wrong is told by `nowline.collect.up`, and in the log when it begins and when it ends.

    Args:
        target: Whom to ask.
        sink: Where the answers go.
        clock: The wall clock.
        wait: Waits a number of seconds.
    """

    def __init__(
        self, target: Target, sink: Sink, clock: Clock, wait: Wait = asyncio.sleep
    ) -> None:
        self._target = target
        self._sink = sink
        self._clock = clock
        self._wait = wait
        self._interval_ms = max(1, round(target.interval_s * 1000))
        self._offset_ms = zlib.crc32(target.name.encode()) % self._interval_ms
        self._describer = Describer()
        self._is_wrong: dict[tuple[str, str], bool] = {}

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            last = self._number()
            while True:
                last = await self._next(last)
                await self._go(last * self._interval_ms + self._offset_ms)
        finally:
            await self._target.close()

    def _number(self) -> int:
        """The number of the round that is under way."""
        return (self._clock.now_ms() - self._offset_ms) // self._interval_ms

    async def _next(self, last: int) -> int:
        """Wait for a round after `last`; for any, where the clock was set back far."""
        while last - _STEP_BACK <= (number := self._number()) <= last:
            begins_ms = (number + 1) * self._interval_ms + self._offset_ms
            await self._wait(max(begins_ms - self._clock.now_ms(), 1) / 1000)
        return number

    async def _go(self, time_ms: int) -> None:
        """One round."""
        started = time.perf_counter()
        answer, failure = await self._ask(time_ms)
        took_ms = (time.perf_counter() - started) * 1000
        self._tell(_FAILED, failure)
        try:
            refused = await self._hand_on(answer)
            own = self._own(answer, failure is None, took_ms, len(refused))
            await self._sink.submit([_at(point, time_ms) for point in [*answer.points, *own]])
        except Exception as error:  # noqa: BLE001 - whatever it is, the next round still comes
            self._tell(_UNKEPT, _described(error))
            return
        self._tell(_UNKEPT, None)
        if failure is None:
            self._tell(_PARTLY, answer.complaint or (refused[0].error if refused else None))

    async def _ask(self, time_ms: int) -> tuple[Answer, str | None]:
        """The answer, and why there is none."""
        try:
            async with asyncio.timeout(self._target.timeout_s):
                return await self._target.ask(time_ms), None
        except TimeoutError:
            return Answer(), f"no answer within {self._target.timeout_s:g} s"
        except TargetError as error:
            return Answer(), str(error)
        except Exception as error:  # noqa: BLE001 - one target must not stop the others
            return Answer(), _described(error)

    async def _hand_on(self, answer: Answer) -> list[Rejected]:
        refused: list[Rejected] = []
        for columns in _pieces(answer.columns):
            refused += (await self._sink.accept(columns)).rejected
        return refused

    def _own(self, answer: Answer, is_up: bool, took_ms: float, refused: int) -> list[Point]:
        """What is told of the round itself."""
        tags = {"collector": self._target.kind, **self._target.tags}
        point = self._describer.point
        points = [
            point(UP, is_up, tags),
            point(DURATION, took_ms, tags),
            point(SAMPLES, answer.samples, tags),
            point(SKIPPED, answer.skipped + refused, tags),
        ]
        up = self._target.up
        return points if up is None else [*points, point(up, is_up, self._target.tags)]

    def _tell(self, state: tuple[str, str], reason: str | None) -> None:
        """Log that something has gone wrong, or that it is over."""
        was_wrong = self._is_wrong.get(state, False)
        self._is_wrong[state] = reason is not None
        if reason is not None and not was_wrong:
            _log.warning("%s %s: %s", self._target.name, state[0], reason)
        elif reason is None and was_wrong:
            _log.info("%s %s", self._target.name, state[1])


def _pieces(columns: Columns | None) -> Iterator[Columns]:
    """The rows in pieces, each of which is done in a moment."""
    if columns is None:
        return
    for start in range(0, len(columns.label), _MOST_ROWS):
        rows = slice(start, start + _MOST_ROWS)
        used, label = np.unique(columns.label[rows], return_inverse=True)
        labels = [columns.labels[at] for at in used.tolist()]
        names = {each.name for each in labels}
        metadata = {name: raw for name, raw in columns.metadata.items() if name in names}
        time, value, index = columns.time[rows], columns.value[rows], columns.index[rows]
        yield Columns(labels, label, time, value, index, metadata=metadata)


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:200]


def _at(point: Point, time_ms: int) -> Point:
    return msgspec.structs.replace(point, time=time_ms)

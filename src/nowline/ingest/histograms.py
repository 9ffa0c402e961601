"""OTLP histograms become observations: of running totals, what came in since the point before."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from nowline.ingest.buckets import Buckets, observations
from nowline.ingest.columns import Columns, Rejected
from nowline.ingest.otlp import Decoded, HistogramPoint
from nowline.ingest.repeated_rows import Once
from nowline.ingest.service import Outcome
from nowline.model.partials import Floats

_MOST_SERIES = 50_000
# Each has some 1.5 KB: a key, a dozen bounds and as many counts.
_MOST_BYTES = 128 << 20
_ENTRY_BYTES = 1024
_MOST_OBSERVATIONS = 1_000_000


class Observed(Protocol):
    """What was taken in so long ago that the store has it."""

    async def values(self, key: bytes, start: int, end: int) -> Floats:
        """The observations of a series from `start` to before `end`, epoch milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class _Reached:
    """The newest point of a series that counts from a start on."""

    time: int
    start: int
    buckets: Buckets
    sum: float | None

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        return self.buckets.size + _ENTRY_BYTES


@dataclass(slots=True)
class _Step:
    """What one request adds to the totals, and where they are after it, by data point."""

    added: list[HistogramPoint] = field(default_factory=list)
    reached: dict[bytes, _Reached] = field(default_factory=dict)
    steps: list[tuple[int, bytes, _Reached]] = field(default_factory=list)


class Otlp:
    """Takes decoded requests in.

    How far a histogram's running total had come is kept in memory only. After a restart the first
    point adds nothing; but of a source that started a short time before, what is stored tells it.

    Args:
        once: Where rows go, each once.
        observed: What is stored.
        most_series: Of how many histograms the newest point is kept.
        most_observations: How many observations a data point may bring, and are taken in at once.
        most_bytes: How much memory those newest points may take, about.
    """

    def __init__(
        self,
        once: Once,
        observed: Observed,
        most_series: int = _MOST_SERIES,
        most_observations: int = _MOST_OBSERVATIONS,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._once = once
        self._observed = observed
        self._most_series = most_series
        self._most = most_observations
        self._most_bytes = most_bytes
        self._reached: OrderedDict[bytes, _Reached] = OrderedDict()
        self.held_bytes = 0
        self._in_turn = asyncio.Lock()

    async def accept(self, decoded: Decoded) -> Outcome:
        """Keep what is good and was not taken in before.

        Raises:
            NowlineError: DISK_FULL or UNAVAILABLE when the log cannot take it.
        """
        if not any(point.is_total for point in decoded.histograms):
            return await self._take_in(decoded.columns, decoded.histograms)
        # To its end, whoever gives up: what a total adds depends on what was taken in before.
        return await asyncio.shield(self._accept_totals(decoded))

    async def _accept_totals(self, decoded: Decoded) -> Outcome:
        """The same, one request after the other."""
        async with self._in_turn:
            step = _Step()
            for point in decoded.histograms:
                step.added.append(await self._added(point, step) if point.is_total else point)
            outcome = await self._take_in(decoded.columns, step.added)
            self._advance(step, outcome)
            return outcome

    async def _added(self, point: HistogramPoint, step: _Step) -> HistogramPoint:
        """What this point adds to the one before it."""
        key = point.label.key
        before = step.reached.get(key) or self._reached.get(key)
        nothing = replace(point, buckets=point.buckets.none, sum=None)
        if before is not None and point.time <= before.time:
            return nothing
        reached = _Reached(point.time, point.start, point.buckets, point.sum)
        step.reached[key] = reached
        step.steps.append((point.index, key, reached))
        if before is not None:
            return _difference(point, before) or point
        if not point.is_new:
            return nothing
        stored = await self._stored(point)
        return nothing if stored is None else _difference(point, stored) or nothing

    async def _stored(self, point: HistogramPoint) -> _Reached | None:
        """How far a total had come, as what is stored of it tells; None where that is not of it."""
        values = await self._observed.values(point.label.key, point.start, point.time + 1)
        buckets = point.buckets.of(values)
        total = float(values.sum())
        return None if buckets is None else _Reached(point.time, point.start, buckets, total)

    def _advance(self, step: _Step, outcome: Outcome) -> None:
        """Remember how far the totals have come that were taken in."""
        over = {point.index for point in step.added if point.buckets.total > self._most}
        refused = {row.index for row in outcome.rejected} - over
        for index, key, reached in step.steps:
            if index not in refused:
                self._reach(key, reached)
        while len(self._reached) > self._most_series or self.held_bytes > self._most_bytes:
            key, reached = self._reached.popitem(last=False)
            self.held_bytes -= len(key) + reached.size

    def _reach(self, key: bytes, reached: _Reached) -> None:
        """Remember how far one total has come."""
        before = self._reached.pop(key, None)
        self.held_bytes += reached.size - before.size if before else len(key) + reached.size
        self._reached[key] = reached

    async def _take_in(self, columns: Columns, points: Sequence[HistogramPoint]) -> Outcome:
        """Keep the rows and the observations, so many at once."""
        good = [point for point in points if point.buckets.total <= self._most]
        over = [self._too_many(point) for point in points if point.buckets.total > self._most]
        outcome = await self._once.accept(replace(columns, rejected=columns.rejected + over))
        accepted, rejected = outcome.accepted, outcome.rejected
        for some in self._portions(good):
            outcome = await self._once.accept(_rows(some, self._most, columns.metadata))
            accepted, rejected = accepted + outcome.accepted, rejected + outcome.rejected
        return Outcome(accepted, sorted(rejected, key=lambda row: row.index))

    def _too_many(self, point: HistogramPoint) -> Rejected:
        brings = f"{point.buckets.total:,} observations at once; the most are {self._most:,}"
        return Rejected(point.index, f"count: brings {brings}. Export more often")

    def _portions(self, points: Sequence[HistogramPoint]) -> Iterator[list[HistogramPoint]]:
        portion: list[HistogramPoint] = []
        size = 0
        for point in points:
            total = point.buckets.total
            if portion and size + total > self._most:
                yield portion
                portion, size = [], 0
            if total:
                portion.append(point)
                size += total
        if portion:
            yield portion


def _difference(point: HistogramPoint, before: _Reached) -> HistogramPoint | None:
    """What came in between; None where the source has started anew."""
    if point.start != before.start and 0 not in {point.start, before.start}:
        return None
    buckets = point.buckets.since(before.buckets)
    if buckets is None:
        return None
    total = None if point.sum is None or before.sum is None else point.sum - before.sum
    return replace(point, buckets=buckets, sum=total)


def _rows(points: Sequence[HistogramPoint], most: int, metadata: dict[str, bytes]) -> Columns:
    """A row for each observation.

    Raises:
        ValueError: There are more than `most`: NumPy does not look where repeats are written.
    """
    totals = [point.buckets.total for point in points]
    if sum(totals) > most:
        raise ValueError(f"there are {sum(totals):,} observations; the most are {most:,}")
    counts = np.array(totals)
    values = [
        np.repeat(
            observations(point.buckets, point.sum, point.low, point.high), point.buckets.count
        )
        for point in points
    ]
    return Columns(
        [point.label for point in points],
        np.repeat(np.arange(len(points)), counts),
        np.repeat(np.array([point.time for point in points], np.int64), counts),
        np.concatenate(values),
        np.repeat(np.array([point.index for point in points], np.int64), counts),
        metadata=metadata,
    )

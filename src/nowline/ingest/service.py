"""What every door shares: check the rows, enter their types, and make them durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.bus.base import Log
from nowline.clock import Clock
from nowline.ingest.columns import PART_SHIFT, Columns, Label, Labels, Rejected
from nowline.ingest.refusals import Refusals
from nowline.ingest.rows import MOST_REJECTED, check_rejected, refuse_each
from nowline.model.batch import Batch
from nowline.model.event import Happened
from nowline.model.query import MOST_AHEAD_MS
from nowline.model.series import MetricType, Point
from nowline.store.catalogue import Catalogue


class Outcome(msgspec.Struct, frozen=True):
    """How many rows were taken in, durably, and which were not."""

    accepted: int
    rejected: list[Rejected]


@dataclass(slots=True)
class Taken:
    """Counters since the start, for `/metrics`."""

    batches: int = 0
    accepted: int = 0
    rejected: int = 0
    refusals: Refusals = field(default_factory=Refusals)


class Ingest:
    """Takes columns in.

    Args:
        bus: The log that makes them durable.
        catalogue: Holds the first type of each metric, and says how many there may be.
        clock: Tells which rows are too old or too far ahead.
        keep_ms: How long the longest level is kept; older rows are refused.
    """

    def __init__(self, bus: Log, catalogue: Catalogue, clock: Clock, keep_ms: int) -> None:
        self._bus = bus
        self._catalogue = catalogue
        self._clock = clock
        self._keep_ms = keep_ms
        self.taken = Taken()

    def now_ms(self) -> int:
        """The time that rows without one get."""
        return self._clock.now_ms()

    async def accept(self, columns: Columns) -> Outcome:
        """Keep the good rows, name the bad ones; returns when the good ones are durable.

        Raises:
            NowlineError: DISK_FULL or UNAVAILABLE when the log cannot take them; as
                `rows.check_rejected`.
        """
        now = self._clock.now_ms()
        rejected = list(columns.rejected)
        good = self._good(columns, now, rejected)
        check_rejected(rejected)
        await self._append(good, now)
        return self._count(len(good.label), rejected)

    async def accept_together(self, parts: Sequence[Columns]) -> list[Outcome]:
        """Keep the good rows of several bodies as one batch, which costs little more than one.

        Args:
            parts: The rows of each body, without metadata.

        Returns:
            What became of each body.

        Raises:
            NowlineError: As `accept`, and then nothing of any body was kept.
        """
        if len(parts) == 1:
            return [await self.accept(parts[0])]
        refused = [list(part.rejected) for part in parts]
        return await self.accept_joined(Columns.joined(parts), refused)

    async def accept_joined(
        self, columns: Columns, refused: Sequence[list[Rejected]]
    ) -> list[Outcome]:
        """As `accept_together`, for rows that are joined already.

        Args:
            columns: The rows, as `Columns.joined` has them.
            refused: Of each body, the rows that could not be decoded.
        """
        now = self._clock.now_ms()
        rejected: list[Rejected] = []
        good = self._good(columns, now, rejected)
        await self._append(good, now)
        for number, row in (each.apart() for each in rejected):
            refused[number].append(row)
        kept = np.bincount(good.index >> PART_SHIFT, minlength=len(refused)).tolist()
        return [self._count(*each) for each in zip(kept, refused, strict=True)]

    async def keep(self, columns: Columns, happened: Happened) -> int:
        """Keep what happened, and of the metrics that it yields those that may be.

        Returns:
            The log's offset up to which all of it is durable.

        Raises:
            NowlineError: DISK_FULL or UNAVAILABLE when the log cannot take it.
        """
        if not happened.events and not happened.keys:
            return self._bus.head
        now = self._clock.now_ms()
        rejected: list[Rejected] = []
        batch = self._batch(self._good(columns, now, rejected), now)
        offset = await self._bus.append(replace(batch, activity=happened.encode()).encode())
        self._count(len(batch), rejected)
        return offset

    async def submit(self, points: Sequence[Point]) -> None:
        """Take in what one of our own collectors measured."""
        await self.accept(_columns(points, self._clock.now_ms()))

    async def _append(self, good: Columns, now: int) -> None:
        if len(good.label):
            await self._bus.append(self._batch(good, now).encode())

    def _good(self, columns: Columns, now: int, rejected: list[Rejected]) -> Columns:
        """The rows that nothing is wrong with; the others are added to those rejected."""
        return self._faultless(self._in_time(columns, now, rejected), rejected)

    def _in_time(self, columns: Columns, now: int, rejected: list[Rejected]) -> Columns:
        too_old = columns.time < now - self._keep_ms
        too_new = columns.time > now + MOST_AHEAD_MS
        if not (too_old.any() or too_new.any()):
            return columns
        _reject(columns, too_old, "time: is older than anything that is kept", rejected)
        _reject(columns, too_new, "time: is more than 5 minutes ahead", rejected)
        return columns.where(~(too_old | too_new))

    def _faultless(self, columns: Columns, rejected: list[Rejected]) -> Columns:
        """The rows whose label nothing is wrong with; their metrics have types then."""
        places, labels = columns.in_use()
        faults = self._faults(labels)
        if not any(faults):
            return columns
        of = dict(zip(places.tolist(), faults, strict=True))
        bad = np.isin(columns.label, [at for at, fault in of.items() if fault])
        # Many rows may come from one point of the batch.
        indices, first = np.unique(columns.index[bad], return_index=True)
        label = columns.label[bad][first[: MOST_REJECTED + 1]]
        for index, at in zip(indices[: MOST_REJECTED + 1].tolist(), label.tolist(), strict=True):
            rejected.append(Rejected(index, str(of[at])))
        return columns.where(~bad)

    def _faults(self, labels: Labels) -> list[str | None]:
        """Why the rows of each label are refused, None if they are not; empty if none are."""
        of_metric = {each: self._metric_fault(*each) for each in labels.asked}
        if not any(of_metric.values()):
            return labels.faults if labels.has_faults else []
        return [label.fault or of_metric[label.name, label.type] for label in labels]

    def _metric_fault(self, name: str, asked: MetricType | None) -> str | None:
        """Why the metric takes no such row; a new one gets its type here."""
        if not self._catalogue.admits(name):
            most = self._catalogue.limits.metrics
            return f"name: there are {most} metrics already, as many as there may be"
        kind = self._catalogue.type_for(name, asked)
        if asked is None or asked is kind:
            return None
        return f"type: {name} is a {kind.value} since its first row, not a {asked.value}"

    def _batch(self, columns: Columns, now: int) -> Batch:
        places, labels = columns.in_use()
        kinds = {name: self._catalogue.type_for(name, None) for name, _ in labels.asked}
        series = np.zeros(len(columns.labels), np.uint32)
        series[places] = labels.numbers
        return Batch(
            labels.keys,
            labels.typed(kinds),
            series[columns.label],
            columns.time,
            columns.value,
            now,
            {name: raw for name, raw in columns.metadata.items() if name in kinds},
        )

    def _count(self, accepted: int, rejected: list[Rejected]) -> Outcome:
        self.taken.batches += 1
        self.taken.accepted += accepted
        if not rejected:
            return Outcome(accepted, rejected)
        self.taken.rejected += len(rejected)
        self.taken.refusals.add(rejected)
        return Outcome(accepted, sorted(rejected, key=lambda row: row.index))


def _reject(
    columns: Columns, chosen: NDArray[np.bool_], error: str, rejected: list[Rejected]
) -> None:
    refuse_each(rejected, np.unique(columns.index[chosen]), error)


def _columns(points: Sequence[Point], now_ms: int) -> Columns:
    labels = [Label(point.name, point.type, point.tags) for point in points]
    times = [now_ms if point.time is None else point.time for point in points]
    described = {p.name: msgspec.json.encode(p.metadata) for p in points if p.metadata}
    return Columns(
        labels,
        np.arange(len(points)),
        np.array(times, np.int64),
        np.array([point.value for point in points], np.float64),
        np.arange(len(points)),
        metadata=described,
    )

"""What every door shares: check the rows, enter their types, and make them durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.bus.base import Log
from nowline.clock import Clock
from nowline.ingest.columns import Columns, Label, Rejected
from nowline.ingest.rules import label_fault
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
            NowlineError: DISK_FULL or UNAVAILABLE when the log cannot take them.
        """
        rejected = list(columns.rejected)
        batch = self._batch(columns, rejected)
        if len(batch):
            await self._bus.append(batch.encode())
        return self._count(len(batch), rejected)

    async def keep(self, columns: Columns, happened: Happened) -> int:
        """Keep what happened, and of the metrics that it yields those that may be.

        Returns:
            The log's offset up to which all of it is durable.

        Raises:
            NowlineError: DISK_FULL or UNAVAILABLE when the log cannot take it.
        """
        if not happened.events and not happened.keys:
            return self._bus.head
        rejected: list[Rejected] = []
        batch = replace(self._batch(columns, rejected), activity=happened.encode())
        offset = await self._bus.append(batch.encode())
        self._count(len(batch), rejected)
        return offset

    async def submit(self, points: Sequence[Point]) -> None:
        """Take in what one of our own collectors measured."""
        await self.accept(_columns(points, self._clock.now_ms()))

    def _batch(self, columns: Columns, rejected: list[Rejected]) -> Batch:
        """The rows that may be kept; the others are added to those rejected."""
        now = self._clock.now_ms()
        good = self._in_time(columns, now, rejected)
        keys, types, place = self._enter(columns, good, rejected)
        keep = good & (place[columns.label] >= 0)
        return Batch(
            keys,
            types,
            place[columns.label[keep]].astype(np.uint32),
            columns.time[keep],
            columns.value[keep],
            now,
            _metadata(columns, keep),
        )

    def _in_time(self, columns: Columns, now: int, rejected: list[Rejected]) -> NDArray[np.bool_]:
        too_old = columns.time < now - self._keep_ms
        too_new = columns.time > now + MOST_AHEAD_MS
        _reject(columns, too_old, "time: is older than anything that is kept", rejected)
        _reject(columns, too_new, "time: is more than 5 minutes ahead", rejected)
        return ~(too_old | too_new)

    def _enter(
        self, columns: Columns, good: NDArray[np.bool_], rejected: list[Rejected]
    ) -> tuple[list[bytes], list[MetricType], NDArray[np.int64]]:
        """Distinct keys and types of the good rows, and for each label its key's place or -1."""
        place = np.full(len(columns.labels), -1, np.int64)
        places: dict[bytes, int] = {}
        types: list[MetricType] = []
        faults: dict[int, str] = {}
        for at in np.unique(columns.label[good]).tolist():
            label = columns.labels[at]
            fault = label_fault(label) or self._metric_fault(label)
            if fault:
                faults[at] = fault
                continue
            if label.key not in places:
                places[label.key] = len(places)
                types.append(self._catalogue.type_for(label.name, label.type))
            place[at] = places[label.key]
        bad = good & np.isin(columns.label, list(faults))
        for index, at in zip(columns.index[bad].tolist(), columns.label[bad].tolist(), strict=True):
            rejected.append(Rejected(index, faults[at]))
        return list(places), types, place

    def _metric_fault(self, label: Label) -> str | None:
        """Why the metric takes no such row; a new one gets its type here."""
        if not self._catalogue.admits(label.name):
            most = self._catalogue.limits.metrics
            return f"name: there are {most} metrics already, as many as there may be"
        kind = self._catalogue.type_for(label.name, label.type)
        if label.type is None or label.type is kind:
            return None
        asked = label.type.value
        return f"type: {label.name} is a {kind.value} since its first row, not a {asked}"

    def _count(self, accepted: int, rejected: list[Rejected]) -> Outcome:
        self.taken.batches += 1
        self.taken.accepted += accepted
        self.taken.rejected += len(rejected)
        return Outcome(accepted, sorted(rejected, key=lambda row: row.index))


def _metadata(columns: Columns, keep: NDArray[np.bool_]) -> dict[str, bytes]:
    """What describes the metrics of the rows that are kept: a refused row changes nothing."""
    names = {columns.labels[at].name for at in np.unique(columns.label[keep]).tolist()}
    return {name: raw for name, raw in columns.metadata.items() if name in names}


def _reject(
    columns: Columns, chosen: NDArray[np.bool_], error: str, rejected: list[Rejected]
) -> None:
    rejected.extend(Rejected(index, error) for index in columns.index[chosen].tolist())


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

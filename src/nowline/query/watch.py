"""A query that somebody watches: its first picture, and from then on only what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec
import numpy as np

from nowline.clock import Clock, rfc3339
from nowline.model.partials import Ints, merge
from nowline.model.points import Points
from nowline.model.query import MOST_AHEAD_MS
from nowline.model.series import MetricType
from nowline.query.engine import Engine, finish
from nowline.query.plan import Plan
from nowline.store.catalogue import Catalogue, Metric, Selection

_LONGEST_GAP = 16
# How many of the newest batches to search, or fewer where they are not all remembered.
_LOOK_BACK = (64, 16, 4, 1)


class Changed(Protocol):
    """One batch that was folded in: see `rollup.window.Change`."""

    @property
    def series(self) -> Ints: ...  # noqa: D102
    @property
    def second(self) -> Ints: ...  # noqa: D102
    @property
    def received_ms(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def position(self) -> int: ...  # noqa: D102


class History(Protocol):
    """What was folded in, in order."""

    start: int
    position: int

    def changes_since(self, position: int) -> Sequence[Changed] | None:
        """Batches after `position`; None if that is forgotten in part."""
        ...


class Stored(Protocol):
    """How far the store has read the log."""

    offset: int


@dataclass(frozen=True, slots=True)
class News:
    """What a watcher gets told.

    Attributes:
        data: The JSON array of points or entries.
        position: Everything up to here is in `data`.
        newest_ms: When the newest of it was received, None if that is not known.
    """

    data: bytes
    position: int
    newest_ms: int | None


@dataclass(frozen=True, slots=True)
class _Cells:
    """Groups and buckets that one batch changed."""

    group: Ints
    bucket: Ints
    oldest: int


class MetricWatch:
    """Follows one plan whose range ends now; it is asked for changes by one channel only.

    Rows older than the windows are told once the store has read them.

    Args:
        plan: What is watched.
        moves: Whether the range moves with the clock, instead of growing from its start.
        engine: Answers.
        history: What was folded into the windows.
        stored: How far the store is.
        clock: Tells where the range ends.
    """

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        history: History,
        stored: Stored,
        clock: Clock,
        *,
        moves: bool = True,
    ) -> None:
        self._plan = plan
        self._span_ms = plan.end - plan.start if moves else None
        self._engine = engine
        self._history = history
        self._stored = stored
        self._clock = clock
        self._unstored: list[Changed] = []
        self._selected: tuple[int, Selection] | None = None

    @property
    def position(self) -> int:
        """Where the history is now."""
        return self._history.position

    @property
    def waiting(self) -> bool:
        """Whether late rows wait for the store."""
        return bool(self._unstored)

    async def snapshot(self) -> News:
        """All points of the range as of now."""
        position = self._history.position
        newest = self._newest_received()
        end = self._clock.now_ms() + MOST_AHEAD_MS
        plan = replace(self._plan, start=self._start(), end=end)
        points = await self._engine.run(plan)
        return News(points.to_json(), position, newest)

    async def changes(self, since: int) -> News | None:
        """Points of the cells that changed after `since`; None if that cannot be told."""
        changes = self._history.changes_since(since)
        if changes is None:
            return None
        position = self._history.position
        selection = self._selection()
        touching = [
            (change, cells)
            for change in (*self._unstored, *changes)
            if (cells := self._cells(selection, change))
        ]
        ready = [(change, cells) for change, cells in touching if self._is_ready(cells, change)]
        data, newest = b"[]", None
        if ready:
            newest = max(change.received_ms for change, _ in ready)
            points = await self._evaluate(selection, [cells for _, cells in ready])
            data = points.to_json()
        # Only now: where the store fails, all of it is asked for again.
        told = {change.position for change, _ in ready}
        self._unstored = [change for change, _ in touching if change.position not in told]
        return News(data, position, newest)

    def merge(self, parts: list[bytes]) -> bytes:
        """The points of consecutive updates as one update."""
        points = {
            (bytes(point.tags), point.timestamp): point
            for part in parts
            for point in _points.decode(part)
        }
        return msgspec.json.encode([points[key] for key in sorted(points)])

    def _is_ready(self, cells: _Cells, change: Changed) -> bool:
        return cells.oldest >= self._history.start or change.offset <= self._stored.offset

    def _start(self) -> int:
        """The range's start now, at a bucket's start: every bucket told is a whole one."""
        width, start = self._plan.width_ms, self._plan.start
        if self._span_ms is not None:
            start = self._clock.now_ms() - self._span_ms
        return start // width * width

    def _selection(self) -> Selection:
        plan = self._plan
        count = self._engine.catalogue.series_count(plan.metric)
        if self._selected is None or self._selected[0] != count:
            chosen = self._engine.catalogue.select(plan.metric, plan.filters, plan.group_by)
            self._selected = (count, chosen)
        return self._selected[1]

    def _cells(self, selection: Selection, change: Changed) -> _Cells | None:
        chosen, group = selection.groups_of(change.series)
        width = self._plan.width_ms
        second = change.second[chosen]
        bucket = second // width * width
        inside = bucket >= self._start()
        if not inside.any():
            return None
        return _Cells(group[inside], bucket[inside], int(second[inside].min()))

    async def _evaluate(self, selection: Selection, cells: list[_Cells]) -> Points:
        group = np.concatenate([c.group for c in cells])
        bucket = np.concatenate([c.bucket for c in cells])
        width = self._plan.width_ms
        runs = [
            await self._engine.partials(selection, start, end + width, width)
            for start, end in _runs(np.unique(bucket), width)
        ]
        rows = merge(runs)
        changed = np.isin(_code(rows.key, rows.bucket, width), _code(group, bucket, width))
        return finish(rows.where(changed), selection, self._plan.aggregation)

    def _newest_received(self) -> int | None:
        """When the newest row of the watched series came in, if that is not long ago."""
        position = self._history.position
        reaches = (self._history.changes_since(max(0, position - n)) for n in _LOOK_BACK)
        changes = next((found for found in reaches if found is not None), ())
        selection = self._selection()
        touching = (c for c in reversed(changes) if self._cells(selection, c))
        return next((c.received_ms for c in touching), None)


class CatalogueWatch:
    """Follows which metrics there are."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @property
    def position(self) -> int:
        """The catalogue's revision now."""
        return self._catalogue.revision

    @property
    def waiting(self) -> bool:
        """Nothing ever waits here."""
        return False

    async def snapshot(self) -> News:
        """All entries."""
        return News(entries(self._catalogue.search("")), self.position, None)

    async def changes(self, since: int) -> News:
        """Entries that changed after `since`, apart from when they were last seen."""
        return News(entries(self._catalogue.changed_since(since)), self.position, None)

    def merge(self, parts: list[bytes]) -> bytes:
        """The entries of consecutive updates as one update."""
        latest = {each.name: each for part in parts for each in _entries.decode(part)}
        return msgspec.json.encode([latest[name] for name in sorted(latest)])


class _Point(msgspec.Struct, frozen=True):
    timestamp: str
    value: msgspec.Raw
    tags: msgspec.Raw


_points = msgspec.json.Decoder(list[_Point])


class Entry(msgspec.Struct, frozen=True):
    """One metric as the catalogue lists it; times are RFC 3339."""

    name: str
    type: MetricType
    unit: str | None
    tags: list[str]
    series: int
    first_seen: str
    last_seen: str
    metadata: dict[str, object]


_entries = msgspec.json.Decoder(list[Entry])


def entry(metric: Metric) -> Entry:
    """A metric as the catalogue lists it."""
    unit = metric.metadata.get("unit")
    return Entry(
        name=metric.name,
        type=metric.type,
        unit=unit if isinstance(unit, str) else None,
        tags=sorted(metric.tags),
        series=len(metric.series),
        first_seen=rfc3339(metric.first_seen),
        last_seen=rfc3339(metric.last_seen),
        metadata=metric.metadata,
    )


def entries(metrics: list[Metric]) -> bytes:
    """The JSON array of these metrics."""
    return msgspec.json.encode([entry(metric) for metric in metrics])


def _runs(buckets: Ints, width: int) -> list[tuple[int, int]]:
    """First and last bucket of each stretch without a long gap: one read covers a stretch."""
    breaks = np.flatnonzero(np.diff(buckets) > _LONGEST_GAP * width)
    firsts = buckets[np.concatenate(([0], breaks + 1))]
    lasts = buckets[np.append(breaks, len(buckets) - 1)]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def _code(group: Ints, bucket: Ints, width: int) -> Ints:
    """One number for each (group, bucket)."""
    return (bucket // width << 24) + group

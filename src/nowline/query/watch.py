"""A query that somebody watches: its first picture, and from then on only what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.clock import Clock
from nowline.model.partials import Ints
from nowline.model.points import Points
from nowline.model.query import MOST_AHEAD_MS, SECOND_MS, Aggregation
from nowline.query.engine import Engine
from nowline.query.grid import Grid
from nowline.query.plan import Plan
from nowline.query.question import Question
from nowline.query.ranges import second_after

_LONGEST_GAP = 16
# How many of the newest batches to search, or fewer where they are not all remembered.
_LOOK_BACK = (64, 16, 4, 1)
_ALL_POINTS = 1 << 30
# Seconds since the epoch need no more bits.
_GROUP_SHIFT = 40


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

    @property
    def is_degraded(self) -> bool:
        """Whether the newest rows are to be had from the store only, or late."""
        ...

    def changes_since(self, position: int) -> Sequence[Changed] | None:
        """Batches after `position`; None if that is forgotten in part."""
        ...

    def changes_after(self, offset: int) -> Sequence[Changed]:
        """Batches after this offset of the log, oldest first."""
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


@dataclass(frozen=True, slots=True)
class _View:
    """The range as of now.

    Attributes:
        plan: From the start of a bucket up to the newest time that a row may have.
        question: What is asked of it.
    """

    plan: Plan
    question: Question

    @property
    def grid(self) -> Grid:
        """The buckets."""
        return self.question.part.grid

    def cells(self, change: Changed) -> _Cells | None:
        """What a batch changed of this; None if nothing."""
        chosen, group = self.question.selection.groups_of(change.series)
        second = change.second[chosen]
        inside = second >= self.plan.start
        if not inside.any():
            return None
        second = second[inside]
        return _Cells(group[inside], self.grid.of(second), int(second.min()))


class MetricWatch:
    """Follows one plan whose range ends now; it is asked for changes by one channel only.

    Rows older than the windows are told once the store has read them. The rate of a bucket that
    was told before it was over is told again when it is.

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
        # The bucket whose rate was told before it was over, and when it is.
        self._open: tuple[int, int] | None = None

    @property
    def start(self) -> int:
        """Where the range began when this was made, epoch milliseconds."""
        return self._plan.start

    @property
    def position(self) -> int:
        """Where the history is now."""
        return self._history.position

    @property
    def is_degraded(self) -> bool:
        """Whether the newest rows are to be had from the store only, or late."""
        return self._history.is_degraded

    @property
    def waiting(self) -> bool:
        """Whether late rows wait for the store, or a rate to be told again."""
        return bool(self._unstored) or self._is_over()

    async def snapshot(self) -> News:
        """All points of the range as of now."""
        position = self._history.position
        newest = self._newest_received()
        self._wait_for_store()
        points = (await self._engine.run(self._view().plan)).points
        self._remember_open(points)
        return News(points.to_json(), position, newest)

    async def changes(self, since: int) -> News | None:
        """Points of the cells that changed after `since`; None if that cannot be told."""
        changes = self._history.changes_since(since)
        if changes is None:
            return None
        position = self._history.position
        view = self._view()
        touching = [
            (change, cells)
            for change in (*self._unstored, *changes)
            if (cells := view.cells(change))
        ]
        ready = [(change, cells) for change, cells in touching if self._is_ready(cells, change)]
        newest = max((change.received_ms for change, _ in ready), default=None)
        points = await self._evaluate(view, [cells for _, cells in ready])
        # Only now: where the store fails, all of it is asked for again.
        told = {change.position for change, _ in ready}
        self._unstored = [change for change, _ in touching if change.position not in told]
        self._remember_open(points)
        return News(points.to_json() if points else b"[]", position, newest)

    def merge(self, parts: list[bytes]) -> bytes:
        """The points of consecutive updates as one update."""
        points = {
            (bytes(point.tags), point.timestamp): point
            for part in parts
            for point in _points.decode(part)
        }
        return msgspec.json.encode([points[key] for key in sorted(points)])

    def _wait_for_store(self) -> None:
        """Remember the late rows that the store does not have yet: a picture is without them."""
        view, known = self._view(), {change.position for change in self._unstored}
        for change in self._history.changes_after(self._stored.offset):
            cells = None if change.position in known else view.cells(change)
            if cells is not None and not self._is_ready(cells, change):
                self._unstored.append(change)

    def _is_ready(self, cells: _Cells, change: Changed) -> bool:
        return cells.oldest >= self._history.start or change.offset <= self._stored.offset

    def _view(self) -> _View:
        """The range now, from a bucket's start on: every bucket told is a whole one."""
        now = self._clock.now_ms()
        start = self._plan.start if self._span_ms is None else now - self._span_ms
        plan = replace(self._plan, start=start, end=now + MOST_AHEAD_MS, now=second_after(now))
        first = int(plan.grid().starts(start, start + 1)[0])
        plan = replace(plan, start=first)
        return _View(plan, self._engine.question(plan))

    async def _evaluate(self, view: _View, cells: list[_Cells]) -> Points | None:
        """The points of these cells, and of the bucket whose rate is to be told again."""
        group, bucket = self._cells(view, cells)
        if not len(bucket):
            return None
        ends = view.grid.ends(bucket)
        if view.question.is_rise:
            # What a gauge rose by up to its next value, whenever that is, changes as well.
            runs = [(int(bucket.min()), view.plan.end)]
        else:
            runs = _runs(bucket, ends, _LONGEST_GAP * view.plan.width_ms)
        plans = [
            replace(view.plan, start=start, end=end, max_points=_ALL_POINTS) for start, end in runs
        ]
        points = _joined([each.points for each in await self._engine.run_anew(plans)])
        if self._plan.aggregation is Aggregation.HISTOGRAM:
            # A row changes one line of its bucket, and which one is not known here.
            return points.where(np.isin(points.bucket, bucket))
        return points.where(_changed(points, group, bucket, and_next=view.question.is_rise))

    def _cells(self, view: _View, cells: list[_Cells]) -> tuple[Ints, Ints]:
        groups, buckets = [c.group for c in cells], [c.bucket for c in cells]
        if self._open is not None and self._is_over():
            every = np.arange(len(view.question.selection.tags))
            groups.append(every)
            buckets.append(np.full(len(every), self._open[0]))
        nothing = np.empty(0, np.int64)
        return np.concatenate([nothing, *groups]), np.concatenate([nothing, *buckets])

    def _remember_open(self, points: Points | None) -> None:
        """Remember the oldest bucket whose rate was just told although it is not over."""
        if self._plan.aggregation is not Aggregation.RATE or points is None:
            return
        if self._is_over():
            self._open = None
        if self._open is None and len(points):
            newest = np.array([points.bucket.max()])
            end = int(self._view().grid.ends(newest)[0])
            if end > self._clock.now_ms():
                self._open = (int(newest[0]), end)

    def _is_over(self) -> bool:
        return self._open is not None and self._open[1] <= self._clock.now_ms()

    def _newest_received(self) -> int | None:
        """When the newest row of the watched series came in, if that is not long ago."""
        position = self._history.position
        reaches = (self._history.changes_since(max(0, position - n)) for n in _LOOK_BACK)
        changes = next((found for found in reaches if found is not None), ())
        view = self._view()
        touching = (c for c in reversed(changes) if view.cells(c))
        return next((c.received_ms for c in touching), None)


class _Point(msgspec.Struct, frozen=True):
    timestamp: str
    value: msgspec.Raw
    tags: msgspec.Raw


_points = msgspec.json.Decoder(list[_Point])


def _runs(buckets: Ints, ends: Ints, longest_gap: int) -> list[tuple[int, int]]:
    """The range of each stretch of buckets without a long gap: one read covers a stretch."""
    buckets, at = np.unique(buckets, return_index=True)
    ends = ends[at]
    breaks = np.flatnonzero(np.diff(buckets) > longest_gap)
    firsts = buckets[np.concatenate(([0], breaks + 1))]
    lasts = ends[np.append(breaks, len(buckets) - 1)]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def _joined(parts: list[Points]) -> Points:
    tags, groups = _same_groups(parts)
    group = np.concatenate(groups)
    bucket = np.concatenate([part.bucket for part in parts])
    order = np.lexsort((bucket, group))
    value = np.concatenate([part.value for part in parts])
    return Points(tags, group[order], bucket[order], value[order])


def _same_groups(parts: list[Points]) -> tuple[list[dict[str, str]], list[Ints]]:
    """All tags that there are, and the groups of each part counted by them.

    The lines of a histogram are those that a part has values of.
    """
    first = parts[0].tags
    if all(part.tags == first for part in parts):
        return first, [part.group for part in parts]
    places: dict[tuple[tuple[str, str], ...], int] = {}
    groups: list[Ints] = []
    for part in parts:
        own = [places.setdefault(tuple(each.items()), len(places)) for each in part.tags]
        groups.append(np.array(own, np.int64)[part.group])
    return [dict(each) for each in places], groups


def _changed(points: Points, group: Ints, bucket: Ints, *, and_next: bool) -> NDArray[np.bool_]:
    """Which points are of these cells, or of the next cell of the same group."""
    changed = np.isin(_code(points.group, points.bucket), _code(group, bucket))
    if not and_next or not len(points):
        return changed
    # The cell before need not have a point of its own.
    cells = np.unique(_code(group, bucket))
    codes = _code(points.group, points.bucket)
    following = np.searchsorted(codes, cells, side="right")
    inside = following < len(codes)
    following = following[inside][points.group[following[inside]] == cells[inside] >> _GROUP_SHIFT]
    changed[following] = True
    return changed


def _code(group: Ints, bucket: Ints) -> Ints:
    """One number for each (group, bucket), in their order."""
    return (group << _GROUP_SHIFT) + bucket // SECOND_MS

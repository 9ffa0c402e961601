"""Rows of many questions at once: the store's and the windows', each row from one place only.

The windows hold every row from their start on, the store every row before it. What several
questions want of the same range is asked of the store in one call, and cut apart afterwards.
Whole buckets from before the windows are kept, so that a range which moves with the clock reads
only its edges.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Generic

from nowline.model import histogram
from nowline.model.grouping import grouped
from nowline.model.histogram import Bins
from nowline.model.partials import Need, Partials
from nowline.model.query import SECOND_MS
from nowline.query.beside import beside
from nowline.query.blocks import BLOCK_TTL_MS, Block, MissingBlock, Want, block_key
from nowline.query.cache import Cache
from nowline.query.job import Done, Job, Load, Loaded, Read, Shared
from nowline.query.joining import joined
from nowline.query.merging import T, cut, merged
from nowline.query.recent import FreshRows, Memory, Recent
from nowline.store.base import Span, Store
from nowline.store.catalogue import Selection

_MOST_LOADS = 4


class Reads(ABC, Generic[T]):
    """Reads rows of one kind.

    Args:
        store: Rows at rest.
        recent: The newest rows.
        blocks: Keeps whole buckets.
    """

    _kind: type[T]

    def __init__(self, store: Store, recent: Recent, blocks: Cache[Block[T]]) -> None:
        self._store = store
        self._recent = recent
        self._blocks: Cache[Block[T]] = blocks
        self._free = asyncio.Semaphore(_MOST_LOADS)

    async def read(self, wants: Sequence[Want]) -> list[Read[T] | Exception]:
        """The rows of each want, or why they could not be read."""
        # Nothing is awaited before all have begun: meanwhile the windows may let go of rows.
        jobs = [self._begin(want) for want in wants]
        self._remember(jobs)
        shared: dict[Load, Shared] = {}
        for job in jobs:
            for load in job.loads:
                shared.setdefault(load, Shared(job.want.need)).add(job.want)
        loaded = await self._answers(shared)
        return [await self._end(job, loaded) for job in jobs]

    def at_hand(self, wants: Sequence[Want]) -> list[Read[T]] | None:
        """The rows of each want where that takes no waiting and little time; else None."""
        if any(self._store.at_hand_until < self._stored_until(want) for want in wants):
            return None
        jobs = [self._begin(want) for want in wants]
        loaded: dict[Load, dict[int, Loaded[T]]] = {}
        for job in jobs:
            for load in job.loads:
                rows = self._load_at_hand(job.want, load)
                if rows is None:
                    return None
                loaded.setdefault(load, {})[id(job.want.selection)] = rows
        # Last, for it is most of the work: whoever has to wait for the store does it again.
        self._remember(jobs)
        return [self._told(job, self._put_together(job, loaded)) for job in jobs]

    def missing(self, wants: Iterable[Want], now_ms: int) -> list[MissingBlock[T]]:
        """The whole buckets of these that are not in memory, or were not handed on for long."""
        until = self._recent.settled
        each = (MissingBlock(self._kind, self._blocks, want, until, now_ms) for want in wants)
        return [block for block in each if block.is_missing]

    def _remember(self, jobs: Sequence[Job[T]]) -> None:
        """Give each job the rows of the windows, and those that the store may not have yet."""
        memory = Memory(self._recent, [job.want.selection for job in jobs])
        for job in jobs:
            job.memory = self._newest(job.want, memory)
            job.fresh = self._fresh(job.want, memory)

    def _begin(self, want: Want) -> Job[T]:
        ranges = self._stored(want)
        whole, revision = want.whole(self._recent.settled), self._blocks.revision(want.metric)
        job: Job[T] = Job(want, [], [], None, whole, [], [], whole[0], revision)
        if not len(want.selection.series):
            return job
        width = want.span.width_ms
        block = self._block(want, width, whole)
        if block is not None:
            job.known.append(block.rows)
            job.known_until = block.end
            ranges = _without(ranges, block.start, block.end)
            if self._knows_edge(job, ranges[0]):
                del ranges[0]
            elif _in_seconds(ranges[0]) and width > SECOND_MS:
                job.loads.append(Load(Span(*ranges.pop(0), SECOND_MS), want.distribution))
        job.loads.extend(
            Load(Span(start, end, width), want.distribution) for start, end in ranges if start < end
        )
        return job

    def _knows_edge(self, job: Job[T], edge: tuple[int, int]) -> bool:
        """Take the rows before the first whole bucket from what was kept of them by seconds.

        The start of a range that moves with the clock moves through a bucket: without this it
        would be read anew at every step.
        """
        if job.want.span.width_ms == SECOND_MS or not _in_seconds(edge):
            return False
        block = self._block(job.want, SECOND_MS, edge)
        if block is None:
            return False
        job.edge.append(block.rows)
        return True

    def _block(self, want: Want, width_ms: int, wanted: tuple[int, int]) -> Block[T] | None:
        """Kept rows from the start of these buckets on; None if there are none."""
        if wanted[0] == wanted[1]:
            return None
        found: Block[T] | None = self._blocks.get(
            block_key(want, width_ms), lambda kept: kept.fits(want, wanted[0])
        )
        return None if found is None else found.cut(*wanted)

    async def _answers(
        self, shared: dict[Load, Shared]
    ) -> dict[Load, dict[int, Loaded[T]] | Exception]:
        """What the store has for each of the loads; one alone is asked for in this task."""
        if len(shared) == 1:
            return {load: await self._answer(load, wanted) for load, wanted in shared.items()}
        answers = await asyncio.gather(*map(self._answer, shared, shared.values()))
        return dict(zip(shared, answers, strict=True))

    async def _answer(self, load: Load, shared: Shared) -> dict[int, Loaded[T]] | Exception:
        """What the store has for each of the selections, in one call."""
        selections: dict[int, Selection] = shared.selections
        try:
            async with self._free:
                selection = merged([*selections.values()])
                loaded = await self._load(selection, load, need=shared.need)
        except Exception as error:  # noqa: BLE001 - it is told to those whom it concerns
            return error
        rows = cut(loaded.rows, [len(each.tags) for each in selections.values()])
        return {key: Loaded(own, loaded.offset) for key, own in zip(selections, rows, strict=True)}

    async def _end(
        self, job: Job[T], loaded: dict[Load, dict[int, Loaded[T]] | Exception]
    ) -> Read[T] | Exception:
        good: dict[Load, dict[int, Loaded[T]]] = {}
        for load in job.loads:
            answers = loaded[load]
            if isinstance(answers, Exception):
                return answers
            good[load] = answers
        rows = sum(len(each[id(job.want.selection)].rows) for each in good.values())
        rows += sum(map(len, (*job.known, *job.memory, *job.edge)))
        return self._told(job, await beside(rows, self._put_together, job, good))

    def _put_together(self, job: Job[T], loaded: Mapping[Load, Mapping[int, Loaded[T]]]) -> Done[T]:
        """What is at hand and what was loaded, as one."""
        width = job.want.span.width_ms
        stored, rest = list(job.known), list(job.memory)
        stored.extend([self._coarse(each, width) for each in job.edge])
        kept: list[tuple[int, Block[T]]] = []
        for load in job.loads:
            own = loaded[load][id(job.want.selection)]
            missed = self._missed(job, own, load.span)
            rows = own.rows
            if load.span.width_ms != width:
                block = self._block_of(job.want, rows, (load.span.start, load.span.end))
                kept.append((load.span.width_ms, block))
                rows = self._coarse(rows, width)
                missed = [self._coarse(each, width) for each in missed]
            stored.append(rows)
            rest.extend(missed)
        if job.known_until < job.whole[1]:
            rows = self._joined(stored, width)
            kept.append((width, self._block_of(job.want, rows, job.whole)))
            stored = [rows]
        stored.extend(rest)
        return Done(self._joined(stored, width), kept)

    def _told(self, job: Job[T], done: Done[T]) -> Read[T]:
        """The rows, of which those are kept that may be."""
        for width_ms, block in done.kept:
            self._keep(job, width_ms, block)
        return Read(done.rows, bool(job.known))

    def _joined(self, parts: Sequence[T], width_ms: int) -> T:
        if len(parts) == 1:
            return parts[0]
        return joined(parts, partial(self._merge, width_ms=width_ms))

    def _coarse(self, rows: T, width_ms: int) -> T:
        """The same rows in wider buckets."""
        return self._merge([replace(rows, bucket=rows.bucket // width_ms * width_ms)], width_ms)

    @staticmethod
    def _block_of(want: Want, rows: T, within: tuple[int, int]) -> Block[T]:
        return Block(want.source, want.span.start, want.span.end, rows).cut(*within)

    def _keep(self, job: Job[T], width_ms: int, block: Block[T]) -> None:
        """Keep the block, unless the past has changed since it was asked for."""
        metric, key = job.want.metric, block_key(job.want, width_ms)
        if self._blocks.revision(metric) == job.revision:
            if (old := self._blocks.peek(key)) is not None:
                block = replace(block, shared_ms=old.shared_ms)
            self._blocks.put(metric, key, block, block.size, BLOCK_TTL_MS)

    def _fresh(self, want: Want, memory: Memory) -> FreshRows | None:  # noqa: ARG002
        """The rows of the want that the store may not have yet, where they are asked for."""
        return None

    def _load_at_hand(self, want: Want, load: Load) -> Loaded[T] | None:  # noqa: ARG002
        """What the store has at hand; None where it may have to be waited for."""
        return None

    def _stored_until(self, want: Want) -> int:
        """Where the range ends that the store has to tell."""
        return want.span.end

    @abstractmethod
    def _stored(self, want: Want) -> list[tuple[int, int]]:
        """The ranges that the store has to tell, in order; the windows tell the rest."""

    @abstractmethod
    def _newest(self, want: Want, memory: Memory) -> list[T]:
        """Rows of the windows."""

    @abstractmethod
    async def _load(self, selection: Selection, load: Load, *, need: Need) -> Loaded[T]:
        """Ask the store."""

    @abstractmethod
    def _missed(self, job: Job[T], loaded: Loaded[T], span: Span) -> list[T]:
        """Rows of the span that what was loaded should have and does not."""

    @abstractmethod
    def _merge(self, parts: Sequence[T], width_ms: int) -> T:
        """The rows of all parts, those of the same group and bucket made one."""


class PartialReads(Reads[Partials]):
    """Reads partials: the store's up to where the windows begin, then the windows'."""

    _kind = Partials

    def _stored(self, want: Want) -> list[tuple[int, int]]:
        start, end = want.span.start, want.span.end
        hot_start, hot_end = self._hot(want)
        return [(start, end)] if hot_start >= hot_end else [(start, hot_start), (hot_end, end)]

    def _newest(self, want: Want, memory: Memory) -> list[Partials]:
        start, end = self._hot(want)
        if start >= end:
            return []
        return [memory.partials(want.selection, start, end, want.span.width_ms)]

    def _hot(self, want: Want) -> tuple[int, int]:
        """The whole seconds that are in the windows, `[start, end)`; none if it is not less."""
        start = -(-max(want.span.start, self._recent.start) // SECOND_MS) * SECOND_MS
        return start, want.span.end // SECOND_MS * SECOND_MS

    def _stored_until(self, want: Want) -> int:
        end = want.span.end
        # The rest of a second at the end is the store's.
        return min(end, self._hot(want)[0]) if end % SECOND_MS == 0 else end

    def _load_at_hand(self, want: Want, load: Load) -> Loaded[Partials] | None:
        rows = self._store.partials_at_hand(want.selection, load.span, need=want.need)
        return None if rows is None else Loaded(rows, 0)

    async def _load(self, selection: Selection, load: Load, *, need: Need) -> Loaded[Partials]:
        return Loaded(await self._store.partials(selection, load.span, need=need), 0)

    def _missed(self, job: Job[Partials], loaded: Loaded[Partials], span: Span) -> list[Partials]:  # noqa: ARG002
        return []

    def _merge(self, parts: Sequence[Partials], width_ms: int) -> Partials:
        return grouped(parts, width_ms)


class BinReads(Reads[Bins]):
    """Reads histogram bins: the store's, and those of the rows that it did not have yet."""

    _kind = Bins

    def _stored(self, want: Want) -> list[tuple[int, int]]:
        return [(want.span.start, want.span.end)]

    def _newest(self, want: Want, memory: Memory) -> list[Bins]:  # noqa: ARG002
        return []

    def _fresh(self, want: Want, memory: Memory) -> FreshRows | None:
        return memory.fresh.selected(want.selection)

    async def _load(
        self,
        selection: Selection,
        load: Load,
        *,
        need: Need,  # noqa: ARG002 - bins have counts only
    ) -> Loaded[Bins]:
        binned = await self._store.bins(selection, load.span, distribution=load.distribution)
        return Loaded(binned.bins, binned.offset)

    def _missed(self, job: Job[Bins], loaded: Loaded[Bins], span: Span) -> list[Bins]:
        # Fresh rows were looked at before the store was: a row that it took in meanwhile is
        # among both, and the offset tells so.
        return [] if job.fresh is None else [job.fresh.bins(span, loaded.offset)]

    def _merge(self, parts: Sequence[Bins], width_ms: int) -> Bins:  # noqa: ARG002
        return histogram.merge(parts)


def _in_seconds(edge: tuple[int, int]) -> bool:
    return edge[0] < edge[1] and edge[0] % SECOND_MS == 0 == edge[1] % SECOND_MS


def _without(ranges: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """The ranges with a hole: nothing of `[start, end)`, which lies in the first of them."""
    (first, last), *others = ranges
    return [(first, start), (end, last), *others]

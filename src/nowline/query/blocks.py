"""Whole buckets of rows that were read before."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Generic

from nowline.model.partials import Need
from nowline.query.cache import Cache
from nowline.query.handover import Missing, Packing
from nowline.query.merging import T
from nowline.query.packing import name_of, pack_rows, unpack_rows
from nowline.store.base import Span
from nowline.store.catalogue import Selection
from nowline.store.shared import Name

BLOCK_TTL_MS = 300_000
"""How long a block is kept after it was read or grew."""
# One that grows with the clock is handed on again before what was handed on expires.
_SHARE_EVERY_MS = BLOCK_TTL_MS // 2


@dataclass(frozen=True, slots=True)
class Want:
    """What one question wants: the rows of a selection over a span.

    Attributes:
        metric: The metric's name.
        selection: Series by group.
        span: The range, and the width of the buckets to read in.
        distribution: Whether the metric is a distribution; only bins ask for it.
        need: What of partials is of use.
        source: What the selection was made from; while that is the same object, so are its series.
        key: Tells selections of the same source apart, and ranges that do not move on together.
    """

    metric: str
    selection: Selection
    span: Span
    distribution: bool = False
    need: Need = Need.ALL
    source: object = None
    key: Hashable = None

    def whole(self, until: int) -> tuple[int, int]:
        """The buckets, `[start, end)`, that lie wholly in the span and before `until`.

        There are none where the rows may not be kept.
        """
        width = self.span.width_ms
        start = -(-self.span.start // width) * width
        end = min(self.span.end, until) // width * width
        return (start, start) if self.source is None else (start, max(start, end))


@dataclass(frozen=True, slots=True)
class Block(Generic[T]):
    """The rows of whole buckets, `[start, end)`, that no row can come into unnoticed.

    Attributes:
        source: That of the want which they were read for.
        shared_ms: When they, or fewer of them, were handed on; 0 if they never were.
    """

    source: object
    start: int
    end: int
    rows: T
    shared_ms: int = 0

    def cut(self, start: int, end: int) -> Block[T]:
        """The part of it that lies in `[start, end)`."""
        if start <= self.start and self.end <= end:
            return self
        inside = (self.rows.bucket >= start) & (self.rows.bucket < end)
        rows = self.rows if inside.all() else self.rows.where(inside)
        return replace(self, start=max(start, self.start), end=min(end, self.end), rows=rows)

    def fits(self, want: Want, start: int) -> bool:
        """Whether it has the bucket that starts there, of the series that are wanted."""
        return self.source is want.source and self.start <= start < self.end

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.rows) * len(fields(self.rows)) * self.rows.bucket.itemsize


class MissingBlock(Missing, Generic[T]):
    """The block of a want.

    Args:
        kind: What its rows are.
        blocks: The blocks in memory.
        want: What is wanted.
        until: Where the windows begin.
        now_ms: The time.
    """

    def __init__(
        self, kind: type[T], blocks: Cache[Block[T]], want: Want, until: int, now_ms: int
    ) -> None:
        self._kind: type[T] = kind
        self._blocks: Cache[Block[T]] = blocks
        self._want = want
        self._whole = want.whole(until)
        self._now_ms = now_ms
        self._key = block_key(want, want.span.width_ms)
        self._revision = blocks.revision(want.metric)

    @property
    def is_missing(self) -> bool:
        """Whether there is a block to be, and it is not in memory or was not handed on for long."""
        if self._whole[0] == self._whole[1] or not len(self._want.selection.series):
            return False
        known = self._known()
        return known is None or known.shared_ms + _SHARE_EVERY_MS <= self._now_ms

    def name(self) -> Name:
        """What it is kept as elsewhere."""
        return name_of(self._want.metric, (self._kind.__name__, self._key), self._want.selection)

    def take(self, packed: bytes) -> None:
        """Keep it in memory, unless it is there or out of date by now."""
        found = unpack_rows(self._kind, packed)
        if found is None or self._known() is not None:
            return
        start, end, rows = found
        # Rows of after this come to the windows without anybody being told.
        block = Block(self._want.source, start, end, rows, self._now_ms).cut(start, self._whole[1])
        if block.fits(self._want, self._whole[0]):
            self._put(block)

    def packing(self) -> Packing | None:
        """How to pack it for others, None if it is not in memory or came from there."""
        known = self._known()
        if known is None or known.shared_ms == self._now_ms:
            return None
        self._put(replace(known, shared_ms=self._now_ms))
        return Packing(len(known.rows), partial(pack_rows, known.start, known.end, known.rows))

    def _known(self) -> Block[T] | None:
        """The block in memory, if it is of now."""
        known: Block[T] | None = self._blocks.peek(self._key)
        fits = known is not None and known.fits(self._want, self._whole[0])
        return (
            known if fits and self._blocks.revision(self._want.metric) == self._revision else None
        )

    def _put(self, block: Block[T]) -> None:
        if self._blocks.revision(self._want.metric) == self._revision:
            self._blocks.put(self._want.metric, self._key, block, block.size, BLOCK_TTL_MS)


def block_key(want: Want, width_ms: int) -> Hashable:
    """What a block in buckets of that width is kept as in memory."""
    widths = want.span.width_ms, width_ms
    return want.metric, want.key, widths, want.distribution, want.need.name

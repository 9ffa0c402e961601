"""Which levels answer which part of a range: as coarse as its buckets and edges allow. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nowline.model.level import Level
from nowline.store.base import Span


@dataclass(frozen=True, slots=True)
class Part:
    """`[start, end)`, whole buckets of `level`."""

    level: Level
    start: int
    end: int


def cover(span: Span, levels: Sequence[Level]) -> list[Part]:
    """Disjoint parts that make up the span, in order of time.

    What lies in whole buckets of the coarsest level that the span's buckets are made of is read
    from that level, the edges from finer ones, so the answer is that of the raw rows exactly.

    Args:
        span: The range and the bucket width.
        levels: What there is, from fine to coarse; the first one answers whatever is left.
    """
    fitting = [level for level in levels if span.width_ms % level.width_ms == 0]
    return _cover(span.start, span.end, fitting or list(levels[:1]))


def _cover(start: int, end: int, levels: Sequence[Level]) -> list[Part]:
    if start >= end:
        return []
    *finer, level = levels
    if not finer:
        return [Part(level, start, end)]
    width = level.width_ms
    first, last = -(-start // width) * width, end // width * width
    if first >= last:
        return _cover(start, end, finer)
    middle = [Part(level, first, last)]
    return [*_cover(start, first, finer), *middle, *_cover(last, end, finer)]

"""Which rows answer which part of a range: rolled-up ones where they are whole, raw ones else."""

from __future__ import annotations

from dataclasses import dataclass

from nowline.model.query import MINUTE_MS
from nowline.store.base import Span


@dataclass(frozen=True, slots=True)
class Parts:
    """Disjoint ranges `[start, end)` that cover a span: `rolled` in whole minutes, the rest raw."""

    rolled: tuple[int, int] | None
    raw: list[tuple[int, int]]


def split(span: Span, closed_before: int) -> Parts:
    """Cover the span with roll-ups as far as its buckets allow and minutes are closed.

    A minute that the span cuts, and every minute not closed yet, is read from raw rows, so the
    answer is that of the raw rows exactly.
    """
    first = -(-span.start // MINUTE_MS) * MINUTE_MS
    last = min(span.end, closed_before) // MINUTE_MS * MINUTE_MS
    if span.width_ms % MINUTE_MS or first >= last:
        return Parts(None, [(span.start, span.end)])
    edges = [(span.start, first), (last, span.end)]
    return Parts((first, last), [(start, end) for start, end in edges if start < end])

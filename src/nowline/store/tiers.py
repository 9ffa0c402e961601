"""Which segments are due to become one. Pure: the time comes as an argument.

Segments of about one size are merged when there are several, so each row is rewritten a number of
times that grows with the logarithm of the rows only; when a stretch is over, what little came in
late joins the rest (size-tiered compaction, as in Bigtable and Cassandra).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from nowline.model.query import DAY_MS
from nowline.store.segments import Manifest, Place, Segment

FAN_IN = 8
"""So many segments of one size become one."""
# A stretch is over for good when nothing can have come in for it for this long.
_QUIET_MS = 15 * 60_000
# More would take minutes to rewrite.
_MOST_ROWS = 64_000_000
# What came in late joins a stretch that is over when it is at least such a part of it.
_LATE_PART = 64


@dataclass(frozen=True, slots=True)
class Work:
    """Segments of one place to be merged, in the order in which they were written."""

    place: Place
    segments: tuple[Segment, ...]


def due(manifest: Manifest, now_ms: int) -> list[Work]:
    """What is to be merged now, small work first."""
    found = []
    for place, segments in manifest.by_place.items():
        small = [*takewhile(lambda segment: segment.rows <= _MOST_ROWS, reversed(segments))][::-1]
        is_over = place[1] * DAY_MS + place[0].stretch_ms + _QUIET_MS <= now_ms
        if chosen := (_all_of(small) if is_over else []) or _of_a_size(small):
            found.append(Work(place, tuple(chosen)))
    return sorted(found, key=lambda work: sum(segment.rows for segment in work.segments))


def _all_of(segments: Sequence[Segment]) -> Sequence[Segment]:
    """All segments, unless rewriting the greatest for so little is a waste."""
    *rest, greatest = sorted(segment.rows for segment in segments) or [0]
    return segments if rest and sum(rest) * _LATE_PART >= greatest else []


def _of_a_size(segments: Sequence[Segment]) -> Sequence[Segment]:
    """The segments up to the least size of which there are many.

    And those between them, so that of equal times the rows that came first stay first.
    """
    sizes = Counter(map(_size_class, segments))
    many = min((size for size, count in sizes.items() if count >= FAN_IN), default=-1)
    at = [n for n, segment in enumerate(segments) if _size_class(segment) <= many]
    return segments[at[0] : at[-1] + 1] if at else []


def _size_class(segment: Segment) -> int:
    return int(math.log(segment.rows, FAN_IN))

"""Which levels answer which part of a range."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nowline.model.level import Level
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.store.base import Span
from nowline.store.levels import Part, cover

LEVELS = list(Level)


def test_whole_buckets_come_from_the_coarsest_level_and_edges_from_finer_ones() -> None:
    start, end = DAY_MS - MINUTE_MS - 1, 3 * DAY_MS + HOUR_MS
    assert cover(Span(start, end, DAY_MS), LEVELS) == [
        Part(Level.RAW, start, DAY_MS - MINUTE_MS),
        Part(Level.MINUTE, DAY_MS - MINUTE_MS, DAY_MS),
        Part(Level.DAY, DAY_MS, 3 * DAY_MS),
        Part(Level.HOUR, 3 * DAY_MS, end),
    ]


def test_buckets_that_no_level_fits_into_are_read_raw() -> None:
    assert cover(Span(0, DAY_MS, 7_000), LEVELS) == [Part(Level.RAW, 0, DAY_MS)]


def test_levels_that_there_are_not_are_passed_over() -> None:
    parts = cover(Span(0, DAY_MS + MINUTE_MS, HOUR_MS), [Level.RAW, Level.HOUR])
    assert parts == [Part(Level.HOUR, 0, DAY_MS), Part(Level.RAW, DAY_MS, DAY_MS + MINUTE_MS)]


@given(
    st.integers(0, 3 * DAY_MS),
    st.integers(1, 3 * DAY_MS),
    st.sampled_from([1_000, MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, DAY_MS]),
    st.sets(st.sampled_from(LEVELS[1:])),
)
def test_parts_lie_side_by_side_in_whole_buckets(
    start: int, length: int, width: int, extra: set[Level]
) -> None:
    levels = [Level.RAW, *(level for level in LEVELS if level in extra)]
    parts = cover(Span(start, start + length, width), levels)
    assert (parts[0].start, parts[-1].end) == (start, start + length)
    assert all(one.end == other.start for one, other in pairwise(parts))
    for part in parts:
        assert part.level in levels
        assert part.start < part.end
        assert width % part.level.width_ms == 0 or part.level is Level.RAW
        assert part.start % part.level.width_ms == part.end % part.level.width_ms == 0

"""A span is cut into parts that cover it exactly, once, and by whole closed minutes only."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nowline.model.query import MINUTE_MS
from nowline.store.base import Span
from nowline.store.levels import Parts, split

moments = st.integers(0, 20 * MINUTE_MS)
widths = st.sampled_from([1_000, 7_000, 90_000, MINUTE_MS, 5 * MINUTE_MS, 60 * MINUTE_MS])


@given(moments, st.integers(1, 20 * MINUTE_MS), widths, st.integers(0, 40 * MINUTE_MS))
def test_parts_are_disjoint_and_cover_the_span(
    start: int, length: int, width: int, closed: int
) -> None:
    span = Span(start, start + length, width)
    parts = split(span, closed)
    ranges = sorted([*parts.raw, *([parts.rolled] if parts.rolled else [])])
    assert all(first < last for first, last in ranges)
    assert (ranges[0][0], ranges[-1][1]) == (span.start, span.end)
    assert all(one[1] == other[0] for one, other in pairwise(ranges))


@given(moments, st.integers(1, 20 * MINUTE_MS), widths, st.integers(0, 40 * MINUTE_MS))
def test_rolled_minutes_are_whole_closed_and_of_a_width_they_fit(
    start: int, length: int, width: int, closed: int
) -> None:
    rolled = split(Span(start, start + length, width), closed).rolled
    if rolled:
        assert rolled[0] % MINUTE_MS == rolled[1] % MINUTE_MS == width % MINUTE_MS == 0
        assert rolled[1] <= closed


@given(moments, st.integers(3 * MINUTE_MS, 20 * MINUTE_MS))
def test_what_can_be_rolled_is(start: int, length: int) -> None:
    end = start + length
    parts = split(Span(start, end, MINUTE_MS), end)
    assert parts.rolled == (-(-start // MINUTE_MS) * MINUTE_MS, end // MINUTE_MS * MINUTE_MS)
    assert sum(last - first for first, last in parts.raw) < 2 * MINUTE_MS


def test_known_spans() -> None:
    minute = MINUTE_MS
    assert split(Span(0, 2 * minute, minute), 2 * minute) == Parts((0, 2 * minute), [])
    assert split(Span(0, 2 * minute, minute), 0) == Parts(None, [(0, 2 * minute)])
    assert split(Span(0, 2 * minute, 1_000), 2 * minute) == Parts(None, [(0, 2 * minute)])
    assert split(Span(1, 3 * minute - 1, minute), 3 * minute) == Parts(
        (minute, 2 * minute), [(1, minute), (2 * minute, 3 * minute - 1)]
    )
    assert split(Span(5, 10, minute), minute) == Parts(None, [(5, 10)])

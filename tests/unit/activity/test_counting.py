"""Counts over windows that end now: as many as a list of all moments says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nowline.activity.counting import Distinct, Rolling

WINDOW_MS = 5_000
REACH_MS = 10_000
moments = st.lists(st.integers(0, 30_000), max_size=60)


@given(moments, st.integers(0, 30_000), st.integers(0, 30_000))
def test_any_window_has_as_many_as_the_list(times: list[int], after: int, until: int) -> None:
    rolling = Rolling(REACH_MS)
    for time in times:
        rolling.add(time)
    assert rolling.count(after, until) == sum(after < time <= until for time in times)


@given(moments, moments, st.integers(15_000, 30_000))
def test_what_is_forgotten_was_in_no_window_any_more(
    before: list[int], late: list[int], now: int
) -> None:
    rolling = Rolling(REACH_MS)
    for time in before:
        rolling.add(time)
    rolling.forget(now)
    for time in late:
        rolling.add(time)
    expected = sum(now - REACH_MS < time <= now for time in before + late)
    assert rolling.count(now - REACH_MS, now) == expected


def test_a_window_keeps_its_edges_to_the_millisecond() -> None:
    rolling = Rolling(REACH_MS)
    for time in (1_000, 1_001, 2_500, 6_000, 6_001):
        rolling.add(time)
    assert rolling.count(1_000, 6_000) == 3


seen = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 3_000)), max_size=40)


@given(st.lists(seen, max_size=6))
def test_names_are_counted_once_each(steps: list[list[tuple[str, int]]]) -> None:
    """Time goes on between the steps; in each, names come in that are up to 3 s late."""
    distinct, all_seen, now = Distinct(WINDOW_MS), [], 10_000
    for step in steps:
        now += 2_345
        for name, late in step:
            distinct.add(name, now - late)
            all_seen.append((name, now - late))
        inside = {name for name, time in all_seen if now - WINDOW_MS < time <= now}
        assert distinct.count(now) == len(inside)

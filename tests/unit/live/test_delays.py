from __future__ import annotations

import bisect

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowline.live.delays import BOUNDS_MS, Delays

MS = st.lists(st.integers(-5, 200_000), min_size=1, max_size=200)


def observed(delays: list[int]) -> Delays:
    made = Delays()
    for ms in delays:
        made.observe(ms)
    return made


@given(st.integers(-5, 200_000), st.integers(1, 9))
def test_many_at_once_are_many(ms: int, times: int) -> None:
    made = Delays()
    made.observe(ms, times)
    assert made == observed([ms] * times)


@given(MS)
def test_counts_and_sum_are_exact(delays: list[int]) -> None:
    made = observed(delays)
    assert (made.count, made.sum_ms) == (len(delays), sum(max(0, ms) for ms in delays))


@given(MS)
def test_bounds_count_exactly_what_took_no_longer(delays: list[int]) -> None:
    ordered, up_to = sorted(delays), observed(delays).up_to()
    assert up_to == [bisect.bisect_right(ordered, bound) for bound in BOUNDS_MS]


def test_a_delay_of_just_a_bound_is_within_it() -> None:
    for place, bound in enumerate(BOUNDS_MS):
        up_to = observed([bound, bound + 1]).up_to()
        assert up_to == [0] * place + [1] + [2] * (len(BOUNDS_MS) - place - 1)


@given(MS, MS)
def test_what_came_since_is_what_came_since(before: list[int], after: list[int]) -> None:
    made = observed(before)
    earlier = made.copy()
    for ms in after:
        made.observe(ms)
    assert made.since(earlier) == observed(sorted(after))


@given(MS)
def test_few_delays_are_all_told_within_one_percent(delays: list[int]) -> None:
    told = observed(delays).spread(len(delays), 0.5)
    np.testing.assert_allclose(told, sorted(max(0, ms) for ms in delays), rtol=0.0101)


@given(st.integers(33, 5_000), st.floats(0, 1, exclude_max=True))
def test_many_are_told_evenly(count: int, start: float) -> None:
    told = observed([1 + n for n in range(count)]).spread(32, start)
    assert len(told) == 32
    expected = [min(count, 1 + int((place + start) * count / 32)) for place in range(32)]
    np.testing.assert_allclose(told, expected, rtol=0.0101)


def test_nothing_told_of_nothing() -> None:
    assert Delays().spread(32, 0.5) == []
    assert set(Delays().up_to()) == {0}

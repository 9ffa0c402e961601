"""Fewer points: the first and the last, in order, and the ones that make the line's shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nowline.model.points import Points
from nowline.query.downsample import lttb, thin

values = arrays.arrays(np.float64, st.integers(0, 300), elements=st.floats(-1e9, 1e9))


@given(values, st.integers(2, 320))
def test_the_kept_are_few_in_order_and_hold_both_ends(value: np.ndarray, most: int) -> None:
    kept = lttb(np.arange(len(value)) * 1_000, value, most)
    assert min(len(value), most) - 2 <= len(kept) <= most
    assert (np.diff(kept) > 0).all()
    if len(value):
        assert (kept[0], kept[-1]) == (0, len(value) - 1)


gappy = arrays.arrays(
    np.float64,
    st.integers(0, 300),
    elements=st.one_of(st.floats(), st.integers(-9, 9).map(float), st.just(np.nan)),
)


@given(gappy, st.integers(1, 320))
def test_the_extremes_stay_whatever_the_values_are(value: np.ndarray, most: int) -> None:
    kept = lttb(np.arange(len(value)) * 1_000, value, most)
    assert len(kept) <= most
    assert (np.diff(kept) > 0).all()
    if len(value):
        assert kept[-1] == len(value) - 1
    finite = value[np.isfinite(value)]
    if len(finite) and most >= 4:
        assert finite.min() in value[kept]
        assert finite.max() in value[kept]


def test_a_long_gap_stays_a_gap() -> None:
    value = np.where(np.arange(1_000) // 100 % 2, np.nan, 1.0)
    kept = lttb(np.arange(1_000), value, 100)
    assert np.isnan(value[kept]).any()
    assert np.isfinite(value[kept]).any()


def test_a_single_point_is_the_newest() -> None:
    assert lttb(np.arange(5), np.arange(5.0), 1).tolist() == [4]


@given(values, st.integers(2, 100), st.integers(0, 1 << 40))
def test_when_it_was_makes_no_difference(value: np.ndarray, most: int, start: int) -> None:
    time = np.arange(len(value)) * 1_000
    value = np.round(value)
    assert lttb(time, value, most).tolist() == lttb(time + start * 1_000, value, most).tolist()


@given(st.integers(1, 998), st.integers(3, 200), st.sampled_from([-1e6, 1e6]))
def test_a_spike_out_of_a_flat_line_stays(at: int, most: int, height: float) -> None:
    value = np.zeros(1_000)
    value[at] = height
    assert at in lttb(np.arange(1_000), value, most)


def test_a_wave_keeps_its_crests() -> None:
    value = np.sin(np.arange(10_000) / 10_000 * 20 * np.pi)
    kept = value[lttb(np.arange(10_000), value, 200)]
    assert (kept > 0.98).sum() >= 10
    assert (kept < -0.98).sum() >= 10


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_points_all_stay(count: int) -> None:
    assert lttb(np.arange(count), np.zeros(count), 3).tolist() == list(range(count))


@given(st.lists(st.integers(0, 60), max_size=5), st.integers(2, 40))
def test_each_group_is_thinned_by_itself(sizes: list[int], most: int) -> None:
    group = np.repeat(np.arange(len(sizes)), sizes)
    bucket = np.concatenate([np.arange(size) for size in sizes] or [np.arange(0)])
    points = thin(Points([{}] * len(sizes), group, bucket, bucket * 1.0), most)
    counts = np.bincount(points.group, minlength=len(sizes)).tolist()
    assert all(min(s, most) - 2 <= n <= most for s, n in zip(sizes, counts, strict=True))
    assert (np.diff(points.group * 100 + points.bucket) > 0).all()

"""Histogram bins: ordered, mergeable, and within 1 % of the values that fell into them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model import histogram
from nowline.model.histogram import Bins
from nowline.model.partials import Floats

finite = st.floats(-1.7e308, 1.7e308, allow_nan=False)
# The relative error of a subnormal number is that of its few bits, not that of its bin.
normal = finite.filter(lambda value: value == 0 or abs(value) > 1e-300)
lists = st.lists(normal, min_size=1, max_size=60)


def binned(values: Floats, key: int = 0) -> Bins:
    count = len(values)
    return histogram.fold(np.full(count, key), np.zeros(count, np.int64), values, 1_000)


@given(lists)
def test_a_bin_is_told_within_one_percent_of_its_values(values: list[float]) -> None:
    array = np.array(values)
    told = histogram.middles(histogram.codes(array))
    assert (np.abs(told - array) <= 0.01 * np.abs(array)).all()
    assert np.isfinite(told).all()


@given(st.lists(finite, min_size=2, max_size=60))
def test_codes_are_in_the_order_of_their_values(values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    assert (np.diff(histogram.codes(ordered)) >= 0).all()


@given(lists, lists)
def test_merging_bins_is_binning_all_values(one: list[float], other: list[float]) -> None:
    merged = histogram.merge([binned(np.array(one)), binned(np.array(other))])
    whole = binned(np.array(one + other))
    for name in ("key", "bucket", "bin", "count"):
        assert getattr(merged, name).tolist() == getattr(whole, name).tolist()


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99])
@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=200), st.booleans())
def test_a_quantile_is_within_one_percent_of_numpys(
    q: float, values: list[float], is_negative: bool
) -> None:
    array = -np.array(values) if is_negative else np.array(values)
    _, _, told = histogram.quantile(binned(array), q)
    assert told == pytest.approx([np.quantile(array, q)], rel=0.0101)


def test_quantiles_are_told_by_key_and_bucket() -> None:
    key, time = np.array([1, 0, 1, 1]), np.array([0, 5, 1_000, 1_999])
    bins = histogram.fold(key, time, np.array([7.0, 3.0, 10.0, 20.0]), 1_000)
    keys, buckets, told = histogram.quantile(bins, 0.5)
    assert list(zip(keys.tolist(), buckets.tolist(), strict=True)) == [(0, 0), (1, 0), (1, 1_000)]
    assert told == pytest.approx([3, 7, 15], rel=0.01)


def test_nothing_has_no_quantile() -> None:
    assert len(histogram.quantile(histogram.empty(), 0.5)[2]) == 0
    assert len(histogram.merge([])) == 0


@given(lists)
def test_each_value_is_within_the_bounds_of_its_size(values: list[float]) -> None:
    array = np.array(values)
    for value, size in zip(values, histogram.sizes(histogram.codes(array)).tolist(), strict=True):
        low, high = histogram.bounds(size)
        # A bin's edge is told a rounding error beside where values fall into the next one.
        assert low <= value * (1 + 1e-9) or low <= value * (1 - 1e-9)
        assert value * (1 - 1e-9) <= high or value * (1 + 1e-9) <= high


@given(st.integers(-1000, 1000))
def test_sizes_stand_next_to_each_other_two_to_a_doubling(step: int) -> None:
    low, high = histogram.bounds(histogram.OFFSET + step)
    assert histogram.bounds(histogram.OFFSET + step + 1)[0] == high
    assert histogram.bounds(-histogram.OFFSET - step) == (-high, -low)
    assert histogram.bounds(histogram.OFFSET + step + 2)[0] == pytest.approx(2 * low, rel=1e-3)


def test_zero_is_a_size_of_its_own() -> None:
    (size,) = histogram.sizes(histogram.codes(np.array([0.0]))).tolist()
    assert histogram.bounds(size) == (0, 0)


@given(lists)
def test_sizes_are_in_the_order_of_values_and_part_no_bin(values: list[float]) -> None:
    codes = np.sort(histogram.codes(np.array(values)))
    sizes = histogram.sizes(codes)
    assert (np.diff(sizes) >= 0).all()
    assert np.isfinite([histogram.bounds(size) for size in sizes.tolist()]).all()

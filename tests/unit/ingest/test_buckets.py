"""Observations say what the buckets said, and totals of buckets are told from each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.ingest.buckets import MOST_COUNT, Buckets, explicit, exponential, observations

INF = math.inf


def told(
    buckets: Buckets, total: float | None, low: float = -INF, high: float = INF
) -> list[float]:
    return [round(value, 9) for value in observations(buckets, total, low, high).tolist()]


@pytest.mark.parametrize(
    ("counts", "total", "low", "high", "values"),
    [
        ([0, 4, 0], 28, -INF, INF, [7]),
        ([2, 2, 0], 20, -INF, INF, [2.5, 7.5]),
        ([2, 2, 0], 30, -INF, INF, [5, 10]),
        ([1, 2, 3], 100, -INF, INF, [2.5, 7.5, 27.5]),
        ([1, 0, 1], 12, -INF, INF, [2, 10]),
        ([1, 1, 1], None, -INF, INF, [2.5, 7.5, 10]),
        ([1, 1, 1], None, 1, 30, [3, 7.5, 20]),
        ([2, 0, 0], -8, -INF, INF, [-4]),
        ([3, 0, 0], 3, 1, 1, [1]),
    ],
    ids=[
        "one bucket", "middle", "upper ends", "what is left is the last one's", "last bound",
        "no sum", "middle of what can be", "below zero", "all the same",
    ],
)  # fmt: skip
def test_one_value_for_each_bucket(
    counts: list[int], total: float | None, low: float, high: float, values: list[float]
) -> None:
    assert told(explicit([5, 10], counts), total, low, high) == pytest.approx(values)


def test_a_histogram_without_bounds_has_its_mean() -> None:
    assert told(explicit([], [4]), 10) == [2.5]
    assert told(explicit([], [4]), -10) == [-2.5]
    assert told(explicit([], [4]), None) == [0]


def test_exponential_buckets_are_where_the_specification_has_them() -> None:
    # At scale 0 they end at 1, 2, 4, 8 …: bucket 1 is (2, 4].
    found = exponential(0, (0.5, 1), (1, [2, 0, 1]), (-1, [3]))
    lower, upper = found.edges
    assert found.count.tolist() == [3, 1, 2, 1]
    assert lower.tolist() == [-1, -0.5, 2, 8]
    assert upper.tolist() == [-0.5, 0.5, 4, 16]
    coarse = found.at(-1)
    # At scale -1 they end at 1, 4, 16 …
    assert coarse.edges[1].tolist() == [-0.25, 0.5, 4, 16]
    assert exponential(3, (0, 0), (7, [1]), (0, [])).edges[1].tolist() == [2]


@pytest.mark.parametrize("scale", [-30, 30])
def test_the_widest_and_the_narrowest_buckets_have_finite_values(scale: int) -> None:
    buckets = exponential(scale, (0, 1), ((1 << 31) - 2, [1, 1]), (-(1 << 31), [1, 1]))
    assert np.isfinite(observations(buckets, 1e9, -INF, INF)).all()


COUNTS = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any)
BOUNDS = st.lists(
    st.floats(-1e6, 1e6, allow_subnormal=False), min_size=3, max_size=3, unique=True
).map(sorted)


@given(BOUNDS, st.lists(st.floats(-2e6, 2e6, allow_subnormal=False), min_size=1, max_size=60))
def test_observations_have_the_counts_and_the_sum_of_the_true_ones(
    bounds: list[float], seen: list[float]
) -> None:
    values = np.array(seen)
    places = np.searchsorted(bounds, values)
    buckets = explicit(bounds, np.bincount(places, minlength=4).tolist())
    total = float(values.sum())
    found = observations(buckets, total, float(values.min()), float(values.max()))
    assert np.searchsorted(bounds, found).tolist() == buckets.code.tolist()
    assert (found * buckets.count).sum() == pytest.approx(total, rel=1e-9, abs=1e-3)
    again = buckets.of(np.repeat(found, buckets.count))
    assert again is not None
    assert again.count.tolist() == buckets.count.tolist()


@given(BOUNDS, COUNTS, COUNTS)
def test_what_came_in_between(bounds: list[float], before: list[int], added: list[int]) -> None:
    total = [one + other for one, other in zip(before, added, strict=True)]
    found = explicit(bounds, total).since(explicit(bounds, before))
    assert found is not None
    assert found.count.tolist() == [count for count in added if count]
    assert explicit(bounds, before).since(explicit(bounds, total)) is None


EXPONENTIAL = st.lists(st.integers(-40, 40), max_size=30)


@given(EXPONENTIAL, EXPONENTIAL, st.integers(0, 4), st.integers(0, 4))
def test_what_came_in_between_at_another_scale(
    before: list[int], added: list[int], finer: int, coarser: int
) -> None:
    def at(numbers: list[int], scale: int) -> Buckets:
        """Positive and negative values in buckets of these numbers of scale 4."""
        counts = np.bincount(np.array(numbers, int) + 40, minlength=81).tolist()
        return exponential(4, (0, 2), (-40, counts), (-40, counts[::-1])).at(scale)

    low = min(finer, coarser)
    found = at(before + added, coarser).since(at(before, finer))
    expected = at(added, low)
    assert found is not None
    there = expected.code != 0
    assert found.code.tolist() == expected.code[there].tolist()
    assert found.count.tolist() == expected.count[there].tolist()


def test_other_bounds_are_another_histogram() -> None:
    assert explicit([1], [1, 1]).since(explicit([2], [1, 1])) is None
    assert explicit([], [2]).since(exponential(0, (0, 0), (0, [1]), (0, []))) is None


@pytest.mark.parametrize(
    ("bounds", "counts", "field"),
    [
        ([1], [1], "bucket_counts"),
        ([1], [1, 1, 1], "bucket_counts"),
        ([1], [-1, 1], "bucket_counts"),
        ([1], [1 << 64, 1], "bucket_counts"),
        ([1], [MOST_COUNT + 1, 0], "bucket_counts"),
        ([1], [MOST_COUNT, 1], "bucket_counts"),
        ([1, 2, 3, 4], [1 << 62] * 4 + [5], "bucket_counts"),
        ([1, 1], [0, 0, 1], "explicit_bounds"),
        ([2, 1], [0, 0, 1], "explicit_bounds"),
        ([INF], [0, 1], "explicit_bounds"),
        ([math.nan], [0, 1], "explicit_bounds"),
    ],
)
def test_what_is_no_histogram(bounds: list[float], counts: list[int], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        explicit(bounds, counts)


@pytest.mark.parametrize(
    ("scale", "offset", "field"), [(31, 0, "scale"), (-31, 0, "scale"), (0, 1 << 40, "offset")]
)
def test_what_is_no_exponential_histogram(scale: int, offset: int, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        exponential(scale, (0, 0), (offset, [1]), (0, []))


@pytest.mark.parametrize(
    ("zero", "positive", "negative"),
    [
        (5, [1 << 62] * 2, [1 << 62] * 2),
        (1 << 62, [1 << 62], [1 << 62, 1 << 62, 5]),
        (MOST_COUNT, [1], [1]),
        (0, [1 << 64], []),
        (-1, [1], []),
        (0, [2, -1], []),
        (0, [], [2, -1]),
    ],
)
def test_counts_of_exponential_buckets_that_cannot_be(
    zero: int, positive: list[int], negative: list[int]
) -> None:
    with pytest.raises(ValueError, match=r"^bucket_counts: "):
        exponential(0, (0, zero), (0, positive), (0, negative))


def test_the_greatest_counts_are_told_from_each_other() -> None:
    most = explicit([1], [MOST_COUNT - 1, 1])
    assert most.total == MOST_COUNT
    found = most.since(explicit([1], [1, 0]))
    assert found is not None
    assert (found.count.tolist(), found.total) == ([MOST_COUNT - 2, 1], MOST_COUNT - 1)


@given(st.lists(st.integers(0, 1 << 63), min_size=3, max_size=3))
def test_no_counts_wrap(counts: list[int]) -> None:
    if sum(counts) > MOST_COUNT:
        with pytest.raises(ValueError, match=r"^bucket_counts: "):
            explicit([1, 2], counts)
    else:
        assert explicit([1, 2], counts).total == sum(counts)

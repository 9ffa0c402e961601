"""How much gauges rose, series by series, and what a rate is of."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.grouping import fold
from nowline.model.partials import Partials, empty
from nowline.model.query import Aggregation
from nowline.model.series import MetricType
from nowline.query.values import reads_increases, rises, value_of


def rows(*listed: tuple[int, int, float]) -> Partials:
    key, time, value = zip(*listed, strict=True) if listed else ((), (), ())
    return fold(np.array(key, np.int64), np.array(time, np.int64), np.array(value, float), 10)


def risen(now: Partials, before: Partials, group: list[int]) -> list[tuple[int, int, float]]:
    found = rises(now, before, np.array(group))
    columns = (found.group.tolist(), found.bucket.tolist(), found.amount.tolist())
    return list(zip(*columns, strict=True))


def test_each_bucket_rises_from_the_last_value_of_the_one_before() -> None:
    now = rows((0, 10, 5.0), (0, 19, 7.0), (0, 25, 6.5), (0, 61, 10.0))
    assert risen(now, empty(), [0]) == [(0, 20, 6.5), (0, 60, 3.5)]


def test_the_value_before_the_range_is_where_it_rises_from() -> None:
    now, before = rows((0, 10, 5.0), (1, 10, 9.0)), rows((0, 3, 4.0), (2, 3, 1.0))
    assert risen(now, before, [0, 0, 0]) == [(0, 10, 1.0)]


def test_series_rise_by_themselves_and_are_summed_by_group() -> None:
    now = rows((0, 10, 1.0), (0, 20, 2.0), (1, 10, 10.0), (1, 20, 3.0), (2, 10, 0.0), (2, 20, 8.0))
    assert risen(now, empty(), [1, 1, 0]) == [(0, 20, 8.0), (1, 20, 4.0)]


def test_without_rows_nothing_rises() -> None:
    assert risen(empty(), empty(), []) == []
    assert risen(empty(), rows((0, 1, 1.0)), [0]) == []


samples = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 99), st.integers(0, 9).map(float)),
    unique_by=lambda row: row[:2],
)


@given(samples, samples, st.permutations([0, 1, 0]))
def test_rises_of_any_samples(
    listed: list[tuple[int, int, float]],
    earlier: list[tuple[int, int, float]],
    group: list[int],
) -> None:
    expected: dict[tuple[int, int], float] = {}
    # Of each series one value of the time before, if there is any.
    before = {key: (key, time - 100, value) for key, time, value in sorted(earlier)}
    for series in range(3):
        ends = {-1: before[series][2]} if series in before else {}
        ends |= {time // 10 * 10: value for key, time, value in sorted(listed) if key == series}
        for last, bucket in pairwise(sorted(ends)):
            rise = ends[bucket] - ends[last]
            place = group[series], bucket
            more = rise if rise >= 0 else ends[bucket]
            expected[place] = expected.get(place, 0.0) + more
    found = risen(rows(*listed), rows(*before.values()), group)
    assert found == [(*place, amount) for place, amount in sorted(expected.items())]


def test_a_rise_beyond_the_greatest_double_is_infinite() -> None:
    now = rows((0, 10, -1e308), (0, 20, 1e308), (1, 10, 1.0), (1, 20, 3.0))
    assert risen(now, empty(), [0, 1]) == [(0, 20, np.inf), (1, 20, 2.0)]


@pytest.mark.parametrize(
    ("kind", "expected"), [(MetricType.COUNTER, 3.0), (MetricType.DISTRIBUTION, 1.0)]
)
def test_a_rate_is_per_second(kind: MetricType, expected: float) -> None:
    counted = rows((0, 1, 4.0), (0, 2, 2.0))
    value = value_of(counted, Aggregation.RATE, kind, lambda _: np.array([2_000]))
    assert value.tolist() == [expected]


def test_only_sums_and_rates_of_running_totals_are_of_increases() -> None:
    chosen = {
        (kind, aggregation)
        for kind in (*MetricType, None)
        for aggregation in Aggregation
        if reads_increases(aggregation, kind)
    }
    assert chosen == {
        (MetricType.CUMULATIVE, Aggregation.SUM),
        (MetricType.CUMULATIVE, Aggregation.RATE),
    }

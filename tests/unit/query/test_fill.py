"""What stands in buckets without rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.points import Points
from nowline.model.query import Fill
from nowline.query.fill import fill

NAN = float("nan")


def points(*rows: tuple[int, int, float], groups: int = 2) -> Points:
    return Points(
        [{"host": str(group)} for group in range(groups)],
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
    )


def told(found: Points) -> list[tuple[int, int, float | None]]:
    values = [None if np.isnan(value) else value for value in found.value.tolist()]
    return list(zip(found.group.tolist(), found.bucket.tolist(), values, strict=True))


@pytest.mark.parametrize(
    ("mode", "values"),
    [
        (Fill.NULL, [None, 1.0, None, 2.0, None]),
        (Fill.ZERO, [0.0, 1.0, 0.0, 2.0, 0.0]),
        (Fill.PREVIOUS, [None, 1.0, 1.0, 2.0, 2.0]),
    ],
)
def test_each_mode(mode: Fill, values: list[float | None]) -> None:
    found = fill(points((1, 10, 1.0), (1, 30, 2.0)), np.arange(5) * 10, mode, grouped=True)
    expected = [(1, 10 * at, value) for at, value in enumerate(values)]
    assert told(found) == expected


def test_nothing_is_filled_unless_asked_for() -> None:
    given = points((0, 10, 1.0))
    assert fill(given, np.arange(5) * 10, Fill.NONE, grouped=False) is given


def test_rows_ahead_of_the_clock_stay_and_nothing_is_put_between() -> None:
    found = fill(points((0, 0, 1.0), (0, 50, 2.0)), np.arange(2) * 10, Fill.ZERO, grouped=True)
    assert told(found) == [(0, 0, 1.0), (0, 10, 0.0), (0, 50, 2.0)]


def test_what_is_not_grouped_is_filled_even_without_a_point() -> None:
    found = fill(points(groups=1), np.arange(2) * 10, Fill.ZERO, grouped=False)
    assert told(found) == [(0, 0, 0.0), (0, 10, 0.0)]
    assert told(fill(points(groups=0), np.arange(2) * 10, Fill.ZERO, grouped=False)) == []
    assert told(fill(points(groups=2), np.arange(2) * 10, Fill.ZERO, grouped=True)) == []


cells = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 9)), st.one_of(st.floats(-9, 9), st.just(NAN))
)


@given(cells, st.sampled_from([Fill.NULL, Fill.ZERO, Fill.PREVIOUS]))
def test_there_is_one_point_in_each_bucket(known: dict[tuple[int, int], float], mode: Fill) -> None:
    rows = [(group, bucket, value) for (group, bucket), value in sorted(known.items())]
    found = fill(points(*rows, groups=4), np.arange(10), mode, grouped=True)
    assert [row[:2] for row in told(found)] == [
        (group, bucket) for group in sorted({row[0] for row in rows}) for bucket in range(10)
    ]
    before: dict[int, float | None] = {}
    for group, bucket, value in told(found):
        own = known.get((group, bucket))
        if own is not None and not np.isnan(own):
            assert value == own
            before[group] = own
        elif mode is Fill.PREVIOUS:
            assert value == before.get(group)
        elif own is None:
            assert value == (0.0 if mode is Fill.ZERO else None)

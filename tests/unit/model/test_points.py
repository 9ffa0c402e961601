"""Points as JSON are what CONTRACT says, with the native encoder and without it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nowline.model import points
from nowline.model.points import Points

second = st.integers(-2_000_000_000, 200_000_000_000)
rows = st.lists(st.tuples(st.integers(0, 1), second, st.floats()))
TAGS = [{"host": 'a"\\\n'}, {"host": "\u00e9\U0001f600"}]


@pytest.fixture(params=[True, False], ids=["native", "columns"], scope="module", autouse=True)
def _is_native(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param and not points.IS_NATIVE:
        pytest.skip("the native encoder could not be built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points, "IS_NATIVE", request.param)
        yield


@given(rows, st.booleans())
def test_json_of_any_points(listed: list[tuple[int, int, float]], is_grouped: bool) -> None:
    if not is_grouped:
        listed = [(0, *row[1:]) for row in listed]
    told_of = Points(
        TAGS if is_grouped else TAGS[:1],
        np.array([row[0] for row in listed], np.int64),
        np.array([row[1] * 1000 for row in listed], np.int64),
        np.array([row[2] for row in listed], np.float64),
    )
    told = json.loads(told_of.to_json())
    assert len(told) == len(told_of) == len(listed)
    for point, (group, second, value) in zip(told, listed, strict=True):
        assert point["tags"] == TAGS[group]
        assert point["timestamp"].endswith("Z")
        assert datetime.fromisoformat(point["timestamp"]).timestamp() == second
        assert point["value"] == (value if math.isfinite(value) else None)


@given(
    st.integers(-3_000, 3_000),
    st.lists(st.sampled_from([1] * 9 + [5]), min_size=239, max_size=500),
    st.booleans(),
)
@example(0, [1] * 900 + [3_000], False)
@settings(max_examples=40)
def test_many_points_a_day_are_told_by_their_times(
    start: int, steps: list[int], is_grouped: bool
) -> None:
    minutes = start + np.cumsum([0, *steps])
    groups = 2 if is_grouped else 1
    moments = np.tile(minutes * 60_000, groups)
    group = np.repeat(np.arange(groups), len(minutes))
    told = json.loads(Points(TAGS[:groups], group, moments, np.zeros(len(moments))).to_json())
    expected = [datetime.fromtimestamp(moment, UTC) for moment in (moments // 1000).tolist()]
    assert [datetime.fromisoformat(point["timestamp"]) for point in told] == expected
    assert [point["tags"] for point in told] == [TAGS[each] for each in group]


@pytest.mark.parametrize(("step_ms", "days"), [(60_000, 1), (3_600_000, 0), (86_400_000, 0)])
def test_all_minutes_of_a_day_are_written_only_where_many_are_told(
    step_ms: int, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "IS_NATIVE", False)
    points._heads_of_day.cache_clear()
    moments = np.arange(300) * step_ms
    Points([{}], np.zeros(300, np.int64), moments, np.zeros(300)).to_json()
    assert points._heads_of_day.cache_info().misses == days


def test_times_beyond_the_calendar_are_told_as_well() -> None:
    day = 86_400_000
    told_of = Points([{}], np.zeros(2, np.int64), np.array([0, 2_932_897 * day]), np.zeros(2))
    told = [point["timestamp"] for point in json.loads(told_of.to_json())]
    assert told == ["1970-01-01T00:00:00Z", "10000-01-01T00:00:00Z"]

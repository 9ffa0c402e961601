"""Points as JSON are what CONTRACT says, whatever the values."""

from __future__ import annotations

import json
import math
from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.points import Points

second = st.integers(-2_000_000_000, 200_000_000_000)
rows = st.lists(st.tuples(st.integers(0, 1), second, st.floats()))
TAGS = [{"host": 'a"\\\n'}, {"host": "\u00e9\U0001f600"}]


@given(rows, st.booleans())
def test_json_of_any_points(listed: list[tuple[int, int, float]], is_grouped: bool) -> None:
    if not is_grouped:
        listed = [(0, *row[1:]) for row in listed]
    points = Points(
        TAGS if is_grouped else TAGS[:1],
        np.array([row[0] for row in listed], np.int64),
        np.array([row[1] * 1000 for row in listed], np.int64),
        np.array([row[2] for row in listed], np.float64),
    )
    told = json.loads(points.to_json())
    assert len(told) == len(points) == len(listed)
    for point, (group, second, value) in zip(told, listed, strict=True):
        assert point["tags"] == TAGS[group]
        assert point["timestamp"].endswith("Z")
        assert datetime.fromisoformat(point["timestamp"]).timestamp() == second
        assert point["value"] == (value if math.isfinite(value) else None)


def test_times_beyond_the_calendar_are_told_as_well() -> None:
    day = 86_400_000
    points = Points([{}], np.zeros(2, np.int64), np.array([0, 2_932_897 * day]), np.zeros(2))
    told = [point["timestamp"] for point in json.loads(points.to_json())]
    assert told == ["1970-01-01T00:00:00Z", "10000-01-01T00:00:00Z"]

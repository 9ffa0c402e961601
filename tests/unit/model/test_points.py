"""Points as JSON are what CONTRACT says, whatever the values."""

from __future__ import annotations

import json
import math
from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.points import Points

rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4_000_000_000), st.floats()))
TAGS = [{"host": 'a"\\\n'}, {"host": "\u00e9\U0001f600"}]


@given(rows)
def test_json_of_any_points(listed: list[tuple[int, int, float]]) -> None:
    points = Points(
        TAGS,
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

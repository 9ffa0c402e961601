"""The native encoder: its numbers and times are Python's, and it stays within what it is given."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from random import Random

import msgspec
import numpy as np
import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nowline.model.points import Points

_native = pytest.importorskip("nowline.model._native")
MOST = 9_000
"""So many points are told while other threads may run."""


def told(values: NDArray[np.float64]) -> list[str | None]:
    """The values as they are written."""
    count = len(values)
    zeros = np.zeros(count, np.int64)
    raw = _native.to_json([b"{}"], zeros, zeros, values)
    return [each["value"] for each in json.loads(raw, parse_float=str, parse_int=str)]


def significant(text: str) -> str:
    return text.lower().partition("e")[0].replace(".", "").replace("-", "").strip("0")


def check(values: NDArray[np.float64]) -> None:
    """Each value is told in as few digits as Python needs, and those are Python's."""
    for text, value in zip(told(values), values.tolist(), strict=True):
        if not np.isfinite(value):
            assert text is None
            continue
        assert text is not None
        assert np.float64(text).tobytes() == np.float64(value).tobytes()
        assert significant(text) == significant(repr(value))


@settings(max_examples=1000)
@given(st.lists(st.floats(), min_size=1, max_size=20))
@example([0.0, -0.0, 1.0, -1.5, 5e-324, 1.7976931348623157e308, 1e-11, 9.999999999999e-12])
@example([2.0**53, 2.0**53 - 1, 2.0**53 + 2, 2.0**52 + 0.5, 1e15 / 1e4, 1e22, 1e23, 0.1 + 0.2])
@example([99999999999.99994, 4503599627370495.5, 1e11 - 1e-4, 123456789012.3456])
def test_any_values(values: list[float]) -> None:
    check(np.array(values))


@settings(max_examples=300)
@given(st.integers(0, 2**52 - 1), st.integers(-60, 52), st.integers(1, 12), st.integers(0, 6))
def test_what_is_measured_and_averages_of_it(
    whole: int, exponent: int, count: int, places: int
) -> None:
    near = 2.0**exponent * (1 + np.arange(-2, 3) * 2.0**-52)
    check(np.append(near, [whole / 10**places, whole / 10**places / count, whole * 2.0**-exponent]))


def test_very_many_values_of_every_size() -> None:
    random = np.random.default_rng(7)
    bits = random.integers(0, 1 << 64, MOST, np.uint64)
    check(bits.view(np.float64))
    check(random.random(MOST) * 10.0 ** random.integers(-13, 19, MOST))


@given(st.lists(st.integers(-62_135_596_800_000, 253_402_300_799_999), min_size=1, max_size=20))
@example([951_782_400_000, 951_868_799_999, 951_868_800_000, 4_107_542_400_000, -1, 0])
def test_any_times(moments: list[int]) -> None:
    bucket = np.array(moments, np.int64)
    raw = _native.to_json([b"{}"], np.zeros_like(bucket), bucket, np.zeros(len(bucket)))
    expected = np.datetime_as_string((bucket // 1000).astype("M8[s]"))
    assert [each["timestamp"] for each in json.loads(raw)] == [f"{each}Z" for each in expected]


@pytest.mark.parametrize("moment", [-62_135_596_800_001, 253_402_300_800_000, 2**62, -(2**62)])
def test_years_without_four_digits_are_not_told_here(moment: int) -> None:
    zero, at = np.zeros(1, np.int64), np.array([moment])
    assert _native.to_json([b"{}"], zero, at, np.zeros(1)) is None


@pytest.mark.parametrize("group", [-1, 1, 2**62])
def test_groups_that_there_are_not(group: int) -> None:
    zero = np.zeros(1, np.int64)
    assert _native.to_json([b"{}"], np.array([group]), zero, np.zeros(1)) is None


def test_columns_that_do_not_fit() -> None:
    zeros, few = np.zeros(4, np.int64), np.zeros(3)
    with pytest.raises(ValueError, match="different lengths"):
        _native.to_json([b"{}"], zeros, zeros, few)
    with pytest.raises(ValueError, match="different lengths"):
        _native.to_json([b"{}"], np.zeros(3, np.int64), zeros, np.zeros(4))
    with pytest.raises((ValueError, BufferError)):
        _native.to_json([b"{}"], zeros[::2], zeros[::2], np.zeros(2))
    with pytest.raises(TypeError):
        _native.to_json(["{}"], zeros, zeros, np.zeros(4))


def many(seed: int) -> Points:
    random = np.random.default_rng(seed)
    tags = [{"region": f"r\u00e9{number}"} for number in range(7)]
    group = np.sort(random.integers(0, 7, MOST))
    values = random.random(MOST) * 10.0 ** random.integers(-20, 30, MOST)
    return Points(tags, group, random.integers(0, 2**40, MOST) // 1000 * 1000, values)


def test_threads_tell_many_points_at_the_same_time() -> None:
    points = [many(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(Points.to_json, points))
    for each, raw in zip(points, found, strict=True):
        listed = json.loads(raw)
        assert [one["value"] for one in listed] == each.value.tolist()
        assert [one["tags"] for one in listed] == [each.tags[at] for at in each.group.tolist()]


def test_nothing_is_kept() -> None:
    process, points = psutil.Process(), many(Random(1).randrange(100))
    tags = [msgspec.json.encode(each) for each in points.tags]
    columns = points.group, points.bucket, points.value
    for _ in range(20):
        _native.to_json(tags, *columns)
    before = process.memory_info().rss
    for _ in range(200):
        _native.to_json(tags, *columns)
        _native.to_json([b"{}"], *columns)
    assert process.memory_info().rss - before < 20 << 20

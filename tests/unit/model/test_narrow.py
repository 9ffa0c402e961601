"""Columns come back bit by bit, in fewer bytes where they can be told in fewer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nowline.model import narrow
from nowline.model.narrow import Narrow

# Columns of fewer rows are written as they are.
MANY = 400

whole = st.integers(-(1 << 63), (1 << 63) - 1)
close = st.integers(0, 1 << 33)
decimals = st.integers(-(10**15), 10**15).flatmap(
    lambda number: st.integers(0, 8).map(lambda digits: number / 10**digits)
)


def repeated(values: list[float]) -> list[float]:
    return (values * MANY)[:MANY]


@given(whole, st.lists(close, min_size=1, max_size=20))
def test_integers_come_back(base: int, distances: list[int]) -> None:
    most = (1 << 63) - 1
    values = np.array(repeated([min(base + each, most) for each in distances]), np.int64)
    assert narrow.ints(narrow.of_ints(values)).tolist() == values.tolist()


@given(hnp.arrays(np.uint32, st.integers(0, 2 * MANY)))
def test_numbers_of_series_come_back(values: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> None:
    assert narrow.ints(narrow.of_ints(values)).tolist() == values.tolist()


@given(
    st.lists(decimals | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20)
)
def test_doubles_come_back_bit_by_bit(some: list[float]) -> None:
    values = np.array(repeated(some))
    assert narrow.floats(narrow.of_floats(values)).tobytes() == values.tobytes()


@given(st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=20), st.integers(0, 6))
def test_decimals_take_no_more_than_four_bytes(numbers: list[int], digits: int) -> None:
    values = np.array(repeated([each / 10**digits for each in numbers]))
    column = narrow.of_floats(values)
    assert len(column.raw) <= 4 * MANY
    assert narrow.floats(column).tobytes() == values.tobytes()


def test_one_value_that_is_no_decimal_leaves_all_as_they_are() -> None:
    for other in (-0.0, 1 / 3, 1e300, 5e-324):
        values = np.array([*[0.25] * MANY, other])
        column = narrow.of_floats(values)
        assert len(column.raw) == values.nbytes
        assert narrow.floats(column).tobytes() == values.tobytes()


def test_times_of_a_minute_take_two_bytes() -> None:
    values = 1_800_000_000_000 + np.arange(MANY) * 100
    column = narrow.of_ints(values)
    assert len(column.raw) == 2 * MANY
    assert narrow.ints(column).tolist() == values.tolist()


@pytest.mark.parametrize("column", [Narrow(b"abc", 3), Narrow(b"abc", 2), Narrow(b"abc")])
def test_another_column_is_refused(column: Narrow) -> None:
    with pytest.raises(ValueError, match=r"known|size"):
        narrow.ints(column)

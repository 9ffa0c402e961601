"""Numbers told byte by byte come back the same with and without the native decoder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model import planes

WIDTHS = st.sampled_from((1, 2, 4, 8))
SIGNED = st.integers(-(2**63), 2**63 - 1)


def told(width: int, numbers: list[int]) -> bytes:
    """The low bytes of all, then the next ones."""
    return b"".join(bytes(n >> 8 * plane & 0xFF for n in numbers) for plane in range(width))


@st.composite
def columns(draw: st.DrawFn, most: int = 8) -> tuple[int, list[int], range]:
    width = draw(WIDTHS.filter(lambda each: each <= most))
    numbers = draw(st.lists(st.integers(0, (1 << 8 * width) - 1), min_size=1, max_size=40))
    at, to = sorted(draw(st.tuples(*[st.integers(0, len(numbers))] * 2)))
    return width, numbers, range(at, to)


def ways() -> list[bool]:
    return [False, True] if planes.IS_NATIVE else [False]


@given(columns(), SIGNED, SIGNED)
def test_integers_are_base_plus_units(
    column: tuple[int, list[int], range], base: int, unit: int
) -> None:
    width, numbers, wanted = column
    expected = [(base + unit * numbers[at] + 2**63) % 2**64 - 2**63 for at in wanted]
    for is_native in ways():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(planes, "IS_NATIVE", is_native)
            found = planes.ints(told(width, numbers), width, wanted, base, unit)
        assert found.tolist() == expected
        assert found.dtype == np.int64


@given(columns(most=4), st.integers(-(2**53), 2**53), st.integers(0, 9))
def test_doubles_are_decimals(column: tuple[int, list[int], range], base: int, digits: int) -> None:
    width, numbers, wanted = column
    expected = [(float(numbers[at]) + float(base)) / 10.0**digits for at in wanted]
    for is_native in ways():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(planes, "IS_NATIVE", is_native)
            found = planes.doubles(told(width, numbers), width, wanted, base, 10.0**digits)
        assert found.tolist() == expected
        assert found.dtype == np.float64


@pytest.mark.parametrize(
    ("width", "first", "rows"), [(2, -1, 1), (2, 2, 2), (2, 0, 4), (3, 0, 2), (0, 0, 0), (4, 0, 1)]
)
def test_nothing_is_read_beyond_the_bytes(width: int, first: int, rows: int) -> None:
    _native = pytest.importorskip("nowline.model._native")
    with pytest.raises(ValueError, match="not of so many numbers"):
        _native.to_ints(bytes(6), width, first, 0, 1, np.empty(rows, np.int64))
    with pytest.raises(ValueError, match="not of so many numbers"):
        _native.to_doubles(bytes(6), width, first, 0.0, 1.0, np.empty(rows))

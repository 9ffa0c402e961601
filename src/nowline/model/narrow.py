"""Columns of numbers in as few bytes as they need, and back, each bit as it was. Pure.

What rows of one batch have in common is told once: times lie close to each other, and doubles are
mostly decimals ("21.57"), which are whole numbers of their last digit. It takes a few passes over
numbers that are in the processor's cache anyway, far less than bytes cost on their way to a disk.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Floats, Ints

# Fewer are written as they are: a commit costs more than their bytes.
_FEW = 256
_MOST_DIGITS = 6
# How many values tell how many digits to try.
_PROBE = 4
_EXACT = 1 << 53
_NARROW = {1: "<u1", 2: "<u2", 4: "<u4"}
_WHOLE, _AS_IT_IS = 8, -1


class Narrow(msgspec.Struct, frozen=True, array_like=True):
    """A column.

    Attributes:
        raw: The numbers, one after the other.
        width: How many bytes each has: 1, 2, 4 or 8.
        base: What is added to each.
        digits: How many digits of the sum are behind the point; -1 for doubles as they are.
    """

    raw: bytes
    width: int = _WHOLE
    base: int = 0
    digits: int = 0


def of_ints(values: NDArray[Any]) -> Narrow:
    """A column of integers, each within 64 bits."""
    narrow = _narrowed(values, 0) if len(values) > _FEW else None
    return narrow or Narrow(values.astype("<i8").tobytes())


def of_floats(values: Floats) -> Narrow:
    """A column of doubles."""
    narrow = _decimals(values) if len(values) > _FEW else None
    return narrow or Narrow(values.astype("<f8").tobytes(), digits=_AS_IT_IS)


def ints(column: Narrow) -> Ints:
    """The integers that `of_ints` was given.

    Raises:
        ValueError: There is no such column.
    """
    if column.width == _WHOLE:
        return np.frombuffer(column.raw, "<i8")
    found: Ints = _unsigned(column).astype(np.int64)
    found += column.base
    return found


def floats(column: Narrow) -> Floats:
    """The doubles that `of_floats` was given; raises as `ints`."""
    if column.digits == _AS_IT_IS:
        return np.frombuffer(column.raw, "<f8")
    found: Floats = ints(column).astype(np.float64)
    if column.digits:
        found /= _power(column.digits)
    return found


def _unsigned(column: Narrow) -> NDArray[Any]:
    if column.width not in _NARROW:
        raise ValueError(f"numbers of {column.width} bytes are not known")
    return np.frombuffer(column.raw, _NARROW[column.width])


def _narrowed(values: NDArray[Any], digits: int) -> Narrow | None:
    """The whole numbers by their distance from the least; None if that takes over four bytes."""
    least, greatest = int(values.min()), int(values.max())
    width = next((each for each in _NARROW if greatest - least < 1 << 8 * each), None)
    if width is None:
        return None
    distance = values - values.dtype.type(least)
    return Narrow(distance.astype(_NARROW[width]).tobytes(), width, least, digits)


def _decimals(values: Floats) -> Narrow | None:
    """The values as whole numbers of their last digit, if all of them are that exactly."""
    digits = _digits_of(values[:_PROBE].tolist())
    if digits is None:
        return None
    power = _power(digits)
    with np.errstate(over="ignore"):
        scaled = np.rint(values * power)
    if np.abs(scaled).max() > _EXACT:
        return None
    whole = scaled.astype(np.int64)
    # Bit by bit: a negative zero is none of these numbers.
    is_exact = np.array_equal((whole / power).view(np.int64), values.view(np.int64))
    return _narrowed(whole, digits) if is_exact else None


def _digits_of(probe: list[float]) -> int | None:
    tried = range(_MOST_DIGITS + 1)
    return next((d for d in tried if all(round(value, d) == value for value in probe)), None)


def _power(digits: int) -> float:
    return float(10**digits)

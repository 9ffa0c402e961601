"""Whole numbers of which all low bytes are told first, then all second ones, and so on. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Floats, Ints

try:
    from nowline.model import _native
except ImportError:
    IS_NATIVE = False
else:
    IS_NATIVE = True

_UNSIGNED = {width: np.dtype(f"<u{width}") for width in (1, 2, 4, 8)}


def ints(raw: bytes, width: int, wanted: range, base: int, unit: int) -> Ints:
    """`base` plus `unit` times each; what 64 bits have no room for wraps around.

    Args:
        raw: All numbers, as bytes.
        width: How many bytes each has: 1, 2, 4 or 8.
        wanted: Which of them to tell, one after the other.
        base: What is added.
        unit: What each is multiplied with.
    """
    if IS_NATIVE:
        found = np.empty(len(wanted), np.int64)
        _native.to_ints(raw, width, wanted.start, base, unit, found)
        return found
    # Several times faster than to have NumPy convert while it adds.
    values = unsigned(raw, width, wanted).astype(np.int64)
    if unit != 1:
        values *= unit
    values += base
    return values


def doubles(raw: bytes, width: int, wanted: range, base: int, power: float) -> Floats:
    """`base` plus each, divided by `power`; see `ints`. Numbers have at most 4 bytes."""
    if IS_NATIVE:
        found = np.empty(len(wanted))
        _native.to_doubles(raw, width, wanted.start, base, power, found)
        return found
    values = unsigned(raw, width, wanted).astype(np.float64)
    values += base
    if power != 1:
        values /= power
    return values


def unsigned(raw: bytes, width: int, wanted: range) -> NDArray[Any]:
    """The numbers as they are; see `ints`."""
    planes = np.frombuffer(raw, np.uint8).reshape(width, -1)[:, wanted.start : wanted.stop]
    values: NDArray[Any] = planes[-1].astype(_UNSIGNED[width])
    # Faster than the transpose of the planes: each step is one pass of vector instructions.
    for plane in planes[-2::-1]:
        values <<= 8
        values |= plane
    return values

"""Which level still covers a range. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nowline.model.level import BINNED, Level

Kept = Mapping[Level, int]
"""How long each level is kept, in milliseconds; one that is missing is kept for ever."""
FOR_EVER: Kept = MappingProxyType({})
_LEVELS = tuple(Level)
_WHOLE = (Level.RAW, *BINNED)


def finest(kept: Kept, age_ms: int, *, binned: bool) -> Level:
    """The finest level that is kept for so long; of none, the one that is kept longest.

    Args:
        kept: How long each level is kept.
        age_ms: How long ago a range begins.
        binned: Only levels at which every series has bins, and raw rows.
    """
    levels = _WHOLE if binned else _LEVELS
    for level in levels:
        if kept.get(level, age_ms) >= age_ms:
            return level
    return max(levels, key=lambda level: kept.get(level, age_ms))

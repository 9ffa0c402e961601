"""The widths at which rows are kept: in full, and rolled up to ever wider buckets."""

from __future__ import annotations

from enum import Enum

from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS


class Level(Enum):
    """How wide the buckets of stored rows are; `RAW` rows are kept as they came in.

    The order is from fine to coarse, and the buckets of each level are made up of whole buckets
    of the one before it.
    """

    RAW = "raw"
    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    HOUR = "1h"
    DAY = "1d"

    # Each is there once: this spares every look into a table by level the hash of its name.
    __hash__ = object.__hash__

    @property
    def width_ms(self) -> int:
        """The width of its buckets; 1 for raw rows, whose times are in milliseconds."""
        return _WIDTHS_MS[self]


_WIDTHS_MS = {
    Level.RAW: 1,
    Level.MINUTE: MINUTE_MS,
    Level.FIVE_MINUTES: 5 * MINUTE_MS,
    Level.HOUR: HOUR_MS,
    Level.DAY: DAY_MS,
}
ROLLED_UP = (Level.MINUTE, Level.FIVE_MINUTES, Level.HOUR, Level.DAY)
"""The levels above raw rows, fine to coarse."""
# Sparse series gain nothing from a minute's bins; an hour's are fewer than its rows.
BINNED = (Level.HOUR, Level.DAY)
"""The levels at which every series has histogram bins; distributions have them at all."""

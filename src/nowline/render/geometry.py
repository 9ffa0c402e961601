"""Boxes on a page, in its pixels; the origin is the upper left corner. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.h

    def inset(self, left: float, top: float, right: float, bottom: float) -> Box:
        """What remains within these margins, which may be nothing."""
        width, height = max(0.0, self.w - left - right), max(0.0, self.h - top - bottom)
        return Box(self.x + left, self.y + top, width, height)

    def without_top(self, height: float) -> Box:
        """What remains below so much."""
        return self.inset(0, height, 0, 0)

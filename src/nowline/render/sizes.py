"""Counts by size as rows of a heatmap (web/src/series/sizes.ts, web/src/panels/sizes.ts). Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from nowline.model.histogram import OFFSET, ZERO, bounds, codes, sizes
from nowline.model.partials import Floats
from nowline.render.lines import Line
from nowline.render.units import text_of

# Neighbours become one until there are no more rows than the eye can tell apart.
_MOST_ROWS = 24
_MOST_LEVEL = 10


class _Row(NamedTuple):
    """A row: on which side of zero it is, and which size there; of several put together, which."""

    sign: int
    step: int


def by_size(lines: Sequence[Line], unit: str) -> list[tuple[str, Line]]:
    """The rows and their names, the greatest size first, those between without a count too."""
    known = [(row, line) for line in lines if (row := _row_of(line.tags)) is not None]
    places = {row for row, _ in known}
    level = next(
        (each for each in range(_MOST_LEVEL) if len(_rows(places, each)) <= _MOST_ROWS), _MOST_LEVEL
    )
    found = []
    for row in reversed(_rows(places, level)):
        own = [line for place, line in known if _wider(place, level) == row]
        low, high = _bounds(row, level)
        tags = {"from": f"{low:.6g}", "to": f"{high:.6g}"}
        names = dict.fromkeys((text_of(low, unit), text_of(high, unit)))
        found.append((" to ".join(names), _sum(tags, own)))
    return found


def _row_of(tags: dict[str, str]) -> _Row | None:
    try:
        low, high = float(tags["from"]), float(tags["to"])
    except (KeyError, ValueError):
        return None
    # The middle is well within the size, however its bounds were rounded.
    middle = math.copysign(math.sqrt(abs(low) * abs(high)), high or low)
    (code,) = sizes(codes(np.array([middle], np.float64))).tolist()
    return _Row(0, 0) if code == ZERO else _Row(1 if code > 0 else -1, abs(code) - OFFSET)


def _wider(row: _Row, level: int) -> _Row:
    return _Row(row.sign, row.step >> level)


def _rows(places: Iterable[_Row], level: int) -> list[_Row]:
    """All rows from the least to the greatest."""
    found: list[_Row] = []
    for sign in (-1, 0, 1):
        steps = [row.step >> level for row in places if row.sign == sign]
        span = range(min(steps), max(steps) + 1) if steps else range(0)
        found += [_Row(sign, step) for step in (reversed(span) if sign < 0 else span)]
    return found


def _bounds(row: _Row, level: int) -> tuple[float, float]:
    if row.sign == 0:
        return 0.0, 0.0
    near = bounds(OFFSET + (row.step << level))[0]
    far = bounds(OFFSET + ((row.step + 1) << level))[0]
    return (near, far) if row.sign > 0 else (-far, -near)


def _sum(tags: dict[str, str], lines: Sequence[Line]) -> Line:
    nothing: Floats = np.empty(0)
    times = np.concatenate([np.empty(0, np.int64), *(line.times for line in lines)])
    values = np.concatenate([nothing, *(line.values for line in lines)])
    moments, at = np.unique(times, return_inverse=True)
    return Line(tags, moments, np.bincount(at, values, len(moments)).astype(np.float64))

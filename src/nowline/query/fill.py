"""What stands in buckets without rows. Pure."""

from __future__ import annotations

import numpy as np

from nowline.model.partials import Floats, Ints
from nowline.model.points import Points
from nowline.model.query import Fill


def fill(points: Points, starts: Ints, mode: Fill, *, grouped: bool) -> Points:
    """A point in each bucket.

    Args:
        points: Ordered by group, then bucket.
        starts: What the buckets to fill are told as, ascending.
        mode: What stands in those without rows; before a group's first point, `previous` is null.
        grouped: Whether there may be many groups: then one without a single point stays away.
    """
    if mode is Fill.NONE:
        return points
    groups = np.unique(points.group) if grouped else np.arange(len(points.tags))
    if not len(groups):
        return points
    # Rows may lie ahead of the clock, in buckets that nothing is filled into.
    buckets = np.union1d(starts, points.bucket)
    row = np.searchsorted(groups, points.group)
    value = np.full((len(groups), len(buckets)), 0.0 if mode is Fill.ZERO else np.nan)
    value[row, np.searchsorted(buckets, points.bucket)] = points.value
    if mode is Fill.PREVIOUS:
        value = _carried(value)
    wanted = np.isin(buckets, starts)[None, :].repeat(len(groups), axis=0)
    wanted[row, np.searchsorted(buckets, points.bucket)] = True
    at_group, at_bucket = np.nonzero(wanted)
    return Points(points.tags, groups[at_group], buckets[at_bucket], value[wanted])


def _carried(value: Floats) -> Floats:
    """Each row's values, carried on to where there are none."""
    known = np.where(np.isnan(value), 0, np.arange(value.shape[1]))
    np.maximum.accumulate(known, axis=1, out=known)
    return np.take_along_axis(value, known, axis=1)

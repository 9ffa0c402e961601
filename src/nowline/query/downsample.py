"""Fewer points that look the same: Largest-Triangle-Three-Buckets.

Source: S. Steinarsson, "Downsampling Time Series for Visual Representation", University of
Iceland, 2013, section 4.2.
"""

from __future__ import annotations

import numpy as np
from tsdownsample import LTTBDownsampler

from nowline.model.partials import Floats, Ints
from nowline.model.points import Points

_DOWNSAMPLER = LTTBDownsampler()  # type: ignore[no-untyped-call]
# The area of a triangle between greater values might not be a double.
_GREAT = 1e100


def lttb(time: Ints, value: Floats, most: int) -> Ints:
    """Indices of at most `most` points, ascending.

    The last point is always among them, then the first, then the least and the greatest.

    Args:
        time: Ascending times.
        value: Values, parallel to `time`; NaN where there is none.
        most: How many points may stay; if only one, that is the newest.
    """
    count = len(time)
    if count <= most:
        return np.arange(count)
    if most < 3:
        return np.array([0, count - 1])[-most:]
    shape, extremes = _shape(time, value)
    kept = _triangles(time, shape, most)
    if most == 3 or np.isin(extremes, kept).all():
        return kept
    return np.union1d(_triangles(time, shape, most - 2), extremes)


def thin(points: Points, most: int) -> Points:
    """At most `most` points of each group, chosen so that the line keeps its shape."""
    if len(points) <= most:
        return points
    starts = np.flatnonzero(np.diff(points.group, prepend=-1))
    ends = np.append(starts[1:], len(points))
    if int((ends - starts).max()) <= most:
        return points
    kept = [
        start + lttb(points.bucket[start:end], points.value[start:end], most)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    return points.where(np.concatenate(kept))


def _shape(time: Ints, value: Floats) -> tuple[Floats, Ints]:
    """The line, drawn through where it has no values, and where it is lowest and highest."""
    known = np.flatnonzero(np.isfinite(value))
    if not len(known):
        return np.zeros(len(value)), known
    extremes = known[[value[known].argmin(), value[known].argmax()]]
    greatest = np.abs(value[extremes]).max()
    shape = value[known] / greatest if greatest > _GREAT else value[known]
    if len(known) < len(value):
        shape = np.interp(time, time[known], shape)
    return shape, extremes


def _triangles(time: Ints, shape: Floats, most: int) -> Ints:
    if most < 3:
        return np.array([0, len(time) - 1])
    kept = _DOWNSAMPLER.downsample(time - time[0], np.ascontiguousarray(shape), n_out=most)
    return np.asarray(kept).astype(np.int64)

"""Fewer points that look the same: Largest-Triangle-Three-Buckets.

Source: S. Steinarsson, "Downsampling Time Series for Visual Representation", University of
Iceland, 2013, section 4.2.
"""

from __future__ import annotations

import numpy as np

from nowline.model.partials import Floats, Ints


def lttb(time: Ints, value: Floats, most: int) -> Ints:
    """Indices of at most `most` points, the last and then the first always among them, ascending.

    Args:
        time: Ascending times.
        value: Finite values, parallel to `time`.
        most: How many points may stay; if only one, that is the newest.
    """
    count = len(time)
    if count <= most:
        return np.arange(count)
    if most < 3:
        return np.array([0, count - 1])[-most:]
    edges = np.linspace(1, count - 1, most - 1).astype(np.int64)
    kept = [0]
    for i in range(most - 2):
        start, end = edges[i], edges[i + 1]
        ahead = slice(end, edges[i + 2] if i + 2 < len(edges) else count)
        kept.append(start + _largest(time, value, kept[-1], slice(start, end), ahead))
    kept.append(count - 1)
    return np.array(kept)


def _largest(time: Ints, value: Floats, last: int, bucket: slice, ahead: slice) -> int:
    """The point of a bucket that spans the largest triangle with its neighbours."""
    next_time, next_value = time[ahead].mean(), value[ahead].mean()
    areas = np.abs(
        (time[last] - next_time) * (value[bucket] - value[last])
        - (time[last] - time[bucket]) * (next_value - value[last])
    )
    return int(areas.argmax())

"""Which series have histogram bins at each level. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nowline.model.series import MetricType
from nowline.store.base import Append
from nowline.store.catalogue import NewSeries


def of(series: Iterable[NewSeries]) -> NDArray[np.bool_]:
    """By series id, whether it is of a distribution; those beyond its end are not."""
    ids = [new.id for new in series if new.type is MetricType.DISTRIBUTION]
    known = np.zeros(max(ids, default=-1) + 1, bool)
    known[ids] = True
    return known


def grown(known: NDArray[np.bool_], append: Append) -> NDArray[np.bool_]:
    """The same with the new series of an append, and long enough for its rows."""
    ids = [new.id for new in append.series]
    size = max(len(known), max(ids, default=-1) + 1, int(append.rows.series.max(initial=-1)) + 1)
    if size == len(known) and not ids:
        return known
    # Twice as many, so that a few new series an append do not copy it each time.
    more = np.zeros(size if size <= len(known) else 2 * size, bool)
    more[: len(known)] = known
    more[[new.id for new in append.series if new.type is MetricType.DISTRIBUTION]] = True
    return more

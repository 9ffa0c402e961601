"""Several selections as one, so that the store is asked once, and its rows cut apart. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from nowline.model.histogram import Bins
from nowline.model.partials import Partials
from nowline.store.catalogue import Selection

T = TypeVar("T", Partials, Bins)


def merged(selections: Sequence[Selection]) -> Selection:
    """All selections as one, in which a series may be in several groups."""
    if len(selections) == 1:
        return selections[0]
    firsts = _firsts([len(each.tags) for each in selections])
    series = np.concatenate([each.series for each in selections])
    group = np.concatenate(
        [each.group + first for each, first in zip(selections, firsts, strict=True)]
    )
    order = np.argsort(series, kind="stable")
    tags = [group for each in selections for group in each.tags]
    return Selection(series[order], group[order], tags)


def cut(rows: T, groups: Sequence[int]) -> list[T]:
    """The rows of each of the merged selections, which have that many groups."""
    if len(groups) == 1:
        return [rows]
    firsts = _firsts(groups)
    return [
        replace(own, key=own.key - first)
        for first, count in zip(firsts, groups, strict=True)
        for own in (rows.where((rows.key >= first) & (rows.key < first + count)),)
    ]


def _firsts(groups: Sequence[int]) -> list[int]:
    return [0, *np.cumsum(groups).tolist()][: len(groups)]

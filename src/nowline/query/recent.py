"""The newest rows, in memory, as the query engine sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from nowline.model import histogram
from nowline.model.grouping import grouped
from nowline.model.histogram import Bins
from nowline.model.partials import Floats, Ints, Partials
from nowline.store.base import Span
from nowline.store.catalogue import Selection


class Changed(Protocol):
    """One batch that was folded in."""

    @property
    def series(self) -> Ints: ...  # noqa: D102


class Fresh(Protocol):
    """Rows of one batch that the store may not have yet, as parallel columns."""

    @property
    def series(self) -> Ints: ...  # noqa: D102
    @property
    def time(self) -> Ints: ...  # noqa: D102
    @property
    def value(self) -> Floats: ...  # noqa: D102
    @property
    def offset(self) -> Ints: ...  # noqa: D102


class Recent(Protocol):
    """The newest rows, in memory, from `start` on."""

    start: int
    position: int

    @property
    def settled(self) -> int:
        """Rows of before this time do not come without being told of as late ones."""
        ...

    @property
    def fresh(self) -> Iterable[Fresh]:
        """Every row that the store may not have yet."""
        ...

    def partials(self, selection: Selection, start: int, end: int, width_ms: int) -> Partials:
        """Partials of the selected series in whole seconds of `[start, end)`."""
        ...

    def changes_since(self, position: int) -> Sequence[Changed] | None:
        """Batches after `position`; None if that is forgotten in part."""
        ...


class Memory:
    """What is in memory for several selections, as of the moment that this is made.

    Args:
        recent: The newest rows.
        selections: Whose rows will be asked for, before anything is awaited.
    """

    def __init__(self, recent: Recent, selections: Sequence[Selection]) -> None:
        self._recent = recent
        self._selections = {id(each): each for each in selections}
        self._by_series: dict[tuple[int, int, int], Partials] = {}

    @cached_property
    def fresh(self) -> FreshRows:
        """Rows that the store may not have yet."""
        return FreshRows.of(self._recent.fresh)

    def partials(self, selection: Selection, start: int, end: int, width_ms: int) -> Partials:
        """Partials by group and bucket of whole seconds of `[start, end)`."""
        if len(self._selections) == 1:
            return self._recent.partials(selection, start, end, width_ms)
        # Many selections look at the same seconds: those are gone through once.
        rows = self._by_series.get((start, end, width_ms))
        if rows is None:
            rows = self._recent.partials(self._every, start, end, width_ms)
            rows = replace(rows, key=self._every.series[rows.key])
            self._by_series[start, end, width_ms] = rows
        chosen, groups = selection.groups_of(rows.key)
        return grouped([replace(rows.where(chosen), key=groups)], width_ms)

    @cached_property
    def _every(self) -> Selection:
        """All the series, each by itself."""
        series = np.unique(np.concatenate([each.series for each in self._selections.values()]))
        return Selection(series, np.arange(len(series)), [])


@dataclass(frozen=True, slots=True)
class FreshRows:
    """Rows that the store may not have yet; `key` is their series, or their group once selected."""

    key: Ints
    time: Ints
    value: Floats
    offset: Ints

    @classmethod
    def of(cls, batches: Iterable[Fresh]) -> FreshRows:
        """The rows of all batches."""
        columns = [(each.series, each.time, each.value, each.offset) for each in batches]
        if not columns:
            ints = np.empty(0, np.int64)
            return cls(ints, ints, np.empty(0), ints)
        return cls(*(np.concatenate(column) for column in zip(*columns, strict=True)))

    def selected(self, selection: Selection) -> FreshRows:
        """Those of the selected series, by group."""
        chosen, group = selection.groups_of(self.key)
        return FreshRows(group, self.time[chosen], self.value[chosen], self.offset[chosen])

    def bins(self, span: Span, offset: int) -> Bins:
        """The bins of those within the span that came in after the log's `offset`."""
        inside = (self.offset > offset) & (self.time >= span.start) & (self.time < span.end)
        return histogram.fold(
            self.key[inside], self.time[inside], self.value[inside], span.width_ms
        )

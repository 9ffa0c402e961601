"""Which metrics and series there are: ids, types, tags, and which series a query means.

The catalogue lives in memory, is used from the event loop only, and is filled from the store at
start. Ids are given on first sight and become durable with the first rows of their series.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.model.batch import Batch
from nowline.model.partials import Ints
from nowline.model.series import MetricType, SeriesKey


@dataclass(slots=True)
class Metric:
    """One metric: its first type, how it describes itself, and when it was seen.

    `revision` is the catalogue's revision when the metric last changed in any way but
    `last_seen`. Times are epoch milliseconds.
    """

    name: str
    type: MetricType
    first_seen: int
    last_seen: int
    metadata: dict[str, object] = field(default_factory=dict)
    series: list[int] = field(default_factory=list)
    tags: dict[str, dict[str, None]] = field(default_factory=dict)
    revision: int = 0


@dataclass(frozen=True, slots=True)
class NewSeries:
    """A series the store has not seen yet."""

    id: int
    key: SeriesKey


@dataclass(frozen=True, slots=True)
class Selection:
    """The series that a query means, each assigned to the group it adds to.

    Attributes:
        series: Series ids, ascending.
        group: For each of them, the index of its group.
        tags: For each group, the values of the `group_by` keys; groups are in this order.
    """

    series: Ints
    group: Ints
    tags: list[dict[str, str]]

    def groups_of(self, series: Ints) -> tuple[NDArray[np.bool_], Ints]:
        """Which of these series are selected, and the groups of those that are."""
        if len(self.series) == 0:
            return np.zeros(len(series), bool), self.group
        at = np.searchsorted(self.series, series)
        at[at == len(self.series)] = 0
        chosen = self.series[at] == series
        return chosen, self.group[at[chosen]]


class Catalogue:
    """All metrics and series of this server."""

    def __init__(self) -> None:
        self.metrics: dict[str, Metric] = {}
        self.keys: list[SeriesKey] = []
        self.revision = 0
        self._ids: dict[bytes, int] = {}
        self._types: dict[str, MetricType] = {}
        self._unsaved_series: list[NewSeries] = []
        self._unsaved_metrics: set[str] = set()
        self._seen: set[str] = set()

    def type_for(self, name: str, asked: MetricType | None) -> MetricType:
        """The metric's type: its first one, which `asked` becomes if the metric is new."""
        return self._types.setdefault(name, asked or MetricType.GAUGE)

    def resolve(self, batch: Batch) -> Ints:
        """The series id of each row of the batch; new series and metrics are entered."""
        if len(batch) == 0:
            return np.empty(0, np.int64)
        ids = np.fromiter(
            (self._id(key, batch.types[i]) for i, key in enumerate(batch.keys)),
            np.int64,
            len(batch.keys),
        )
        self._see(batch, ids)
        self._describe(batch.metadata)
        return ids[batch.series]

    def select(
        self, name: str, filters: Mapping[str, Sequence[str]], group_by: Sequence[str]
    ) -> Selection:
        """The series of a metric whose tags are among the filters' values, grouped.

        A series without a tag has the empty text as its value.
        """
        metric = self.metrics.get(name)
        groups: dict[tuple[str, ...], list[int]] = {}
        for series in metric.series if metric else ():
            tags = dict(self.keys[series].tags)
            if all(tags.get(key, "") in values for key, values in filters.items()):
                groups.setdefault(tuple(tags.get(k, "") for k in group_by), []).append(series)
        return _selection(groups, group_by)

    def series_count(self, name: str) -> int:
        """How many series the metric has; it only grows."""
        metric = self.metrics.get(name)
        return len(metric.series) if metric else 0

    def search(self, text: str) -> list[Metric]:
        """The metrics whose name contains the text, whatever its case, by name."""
        wanted = text.casefold()
        return [m for name, m in sorted(self.metrics.items()) if wanted in name.casefold()]

    def changed_since(self, revision: int) -> list[Metric]:
        """The metrics that changed after that revision, by name."""
        return [m for _, m in sorted(self.metrics.items()) if m.revision > revision]

    def restore(self, metric: Metric, series: Iterable[NewSeries]) -> None:
        """Enter what the store holds of one metric."""
        self.metrics[metric.name] = metric
        self._types[metric.name] = metric.type
        for row in series:
            self._place(row.id, row.key, metric)

    def take_unsaved(self, *, with_seen: bool) -> tuple[list[Metric], list[NewSeries]]:
        """What changed since the last call, for the store to write with its next rows.

        Args:
            with_seen: Take the metrics too of which only `last_seen` moved. That happens with
                every row, so a caller asks for it now and then.
        """
        if with_seen:
            self._unsaved_metrics |= self._seen
            self._seen = set()
        metrics = [self.metrics[name] for name in sorted(self._unsaved_metrics)]
        series = self._unsaved_series
        self._unsaved_metrics, self._unsaved_series = set(), []
        return metrics, series

    def _id(self, key: bytes, kind: MetricType) -> int:
        known = self._ids.get(key)
        if known is not None:
            return known
        series_key = SeriesKey.decode(key)
        metric = self._metric(series_key.name, kind)
        series = len(self.keys)
        self._place(series, series_key, metric)
        self._change(metric)
        self._unsaved_series.append(NewSeries(series, series_key))
        return series

    def _metric(self, name: str, kind: MetricType) -> Metric:
        metric = self.metrics.get(name)
        if metric is None:
            kind = self._types.setdefault(name, kind)
            metric = self.metrics[name] = Metric(name, kind, first_seen=1 << 62, last_seen=0)
        return metric

    def _place(self, series: int, key: SeriesKey, metric: Metric) -> None:
        while len(self.keys) <= series:
            self.keys.append(SeriesKey(""))
        self.keys[series] = key
        self._ids[key.encode()] = series
        metric.series.append(series)
        for tag, value in key.tags:
            metric.tags.setdefault(tag, {})[value] = None

    def _see(self, batch: Batch, ids: Ints) -> None:
        first = np.full(len(ids), 1 << 62, np.int64)
        last = np.zeros(len(ids), np.int64)
        np.minimum.at(first, batch.series, batch.time)
        np.maximum.at(last, batch.series, batch.time)
        for series, earliest, latest in zip(
            ids.tolist(), first.tolist(), last.tolist(), strict=True
        ):
            metric = self.metrics[self.keys[series].name]
            if earliest < metric.first_seen:
                metric.first_seen = earliest
                self._change(metric)
            metric.last_seen = max(metric.last_seen, latest)
            self._seen.add(metric.name)

    def _describe(self, metadata: Mapping[str, bytes]) -> None:
        for name, raw in metadata.items():
            metric = self.metrics.get(name)
            described = msgspec.json.decode(raw, type=dict[str, object])
            if metric and metric.metadata != metric.metadata | described:
                metric.metadata = metric.metadata | described
                self._change(metric)

    def _change(self, metric: Metric) -> None:
        self.revision += 1
        metric.revision = self.revision
        self._unsaved_metrics.add(metric.name)


def _selection(groups: dict[tuple[str, ...], list[int]], group_by: Sequence[str]) -> Selection:
    ordered = sorted(groups)
    series = np.array([s for key in ordered for s in groups[key]], np.int64)
    group = np.repeat(np.arange(len(ordered)), [len(groups[key]) for key in ordered])
    order = np.argsort(series)
    tags = [dict(zip(group_by, key, strict=True)) for key in ordered]
    return Selection(series[order], group[order].astype(np.int64), tags)

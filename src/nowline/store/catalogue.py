"""Which metrics and series there are: ids, types, tags, and which series a query means.

The catalogue lives in memory, is used from the event loop only, and is filled from the store at
start. Ids are given on first sight and become durable with the first rows of their series.

Each series of a cumulative metric has a companion, a counter series of its own that takes the
increases of its running total. Companions have ids and keys like any series, but are no part of
what a metric lists.

A metric that has as many series as it may have, or comes when there are as many in total, gets one
more, its overflow series, which takes the rows of every further one. Which ones those are depends
on nothing but the order of the rows in the log: a series that was refused is refused for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.model.batch import Batch
from nowline.model.partials import Ints
from nowline.model.series import MetricType, SeriesKey
from nowline.store.selections import Selections
from nowline.store.shared_keys import SharedKeys
from nowline.store.tags import INCREASE, OVERFLOW, TagColumns, companion_key, sample_key

MOST_METADATA_BYTES = 16 << 10
"""How long the description of a metric may be as JSON; what would make it longer is left out."""
_NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Limits:
    """How much there may be.

    Attributes:
        series_per_metric: Series of one metric, beside its overflow series.
        series: Series of all metrics together, beside overflow series.
        metrics: Metrics.
    """

    series_per_metric: int = 10_000
    series: int = 1_000_000
    metrics: int = 100_000


@dataclass(slots=True)
class Metric:
    """One metric: its first type, how it describes itself, and when it was seen.

    Times are epoch milliseconds.

    Attributes:
        series: The ids of its series, in the order in which they came.
        columns: Their tags, in that order.
        overflow: The id of the series that takes what is past the limit, None if none is.
        overflowed: How many rows it took since the start.
        revision: The catalogue's revision when the metric last changed in any way but `last_seen`.
    """

    name: str
    type: MetricType
    first_seen: int
    last_seen: int
    metadata: dict[str, object] = field(default_factory=dict)
    series: list[int] = field(default_factory=list)
    columns: TagColumns = field(default_factory=TagColumns)
    overflow: int | None = None
    overflowed: int = 0
    revision: int = 0

    @property
    def tags(self) -> dict[str, Collection[str]]:
        """The values of each tag, in the order in which they were seen."""
        return self.columns.values


@dataclass(frozen=True, slots=True)
class NewSeries:
    """A series the store has not seen yet.

    `type` is its metric's, and a counter's for the companion of a cumulative one.
    """

    id: int
    key: SeriesKey
    type: MetricType


@dataclass(frozen=True, slots=True)
class Selection:
    """The series that a query means, each assigned to the group it adds to.

    Attributes:
        series: Series ids, ascending; one that is in several groups is there for each.
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

    def __init__(
        self, limits: Limits | None = None, reserved: Mapping[str, MetricType] | None = None
    ) -> None:
        self._reserved = reserved or {}
        self.limits = limits or Limits()
        self.metrics: dict[str, Metric] = {}
        self.keys: list[SeriesKey] = []
        self.series = 0
        self.revision = 0
        self._ids: dict[bytes, int] = {}
        self._shared_keys = SharedKeys()
        self._types: dict[str, MetricType] = {}
        self._numbers: dict[str, int] = {}
        self._numbered: list[Metric] = []
        self._metric_of = np.zeros(1024, np.int64)
        self._companion = np.full(1024, -1, np.int64)
        self._overflows: dict[int, Metric] = {}
        self._alone: set[int] = set()
        self._selections = Selections()
        self._unsaved_series: list[NewSeries] = []
        self._unsaved_metrics: set[str] = set()
        self._seen: set[str] = set()

    def admits(self, name: str) -> bool:
        """Whether the metric is known, or there is room for one more."""
        return name in self._types or len(self._types) < self.limits.metrics

    def type_for(self, name: str, asked: MetricType | None) -> MetricType:
        """The metric's type: its first one, which `asked` becomes if the metric is new."""
        first = self._reserved.get(name) or asked or MetricType.GAUGE
        return self._types.setdefault(name, first)

    def resolve(self, batch: Batch) -> Ints:
        """The series id of each row of the batch; new series and metrics are entered."""
        if len(batch) == 0:
            return np.empty(0, np.int64)
        if self._alone:
            self._accompany()
            self._selections = Selections()
        ids = self._ids_of(batch)
        self._see(batch, ids)
        self._describe(batch.metadata)
        return ids[batch.series]

    def find(self, keys: Sequence[bytes]) -> Ints:
        """The id of each series by its canonical key; -1 for one that is not known."""
        return np.fromiter((self._ids.get(key, -1) for key in keys), np.int64, len(keys))

    def companion(self, series: Ints) -> Ints:
        """The companion of each of these series; -1 for one that has none."""
        return self._companion[series]

    def overflows(self, series: Ints) -> NDArray[np.bool_]:
        """Which of these series take what is past a limit."""
        if not self._overflows:
            return np.zeros(len(series), bool)
        return np.isin(series, np.fromiter(self._overflows, np.int64, len(self._overflows)))

    def count_overflow(self, series: Ints) -> None:
        """Count the rows past a limit among these rows, given the series of each."""
        over = series[self.overflows(series)]
        ids, counts = np.unique(over, return_counts=True)
        for number, rows in zip(ids.tolist(), counts.tolist(), strict=True):
            self._overflows[number].overflowed += rows

    def offenders(self) -> list[Metric]:
        """The metrics that have an overflow series."""
        return list(self._overflows.values())

    def select(
        self,
        name: str,
        filters: Mapping[str, Sequence[str]],
        group_by: Sequence[str],
        *,
        increases: bool = False,
    ) -> Selection:
        """The series of a metric whose tags are among the filters' values, grouped.

        A series without a tag has the empty text as its value.

        Args:
            name: The metric.
            filters: The values that are wanted of each tag.
            group_by: Tags; each combination of their values is a group.
            increases: Select the companions of these series instead.
        """
        metric = self.metrics.get(name)
        if metric is None:
            return _NOTHING
        wanted = tuple((key, tuple(values)) for key, values in sorted(filters.items()))
        question = (name, wanted, tuple(group_by), increases)
        known = self._selections.get(question, len(metric.series))
        if known is None:
            known = self._select(metric, filters, group_by, increases=increases)
            self._selections.put(question, len(metric.series), known)
        return known

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

    def _ids_of(self, batch: Batch) -> Ints:
        """The id of each key of the batch."""
        shared = self._shared_keys.get(batch.keys)
        if shared is not None:
            return shared
        known = list(map(self._ids.get, batch.keys))
        if None in known:
            return np.array(list(map(self._id, batch.keys, batch.types)), np.int64)
        return self._shared_keys.keep(batch.keys, np.array(known, np.int64))

    def _id(self, key: bytes, kind: MetricType) -> int:
        known = self._ids.get(key)
        if known is not None:
            return known
        series_key = SeriesKey.decode(key)
        metric = self._metric(series_key.name, kind)
        if not self._is_full(metric):
            return self._add(series_key, metric)
        # Nothing is kept of the key: there may be any number of them.
        if metric.overflow is None:
            return self._add(SeriesKey(metric.name, OVERFLOW), metric)
        return metric.overflow

    def _is_full(self, metric: Metric) -> bool:
        limits = self.limits
        return len(metric.series) >= limits.series_per_metric or self.series >= limits.series

    def _metric(self, name: str, kind: MetricType) -> Metric:
        metric = self.metrics.get(name)
        if metric is None:
            kind = self._types.setdefault(name, kind)
            metric = self.metrics[name] = Metric(name, kind, first_seen=_NEVER, last_seen=0)
        return metric

    def _add(self, key: SeriesKey, metric: Metric) -> int:
        series = self._enter(key, metric, metric.type)
        self._accompany()
        return series

    def _accompany(self) -> None:
        """Make the companions of the cumulative series that have none."""
        for series in sorted(self._alone):
            key = self.keys[series]
            self._enter(companion_key(key), self.metrics[key.name], MetricType.COUNTER)

    def _enter(self, key: SeriesKey, metric: Metric, kind: MetricType) -> int:
        series = len(self.keys)
        self._place(series, key, metric)
        self._change(metric)
        self._unsaved_series.append(NewSeries(series, key, kind))
        return series

    def _place(self, series: int, key: SeriesKey, metric: Metric) -> None:
        while len(self.keys) <= series:
            self.keys.append(SeriesKey(""))
        if series >= len(self._companion):
            more = np.full(max(len(self._companion), series), -1, np.int64)
            self._companion = np.concatenate((self._companion, more))
            self._metric_of = np.concatenate((self._metric_of, np.zeros_like(more)))
        self.keys[series] = key
        self._metric_of[series] = self._number_of(metric)
        self._ids[key.encode()] = series
        if INCREASE in key.tags:
            self._pair(self._ids.get(sample_key(key).encode()), series)
        else:
            self._list(series, key, metric)

    def _number_of(self, metric: Metric) -> int:
        number = self._numbers.setdefault(metric.name, len(self._numbered))
        if number == len(self._numbered):
            self._numbered.append(metric)
        return number

    def _list(self, series: int, key: SeriesKey, metric: Metric) -> None:
        metric.series.append(series)
        metric.columns.add(key.tags)
        self.series += 1
        if key.tags == OVERFLOW:
            metric.overflow = series
            self._overflows[series] = metric
        if metric.type is MetricType.CUMULATIVE:
            self._alone.add(series)
            self._pair(series, self._ids.get(companion_key(key).encode()))

    def _pair(self, series: int | None, companion: int | None) -> None:
        """Join a series and its companion once both are there: they are restored in any order."""
        if series is not None and companion is not None:
            self._companion[series] = companion
            self._alone.discard(series)

    def _select(
        self,
        metric: Metric,
        filters: Mapping[str, Sequence[str]],
        group_by: Sequence[str],
        *,
        increases: bool,
    ) -> Selection:
        places = metric.columns.choose(filters)
        group, values = metric.columns.group(places, group_by)
        chosen = map(metric.series.__getitem__, places.tolist())
        series = np.fromiter(chosen, np.int64, len(places))
        if increases:
            series = self.companion(series)
            # Series of before there were companions get theirs with the next row.
            series, group = series[series >= 0], group[series >= 0]
        order = np.argsort(series)
        tags = [dict(zip(group_by, key, strict=True)) for key in values]
        return Selection(series[order], group[order], tags)

    def _see(self, batch: Batch, ids: Ints) -> None:
        """Move the times when the metrics of these rows were seen."""
        for number, earliest, latest in self._times(batch, self._metric_of[ids]):
            metric = self._numbered[number]
            if earliest < metric.first_seen:
                metric.first_seen = earliest
                self._change(metric)
            metric.last_seen = max(metric.last_seen, latest)
            self._seen.add(metric.name)

    @staticmethod
    def _times(batch: Batch, metric_of: Ints) -> Iterable[tuple[int, int, int]]:
        """For each metric of the batch its number, and its first and last time."""
        number = int(metric_of[0])
        if len(metric_of) == 1 or (metric_of == number).all():
            return [(number, int(batch.time.min()), int(batch.time.max()))]
        numbers, of_key = np.unique(metric_of, return_inverse=True)
        of_row = of_key[batch.series]
        first, last = np.full(len(numbers), _NEVER), np.zeros(len(numbers), np.int64)
        np.minimum.at(first, of_row, batch.time)
        np.maximum.at(last, of_row, batch.time)
        return zip(numbers.tolist(), first.tolist(), last.tolist(), strict=True)

    def _describe(self, metadata: Mapping[str, bytes]) -> None:
        for name, raw in metadata.items():
            metric = self.metrics.get(name)
            if metric is None or len(raw) > MOST_METADATA_BYTES:
                continue
            described = metric.metadata | msgspec.json.decode(raw, type=dict[str, object])
            is_short = len(msgspec.json.encode(described)) <= MOST_METADATA_BYTES
            if is_short and metric.metadata != described:
                metric.metadata = described
                self._change(metric)

    def _change(self, metric: Metric) -> None:
        self.revision += 1
        metric.revision = self.revision
        self._unsaved_metrics.add(metric.name)


_NOTHING = Selection(np.empty(0, np.int64), np.empty(0, np.int64), [])

"""An OTLP request becomes rows, and histograms that have yet to become some. Pure.

Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import numpy as np

from nowline.ingest import otlp_messages as shape
from nowline.ingest.buckets import MOST_COUNT, Buckets, explicit, exponential
from nowline.ingest.columns import Columns, Label, Rejected
from nowline.ingest.otlp_tags import Form, attributes, point_tags, source_tags
from nowline.ingest.rows import LabelRoom, refuse
from nowline.model.query import MINUTE_MS
from nowline.model.series import MetricType

_Histogram = shape.HistogramDataPoint | shape.ExponentialHistogramDataPoint
_Series = tuple[str, MetricType, tuple[tuple[str, str], ...]]
_Point = shape.NumberDataPoint | shape.SummaryDataPoint | _Histogram
_DELTA, _CUMULATIVE = 1, 2
_NO_VALUE = 1
# How long before it was received a source may have started for its first point to count.
_RECENT_MS = 5 * MINUTE_MS
_NS = 1_000_000
_LATEST = 1 << 62
_NOT_FINITE = "value: must be a finite number"


@dataclass(frozen=True, slots=True)
class HistogramPoint:
    """What a source observed since it started, or since its point before.

    Attributes:
        label: The series.
        index: Which of the request's data points it is.
        time: When it was taken, epoch milliseconds.
        start: From when on it counts, epoch milliseconds; 0 if that is not known.
        is_new: Whether that is a short time before it was received, and before its own time.
        is_total: Whether that is since the source started.
        buckets: How many observations are where.
        sum: Of all observations; None if it is not known.
        low: No observation is less.
        high: No observation is greater.
    """

    label: Label
    index: int
    time: int
    start: int
    is_new: bool
    is_total: bool
    buckets: Buckets
    sum: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """A request.

    Attributes:
        columns: Its rows. A row's index is the place of its data point in the request.
        histograms: Its histograms, in order.
        names: For each data point, the name of its metric.
    """

    columns: Columns
    histograms: list[HistogramPoint]
    names: list[str]


def decode(request: shape.Request, form: Form, now_ms: int, size: int) -> Decoded:
    """The rows and histograms of a request.

    A running total whose source started a short time ago began with 0 then, and that is a row
    too: without it the first total would add nothing.

    Args:
        request: As it was sent, in either form.
        form: Tells what is there in that form.
        now_ms: When it was received, epoch milliseconds.
        size: How many bytes it has.

    Raises:
        NowlineError: As `rows.refuse` and `rows.LabelRoom`.
    """
    walk = _Walk(form, now_ms, LabelRoom(size))
    for of_resource in request.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            walk.source = source_tags(of_resource.resource, of_scope.scope, form)
            for metric in of_scope.metrics:
                walk.metric(metric)
    return walk.decoded()


@dataclass(slots=True)
class _Walk:
    """The way through a request, and what was found on it."""

    form: Form
    now_ms: int
    room: LabelRoom
    source: dict[str, str] = field(default_factory=dict)
    places: dict[_Series, int] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    metadata: dict[str, bytes] = field(default_factory=dict)
    histograms: list[HistogramPoint] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def decoded(self) -> Decoded:
        columns = Columns(
            self.labels,
            np.array(self.label, np.int64),
            np.array(self.time, np.int64),
            np.array(self.value, np.float64),
            np.array(self.index, np.int64),
            self.rejected,
            self.metadata,
        )
        return Decoded(columns, self.histograms, self.names)

    def metric(self, metric: shape.Metric) -> None:
        """Take in the data points of a metric, of whichever kind it is."""
        self._describe(metric)
        sums, classic = metric.sum, metric.histogram
        growing = metric.exponential_histogram
        level = partial(self._number, kind=MetricType.GAUGE)
        self._each(metric.name, metric.gauge.data_points, level)
        self._each(metric.name, sums.data_points, partial(self._sum, of=sums))
        self._each(metric.name, classic.data_points, partial(self._classic, of=classic))
        self._each(metric.name, growing.data_points, partial(self._growing, of=growing))
        self._each(metric.name, metric.summary.data_points, self._summary)

    def _describe(self, metric: shape.Metric) -> None:
        told = {"unit": metric.unit, "description": metric.description}
        if described := {key: value for key, value in told.items() if value}:
            self.metadata[metric.name] = msgspec.json.encode(described)

    def _each(self, name: str, points: Iterable[Any], take: Callable[[str, Any], None]) -> None:
        for point in points:
            self.names.append(name)
            if point.flags & _NO_VALUE:
                continue
            try:
                take(name, point)
            except ValueError as error:
                refuse(self.rejected, Rejected(len(self.names) - 1, str(error)))

    def _sum(self, name: str, point: shape.NumberDataPoint, *, of: shape.Sum) -> None:
        if not _is_total(of):
            self._number(name, point, kind=MetricType.COUNTER)
        elif of.is_monotonic:
            self._number(name, point, kind=MetricType.CUMULATIVE)
        else:
            self._number(name, point, kind=MetricType.GAUGE)

    def _number(self, name: str, point: shape.NumberDataPoint, *, kind: MetricType) -> None:
        place = self._place(name, kind, self._tags(point))
        self._add(place, point, _value_of(point, self.form))

    def _summary(self, name: str, point: shape.SummaryDataPoint) -> None:
        """Quantiles are levels with a tag, count and sum are running totals of their own."""
        if not math.isfinite(point.sum):
            raise ValueError(_NOT_FINITE)
        count = _count_of(point)
        tags = self._tags(point)
        for each in point.quantile_values:
            if not math.isfinite(each.value):
                continue  # There was nothing to observe.
            of_quantile = tags | {"quantile": f"{each.quantile:g}"}
            self._add(self._place(name, MetricType.GAUGE, of_quantile), point, each.value)
        totals = {f"{name}_count": count, f"{name}_sum": point.sum}
        for total, value in totals.items():
            self._add(self._place(total, MetricType.CUMULATIVE, tags), point, value)

    def _classic(self, name: str, point: shape.HistogramDataPoint, *, of: shape.Histogram) -> None:
        # Without bounds there is one bucket, whose count may be left out.
        counts = point.bucket_counts or ([] if point.explicit_bounds else [point.count])
        made = explicit(point.explicit_bounds, counts)
        self._histogram(name, point, made, is_total=_is_total(of))

    def _growing(
        self,
        name: str,
        point: shape.ExponentialHistogramDataPoint,
        *,
        of: shape.ExponentialHistogram,
    ) -> None:
        made = exponential(
            point.scale,
            (point.zero_threshold, point.zero_count),
            (point.positive.offset, point.positive.bucket_counts),
            (point.negative.offset, point.negative.bucket_counts),
        )
        self._histogram(name, point, made, is_total=_is_total(of))

    def _histogram(self, name: str, point: _Histogram, made: Buckets, *, is_total: bool) -> None:
        if made.total != point.count:
            raise ValueError(f"count: is {point.count}, but {made.total} are in the buckets")
        low, high = self._given(point, "min"), self._given(point, "max")
        place = self._place(name, MetricType.DISTRIBUTION, self._tags(point))
        self.histograms.append(
            HistogramPoint(
                self.labels[place],
                len(self.names) - 1,
                _ms(point.time_unix_nano),
                _ms(point.start_time_unix_nano),
                self._is_new(point),
                is_total,
                made,
                self._given(point, "sum"),
                -math.inf if low is None else low,
                math.inf if high is None else high,
            )
        )

    def _given(self, point: object, name: str) -> float | None:
        """The value of an optional field."""
        if not self.form.has(point, name):
            return None
        value = float(getattr(point, name))
        if not math.isfinite(value):
            raise ValueError(f"{name}: must be a finite number")
        return value

    def _tags(self, point: _Point) -> dict[str, str]:
        return point_tags(self.source, attributes(point.attributes, self.form))

    def _place(self, name: str, kind: MetricType, tags: dict[str, str]) -> int:
        """The place of a label: points of one series share it."""
        series = name, kind, tuple(tags.items())
        place = self.places.get(series)
        if place is None:
            self.room.take(len(name) + sum(len(key) + len(text) for key, text in tags.items()))
            place = self.places[series] = len(self.labels)
            self.labels.append(Label(name, kind, tags))
        return place

    def _add(self, place: int, point: _Point, value: float) -> None:
        if not math.isfinite(value):
            raise ValueError(_NOT_FINITE)
        time = _ms(point.time_unix_nano)
        if self.labels[place].type is MetricType.CUMULATIVE and self._is_new(point):
            # Both may be in the same millisecond.
            self._row(place, min(_ms(point.start_time_unix_nano), time - 1), 0.0)
        self._row(place, time, value)

    def _is_new(self, point: _Point) -> bool:
        """Whether its source started a short time before the point was received."""
        start = point.start_time_unix_nano
        return _ms(start) >= self.now_ms - _RECENT_MS and start < point.time_unix_nano

    def _row(self, place: int, time: int, value: float) -> None:
        self.label.append(place)
        self.time.append(time)
        self.value.append(value)
        self.index.append(len(self.names) - 1)


def _is_total(of: shape.Sum | shape.Histogram | shape.ExponentialHistogram) -> bool:
    """Whether its points count from a start on.

    Raises:
        ValueError: It does not say.
    """
    if of.aggregation_temporality not in {_DELTA, _CUMULATIVE}:
        raise ValueError("aggregation_temporality: must be delta (1) or cumulative (2)")
    return of.aggregation_temporality == _CUMULATIVE


def _value_of(point: shape.NumberDataPoint, form: Form) -> float:
    value = point.as_double or point.as_int
    if value:
        return _as_float(value)
    if form.has(point, "as_double") or form.has(point, "as_int"):
        return 0.0
    raise ValueError("value: is missing")


def _count_of(point: shape.SummaryDataPoint) -> float:
    if not 0 <= point.count <= MOST_COUNT:
        raise ValueError(f"count: must be from 0 to {MOST_COUNT}")
    return float(point.count)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(_NOT_FINITE) from error


def _ms(nanoseconds: int) -> int:
    return max(-_LATEST, min(nanoseconds // _NS, _LATEST))

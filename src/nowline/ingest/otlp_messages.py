"""The messages of OTLP metrics, as far as they say anything of a row.

They are made of JSON. The official protobuf messages have the same attributes, so the same code
reads both.

Source: opentelemetry-proto, `metrics/v1/metrics.proto` and `common/v1/common.proto`.
"""

from __future__ import annotations

import msgspec


class ArrayValue(msgspec.Struct, gc=False, frozen=True):
    """A list of values."""

    values: tuple[AnyValue, ...] = ()


class KeyValueList(msgspec.Struct, gc=False, frozen=True):
    """Values by key."""

    values: tuple[KeyValue, ...] = ()


class AnyValue(msgspec.Struct, gc=False, rename="camel", frozen=True):
    """A value of an attribute: at most one field is there."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | None = None
    double_value: float | None = None
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: str | None = None


class KeyValue(msgspec.Struct, gc=False, frozen=True):
    """An attribute."""

    key: str = ""
    value: AnyValue = AnyValue()


class NumberDataPoint(msgspec.Struct, gc=False, rename="camel"):
    """A value of a gauge or a sum."""

    attributes: list[KeyValue] = []
    start_time_unix_nano: int = 0
    time_unix_nano: int = 0
    as_double: float | None = None
    as_int: int | None = None
    flags: int = 0


class HistogramDataPoint(msgspec.Struct, gc=False, rename="camel"):
    """Observations by buckets with bounds of their own."""

    attributes: list[KeyValue] = []
    start_time_unix_nano: int = 0
    time_unix_nano: int = 0
    count: int = 0
    sum: float | None = None
    bucket_counts: list[int] = []
    explicit_bounds: list[float] = []
    flags: int = 0
    min: float | None = None
    max: float | None = None


class ExponentialBuckets(msgspec.Struct, gc=False, rename="camel", frozen=True):
    """Counts of buckets in a row, from the one with that number on."""

    offset: int = 0
    bucket_counts: tuple[int, ...] = ()


class ExponentialHistogramDataPoint(msgspec.Struct, gc=False, rename="camel"):
    """Observations by buckets that grow by a constant factor."""

    attributes: list[KeyValue] = []
    start_time_unix_nano: int = 0
    time_unix_nano: int = 0
    count: int = 0
    sum: float | None = None
    scale: int = 0
    zero_count: int = 0
    positive: ExponentialBuckets = ExponentialBuckets()
    negative: ExponentialBuckets = ExponentialBuckets()
    flags: int = 0
    min: float | None = None
    max: float | None = None
    zero_threshold: float = 0.0


class ValueAtQuantile(msgspec.Struct, gc=False):
    """What the source itself made of its observations."""

    quantile: float = 0.0
    value: float = 0.0


class SummaryDataPoint(msgspec.Struct, gc=False, rename="camel"):
    """Count, sum and quantiles of observations."""

    attributes: list[KeyValue] = []
    start_time_unix_nano: int = 0
    time_unix_nano: int = 0
    count: int = 0
    sum: float = 0.0
    quantile_values: list[ValueAtQuantile] = []
    flags: int = 0


class Gauge(msgspec.Struct, gc=False, rename="camel", frozen=True):
    """Levels."""

    data_points: tuple[NumberDataPoint, ...] = ()


class Sum(msgspec.Struct, gc=False, rename="camel", frozen=True):
    """Sums since a start, or since the point before."""

    data_points: tuple[NumberDataPoint, ...] = ()
    aggregation_temporality: int = 0
    is_monotonic: bool = False


class Histogram(msgspec.Struct, gc=False, rename="camel", frozen=True):
    """Histograms since a start, or since the point before."""

    data_points: tuple[HistogramDataPoint, ...] = ()
    aggregation_temporality: int = 0


class ExponentialHistogram(msgspec.Struct, gc=False, rename="camel", frozen=True):
    """Exponential histograms since a start, or since the point before."""

    data_points: tuple[ExponentialHistogramDataPoint, ...] = ()
    aggregation_temporality: int = 0


class Summary(msgspec.Struct, gc=False, rename="camel", frozen=True):
    """Summaries since a start."""

    data_points: tuple[SummaryDataPoint, ...] = ()


class Metric(msgspec.Struct, gc=False, rename="camel"):
    """One metric: one of the kinds has points."""

    name: str = ""
    description: str = ""
    unit: str = ""
    gauge: Gauge = Gauge()
    sum: Sum = Sum()
    histogram: Histogram = Histogram()
    exponential_histogram: ExponentialHistogram = ExponentialHistogram()
    summary: Summary = Summary()


class Scope(msgspec.Struct, gc=False, frozen=True):
    """The library that measured."""

    name: str = ""
    version: str = ""


class ScopeMetrics(msgspec.Struct, gc=False):
    """What one library measured."""

    scope: Scope = Scope()
    metrics: list[Metric] = []


class Resource(msgspec.Struct, gc=False, frozen=True):
    """What was measured."""

    attributes: tuple[KeyValue, ...] = ()


class ResourceMetrics(msgspec.Struct, gc=False, rename="camel"):
    """What was measured of one resource."""

    resource: Resource = Resource()
    scope_metrics: list[ScopeMetrics] = []


class Request(msgspec.Struct, gc=False, rename="camel"):
    """An ExportMetricsServiceRequest."""

    resource_metrics: list[ResourceMetrics] = []

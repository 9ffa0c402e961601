"""OTLP requests as JSON, and the same as protobuf by the official definitions."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

Json = dict[str, Any]
NS = 1_000_000
DELTA, CUMULATIVE = 1, 2


def to_protobuf(request: Json) -> bytes:
    """The bytes of the request as protobuf."""
    return ParseDict(request, ExportMetricsServiceRequest()).SerializeToString()


def attributes(**tags: str) -> list[Json]:
    """Attributes that are texts."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in tags.items()]


def point(time_ms: int, start_ms: int = 0, **fields: Any) -> Json:  # noqa: ANN401 - as JSON has it
    """A data point; integers of 64 bits are strings, as the form wants them."""
    times = {"timeUnixNano": str(time_ms * NS), "startTimeUnixNano": str(start_ms * NS)}
    return {**times, **fields}


def gauge(name: str, *points: Json) -> Json:
    """A metric of levels."""
    return {"name": name, "gauge": {"dataPoints": list(points)}}


def total(name: str, *points: Json, temporality: int = CUMULATIVE, monotonic: bool = True) -> Json:
    """A metric of sums."""
    told = {"aggregationTemporality": temporality, "isMonotonic": monotonic}
    return {"name": name, "sum": {**told, "dataPoints": list(points)}}


def histogram(name: str, *points: Json, temporality: int = CUMULATIVE) -> Json:
    """A metric of histograms with bounds of their own."""
    told = {"aggregationTemporality": temporality, "dataPoints": list(points)}
    return {"name": name, "histogram": told}


def exponential(name: str, *points: Json, temporality: int = CUMULATIVE) -> Json:
    """A metric of exponential histograms."""
    told = {"aggregationTemporality": temporality, "dataPoints": list(points)}
    return {"name": name, "exponentialHistogram": told}


def counts(*of_buckets: int, bounds: list[float], total: float | str | None = None) -> Json:
    """The fields of a histogram's point."""
    told: Json = {
        "count": str(sum(of_buckets)),
        "bucketCounts": [str(count) for count in of_buckets],
        "explicitBounds": bounds,
    }
    return told if total is None else {**told, "sum": total}


def request(*metrics: Json, resource: list[Json] | None = None, scope: Json | None = None) -> Json:
    """A request of one resource and one scope."""
    of_scope = {"scope": scope or {}, "metrics": list(metrics)}
    return {
        "resourceMetrics": [
            {"resource": {"attributes": resource or []}, "scopeMetrics": [of_scope]}
        ]
    }

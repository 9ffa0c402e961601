"""`POST /v1/metrics`: every status of the contract, and what OpenTelemetry's own exporter sends."""

from __future__ import annotations

import gzip
import json
import time

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import (
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource

from asking import ask, counted, fields
from otlp_requests import DELTA as DELTA_SENT
from otlp_requests import (
    Json,
    attributes,
    counts,
    gauge,
    histogram,
    point,
    request,
    to_protobuf,
    total,
)
from polling import eventually
from running import INGEST_KEY, Server

URL = "/v1/metrics"
JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf"}


def now_ms() -> int:
    return int(time.time() * 1000)


def value(reader: httpx.Client, name: str, aggregation: str, **query: object) -> float:
    return float(sum(p["value"] for p in ask(reader, name, aggregation=aggregation, **query)))


def sent(name: str) -> Json:
    own = attributes(route="/cart")
    return request(
        gauge(name, point(now_ms(), asDouble=2.5, attributes=own)),
        resource=attributes(**{"service.name": "shop"}),
    )


@pytest.mark.parametrize("form", ["json", "protobuf"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_every_form_is_taken_in_and_answered_in_kind(
    sender: httpx.Client, reader: httpx.Client, form: str, packed: bool
) -> None:
    name = f"otlp.{form}.{packed}"
    headers = JSON if form == "json" else PROTOBUF
    body = json.dumps(sent(name)).encode() if form == "json" else to_protobuf(sent(name))
    if packed:
        body, headers = gzip.compress(body), {**headers, "content-encoding": "gzip"}
    answer = sender.post(URL, content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == headers["content-type"]
    assert answer.content == (b"{}" if form == "json" else b"")
    assert counted(reader, name, 1) == 1
    (found,) = ask(reader, name, group_by=["service.name", "route"])
    assert (found["value"], found["tags"]) == (2.5, {"service.name": "shop", "route": "/cart"})


def test_good_points_are_kept_and_bad_ones_counted(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    now = now_ms()
    body = request(
        gauge("otlp.part", point(now, asDouble="NaN"), point(now, asInt="4")),
        gauge("otlp.part", point(now + 400_000, asInt="5")),
        total("otlp.part", point(now - 1, asInt="5")),
        histogram("otlp.many", point(now, **counts(1_000_001, bounds=[])), temporality=1),
    )
    told = sender.post(URL, json=body).json()["partialSuccess"]
    assert told["rejectedDataPoints"] == "4"
    assert told["errorMessage"].startswith("`otlp.part`: value: must be a finite number; ")
    answer = sender.post(URL, content=to_protobuf(body), headers=PROTOBUF)
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_data_points == 4
    assert partial.error_message == told["errorMessage"]
    assert counted(reader, "otlp.part", 1) == 1


def test_running_totals_become_increments(sender: httpx.Client, reader: httpx.Client) -> None:
    now = now_ms()
    for start, name in ((now - 3_600_000, "otlp.old"), (now - 30_000, "otlp.new")):
        for time_ms, reached in ((now - 2000, 7), (now - 2000, 7), (now - 1000, 9)):
            both = (
                total(name, point(time_ms, start, asInt=str(reached))),
                histogram(f"{name}.h", point(time_ms, start, **counts(reached, bounds=[]))),
            )
            assert sender.post(URL, json=request(*both)).json() == {}
    assert counted(reader, "otlp.new.h", 9) == 9
    assert counted(reader, "otlp.old.h", 2) == 2
    assert value(reader, "otlp.new", "sum") == 9
    assert value(reader, "otlp.old", "sum") == 2


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (JSON, b"", 400),
        (JSON, b"nonsense", 400),
        (PROTOBUF, b"nonsense", 400),
        ({**JSON, "content-encoding": "gzip"}, b"{}", 400),
        ({**JSON, "content-encoding": "br"}, b"{}", 415),
        ({"content-type": "text/plain"}, b"{}", 415),
        ({}, b"{}", 415),
        (PROTOBUF, b"", 200),
        (JSON, b"{}", 200),
        (JSON, bytes((16 << 20) + 1), 413),
    ],
)
def test_bodies(sender: httpx.Client, headers: dict[str, str], body: bytes, status: int) -> None:
    answer = sender.post(URL, content=body, headers=headers)
    assert answer.status_code == status
    if status != 200:
        fields(answer)


DELTA = {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}
SERVICE = Resource({"service.name": "shop", "service.instance.id": "1"})


class Sdk:
    """OpenTelemetry's own SDK and exporter, which export when they are told to."""

    def __init__(self, server: Server, views: list[View], *, delta: bool) -> None:
        exporter = OTLPMetricExporter(
            endpoint=f"{server.url}{URL}",
            headers={"authorization": f"Bearer {INGEST_KEY}"},
            compression=Compression.Gzip,
            preferred_temporality=DELTA if delta else None,  # type: ignore[arg-type]
        )
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        self.provider = MeterProvider([reader], SERVICE, views=views)
        self.meter = self.provider.get_meter("shop.cart")

    def export(self) -> None:
        assert self.provider.force_flush()


@pytest.mark.parametrize("delta", [False, True], ids=["cumulative", "delta"])
@pytest.mark.parametrize("kind", ["explicit", "exponential"])
def test_what_the_sdk_exports(server: Server, reader: httpx.Client, delta: bool, kind: str) -> None:
    name = f"sdk.{kind}.{delta}".lower()
    growing = View(instrument_type=Histogram, aggregation=ExponentialBucketHistogramAggregation())
    sdk = Sdk(server, [growing] if kind == "exponential" else [], delta=delta)
    orders = sdk.meter.create_counter(f"{name}.orders", "1", "Orders")
    open_carts = sdk.meter.create_up_down_counter(f"{name}.carts")
    duration = sdk.meter.create_histogram(f"{name}.duration", "ms")
    seen = [3.0, 40.0, 41.0, 800.0, 20_000.0]
    for observed in seen:
        orders.add(2, {"country": "it"})
        open_carts.add(1)
        duration.record(observed)
        sdk.export()
    sdk.provider.shutdown()
    assert counted(reader, f"{name}.duration", len(seen)) == len(seen)
    assert value(reader, f"{name}.duration", "sum") == pytest.approx(sum(seen))
    assert value(reader, f"{name}.orders", "sum", filters={"country": "it"}) == 2 * len(seen)
    assert value(reader, f"{name}.carts", "max") == len(seen)
    (point,) = ask(
        reader,
        f"{name}.orders",
        group_by=["service.name", "service.instance.id", "otel.scope.name"],
    )
    assert list(point["tags"].values()) == ["shop", "1", "shop.cart"]
    (metric,) = reader.get(f"/api/v1/metrics?search={name}.orders").json()["metrics"]
    assert (metric["unit"], metric["metadata"]["description"]) == ("1", "Orders")


def test_the_sdk_goes_on_after_a_kill(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Server(tmp_path_factory.mktemp("otlp") / "data") as server:
        sdk = Sdk(server, [], delta=False)
        orders = sdk.meter.create_counter("orders")
        duration = sdk.meter.create_histogram("duration")
        for _ in range(3):
            orders.add(1)
            duration.record(7)
            sdk.export()
        server.kill()
        orders.add(1)
        duration.record(7)
        server.start()
        sdk.export()
        sdk.provider.shutdown()
        with server.alice() as alice:
            assert counted(alice, "duration", 4) == 4
            eventually(lambda: value(alice, "orders", "sum") == 4)
            assert value(alice, "orders", "sum") == 4


def test_counts_that_wrap_are_refused_and_the_server_lives(sender: httpx.Client) -> None:
    buckets: Json = {"bucketCounts": [str(1 << 62)] * 4 + ["5"], "explicitBounds": [1, 2, 3, 4]}
    sent = point(now_ms(), count="5", **buckets)
    wrapping = histogram("in.wrapping", sent, temporality=DELTA_SENT)
    for body, headers in (
        (json.dumps(request(wrapping)).encode(), JSON),
        (to_protobuf(request(wrapping)), PROTOBUF),
    ):
        answer = sender.post(URL, content=body, headers=headers)
        assert answer.status_code == 200
        assert b"bucket_counts: are too great" in answer.content

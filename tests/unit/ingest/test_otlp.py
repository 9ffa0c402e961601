"""OTLP requests become rows and histograms; JSON and protobuf say the same."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.ingest import rows as limits
from nowline.ingest.columns import Label
from nowline.ingest.otlp import Decoded
from nowline.ingest.otlp_json import OtlpJson
from nowline.ingest.otlp_protobuf import OtlpProtobuf
from nowline.model.series import MetricType
from otlp_requests import (
    DELTA,
    NS,
    Json,
    attributes,
    counts,
    exponential,
    gauge,
    histogram,
    point,
    request,
    to_protobuf,
    total,
)

NOW = 1_800_000_000_000
GAUGE, COUNTER = MetricType.GAUGE, MetricType.COUNTER
TOTAL, DISTRIBUTION = MetricType.CUMULATIVE, MetricType.DISTRIBUTION
Row = tuple[str, MetricType | None, dict[str, str], int, float, int]


def rows(decoded: Decoded) -> list[Row]:
    """Name, type, tags, time, value and data point of each row."""
    columns = decoded.columns
    labels = [columns.labels[at] for at in columns.label.tolist()]
    cells = zip(
        labels, columns.time.tolist(), columns.value.tolist(), columns.index.tolist(), strict=True
    )
    return [(own.name, own.type, own.tags, *cell) for own, *cell in cells]


def both(sent: Json, now_ms: int = NOW) -> Decoded:
    """What the request says, in JSON and in protobuf."""
    found = OtlpJson().decode(json.dumps(sent).encode(), now_ms)
    same = OtlpProtobuf().decode(to_protobuf(sent), now_ms)
    assert rows(found) == rows(same)
    assert list(map(repr, found.histograms)) == list(map(repr, same.histograms))
    assert found.columns.rejected == same.columns.rejected
    assert found.columns.metadata == same.columns.metadata
    assert found.names == same.names
    return found


def refused(decoded: Decoded) -> dict[int, str]:
    return {row.index: row.error for row in decoded.columns.rejected}


def test_the_example_of_the_protocol() -> None:
    sent = json.loads(Path(__file__).with_name("otlp-metrics.json").read_text(encoding="utf-8"))
    decoded = both(sent)
    source = {
        "service.name": "my.service",
        "otel.scope.name": "my.library",
        "otel.scope.version": "1.0.0",
    }
    time = 1_544_712_660_300
    assert rows(decoded) == [
        ("my.counter", COUNTER, {**source, "my.counter.attr": "some value"}, time, 5.0, 0),
        ("my.gauge", GAUGE, {**source, "my.gauge.attr": "some value"}, time, 10.0, 1),
    ]
    classic, growing = decoded.histograms
    tags = {**source, "my.histogram.attr": "some value"}
    assert classic.label == Label("my.histogram", DISTRIBUTION, tags)
    assert (classic.sum, classic.low, classic.high, classic.is_total) == (2, 0, 2, False)
    assert classic.buckets.count.tolist() == [1, 1]
    assert growing.buckets.edges[1].tolist() == [0, 8]
    assert decoded.columns.metadata["my.gauge"] == b'{"unit":"1","description":"I am a Gauge"}'
    assert decoded.names == [
        "my.counter", "my.gauge", "my.histogram", "my.exponential.histogram"
    ]  # fmt: skip
    assert refused(decoded) == {}


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        (gauge("m", point(NOW, asInt="7")), GAUGE),
        (total("m", point(NOW, asInt="7")), TOTAL),
        (total("m", point(NOW, asInt="7"), monotonic=False), GAUGE),
        (total("m", point(NOW, asInt="7"), temporality=DELTA), COUNTER),
        (total("m", point(NOW, asInt="7"), temporality=DELTA, monotonic=False), COUNTER),
    ],
    ids=["gauge", "running total", "up and down", "delta", "delta up and down"],
)
def test_what_a_value_says(metric: Json, kind: MetricType) -> None:
    assert rows(both(request(metric))) == [("m", kind, {}, NOW, 7.0, 0)]


@pytest.mark.parametrize(
    ("start", "zero"),
    [
        (NOW - 300_001, None),
        (NOW - 300_000, NOW - 300_000),
        (NOW - 1000, NOW - 1000),
        (NOW - 10, None),
        (NOW + 5, None),
        (0, None),
    ],
    ids=["long ago", "five minutes ago", "a second ago", "now", "later", "unknown"],
)
def test_a_source_that_has_just_started_began_with_zero(start: int, zero: int | None) -> None:
    found = rows(both(request(total("m", point(NOW - 10, start, asDouble=7)))))
    began: list[Row] = [] if zero is None else [("m", TOTAL, {}, zero, 0.0, 0)]
    assert found == [*began, ("m", TOTAL, {}, NOW - 10, 7.0, 0)]


def test_a_start_in_the_same_millisecond_is_before_it() -> None:
    sent = point(NOW, asInt="1") | {"startTimeUnixNano": str(NOW * NS + 1)}
    sent["timeUnixNano"] = str(NOW * NS + 2)
    assert [row[3:5] for row in rows(both(request(total("m", sent))))] == [(NOW - 1, 0), (NOW, 1)]


def test_values_of_attributes_are_text() -> None:
    values: dict[str, Json] = {
        "text": {"stringValue": "a b"},
        "no text": {"stringValue": ""},
        "none": {},
        "yes": {"boolValue": True},
        "no": {"boolValue": False},
        "zero": {"intValue": "0"},
        "int": {"intValue": "-9007199254740993"},
        "double": {"doubleValue": 0.5},
        "bytes": {"bytesValue": "AAE="},
        "list": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}, {}]}},
        "map": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}},
    }
    sent = [{"key": key, "value": value} for key, value in values.items()]
    ((_, _, tags, *_),) = rows(both(request(gauge("m", point(NOW, asInt="1", attributes=sent)))))
    assert tags == {
        "text": "a b",
        "yes": "true",
        "no": "false",
        "zero": "0",
        "int": "-9007199254740993",
        "double": "0.5",
        "bytes": "AAE=",
        "list": '["a",1,null]',
        "map": '{"k":true}',
    }


def test_of_a_resource_what_tells_sources_apart_becomes_tags() -> None:
    resource = attributes(
        **{
            "telemetry.sdk.name": "opentelemetry",
            "service.name": "shop",
            "k8s.pod.name": "shop-1",
            "process.command_line": "python shop.py",
            "process.pid": "17",
        }
    )
    own = attributes(**{"service.name": "own"})
    sent = request(gauge("m", point(NOW, asInt="1", attributes=own)), resource=resource)
    ((_, _, tags, *_),) = rows(both(sent))
    assert tags == {"service.name": "own", "k8s.pod.name": "shop-1", "process.pid": "17"}
    resource += attributes(**{"service.instance.id": "i"})
    ((_, _, tags, *_),) = rows(both(request(gauge("m", point(NOW, asInt="1")), resource=resource)))
    assert tags == {"service.name": "shop", "service.instance.id": "i", "k8s.pod.name": "shop-1"}


@pytest.mark.parametrize(("own", "kept"), [(29, 3), (30, 2), (32, 0), (33, 0)])
def test_tags_of_the_source_make_room(own: int, kept: int) -> None:
    resource = attributes(**{"service.name": "s", "service.namespace": "n", "host.name": "h"})
    sent = attributes(**{f"t{n}": "v" for n in range(own)})
    scope = {"name": "lib"}
    metric = gauge("m", point(NOW, asInt="1", attributes=sent))
    ((_, _, tags, *_),) = rows(both(request(metric, resource=resource, scope=scope)))
    of_source = [key for key in tags if "." in key]
    assert of_source == ["service.name", "service.namespace", "host.name"][:kept]
    assert len(tags) == own + kept


def test_a_summary_is_quantiles_and_two_running_totals() -> None:
    quantiles = [{"quantile": 0.5, "value": 3}, {"quantile": 0.99, "value": "NaN"}]
    sent = point(NOW, NOW - 1000, count="4", sum=20, quantileValues=quantiles)
    decoded = both(request({"name": "m", "summary": {"dataPoints": [sent]}}))
    assert rows(decoded) == [
        ("m", GAUGE, {"quantile": "0.5"}, NOW, 3.0, 0),
        ("m_count", TOTAL, {}, NOW - 1000, 0.0, 0),
        ("m_count", TOTAL, {}, NOW, 4.0, 0),
        ("m_sum", TOTAL, {}, NOW - 1000, 0.0, 0),
        ("m_sum", TOTAL, {}, NOW, 20.0, 0),
    ]


MEDIAN: Json = {"count": "1", "quantileValues": [{"quantile": 0.5, "value": 3}]}


def test_what_is_wrong_with_a_data_point() -> None:
    decoded = both(
        request(
            gauge("a", point(NOW, asDouble="NaN"), point(NOW, asDouble=1), point(NOW)),
            gauge("b", point(NOW, flags=1), point(NOW, asDouble="-Infinity")),
            total("c", point(NOW, asInt="1"), temporality=0),
            histogram("d", point(NOW, **counts(1, 2, bounds=[1])), temporality=0),
            histogram("e", point(NOW, **counts(1, 2, bounds=[1]) | {"count": "4"})),
            histogram("f", point(NOW, **counts(1, 2, bounds=[1, 2]))),
            histogram("g", point(NOW, **counts(1, 2, bounds=[1], total="NaN"))),
            exponential("h", point(NOW, count="1", scale=99, zeroCount="1")),
            exponential("i", point(NOW, count="1", zeroThreshold=-1, zeroCount="1")),
            {"name": "j", "summary": {"dataPoints": [point(NOW, sum="NaN", **MEDIAN)]}},
        )
    )
    assert rows(decoded) == [("a", GAUGE, {}, NOW, 1.0, 1)]
    assert decoded.histograms == []
    assert {at: error.partition(":")[0] for at, error in refused(decoded).items()} == {
        0: "value",
        2: "value",
        4: "value",
        5: "aggregation_temporality",
        6: "aggregation_temporality",
        7: "count",
        8: "bucket_counts",
        9: "sum",
        10: "scale",
        11: "zero_threshold",
        12: "value",
    }


def test_counts_that_wrap_are_refused() -> None:
    buckets: Json = {"bucketCounts": [str(1 << 62)] * 4 + ["5"], "explicitBounds": [1, 2, 3, 4]}
    few = {"offset": 0, "bucketCounts": [str(1 << 62)] * 2}
    wide: Json = {"scale": 0, "positive": few, "negative": few}
    summary = point(NOW, **MEDIAN | {"count": str(1 << 63)})
    decoded = both(
        request(
            histogram("a", point(NOW, count="5", **buckets)),
            histogram("b", point(NOW, count="5", **buckets), temporality=DELTA),
            exponential("c", point(NOW, count="5", zeroCount="5", **wide)),
            exponential("d", point(NOW, count="5", zeroCount="5", **wide), temporality=DELTA),
            histogram("e", point(NOW, count=str((1 << 53) + 1)), temporality=DELTA),
            histogram("f", point(NOW, count=str((1 << 64) - 1)), temporality=DELTA),
            {"name": "g", "summary": {"dataPoints": [summary]}},
        )
    )
    assert (decoded.histograms, rows(decoded)) == ([], [])
    fields = {at: error.partition(":")[0] for at, error in refused(decoded).items()}
    assert fields == {**dict.fromkeys(range(6), "bucket_counts"), 6: "count"}


@pytest.mark.parametrize("count", [-5, 10**400])
def test_counts_that_only_json_can_say_are_refused(count: int) -> None:
    of_zero = {"count": count, "zeroCount": count}
    sent = request(
        histogram("a", point(NOW, count=count), temporality=DELTA),
        histogram("b", point(NOW, count=count, bucketCounts=[count, 0], explicitBounds=[1])),
        exponential("c", point(NOW, **of_zero), temporality=DELTA),
        {"name": "d", "summary": {"dataPoints": [point(NOW, count=count)]}},
    )
    decoded = OtlpJson().decode(json.dumps(sent).encode(), NOW)
    assert (decoded.histograms, rows(decoded)) == ([], [])
    assert list(refused(decoded)) == [0, 1, 2, 3]


def test_a_histogram_may_have_neither_bounds_nor_counts() -> None:
    (found,) = both(request(histogram("m", point(NOW, count="3", sum=6.0)))).histograms
    assert (found.buckets.count.tolist(), found.sum, found.is_total) == ([3], 6, True)


def test_fields_that_are_not_known_are_passed_over() -> None:
    sent = request(gauge("m", point(NOW, asInt=7, exemplars=[{"spanId": "0102030405060708"}])))
    sent["resourceMetrics"][0]["schemaUrl"] = "https://example.com"
    body = json.dumps(sent | {"later": {"x": [1]}}).encode()
    assert rows(OtlpJson().decode(body, NOW)) == [("m", GAUGE, {}, NOW, 7.0, 0)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"resourceMetrics": 1}',
        b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": 1}]}]}]}',
        b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "\xff"}]}]}]}',
        b'{"x": ' + b"[" * 100_000,
    ],
)
def test_json_that_is_no_request(body: bytes) -> None:
    with pytest.raises(NowlineError) as caught:
        OtlpJson().decode(body, NOW)
    assert caught.value.code is Code.INVALID


@pytest.mark.parametrize("body", [b"{}", b"\x0a\x05ab", b"\x0a\x02\x0a\x7f"])
def test_protobuf_that_is_no_request(body: bytes) -> None:
    with pytest.raises(NowlineError) as caught:
        OtlpProtobuf().decode(body, NOW)
    assert caught.value.code is Code.INVALID


def test_numbers_beyond_all_bounds_are_refused_by_point() -> None:
    huge = 10**400
    sent = request(
        gauge("a", {"timeUnixNano": NOW * NS, "asInt": huge}),
        gauge("b", {"timeUnixNano": huge, "asInt": 1}),
    )
    decoded = OtlpJson().decode(json.dumps(sent).encode(), NOW)
    assert refused(decoded) == {0: "value: must be a finite number"}
    assert [row[3] for row in rows(decoded)] == [1 << 62]


FIELDS = [
    "name",
    "sum",
    "gauge",
    "histogram",
    "exponentialHistogram",
    "summary",
    "dataPoints",
    "attributes",
    "key",
    "value",
    "count",
    "bucketCounts",
    "explicitBounds",
    "asInt",
    "asDouble",
    "timeUnixNano",
    "flags",
    "scale",
    "positive",
]
NUMBERS = st.integers(0, 1 << 64) | st.floats(allow_nan=False) | st.text(max_size=3)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    NUMBERS | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(ANYTHING, max_size=3))
def test_any_json_is_read_or_refused(metrics: list[Any]) -> None:
    body = json.dumps(request(*metrics)).encode()
    with contextlib.suppress(NowlineError):
        OtlpJson().decode(body, NOW)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(NowlineError):
        OtlpProtobuf().decode(body, NOW)


def of_long_source(*metrics: Json) -> Json:
    """A request whose resource has tags of 8,000 bytes."""
    names = ("service.name", "service.version", "host.name", "k8s.pod.name")
    return request(*metrics, resource=attributes(**dict.fromkeys(names, "v" * 2000)))


def test_points_of_one_series_have_their_tags_once() -> None:
    points = [point(NOW - at, asInt="1") for at in range(100)]
    found = both(of_long_source(gauge("m", *points)))
    assert len(found.columns.labels) == 1
    assert len(rows(found)) == 100


def test_tags_that_many_series_share_are_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_LEAST_ROOM_BYTES", 1 << 20)
    sent = of_long_source(*(gauge(f"m{at}", point(NOW, asInt="1")) for at in range(500)))
    forms = (OtlpJson(), json.dumps(sent).encode()), (OtlpProtobuf(), to_protobuf(sent))
    for form, body in forms:
        with pytest.raises(NowlineError) as caught:
            form.decode(body, NOW)
        assert caught.value.code is Code.TOO_LARGE

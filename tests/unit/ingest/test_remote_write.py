"""WriteRequests become rows: by the short way, and taken apart, they are the same."""

from __future__ import annotations

import contextlib
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.ingest.columns import Columns, Label
from nowline.ingest.remote_write import RemoteWriteDecoder
from nowline.ingest.snappy import unpack_snappy
from nowline.model.series import MetricType
from remote_writing import STALE, label, metadata, named, part, sample, series

NOW = 1_790_000_000_000
Row = tuple[int, str, dict[str, str], int, float]


def rows(columns: Columns) -> list[Row]:
    """Index, name, tags, time and value of each row, in the order of the request."""
    labels = [columns.labels[at] for at in columns.label.tolist()]
    cells = (columns.index.tolist(), columns.time.tolist(), columns.value.tolist())
    found = zip(labels, *cells, strict=True)
    return sorted((at, own.name, own.tags, time, value) for own, at, time, value in found)


def decode(*parts: bytes) -> Columns:
    return RemoteWriteDecoder().decode(b"".join(parts))


def refused(columns: Columns) -> dict[int, str]:
    return {row.index: row.error for row in columns.rejected}


def sent_by_prometheus(what: str) -> bytes:
    """What Prometheus 2.42 sent after a scrape of a counter and of a gauge that was zero."""
    path = Path(__file__).with_name(f"prometheus-2.42-{what}.snappy")
    return unpack_snappy(path.read_bytes(), 1000)


def test_requests_as_prometheus_sends_them() -> None:
    decoder = RemoteWriteDecoder()
    assert rows(decoder.decode(sent_by_prometheus("metadata"))) == []
    for _ in range(2):  # The second time every label is known.
        columns = decoder.decode(sent_by_prometheus("samples"))
        shop = {"instance": "127.0.0.1:38311", "job": "shop"}
        values = {name: (tags, value) for _, name, tags, _, value in rows(columns)}
        assert values == {
            "shop_orders_total": ({**shop, "country": "it"}, 3),
            "shop_stock": (shop, 0),
            "up": (shop, 1),
            "scrape_duration_seconds": (shop, 0.005295054),
            "scrape_samples_scraped": (shop, 2),
            "scrape_samples_post_metric_relabeling": (shop, 2),
            "scrape_series_added": (shop, 2),
        }
        assert set(columns.time.tolist()) == {1_795_346_087_852}
        assert columns.rejected == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("http_requests_total", MetricType.CUMULATIVE),
        ("http_duration_seconds_bucket", MetricType.CUMULATIVE),
        ("http_duration_seconds_count", MetricType.CUMULATIVE),
        ("http_duration_seconds_sum", MetricType.CUMULATIVE),
        ("process_resident_memory_bytes", None),
        ("total", None),
    ],
)
def test_the_name_tells_which_series_are_running_totals(name: str, kind: MetricType | None) -> None:
    columns = decode(named(name, (1, NOW), le="0.5"))
    assert [columns.labels[at] for at in columns.label] == [Label(name, kind, {"le": "0.5"})]


def test_samples_are_numbered_through_the_request() -> None:
    columns = decode(
        named("a", (1, NOW), (2, NOW + 1)),
        named("b"),
        named("c", (3, NOW)),
        series({"job": "x"}, (4, NOW), (5, NOW)),
        named("a", (6, NOW + 2)),
    )
    assert rows(columns) == [
        (0, "a", {}, NOW, 1),
        (1, "a", {}, NOW + 1, 2),
        (2, "c", {}, NOW, 3),
        (5, "a", {}, NOW + 2, 6),
    ]
    assert refused(columns) == dict.fromkeys((3, 4), "name: there is no label __name__")


def test_a_stale_marker_is_no_row_and_other_numbers_that_are_none_are_refused() -> None:
    columns = decode(
        named("a", (STALE, NOW)),
        named("a", (math.nan, NOW)),
        named("a", (math.inf, NOW), (-math.inf, NOW), (STALE, NOW), (7, NOW)),
    )
    assert rows(columns) == [(5, "a", {}, NOW, 7)]
    assert refused(columns) == dict.fromkeys((1, 2, 3), "value: must be a finite number")


def test_labels_that_are_wrong_refuse_their_samples() -> None:
    twice = label("__name__", "a") + label("job", "x") + label("job", "y")
    no_text = label("__name__", "a") + label("job", b"\xff")
    columns = decode(
        part(1, twice + sample(1, NOW)),
        part(1, no_text + sample(1, NOW)),
        part(1, part(1, b"\x0a\x09") + sample(1, NOW)),
        part(1, part(5, b"unknown") + label("__name__", "a") + sample(1, NOW)),
    )
    assert rows(columns) == [(3, "a", {}, NOW, 1)]
    assert refused(columns) == {
        0: "tags.job: is there twice",
        1: "tags: a label is not valid UTF-8",
        2: "tags: a label cannot be read",
    }


def test_a_label_without_a_value_is_not_there() -> None:
    assert rows(decode(named("a", (1, NOW), job="", instance="i"))) == [
        (0, "a", {"instance": "i"}, NOW, 1)
    ]


def test_native_histograms_are_refused_and_exemplars_passed_over() -> None:
    own = label("__name__", "a")
    columns = decode(
        part(1, own + part(4, b"\x08\x01")),
        part(1, own + sample(1, NOW) + part(3, b"\x11" + bytes(8))),
    )
    assert rows(columns) == [(1, "a", {}, NOW, 1)]
    assert refused(columns)[0].startswith("histogram: ")


def test_a_sample_whose_text_looks_like_a_sample() -> None:
    disguised = sample(5, NOW).decode("latin-1")
    body = part(1, part(1, part(1, b"__name__") + part(2, disguised.encode("latin-1"))))
    # The series has no sample: its name only ends in the bytes of one.
    columns = decode(body)
    assert rows(columns) == []
    assert columns.rejected == []


def test_metadata_comes_with_the_next_samples_of_its_metric() -> None:
    decoder = RemoteWriteDecoder()
    first = decoder.decode(metadata("requests_total", "Requests.", "") + metadata("b", "B.", "s"))
    assert rows(first) == []
    assert first.metadata == {}
    second = decoder.decode(named("requests_total", (1, NOW)) + named("b_count", (1, NOW)))
    assert second.metadata == {
        "requests_total": b'{"description":"Requests."}',
        "b_count": b'{"unit":"s","description":"B."}',
    }
    assert decoder.decode(named("requests_total", (2, NOW + 1))).metadata == {}


@pytest.mark.parametrize(
    "body",
    [b"\x0a\x05ab", b"\x0b", b"not protobuf", part(1, b"\x0a\x7f"), part(3, b"\xff")],
    ids=["cut short", "group", "text", "series", "metadata"],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(NowlineError) as caught:
        decode(body)
    assert caught.value.code is Code.INVALID


def test_more_labels_than_are_remembered() -> None:
    decoder = RemoteWriteDecoder(most_bytes=4000)
    for at in range(10):
        columns = decoder.decode(named("a", (at, NOW), i=str(at)))
        assert rows(columns) == [(0, "a", {"i": str(at)}, NOW, at)]
        assert len(columns.labels) <= 4


LONG = {f"{tag:0128}": f"{tag:01024}" for tag in range(32)}
HUGE = {"k": "v" * (1 << 16)}


@pytest.mark.parametrize("tags", [LONG, HUGE], ids=["as long as may be", "refused"])
@pytest.mark.parametrize("times", [1, 2], ids=["short way", "taken apart"])
def test_what_is_remembered_takes_no_more_than_it_may(tags: dict[str, str], times: int) -> None:
    decoder = RemoteWriteDecoder(most_bytes=1 << 20)
    tracemalloc.start()
    try:
        for at in range(100):
            told = metadata(f"a{at}", "x" * (1 << 16), "")
            decoder.decode(named(f"a{at}", *[(at, NOW)] * times, **tags) + told)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1.5 * (1 << 20)


def test_a_label_that_is_refused_is_refused_each_time() -> None:
    decoder = RemoteWriteDecoder()
    for _ in range(2):
        columns = decoder.decode(named("a", (1, NOW), **HUGE) + named("b", (2, NOW)))
        assert refused(columns) == {0: "tags.k: is over 1024 bytes"}
        assert rows(columns) == [(1, "b", {}, NOW, 2)]


texts = st.text(max_size=8)
numbers = st.just(0.0) | st.floats(allow_nan=False, allow_infinity=False)
samples = st.lists(st.tuples(numbers, st.integers(-(1 << 63), (1 << 63) - 1)), max_size=3)
usual = st.lists(st.tuples(numbers, st.integers(NOW - 10**9, NOW + 10**9)), min_size=1, max_size=1)
tags = st.dictionaries(texts.filter(lambda key: key not in {"", "__name__"}), texts, max_size=3)


@given(st.lists(st.tuples(texts.filter(str.strip), tags, samples | usual), max_size=8))
def test_rows_are_what_was_sent_whichever_way_they_take(
    sent: list[tuple[str, dict[str, str], list[tuple[float, int]]]],
) -> None:
    expected = [
        (name, {k: v for k, v in own.items() if v}, time, value)
        for name, own, points in sent
        for value, time in points
    ]
    body = b"".join(series({"__name__": name, **own}, *points) for name, own, points in sent)
    decoder = RemoteWriteDecoder()
    for _ in range(2):  # The second time every label is known.
        columns = decoder.decode(body)
        assert columns.rejected == []
        found = rows(columns)
        assert [row[0] for row in found] == list(range(len(expected)))
        assert [row[1:] for row in found] == expected


@given(st.binary(max_size=80) | st.binary(max_size=40).map(lambda raw: part(1, raw)))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(NowlineError):
        assert np.isfinite(decode(body).value).all()

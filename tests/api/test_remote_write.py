"""`POST /api/v1/prom/write`: every status of the contract, by a real server."""

from __future__ import annotations

import gzip
import math
import time

import cramjam
import httpx
import pytest

from asking import ask, counted, fields
from remote_writing import HEADERS, STALE, URL, metadata, named, part, send


def now_ms() -> int:
    return int(time.time() * 1000)


def increase(reader: httpx.Client, name: str, **query: object) -> float:
    return float(sum(point["value"] for point in ask(reader, name, aggregation="sum", **query)))


def test_samples_are_taken_in_and_seen(sender: httpx.Client, reader: httpx.Client) -> None:
    now = now_ms()
    answer = send(sender, [named("rw.seen", (1, now - 1), (2, now), job="a", instance="b")])
    assert answer.status_code == 204
    assert answer.content == b""
    assert {"content-length", "content-type"} & set(answer.headers) == set()
    assert counted(reader, "rw.seen", 2) == 2
    (point,) = ask(reader, "rw.seen", aggregation="max", group_by=["job", "instance"])
    assert (point["value"], point["tags"]) == (2, {"job": "a", "instance": "b"})


@pytest.mark.parametrize("name", ["rw_total", "rw_count", "rw_sum", "rw_bucket"])
def test_running_totals_are_known_by_their_names(
    sender: httpx.Client, reader: httpx.Client, name: str
) -> None:
    now = now_ms()
    samples = [(100.0, now - 4), (130.0, now - 3), (STALE, now - 2), (7.0, now - 1), (9.0, now)]
    assert send(sender, [named(name, *samples)]).status_code == 204
    assert counted(reader, name, 4) == 4
    # 30, then the source began anew: 7 and 2 more.
    assert increase(reader, name) == 39


def test_a_request_that_is_sent_again_counts_once(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    now = now_ms()
    request = [named("rw_again_total", (5, now - 9), (8, now)), named("rw.again", (1, now))]
    for _ in range(3):
        assert send(sender, request).status_code == 204
    assert counted(reader, "rw.again", 1) == 1
    assert send(sender, [*request, named("rw.again", (3, now + 1))]).status_code == 204
    assert counted(reader, "rw.again", 2) == 2
    assert counted(reader, "rw_again_total", 2) == 2
    assert increase(reader, "rw_again_total") == 3


def test_good_samples_are_kept_and_bad_ones_named(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    now = now_ms()
    answer = send(
        sender,
        [
            named("rw.part", (1, now - 1), (math.nan, now)),
            named("rw.part", (1, now + 301_000)),
            named("rw.part", (1, 1)),
            part(1, b""),
            named("", (1, now)),
            named("rw.part", (1, now), **{f"t{n}": "v" for n in range(33)}),
            named("rw.part", (2, now)),
        ],
    )
    assert answer.status_code == 400
    assert fields(answer) == ["value", "time", "time", "name", "tags"]
    assert [error["index"] for error in answer.json()["errors"]] == [1, 2, 3, 4, 5]
    assert "5 samples were refused, 2 kept" in answer.json()["detail"]
    assert counted(reader, "rw.part", 2) == 2


def test_a_request_with_only_metadata(sender: httpx.Client, reader: httpx.Client) -> None:
    assert send(sender, [metadata("rw_told_total", "What is told.", "s")]).status_code == 204
    assert send(sender, []).status_code == 204
    assert send(sender, [named("rw_told_total", (1, now_ms()))]).status_code == 204
    assert counted(reader, "rw_told_total", 1) == 1
    (metric,) = reader.get("/api/v1/metrics?search=rw_told_total").json()["metrics"]
    assert (metric["type"], metric["unit"]) == ("cumulative", "s")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 415),
        ({"content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-encoding": "zstd"}, 415),
        ({"content-type": "application/x-protobuf;proto=prometheus.WriteRequest"}, 204),
        ({"content-encoding": "Snappy"}, 204),
    ],
)
def test_types_and_encodings(sender: httpx.Client, headers: dict[str, str], status: int) -> None:
    assert send(sender, [named("rw.type", (1, now_ms()))], **headers).status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"nonsense", 400),
        (gzip.compress(b"nonsense"), 400),
        (bytes(cramjam.snappy.compress_raw(b"nonsense")), 400),
        (bytes(cramjam.snappy.compress_raw(bytes((128 << 20) + 1))), 413),
        (bytes((16 << 20) + 1), 413),
        (bytes(cramjam.snappy.compress_raw(b"\x0a\x00" * 100_001)), 413),
    ],
    ids=["nothing", "text", "gzip", "packed text", "bomb", "long", "empty series"],
)
def test_bodies_that_are_no_requests(sender: httpx.Client, body: bytes, status: int) -> None:
    answer = sender.post(URL, content=body, headers=HEADERS)
    assert answer.status_code == status
    fields(answer)


def test_only_with_an_ingest_key(reader: httpx.Client) -> None:
    assert send(reader, []).status_code == 403
    reader_headers = {"authorization": "Bearer nobody"}
    assert send(reader, [], **reader_headers).status_code == 401

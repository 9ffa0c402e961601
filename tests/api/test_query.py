"""`POST /api/v1/metrics/query`: exact answers, in order, and every refusal by name."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from asking import MINUTE_MS, Row, accept, ask, counted, fields, whole_minute
from polling import eventually
from running import Server

URL = "/api/v1/metrics/query"
BASE = whole_minute(20)
ROWS = [
    ("a", "200", 0, 1.0),
    ("a", "200", 1, 2.0),
    ("a", "500", 999, 4.0),
    ("b", "200", 1_000, 8.0),
    ("b", "500", 59_999, 16.0),
    ("c", "201", 60_000, 32.0),
    (None, "200", 60_001, 64.0),
]


@pytest.fixture(scope="module", autouse=True)
def rows(sender: httpx.Client, reader: httpx.Client) -> None:
    """A metric of seven rows, whose values add up to tell which of them were counted."""
    accept(
        sender,
        *(
            {
                "name": "q",
                "value": value,
                "time": BASE + offset,
                "tags": {"status": status, **({"host": host} if host else {})},
            }
            for host, status, offset, value in ROWS
        ),
    )
    assert counted(reader, "q", len(ROWS)) == len(ROWS)


def moment(offset: int) -> str:
    return datetime.fromtimestamp((BASE + offset) / 1000, UTC).isoformat()


def total(reader: httpx.Client, start: object, end: object, **query: object) -> float:
    asked = {"time_range": {"start": start, "end": end}, "aggregation": "sum", **query}
    return float(sum(point["value"] for point in ask(reader, "q", **asked)))


def summed(reader: httpx.Client, **query: object) -> float:
    return total(reader, BASE, BASE + 2 * MINUTE_MS, **query)


@pytest.mark.parametrize("interval", ["1s", "7s", "1m", "1h", "1d", "auto"])
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 60_002, 127),
        (0, 1, 1),
        (1, 999, 2),
        (0, 999, 3),
        (0, 1_000, 7),
        (1, 1_001, 14),
        (999, 60_000, 28),
        (59_999, 60_001, 48),
        (60_001, 60_002, 64),
        (60_002, 90_000, 0),
    ],
)
def test_a_range_has_its_start_and_not_its_end(
    reader: httpx.Client, start: int, end: int, expected: float, interval: str
) -> None:
    assert total(reader, BASE + start, BASE + end, interval=interval) == expected


def test_times_are_told_in_every_way(reader: httpx.Client) -> None:
    rome = datetime.fromtimestamp(BASE / 1000, timezone(timedelta(hours=2)))
    for start in (BASE, float(BASE), moment(0), rome.isoformat(), moment(0).replace("+00:00", "Z")):
        assert total(reader, start, moment(60_000)) == 31
    assert total(reader, moment(1), BASE + 999) == 2


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("avg", 127 / 7), ("sum", 127), ("count", 7), ("min", 1), ("max", 64), ("last", 64)],
)
@pytest.mark.parametrize("interval", ["2m", "1d"])
def test_aggregations(
    reader: httpx.Client, aggregation: str, expected: float, interval: str
) -> None:
    time_range = {"start": BASE, "end": BASE + 2 * MINUTE_MS}
    points = ask(reader, "q", aggregation=aggregation, interval=interval, time_range=time_range)
    if len(points) == 1:  # the range may lie across the edge of two buckets
        assert points[0]["value"] == pytest.approx(expected)
        assert points[0]["tags"] == {}
    elif aggregation in {"sum", "count"}:
        assert sum(point["value"] for point in points) == expected


def test_a_timestamp_is_the_start_of_its_bucket(reader: httpx.Client) -> None:
    time_range = {"start": BASE + 500, "end": BASE + 2 * MINUTE_MS}
    points = ask(reader, "q", aggregation="sum", interval="1m", time_range=time_range)
    assert points == [
        {"timestamp": moment(0).replace("+00:00", "Z"), "value": 28.0, "tags": {}},
        {"timestamp": moment(MINUTE_MS).replace("+00:00", "Z"), "value": 96.0, "tags": {}},
    ]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, 127),
        ({"host": "a"}, 7),
        ({"host": ["a", "b"]}, 31),
        ({"host": ["a", "a"], "status": "200"}, 3),
        ({"status": ["200", "201"]}, 107),
        ({"host": "nowhere"}, 0),
        ({"no": "x"}, 0),
        ({"host": []}, 0),
        ({"host": ""}, 64),
    ],
)
def test_filters(reader: httpx.Client, filters: dict[str, Any], expected: float) -> None:
    assert summed(reader, filters=filters) == expected


def test_groups_are_in_the_order_of_tags_then_time(reader: httpx.Client) -> None:
    time_range = {"start": BASE, "end": BASE + 2 * MINUTE_MS}
    points = ask(
        reader, "q", aggregation="sum", interval="1s", time_range=time_range, group_by=["host"]
    )
    told = [(point["tags"]["host"], point["timestamp"], point["value"]) for point in points]
    assert told == sorted(told)
    assert [value for _, _, value in told] == [64, 7, 8, 16, 32]
    pairs = ask(reader, "q", interval="1d", time_range=time_range, group_by=["status", "host"])
    assert {tuple(point["tags"]) for point in pairs} == {("status", "host")}
    order = [tuple(point["tags"].values()) for point in pairs]
    assert list(dict.fromkeys(order)) == sorted(set(order))


def test_a_group_by_a_tag_that_nothing_has_is_one_group(reader: httpx.Client) -> None:
    points = ask(reader, "q", aggregation="count", group_by=["no"])
    assert {point["tags"]["no"] for point in points} == {""}


def test_an_unknown_metric_has_no_data(reader: httpx.Client) -> None:
    answer = reader.post(URL, json={"metric_name": "never heard of"})
    assert answer.status_code == 200
    assert answer.json()["data"] == []
    assert answer.json()["meta"]["points"] == 0


def test_meta_says_how_it_was_answered(reader: httpx.Client) -> None:
    query = {"metric_name": "q", "time_range": {"last": "1h"}, "interval": "5m"}
    answer = reader.post(URL, json=query).json()
    assert set(answer) == {"data", "meta"}
    assert set(answer["meta"]) == {"interval", "level", "points", "cached", "took_ms"}
    assert answer["meta"]["interval"] == "5m"
    assert answer["meta"]["points"] == len(answer["data"])


@pytest.mark.parametrize(
    ("interval", "told"), [("60s", "1m"), ("90s", "90s"), ("24h", "1d"), ("1w", "7d")]
)
def test_an_interval_is_told_in_its_largest_unit(
    reader: httpx.Client, interval: str, told: str
) -> None:
    answer = reader.post(URL, json={"metric_name": "q", "interval": interval})
    assert answer.json()["meta"]["interval"] == told


def test_max_points_holds_for_each_series(sender: httpx.Client, reader: httpx.Client) -> None:
    rows: list[Row] = [
        {"name": "long", "value": i % 7, "time": BASE + i * 1_000, "tags": {"h": host}}
        for i in range(300)
        for host in "ab"
    ]
    accept(sender, *rows)
    assert counted(reader, "long", 600) == 600
    time_range = {"start": BASE, "end": BASE + 300_000}
    for interval in ("1s", "auto"):
        for most in (2, 3, 10, 299, 1000):
            points = ask(
                reader,
                "long",
                interval=interval,
                max_points=most,
                time_range=time_range,
                group_by=["h"],
            )
            for host in "ab":
                own = [p["timestamp"] for p in points if p["tags"]["h"] == host]
                assert 1 <= len(own) <= most
                assert own == sorted(set(own))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({}, "metric_name"),
        ({"metric_name": ""}, "metric_name"),
        ({"metric_name": 5}, "metric_name"),
        ({"metric_name": "q", "agregation": "sum"}, "agregation"),
        ({"metric_name": "q", "aggregation": "median"}, "aggregation"),
        ({"metric_name": "q", "time_range": {"last": "1h", "form": 1}}, "time_range.form"),
        ({"metric_name": "q", "time_range": {"last": "an hour"}}, "time_range.last"),
        ({"metric_name": "q", "time_range": {"start": "x"}}, "time_range.start"),
        ({"metric_name": "q", "time_range": {"start": 5, "end": 4}}, "time_range.end"),
        ({"metric_name": "q", "time_range": {"start": []}}, "time_range.start"),
        ({"metric_name": "q", "interval": "1x"}, "interval"),
        ({"metric_name": "q", "interval": 60}, "interval"),
        ({"metric_name": "q", "max_points": 0}, "max_points"),
        ({"metric_name": "q", "max_points": "10"}, "max_points"),
        ({"metric_name": "q", "group_by": "host"}, "group_by"),
        ({"metric_name": "q", "group_by": [5]}, "group_by[0]"),
        ({"metric_name": "q", "filters": ["host"]}, "filters"),
        ({"metric_name": "q", "timezone": "Mars/Olympus"}, "timezone"),
        ({"metric_name": "q", "timezone": 2}, "timezone"),
        ({"metric_name": "q", "fill": "linear"}, "fill"),
        ({"metric_name": "q", "compare": "last week"}, "compare"),
    ],
)
def test_bad_input_is_a_400_that_names_the_field(
    reader: httpx.Client, query: dict[str, Any], named: str
) -> None:
    answer = reader.post(URL, json=query)
    assert answer.status_code == 400
    assert fields(answer) == [named]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"NaN", b"[" * 100_000, b'{"metric_name":"\xff"}'],
    ids=lambda body: repr(body)[:30],
)
def test_a_body_that_is_no_query_is_a_400(reader: httpx.Client, body: bytes) -> None:
    answer = reader.post(URL, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    fields(answer)


def test_another_content_type_is_a_415(reader: httpx.Client) -> None:
    answer = reader.post(URL, content=b"{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 415


def test_a_query_that_costs_too_much_is_a_422_with_the_reason(reader: httpx.Client) -> None:
    query = {"metric_name": "q", "time_range": {"last": "365d"}, "interval": "1s"}
    answer = reader.post(URL, json=query)
    assert answer.status_code == 422
    assert fields(answer) == ["interval"]
    assert "limit" in answer.json()["detail"]


def test_only_who_may_read_gets_an_answer(sender: httpx.Client, reader: httpx.Client) -> None:
    query = {"metric_name": "q"}
    assert sender.post(URL, json=query).status_code == 403
    anonymous = reader.post(URL, json=query, headers={"authorization": ""})
    assert anonymous.status_code == 401


def test_values_that_are_no_numbers_any_more_are_null(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    accept(sender, *({"name": "huge", "value": 1.7e308, "time": BASE} for _ in range(2)))
    assert counted(reader, "huge", 2) == 2
    assert [point["value"] for point in ask(reader, "huge", aggregation="sum")] == [None]


def points(told: list[Row]) -> list[tuple[int, float | None]]:
    """Seconds since BASE, and values."""
    times = (datetime.fromisoformat(point["timestamp"]) for point in told)
    seconds = [round(time.timestamp() - BASE / 1000) for time in times]
    return list(zip(seconds, (point["value"] for point in told), strict=True))


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        ("none", [(0, 3), (60, 96)]),
        ("null", [(0, 3), (30, None), (60, 96), (90, None)]),
        ("zero", [(0, 3), (30, 0), (60, 96), (90, 0)]),
        ("previous", [(0, 3), (30, 3), (60, 96), (90, 96)]),
    ],
)
def test_buckets_without_rows_are_filled_as_asked(
    reader: httpx.Client, fill: str, expected: list[tuple[int, float | None]]
) -> None:
    asked = {
        "time_range": {"start": BASE, "end": BASE + 2 * MINUTE_MS},
        "filters": {"host": ["a", "c", ""], "status": ["200", "201"]},
        "aggregation": "sum",
        "interval": "30s",
        "fill": fill,
    }
    assert points(ask(reader, "q", **asked)) == expected


def test_an_earlier_range_is_told_beside_the_one_asked_for(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    rows: list[Row] = [
        {"name": "twice", "value": value, "time": BASE + offset * 1_000}
        for offset, value in ((0, 1), (30, 2), (60, 3), (-3_600, 10), (-3_571, 20), (-7_200, 99))
    ]
    accept(sender, *rows)
    assert counted(reader, "twice", len(rows)) == len(rows)
    asked = {
        "metric_name": "twice",
        "time_range": {"start": BASE, "end": BASE + MINUTE_MS},
        "aggregation": "sum",
        "interval": "30s",
        "compare": "1h",
    }
    answer = reader.post(URL, json=asked).json()
    assert points(answer["data"]) == [(0, 1), (30, 2)]
    assert points(answer["compare"]) == [(0, 30)]
    assert answer["meta"]["points"] == 2
    filled = reader.post(URL, json={**asked, "fill": "zero"}).json()
    assert points(filled["compare"]) == [(0, 30), (30, 0)]


def test_days_are_those_of_the_time_zone(reader: httpx.Client) -> None:
    zone = ZoneInfo("Pacific/Kiritimati")
    for name in ("Pacific/Kiritimati", "UTC"):
        asked = {"interval": "1d", "aggregation": "sum", "timezone": name}
        told = ask(reader, "q", time_range={"start": BASE, "end": BASE + 2 * MINUTE_MS}, **asked)
        local = [datetime.fromisoformat(p["timestamp"]).astimezone(ZoneInfo(name)) for p in told]
        assert {each.hour for each in local} == {0}
        assert sum(point["value"] for point in told) == 127
    midnight = datetime.fromtimestamp(BASE / 1000, zone).replace(hour=0, minute=0)
    assert total(reader, midnight.isoformat(), BASE + MINUTE_MS, timezone=str(zone)) == 31


@pytest.mark.parametrize(
    ("kind", "aggregation", "expected"),
    [
        ("counter", "rate", 10 / 60),
        ("counter", "sum", 10),
        ("cumulative", "rate", 6 / 60),
        ("cumulative", "sum", 6),
        ("cumulative", "count", 4),
        ("cumulative", "last", 3),
        ("distribution", "rate", 4 / 60),
        ("gauge", "rate", None),
        ("gauge", "p50", 2.5),
        ("distribution", "p50", 2.5),
        ("distribution", "p99", 3.97),
    ],
)
def test_what_an_aggregation_means_hangs_on_the_type(
    sender: httpx.Client, reader: httpx.Client, kind: str, aggregation: str, expected: float | None
) -> None:
    name = f"typed.{kind}.{aggregation}"
    # A running total that started anew after 4: it grew by 3, 1 and 2.
    totals = [1, 4, 1, 3] if kind == "cumulative" else [1, 2, 3, 4]
    accept(
        sender,
        *(
            {"name": name, "value": value, "time": BASE + 1_000 * at, "type": kind}
            for at, value in enumerate(totals)
        ),
    )
    assert counted(reader, name, 4) == 4
    time_range = {"start": BASE, "end": BASE + MINUTE_MS}
    told = ask(reader, name, aggregation=aggregation, interval="1m", time_range=time_range)
    if expected is None:
        assert told == []
    else:
        assert [point["value"] for point in told] == [pytest.approx(expected, rel=0.01)]


def test_a_gauge_that_rises_has_a_rate(sender: httpx.Client, reader: httpx.Client) -> None:
    rows: list[Row] = [
        {"name": "level", "value": value, "time": BASE + 60_000 * at}
        for at, value in enumerate((5, 11, 3, 3))
    ]
    accept(sender, *rows)
    assert counted(reader, "level", 4) == 4
    time_range = {"start": BASE, "end": BASE + 4 * MINUTE_MS}
    told = ask(reader, "level", aggregation="rate", interval="1m", time_range=time_range)
    assert points(told) == [(60, 0.1), (120, 0.05), (180, 0.0)]


def test_an_answer_that_was_given_before_says_so_and_is_never_old(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    row: Row = {"name": "cached", "value": 1, "time": BASE}
    accept(sender, row)
    assert counted(reader, "cached", 1) == 1
    query = {
        "metric_name": "cached",
        "time_range": {"start": BASE - MINUTE_MS, "end": BASE + MINUTE_MS},
        "aggregation": "sum",
        "interval": "1m",
    }
    first = reader.post(URL, json=query).json()
    again = reader.post(URL, json=query).json()
    assert again["meta"]["cached"] is True
    assert again["data"] == first["data"]
    accept(sender, {**row, "value": 41})

    def total_is(wanted: float) -> bool:
        (point,) = reader.post(URL, json=query).json()["data"]
        return bool(point["value"] == wanted)

    eventually(lambda: total_is(42))


def test_the_caches_are_counted(reader: httpx.Client) -> None:
    text = reader.get("/metrics").text
    for kind in ("answers", "partials", "bins", "configurations"):
        for name in ("hits_total", "misses_total", "evictions_total", "entries", "bytes"):
            assert f'nowline_cache_{name}{{kind="{kind}"}}' in text


def test_a_client_that_hangs_up_is_no_error(server: Server, reader: httpx.Client) -> None:
    body = json.dumps({"metric_name": "q", "aggregation": "p99", "interval": "1s"})
    head = (
        f"POST {URL} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        f"Authorization: {reader.headers['authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    logged = len(server.log())
    for _ in range(5):
        address = reader.base_url.host, reader.base_url.port
        with socket.create_connection(address) as connection:
            connection.sendall((head + body).encode())
    assert total(reader, BASE, BASE + MINUTE_MS) == 31
    assert "error" not in server.log()[logged:]

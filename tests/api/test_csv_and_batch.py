"""Answers as CSV, and a dashboard's questions in one request."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest

from asking import accept, counted, fields, whole_minute

URL = "/api/v1/metrics/query"
BATCH = "/api/v1/metrics/query/batch"
BASE = whole_minute(10)


@pytest.fixture(scope="module", autouse=True)
def rows(sender: httpx.Client, reader: httpx.Client) -> None:
    """Two series, one with a tag that a spreadsheet would run."""
    accept(
        sender,
        {"name": "csv", "value": -1.5, "time": BASE, "tags": {"shop": "rome"}},
        {"name": "csv", "value": 2, "time": BASE + 1000, "tags": {"shop": '=HYPERLINK("x")'}},
    )
    assert counted(reader, "csv", 2) == 2


def question(**more: object) -> dict[str, Any]:
    ranged = {"start": BASE, "end": BASE + 60_000}
    return {"metric_name": "csv", "time_range": ranged, "interval": "1s", **more}


def test_csv_has_a_column_for_each_tag_and_runs_no_formula(reader: httpx.Client) -> None:
    asked = question(group_by=["shop"])
    answer = reader.post(URL, json=asked, headers={"accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    header, *found = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["timestamp", "value", "shop"]
    assert [row[1:] for row in found] == [["2.0", '\'=HYPERLINK("x")'], ["-1.5", "rome"]]


@pytest.mark.parametrize("accepted", ["application/json", "*/*", "text/html", ""])
def test_json_is_what_others_get(reader: httpx.Client, accepted: str) -> None:
    answer = reader.post(URL, json=question(), headers={"accept": accepted})
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["meta"]["points"] == 2


def test_an_error_is_a_problem_also_where_csv_was_asked_for(reader: httpx.Client) -> None:
    answer = reader.post(URL, json=question(interval="no"), headers={"accept": "text/csv"})
    assert answer.status_code == 400
    assert fields(answer) == ["interval"]


def test_a_batch_answers_each_question_in_order(reader: httpx.Client) -> None:
    asked = [
        question(aggregation="sum", interval="1m"),
        question(interval="no"),
        {"metric_name": "csv", "time_range": {"last": "1h", "x": 1}},
        question(metric_name="unknown"),
    ]
    answer = reader.post(BATCH, json={"queries": asked})
    assert answer.status_code == 200, answer.text
    total, bad_interval, bad_field, unknown = answer.json()["results"]
    assert total["data"][0]["value"] == 0.5
    assert total["meta"]["interval"] == "1m"
    assert bad_interval["error"]["errors"][0]["field"] == "interval"
    assert bad_field["error"]["errors"][0]["field"] == "time_range.x"
    assert bad_field["error"]["status"] == 400
    assert unknown["data"] == []


def test_a_batch_of_too_many_questions_is_refused(reader: httpx.Client) -> None:
    answer = reader.post(BATCH, json={"queries": [question()] * 101})
    assert answer.status_code == 400
    assert fields(answer) == ["queries"]


def test_an_empty_batch_has_no_results(reader: httpx.Client) -> None:
    assert reader.post(BATCH, json={"queries": []}).json() == {"results": []}


def test_csv_is_of_the_range_asked_for_with_empty_cells_for_nothing(reader: httpx.Client) -> None:
    asked = question(group_by=[], interval="20s", fill="null", compare="1h")
    answer = reader.post(URL, json=asked, headers={"accept": "text/csv"})
    header, *found = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["timestamp", "value"]
    assert [row[1] for row in found] == ["0.25", "", ""]


def test_questions_of_one_range_are_answered_in_one_pass_as_they_are_alone(
    reader: httpx.Client,
) -> None:
    asked = [
        question(aggregation=aggregation, group_by=group_by, filters=filters)
        for aggregation in ("sum", "avg", "rate", "p90", "last", "count")
        for group_by in ([], ["shop"])
        for filters in ({}, {"shop": "rome"}, {"shop": "nowhere"})
    ]
    results = reader.post(BATCH, json={"queries": asked}).json()["results"]
    alone = [reader.post(URL, json=each).json() for each in asked]
    assert [each["data"] for each in results] == [each["data"] for each in alone]
    assert results[0]["data"] != results[1]["data"]


def test_one_question_of_a_batch_that_costs_too_much_leaves_the_others_be(
    reader: httpx.Client,
) -> None:
    too_much = {"metric_name": "csv", "time_range": {"last": "365d"}, "interval": "1s"}
    answer = reader.post(BATCH, json={"queries": [question(), too_much]})
    good, refused = answer.json()["results"]
    assert good["meta"]["points"] == 2
    assert refused["error"]["status"] == 422


def test_counts_by_size_are_lines_with_bounds(sender: httpx.Client, reader: httpx.Client) -> None:
    values = [0, 15, 15, 40, 41, 700]
    sent = [
        {"name": "sizes", "type": "distribution", "value": value, "time": BASE + at * 1000}
        for at, value in enumerate(values)
    ]
    assert sender.post("/api/v1/ingest/metrics", json=sent).status_code == 202
    assert counted(reader, "sizes", len(values)) == len(values)
    asked = question(metric_name="sizes", aggregation="histogram", interval="1m")
    answer = reader.post(URL, json=asked, headers={"accept": "text/csv"})
    header, *found = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["timestamp", "value", "from", "to"]
    told = [(float(count), float(low), float(high)) for _, count, low, high in found]
    assert [count for count, *_ in told] == [1, 2, 2, 1]
    assert all(
        low <= value <= high for value, (_, low, high) in zip((0, 15, 40, 700), told, strict=True)
    )
    result, no_gauge = reader.post(
        BATCH, json={"queries": [asked, question(aggregation="histogram")]}
    ).json()["results"]
    assert [point["tags"]["from"] for point in result["data"]] == [row[2] for row in found]
    assert [each["field"] for each in no_gauge["error"]["errors"]] == ["aggregation"]

"""Alive, ready, and what the server counts."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from asking import accept, counted, post
from nowline import __version__
from polling import eventually
from running import Server


def families(reader: httpx.Client) -> dict[str, Metric]:
    answer = reader.get("/metrics").raise_for_status()
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    parsed = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    return {family.name: family for family in parsed}


def value(reader: httpx.Client, name: str) -> float:
    samples = [s for family in families(reader).values() for s in family.samples]
    return float(sum(sample.value for sample in samples if sample.name == name))


@pytest.mark.parametrize(("url", "status"), [("/healthz", "ok"), ("/readyz", "ready")])
def test_anybody_may_ask_how_it_is(server: Server, url: str, status: str) -> None:
    with server.client() as client:
        answer = client.get(url)
    assert answer.status_code == 200
    assert answer.json() == {"status": status, "version": __version__}


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/users", "/api/auth/login", "/nothing"])
def test_head_is_get_without_the_body(reader: httpx.Client, path: str) -> None:
    got, asked = reader.get(path), reader.head(path)
    assert asked.status_code == got.status_code
    assert asked.content == b""
    for name in ("content-type", "content-length", "content-security-policy"):
        assert asked.headers[name] == got.headers[name]


def test_head_of_a_stream_is_refused(reader: httpx.Client) -> None:
    answer = reader.head("/api/dashboard/stream?metrics=a")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_metrics_are_openmetrics_that_describe_themselves(reader: httpx.Client) -> None:
    found = families(reader)
    assert len(found) > 10
    assert all(name.startswith("nowline_") for name in found)
    assert all(family.documentation for family in found.values())
    assert {family.type for family in found.values()} <= {"counter", "gauge", "histogram"}


def test_metrics_count_what_is_taken_in_and_refused(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    # The server's own points are counted too: at least ours are added.
    before = {n: value(reader, f"nowline_{n}_total") for n in ("ingest_rows", "log_records")}
    refused = value(reader, "nowline_ingest_rejected_rows_total")
    accept(sender, *({"name": "counted", "value": 1} for _ in range(50)))
    post(sender, {"name": "counted", "value": "x"})
    assert value(reader, "nowline_ingest_rows_total") >= before["ingest_rows"] + 50
    assert value(reader, "nowline_log_records_total") >= before["log_records"] + 1
    assert value(reader, "nowline_ingest_rejected_rows_total") == refused + 1
    assert counted(reader, "counted", 50) == 50
    assert value(reader, "nowline_queries_total") >= 1
    assert value(reader, "nowline_store_bytes") > 0


def test_readers_catch_up_with_the_log(sender: httpx.Client, reader: httpx.Client) -> None:
    accept(sender, {"name": "caught.up", "value": 1})
    stored = value(reader, "nowline_log_records_total")

    def caught_up() -> bool:
        behind = value(reader, "nowline_log_lag_records")
        return behind <= 2 * (value(reader, "nowline_log_records_total") - stored)

    assert eventually(caught_up)


@pytest.mark.parametrize("url", ["/metrics", "/openapi.json"])
def test_the_rest_is_for_who_may_read(sender: httpx.Client, server: Server, url: str) -> None:
    assert sender.get(url).status_code == 403
    with server.client() as client:
        assert client.get(url).status_code == 401

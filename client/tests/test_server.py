"""The client against the real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from nowline_client import Nowline, NowlineASGI
from nowline_client.usage import resident_mb
from polling import eventually
from running import INGEST_KEY, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


def value(alice: httpx.Client, metric: str, aggregation: str) -> float | None:
    asked = {
        "metric_name": metric,
        "aggregation": aggregation,
        "time_range": {"last": "1h"},
        "interval": "1d",
    }
    data = alice.post("/api/v1/metrics/query", json=asked).raise_for_status().json()["data"]
    return data[-1]["value"] if data else None


def test_what_is_recorded_can_be_asked_for(server: Server) -> None:
    with Nowline(server.url, INGEST_KEY, flush_interval=3600) as nl:
        for number in range(1, 101):
            nl.count("client.orders", 2, shop="rome")
            nl.count("client.orders", 1, shop="oslo")
            nl.observe("client.load", number)
            nl.gauge("client.queue", number)
        assert nl.flush(20)
        assert nl.dropped == 0
    with server.alice() as alice:
        assert eventually(lambda: value(alice, "client.orders", "sum") == 300)
        assert value(alice, "client.load", "count") == 100
        assert value(alice, "client.queue", "last") == 100
        median = value(alice, "client.load", "p50")
        assert median is not None
        assert abs(median - 50) <= 1.5
        listed = alice.get("/api/v1/metrics", params={"search": "client."}).json()["metrics"]
        kinds = {metric["name"]: metric["type"] for metric in listed}
        assert kinds == {
            "client.orders": "counter",
            "client.load": "distribution",
            "client.queue": "gauge",
        }


def test_rows_that_the_server_refuses_are_counted(server: Server) -> None:
    with Nowline(server.url, INGEST_KEY, flush_interval=3600) as nl:
        nl.gauge("", 1)
        nl.gauge("client.good", 1)
        assert nl.flush(20)
        assert nl.dropped == 1
    with server.alice() as alice:
        assert eventually(lambda: value(alice, "client.good", "last") == 1)


def test_what_is_recorded_while_the_server_is_away_arrives_when_it_is_back(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        with Nowline(server.url, INGEST_KEY, flush_interval=0.05) as nl:
            nl.count("client.orders")
            assert nl.flush(20)
            server.kill()
            nl.count("client.orders", 10)
            assert not nl.flush(0.2)
            server.start()
            assert nl.flush(60)
        with server.alice() as alice:
            assert eventually(lambda: value(alice, "client.orders", "sum") == 11)


def stats(alice: httpx.Client) -> dict[str, float]:
    counted: dict[str, float] = alice.get("/api/v1/activity/stats").raise_for_status().json()
    return counted


def test_events_are_activity_and_metrics(server: Server) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        status = 503 if scope["path"] == "/fails" else 200
        await PlainTextResponse("", status)(scope, receive, send)

    async def ask(*paths: str) -> None:
        transport = httpx.ASGITransport(NowlineASGI(app, nl, user=lambda _: "ada"))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            for path in paths:
                await client.get(path)

    with Nowline(server.url, INGEST_KEY, flush_interval=3600) as nl:
        nl.login("ada", organization_id="acme", session_id="s1")
        nl.track("export", user_id="bob")
        nl.event("PRODUCT_CREATED", user_id="ada", details={"id": 1})
        asyncio.run(ask("/orders/1", "/orders/2", "/fails"))
        assert nl.flush(20)
        assert nl.dropped == 0
    with server.alice() as alice:
        assert eventually(lambda: value(alice, "api.calls", "sum") == 3)
        assert value(alice, "api.errors", "sum") == 1
        assert value(alice, "api.duration", "count") == 3
        counted = stats(alice)
        assert (counted["active_users"], counted["products_created_today"]) == (2, 1)
        assert counted["error_rate_percent"] == pytest.approx(100 / 3, abs=0.1)
        recent = alice.get("/api/v1/activity/recent").json()["events"]
    by_type = {event["event_type"]: event for event in recent}
    assert by_type["USER_LOGIN"]["organization_id"] == "acme"
    assert by_type["FEATURE_USED"]["metadata"]["feature"] == "export"


def test_an_event_that_is_sent_twice_counts_once(server: Server) -> None:
    for _ in range(2):
        with Nowline(server.url, INGEST_KEY, flush_interval=3600) as nl:
            nl.event("ORDER_PAID", event_id="client-order-1")
            nl.event("ORDER_SENT")
            assert nl.flush(20)
    with server.alice() as alice:
        assert eventually(lambda: events_of(alice, "ORDER_SENT") == 2)
        assert events_of(alice, "ORDER_PAID") == 1


def events_of(alice: httpx.Client, event_type: str) -> int:
    asked = {"event_type": event_type}
    listed = alice.get("/api/v1/activity", params=asked).raise_for_status().json()["events"]
    return len(listed)


def test_executions_are_metrics_by_what_became_of_them(server: Server) -> None:
    with Nowline(server.url, INGEST_KEY, flush_interval=3600) as nl:
        for _ in range(3):
            with nl.task("client.nightly", queue="slow"):
                pass
        with pytest.raises(ValueError, match="no"), nl.task("client.nightly", queue="slow"):
            raise ValueError("no")
        assert nl.flush(20)
        assert nl.dropped == 0
    with server.alice() as alice:
        assert eventually(lambda: value(alice, "task.count", "sum") == 4)
        assert value(alice, "task.duration", "count") == 4
        assert value(alice, "task.memory", "max") == pytest.approx(resident_mb(), rel=0.5)

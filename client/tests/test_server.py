"""The client against the real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nowline_client import Nowline
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

"""A real Prometheus writes to a server that is killed meanwhile: every sample is there once."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import httpx

from polling import eventually
from prometheus_server import Prometheus
from running import INGEST_KEY, Server

BATCHES = "nowline_ingest_batches_total"
Samples = list[tuple[int, float]]


def test_what_prometheus_writes_is_what_it_has(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        with server.alice() as alice:
            read_key = key(alice)
        target = server.url.removeprefix("http://")
        with Prometheus(tmp_path / "prometheus", target, read_key, INGEST_KEY) as prometheus:
            assert eventually(lambda: len(prometheus.samples("up")) >= 5, within_s=30)
            server.kill()
            assert eventually(lambda: 0 in values(prometheus.samples("up")), within_s=30)
            server.start()
            before = len(prometheus.samples(BATCHES))
            assert eventually(lambda: len(prometheus.samples(BATCHES)) >= before + 5, within_s=30)
            with server.alice() as alice:
                same_count(alice, "up", prometheus.samples("up"))
                batches = prometheus.samples(BATCHES)
                same_count(alice, BATCHES, batches)
                added = asked(alice, BATCHES, "sum", batches[-1][0])
                assert added == increases(values(batches))
                (metric,) = alice.get(f"/api/v1/metrics?search={BATCHES}").json()["metrics"]
                assert metric["type"] == "cumulative"


def same_count(alice: httpx.Client, name: str, samples: Samples) -> None:
    until = samples[-1][0]
    eventually(lambda: asked(alice, name, "count", until) >= len(samples), within_s=30)
    assert asked(alice, name, "count", until) == len(samples)


def increases(totals: list[float]) -> float:
    """What a running total grew by, with what it reached after each start anew."""
    return sum(after - before if after >= before else after for before, after in pairwise(totals))


def values(samples: Samples) -> list[float]:
    return [value for _, value in samples]


def asked(alice: httpx.Client, name: str, aggregation: str, until_ms: int) -> float:
    """The answer about the last hour up to and with that time."""
    start, end = (
        datetime.fromtimestamp(at / 1000, UTC).isoformat()
        for at in (until_ms - 3_600_000, until_ms + 1)
    )
    query = {
        "metric_name": name,
        "time_range": {"start": start, "end": end},
        "aggregation": aggregation,
        "interval": "1d",
    }
    answer = alice.post("/api/v1/metrics/query", json=query).raise_for_status()
    return float(sum(point["value"] for point in answer.json()["data"]))


def key(alice: httpx.Client) -> str:
    """An API key that may read."""
    asked_for = {"name": "prometheus", "scopes": ["read"]}
    secret: str = alice.post("/api/v1/keys", json=asked_for).raise_for_status().json()["secret"]
    return secret

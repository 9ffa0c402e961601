"""A server with a cache in Redis: what it worked out survives it, and is never stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from asking import MINUTE_MS, Row, accept, counted, whole_minute
from polling import eventually
from redis_server import RedisServer, own_redis
from running import Server

QUESTIONS = ("sum", "count", "max", "p95")


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


def shared(client: httpx.Client) -> dict[str, float]:
    """What `/metrics` says of the cache in Redis."""
    text = client.get("/metrics").raise_for_status().text
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return {
        sample.name.removeprefix("nowline_cache_").removesuffix("_total"): sample.value
        for family in families
        for sample in family.samples
        if sample.labels.get("kind") == "shared"
    }


def used(client: httpx.Client) -> bool:
    """Whether the cache in Redis is used by now."""
    return eventually(lambda: shared(client)["up"] == 1)


def row(base: int, minute: int, value: float, name: str = "kept") -> Row:
    tags = {"n": str(minute % 3)}
    return {"name": name, "value": value, "time": base + minute * MINUTE_MS, "tags": tags}


def fill(server: Server, base: int) -> None:
    """Send an hour of the past, and wait until nothing more happens for it."""
    with server.ingest() as sender, server.alice() as reader:
        accept(sender, *(row(base, minute, float(minute)) for minute in range(60)))
        assert counted(reader, "kept", 60) == 60
        # The store takes late rows one flush after the other, and tells of them after each.
        accept(sender, row(base, 0, 1.0, "after"))
        assert counted(reader, "after", 1) == 1


def ask(client: httpx.Client, span: dict[str, Any]) -> list[Any]:
    """The data of each question about the span, asked in one batch."""
    asked = {"metric_name": "kept", "time_range": span, "interval": "5m", "group_by": ["n"]}
    queries = [{**asked, "aggregation": aggregation} for aggregation in QUESTIONS]
    answer = client.post("/api/v1/metrics/query/batch", json={"queries": queries})
    return [each["data"] for each in answer.raise_for_status().json()["results"]]


def spans(base: int) -> list[dict[str, Any]]:
    """Ranges that lie in the past, and one that moves with the clock."""
    past = [{"start": base + n * 5 * MINUTE_MS, "end": base + 60 * MINUTE_MS} for n in range(8)]
    return [*past, {"last": "4h"}]


def largest(client: httpx.Client, span: dict[str, Any]) -> float:
    data = ask(client, span)[QUESTIONS.index("max")]
    return float(max(point["value"] for point in data))


def test_answers_survive_a_restart_and_are_never_stale(data_dir: Path) -> None:
    base = whole_minute(180)
    with Server(data_dir, NOWLINE_CACHE_URL=own_redis().database()) as server:
        fill(server, base)
        with server.alice() as reader:
            assert used(reader)
            first = [ask(reader, span) for span in spans(base)]
            assert eventually(lambda: shared(reader)["written_bytes"] > 1_000)
        assert server.stop() == 0
        server.start()
        with server.ingest() as sender, server.alice() as reader:
            assert used(reader)
            assert [ask(reader, span) for span in spans(base)] == first
            assert shared(reader)["hits"] > len(QUESTIONS)
            accept(sender, row(base, 59, 1_000.0))
            assert eventually(lambda: largest(reader, spans(base)[0]) == 1_000)
            revised = [ask(reader, span) for span in spans(base)]
            assert all(largest(reader, span) == 1_000 for span in spans(base))
        assert server.stop() == 0
        server.start()
        with server.alice() as reader:
            assert used(reader)
            assert [ask(reader, span) for span in spans(base)] == revised


def test_answers_stay_right_when_redis_is_lost(data_dir: Path, redis: RedisServer) -> None:
    base = whole_minute(180)
    with Server(data_dir, NOWLINE_CACHE_URL=redis.url) as server:
        fill(server, base)
        with server.ingest() as sender, server.alice() as reader:
            assert used(reader)
            first = [ask(reader, span) for span in spans(base)]
            assert eventually(lambda: shared(reader)["written_bytes"] > 0)
            redis.kill()
            assert [ask(reader, span) for span in spans(base)] == first
            accept(sender, row(base, 59, 1_000.0))
            assert eventually(lambda: largest(reader, spans(base)[0]) == 1_000)
            assert all(largest(reader, span) == 1_000 for span in spans(base))
            redis.start()
            assert eventually(lambda: shared(reader)["up"] == 1, within_s=30)
            assert all(largest(reader, span) == 1_000 for span in spans(base))
        assert server.stop() == 0
        assert server.log().count("going on without it") == 1


def test_a_server_without_redis_says_nothing_of_it(data_dir: Path) -> None:
    with Server(data_dir) as server, server.alice() as reader:
        assert shared(reader) == {}


def test_a_server_starts_and_stops_while_its_redis_is_away(
    data_dir: Path, redis: RedisServer
) -> None:
    redis.kill()
    with Server(data_dir, NOWLINE_CACHE_URL=redis.url) as server:
        fill(server, whole_minute(180))
        with server.alice() as reader:
            assert shared(reader)["up"] == 0
        assert server.stop() == 0

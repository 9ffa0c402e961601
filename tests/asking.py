"""Short ways to post points to a server and to ask it for them."""

from __future__ import annotations

import time
from typing import Any

import httpx

from polling import eventually

MINUTE_MS = 60_000
Row = dict[str, Any]


def whole_minute(minutes_ago: int) -> int:
    """The start of a minute of the past, epoch milliseconds."""
    return (int(time.time() * 1000) // MINUTE_MS - minutes_ago) * MINUTE_MS


def post(client: httpx.Client, *rows: Row) -> httpx.Response:
    """Post points."""
    return client.post("/api/v1/ingest/metrics", json={"metrics": list(rows)})


def accept(client: httpx.Client, *rows: Row) -> None:
    """Post points that are all accepted."""
    answer = post(client, *rows)
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"accepted": len(rows), "rejected": []}


def ask(client: httpx.Client, name: str, **query: object) -> list[Row]:
    """The points that answer a query of the last day."""
    asked = {"metric_name": name, "time_range": {"last": "1d"}, "interval": "1d", **query}
    answer = client.post("/api/v1/metrics/query", json=asked)
    assert answer.status_code == 200, answer.text
    data: list[Row] = answer.json()["data"]
    return data


def count(client: httpx.Client, name: str, **query: object) -> int:
    """How many rows there are."""
    return int(sum(point["value"] for point in ask(client, name, aggregation="count", **query)))


def counted(client: httpx.Client, name: str, rows: int) -> int:
    """How many rows there are once there are `rows`, or when time is up."""
    eventually(lambda: count(client, name) >= rows)
    return count(client, name)


def fields(answer: httpx.Response) -> list[str | None]:
    """The fields that a problem names, after checking that it is one."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert {"type", "title", "detail"} <= set(problem)
    return [error.get("field") for error in problem.get("errors", [])]

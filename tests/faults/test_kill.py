"""A server that is killed right after a 202 has every accepted point when it is back, once."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from asking import MINUTE_MS, Row, ask, whole_minute
from polling import eventually
from running import Server

ROUNDS = 10
POSTERS = 4
SPAN_MINUTES = 12
BIG = 5_000


@dataclass
class Sent:
    """One batch: its own series, and what it adds up to."""

    batch: str
    rows: int
    total: int


@dataclass
class Ledger:
    """What was accepted, and what may be there or not, for nobody heard the answer."""

    accepted: list[Sent] = field(default_factory=list)
    unanswered: list[Sent] = field(default_factory=list)
    news: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


def batches(poster: int, round_number: int, base: int) -> Iterator[tuple[Sent, list[Row]]]:
    """Small batches, and now and then a big one, of rows in the last minutes."""
    chance = random.Random(1_000 * round_number + poster)
    for number in range(100_000):
        size = BIG if (number + poster) % 6 == 2 else chance.randint(1, 20)
        name = f"{round_number}.{poster}.{number}"
        values = [chance.randint(0, 1_000) for _ in range(size)]
        span = SPAN_MINUTES * MINUTE_MS
        rows = [
            {"name": "kill", "value": v, "time": base + i * 977 % span, "tags": {"batch": name}}
            for i, v in enumerate(values)
        ]
        yield Sent(name, size, sum(values)), rows


def post_until_it_breaks(
    url: str, headers: httpx.Headers, ledger: Ledger, work: Iterator[Any]
) -> None:
    with httpx.Client(base_url=url, headers=headers, timeout=20) as client:
        for sent, rows in work:
            try:
                answer = client.post("/api/v1/ingest/metrics", json=rows)
            except httpx.TransportError:
                ledger.unanswered.append(sent)
                return
            assert (answer.status_code, answer.json()["accepted"]) == (202, sent.rows)
            ledger.accepted.append(sent)
            ledger.news.release()


def one_round(server: Server, ledger: Ledger, number: int, base: int) -> None:
    """Several post at once; the server is killed right after one of the answers."""
    with server.ingest() as client, ThreadPoolExecutor(POSTERS) as pool:
        done = [
            pool.submit(
                post_until_it_breaks,
                server.url,
                client.headers,
                ledger,
                batches(poster, number, base),
            )
            for poster in range(POSTERS)
        ]
        for _ in range(1 + number * 3):
            assert ledger.news.acquire(timeout=20)
        server.kill()
        for each in done:
            each.result()


def test_every_accepted_point_is_there_once(data_dir: Path) -> None:
    ledger = Ledger()
    base = whole_minute(SPAN_MINUTES)
    server = Server(data_dir)
    with server:
        for number in range(ROUNDS):
            one_round(server, ledger, number, base)
            ledger.news = threading.Semaphore(0)
            server.start()
        assert len(ledger.accepted) >= ROUNDS
        assert {sent.rows == BIG for sent in ledger.accepted} == {True, False}
        with server.alice() as client:
            check(client, ledger, base)
        assert server.stop() == 0
        server.start()
        with server.alice() as client:
            check(client, ledger, base)


def check(client: httpx.Client, ledger: Ledger, base: int) -> None:
    """Each batch is whole and there once, by raw rows and by roll-ups."""
    span = {"start": base, "end": base + SPAN_MINUTES * MINUTE_MS}
    expected = {sent.batch: (sent.rows, sent.total) for sent in ledger.accepted}
    possible = {sent.batch: (sent.rows, sent.total) for sent in ledger.unanswered}
    eventually(lambda: expected.keys() <= by_batch(client, "count", "1h", span).keys())
    for interval in ("7s", "1m", "1h"):
        counts = by_batch(client, "count", interval, span)
        sums = by_batch(client, "sum", interval, span)
        found = {batch: (counts[batch], sums[batch]) for batch in counts}
        assert {batch: found.get(batch) for batch in expected} == expected
        others = {batch: both for batch, both in found.items() if batch not in expected}
        assert others.items() <= possible.items()


def by_batch(
    client: httpx.Client, aggregation: str, interval: str, span: dict[str, int]
) -> dict[str, float]:
    points = ask(
        client,
        "kill",
        aggregation=aggregation,
        interval=interval,
        time_range=span,
        group_by=["batch"],
        max_points=10_000,
    )
    totals: dict[str, float] = {}
    for point in points:
        batch = point["tags"]["batch"]
        totals[batch] = totals.get(batch, 0) + point["value"]
    return totals


def test_the_catalogue_outlives_the_server(data_dir: Path) -> None:
    base = whole_minute(3)
    row = {"name": "kept", "value": 1, "type": "counter", "tags": {"k": "é\0"}, "time": base}
    later = {"name": "kept", "value": 1, "tags": {"k": "2"}, "metadata": {"unit": "s"}}
    server = Server(data_dir)
    with server:
        with server.ingest() as sender:
            for each in (row, {**later, "time": base + 5}, {**row, "time": base + 9}):
                sender.post("/api/v1/ingest/metrics", json=[each]).raise_for_status()
        before = listed(server)
        server.kill()
        server.start()
        assert listed(server) == before
        assert server.stop() == 0
        server.start()
        assert listed(server) == before
        with server.ingest() as sender, server.alice() as reader:
            refused = sender.post("/api/v1/ingest/metrics", json=[{**row, "type": "gauge"}])
            assert refused.json()["accepted"] == 0
            values = reader.get("/api/v1/metrics/kept/tags/k").json()["values"]
            assert values == ["2", "é\0"]


def listed(server: Server) -> dict[str, Any]:
    with server.alice() as reader:

        def kept() -> dict[str, Any] | None:
            found = reader.get("/api/v1/metrics", params={"search": "kept"}).json()["metrics"]
            whole = [m for m in found if m["metadata"] and m["last_seen"].endswith("00.009Z")]
            return whole[0] if whole else None

        entry = eventually(kept)
    assert entry is not None
    assert (entry["type"], entry["unit"], entry["series"]) == ("counter", "s", 2)
    return entry

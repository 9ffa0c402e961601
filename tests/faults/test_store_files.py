"""A server that is killed while it writes rows to files has every accepted one once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import httpx

from asking import MINUTE_MS, ask, whole_minute
from polling import eventually
from running import Server

BATCH = 100_000
SPAN_MINUTES = 4
POSTERS = 2


class Feed:
    """Posts batches of many rows, each with a number of its own, until the server is gone."""

    def __init__(self, base: int) -> None:
        self.accepted: set[str] = set()
        self.unanswered: set[str] = set()
        self._numbers: Iterator[int] = count()
        self._lock = threading.Lock()
        row = b'{"name":"crash","value":%d,"time":%d,"tags":{"batch":"#batch#"}}'
        times = (base + i * 977 % (SPAN_MINUTES * MINUTE_MS) for i in range(BATCH))
        self._body = b"[" + b",".join(row % (i % 10, t) for i, t in enumerate(times)) + b"]"
        self.total = sum(i % 10 for i in range(BATCH))

    def run(self, url: str, headers: httpx.Headers) -> None:
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            while True:
                with self._lock:
                    batch = f"b{next(self._numbers)}"
                body = self._body.replace(b"#batch#", batch.encode())
                try:
                    answer = client.post("/api/v1/ingest/metrics", content=body)
                except httpx.TransportError:
                    self.unanswered.add(batch)
                    return
                assert (answer.status_code, answer.json()["accepted"]) == (202, BATCH)
                self.accepted.add(batch)


def segments(data_dir: Path) -> int:
    return len(list((data_dir / "nowline.segments").glob("*")))


def kill_while_it_writes(server: Server, feed: Feed, data_dir: Path) -> None:
    """Posts until the first of a flush's files is there, and ends the server that very moment."""
    before = segments(data_dir)
    with server.ingest() as client, ThreadPoolExecutor(POSTERS) as pool:
        client.headers["content-type"] = "application/json"
        posting = [pool.submit(feed.run, server.url, client.headers) for _ in range(POSTERS)]
        assert eventually(lambda: segments(data_dir) > before, within_s=60)
        server.kill()
        for each in posting:
            each.result()


def by_batch(client: httpx.Client, aggregation: str, interval: str, base: int) -> Counter[str]:
    span = {"start": base, "end": base + SPAN_MINUTES * MINUTE_MS}
    query = {"interval": interval, "time_range": span, "group_by": ["batch"]}
    found: Counter[str] = Counter()
    for point in ask(client, "crash", aggregation=aggregation, max_points=10_000, **query):
        found[point["tags"]["batch"]] += point["value"]
    return found


def check(server: Server, feed: Feed, base: int) -> None:
    with server.alice() as client:
        eventually(
            lambda: feed.accepted <= by_batch(client, "count", "1h", base).keys(), within_s=30
        )
        for interval in ("7s", "1m", "1h"):
            for aggregation, each in (("count", BATCH), ("sum", feed.total)):
                found = by_batch(client, aggregation, interval, base)
                assert feed.accepted <= found.keys() <= feed.accepted | feed.unanswered
                assert set(found.values()) == {each}


def test_every_row_is_there_once_after_kills_in_the_middle_of_writing_files(data_dir: Path) -> None:
    base = whole_minute(SPAN_MINUTES + 1)
    feed = Feed(base)
    server = Server(data_dir)
    with server:
        for _ in range(2):
            kill_while_it_writes(server, feed, data_dir)
            server.start()
        assert len(feed.accepted) * BATCH >= 1_000_000
        check(server, feed, base)
        assert server.stop() == 0
        assert segments(data_dir)
        server.start()
        check(server, feed, base)

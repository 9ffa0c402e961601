"""The whole product: ten thousand viewers of twenty widgets a second, while points come in."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np

from bench.compiling import compiled
from bench.cores import SERVER, on
from bench.fanout_servers import WEBSOCKET, Nowline
from bench.load_client import LoadClient, Wanted
from bench.product import INGEST_KEY, Product, product
from bench.report import report

_HOSTS, _REGIONS, _METRICS = 100, 10, 10
_POSTS_PER_S = 10
_ASKED_PER_S = 50
_TICK_MS, _TICK_OFFSET_MS = 1000, 120
_STALLED_PERCENT = 5
_SETTLE_S = 2.0
_CLOCK = "bench.clock"
_EVALUATIONS = re.compile(r"^nowline_live_evaluations_total (\S+)$", re.MULTILINE)
Row = dict[str, str | int | float]


def measure(readers: int, seconds: int) -> None:
    """Measure with nobody, one viewer, all of them, and with some of them stalled."""
    some = readers * _STALLED_PERCENT // 100
    with tempfile.TemporaryDirectory() as folder, _running() as running:
        program = compiled("fanout_client", Path(folder))
        bench = Bench(running, Nowline(running, "1s"), program, seconds)
        with Points(running):
            time.sleep(_SETTLE_S)
            rows = []
            for viewers, stalled in (0, 0), (1, 0), (readers, 0), (readers, some):
                rows.append(bench.row(viewers, stalled))
                print(rows[-1], file=sys.stderr, flush=True)
    report("fanout_dashboard", rows)


@contextmanager
def _running() -> Iterator[Product]:
    with ExitStack() as stack:
        with on(SERVER):
            running = stack.enter_context(product())
        yield running


class Points(threading.Thread):
    """10,000 points a second of 1,000 series in ten requests, and with each the time as a point."""

    def __init__(self, running: Product) -> None:
        super().__init__(daemon=True)
        headers = {"authorization": f"Bearer {INGEST_KEY}"}
        self._client = httpx.Client(base_url=running.url, headers=headers, timeout=30)
        self._rng = np.random.default_rng(1)
        self._over = threading.Event()

    def run(self) -> None:
        """Post until told to stop."""
        due = time.perf_counter()
        while not self._over.is_set():
            self._client.post("/api/v1/write", content=self._lines()).raise_for_status()
            due += 1 / _POSTS_PER_S
            time.sleep(max(0.0, due - time.perf_counter()))

    def __enter__(self) -> Self:
        """Begin."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        self._over.set()
        self.join()

    def _lines(self) -> str:
        values = self._rng.integers(0, 1000, (_METRICS, _HOSTS)).tolist()
        lines = [
            f"bench.m{metric},host=h{host},region=r{host % _REGIONS} value={value}"
            for metric, of_hosts in enumerate(values)
            for host, value in enumerate(of_hosts)
        ]
        return "\n".join([*lines, f"{_CLOCK} value={time.time_ns() // 1000}"])


class Questions(threading.Thread):
    """What others ask the server for meanwhile: whether it is there, and queries."""

    def __init__(self, running: Product, key: str) -> None:
        super().__init__(daemon=True)
        headers = {"authorization": f"Bearer {key}"}
        self._client = httpx.Client(base_url=running.url, headers=headers, timeout=30)
        self._over = threading.Event()
        self.milliseconds: list[float] = []

    def run(self) -> None:
        """Ask until told to stop."""
        number = 0
        while not self._over.wait(1 / _ASKED_PER_S):
            number += 1
            started = time.perf_counter()
            if number % 2:
                answer = self._client.get("/healthz")
            else:
                span = {"last": f"{5 + number % 50}m"}
                query = _query(number % _METRICS, time_range=span)
                answer = self._client.post("/api/v1/metrics/query", json=query)
            answer.raise_for_status()
            self.milliseconds.append((time.perf_counter() - started) * 1000)

    def stop(self) -> list[float]:
        """End; how long each answer took, the slowest last."""
        self._over.set()
        self.join()
        return sorted(self.milliseconds)


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured.

    Attributes:
        running: The product.
        server: The same, as the load client knows it.
        program: The load client.
        seconds: How long each measurement takes.
    """

    running: Product
    server: Nowline
    program: Path
    seconds: int

    def row(self, viewers: int, stalled: int) -> Row:
        """With so many viewers, some of whom read nothing."""
        row: Row = {"viewers": viewers, "stalled": stalled}
        if not viewers:
            return row | self._spent()
        wanted = _wanted(self.server.wanted(WEBSOCKET))
        with LoadClient(self.program, wanted, viewers, stalled) as readers:
            readers.wait_until_heard(lambda: None, 1.0)
            time.sleep(_SETTLE_S)
            readers.start()
            row |= self._spent()
            return row | _heard(readers.stop(), viewers - stalled, self.seconds)

    def _spent(self) -> Row:
        """What a while of it costs, and how quick other answers are."""
        asking = Questions(self.running, self.server.key)
        asking.start()
        evaluated, cpu = self._evaluations(), self.running.cpu_s()
        time.sleep(self.seconds)
        spent = self.running.cpu_s() - cpu, self._evaluations() - evaluated
        asked = asking.stop()
        return {
            "cpu_percent": round(spent[0] / self.seconds * 100, 1),
            "evaluations_per_s": round(spent[1] / self.seconds, 1),
            "rest_p50_ms": round(asked[len(asked) // 2], 1),
            "rest_p99_ms": round(asked[int(len(asked) * 0.99)], 1),
        }

    def _evaluations(self) -> float:
        headers = {"authorization": f"Bearer {self.server.key}"}
        answer = httpx.get(f"{self.running.url}/metrics", headers=headers, timeout=30)
        found = _EVALUATIONS.search(answer.raise_for_status().text)
        assert found, answer.text
        return float(found[1])


def _heard(heard: Mapping[str, Any], readers: int, seconds: int) -> Row:
    return {
        "over_tick_p50_ms": heard["published"]["p50_ms"],
        "over_tick_p99_ms": heard["published"]["p99_ms"],
        "event_p50_ms": heard["event"]["p50_ms"],
        "event_p99_ms": heard["event"]["p99_ms"],
        "frames_a_reader_per_s": round(heard["frames"] / readers / seconds, 1),
        "fewest_frames": heard["fewest"],
        "most_frames": heard["most"],
        "mb_per_s": round(heard["bytes"] / seconds / 1e6, 1),
        "lost": heard["lost"],
    }


def _wanted(like: Wanted) -> Wanted:
    """Twenty widgets; one of them tells the time of the newest point."""
    queries = [
        {"metric_name": _CLOCK, "aggregation": "max", "time_range": {"last": "1m"}},
        *(_query(n, filters={"host": f"h{n}"}) for n in range(8)),
        *(_query(n, filters={"region": f"r{n}"}) for n in range(4)),
        *(_query(n, aggregation="p95") for n in range(3)),
        *(_query(n, aggregation="sum") for n in range(2)),
        *(_query(n, group_by=["region"]) for n in range(2)),
    ]
    messages = [
        json.dumps({"type": "subscribe", "id": f"w{n}", "query": query, "interval": "1s"})
        for n, query in enumerate(queries)
    ]
    return replace(
        like,
        # As every browser does.
        request=f"{like.request}\nSec-WebSocket-Extensions: permessage-deflate",
        messages=messages,
        ready_marker='"type":"snapshot"',
        tick_ms=_TICK_MS,
        tick_offset_ms=_TICK_OFFSET_MS,
    )


def _query(metric: int, **more: object) -> dict[str, object]:
    return {
        "metric_name": f"bench.m{metric}",
        "aggregation": "avg",
        "time_range": {"last": "5m"},
        **more,
    }

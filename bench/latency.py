"""From the start of an ingest request to the frame with its row at every viewer."""

from __future__ import annotations

import asyncio
import random
import re
import time

import httpx
import uvloop

from bench.product import INGEST_KEY, Product, product
from bench.report import percentiles, report, seconds_asked
from bench.viewer import watch

_VALUE = re.compile(rb'"value":(\d+)')


class Metric:
    """Rows 1, 2, 3 … of one metric, when each was posted, and when whom it reached."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.posted: list[float] = []
        self.latencies_ms: list[float] = []

    def viewer(self) -> Ear:
        """A viewer's ear."""
        return Ear(self)


class Ear:
    """Takes the latency of each row when a frame brings it, or one that came after it."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._heard = 0

    def __call__(self, payload: bytes) -> None:
        """Take a message in."""
        now = time.perf_counter()
        newest = max((int(value) for value in _VALUE.findall(payload)), default=0)
        for posted in self._metric.posted[self._heard : newest]:
            self._metric.latencies_ms.append((now - posted) * 1000)
        self._heard = max(self._heard, newest)


def main() -> None:
    seconds = seconds_asked(30)
    uvloop.run(_main(seconds))


async def _main(seconds: int) -> None:
    with product(host_metrics=True) as running:
        key = running.reader_key()
        rows = [
            await _measure(running, key, interval, viewers, seconds)
            for interval in ("1s", "live")
            for viewers in (1, 200)
        ]
    report("latency", rows)


async def _measure(
    running: Product, key: str, interval: str, viewers: int, seconds: int
) -> dict[str, str | float]:
    metric = Metric(f"bench.latency.{interval}.{viewers}")
    query = {"metric_name": metric.name, "aggregation": "last", "time_range": {"last": "5m"}}
    wanted: dict[str, object] = {
        "type": "subscribe",
        "id": "w",
        "query": query,
        "interval": interval,
    }
    watching = [await watch(running.url, key, [wanted], metric.viewer()) for _ in range(viewers)]
    before = running.cpu_s()
    await _post(running.url, metric, seconds)
    await asyncio.sleep(1.5)
    cpu = (running.cpu_s() - before) / seconds * 100
    for viewer in watching:
        viewer.close()
    assert len(metric.latencies_ms) == viewers * len(metric.posted)
    return {
        "interval": interval,
        "viewers": viewers,
        "rows": len(metric.posted),
        **percentiles(metric.latencies_ms),
        "cpu_percent": round(cpu, 1),
    }


async def _post(url: str, metric: Metric, seconds: int) -> None:
    """A row now and then, at no fixed place within the second."""
    random.seed(1)
    headers = {"authorization": f"Bearer {INGEST_KEY}"}
    until = time.perf_counter() + seconds
    async with httpx.AsyncClient(base_url=url, headers=headers) as client:
        while time.perf_counter() < until:
            await asyncio.sleep(random.uniform(0.05, 0.25))
            row = {"name": metric.name, "value": len(metric.posted) + 1}
            metric.posted.append(time.perf_counter())
            answer = await client.post("/api/v1/ingest/metrics", json={"metrics": [row]})
            assert answer.json()["accepted"] == 1


if __name__ == "__main__":
    main()

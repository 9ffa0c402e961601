"""One frame of about 1.4 KB a second to many WebSocket readers, in a process of their own."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import re
import resource
import time
from datetime import datetime
from multiprocessing.connection import Connection

import httpx
import uvloop

from bench.product import INGEST_KEY, Product, product
from bench.report import percentiles, report
from bench.viewer import Viewer, watch

_POINTS = 18
_PUBLISHED = re.compile(rb'"published_at":"([^"]+)"')
_AT_ONCE = 50
_METRIC = "bench.fanout"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    seconds: int = 5 if asked.quick else asked.seconds
    with product() as running:
        report("fanout", [_measure(running, asked.readers, seconds)])


def _measure(running: Product, readers: int, seconds: int) -> dict[str, str | float]:
    _post(running, 0)
    memory = running.memory_mb()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    key = running.reader_key()
    reading = multiprocessing.get_context("spawn").Process(
        target=read, args=(theirs, running.url, key, readers)
    )
    reading.start()
    theirs.close()
    connects_per_s = ours.recv()
    grown = running.memory_mb() - memory
    before = running.cpu_s()
    for number in range(seconds):
        started = time.perf_counter()
        _post(running, number + 1)
        time.sleep(max(0.0, 1 - (time.perf_counter() - started)))
    cpu = running.cpu_s() - before
    ours.send("done")
    latencies, size = ours.recv()
    reading.join()
    return {
        "readers": readers,
        "frame_bytes": size,
        "received_percent": round(len(latencies) / (readers * seconds) * 100, 1),
        **percentiles(latencies),
        "cpu_us_per_send": round(cpu / max(1, len(latencies)) * 1e6, 1),
        "kb_per_connection": round(grown * 1000 / readers, 1),
        "connects_per_s": round(connects_per_s),
    }


def _post(running: Product, value: int) -> None:
    rows = [{"name": _METRIC, "value": value, "tags": {"n": f"{n:02d}"}} for n in range(_POINTS)]
    headers = {"authorization": f"Bearer {INGEST_KEY}"}
    url = f"{running.url}/api/v1/ingest/metrics"
    httpx.post(url, json={"metrics": rows}, headers=headers).raise_for_status()


def read(pipe: Connection, url: str, key: str, readers: int) -> None:
    """The readers' process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(_read(pipe, url, key, readers))


async def _read(pipe: Connection, url: str, key: str, readers: int) -> None:
    latencies: list[float] = []
    sizes: set[int] = set()

    def hear(payload: bytes) -> None:
        now = time.time()
        if not payload.startswith(b'{"type":"metrics_update"'):
            return
        if (published := _PUBLISHED.search(payload)) is not None:
            at = datetime.fromisoformat(published[1].decode()).timestamp()
            latencies.append((now - at) * 1000)
            sizes.add(len(payload))

    started = time.perf_counter()
    viewers: list[Viewer] = []
    for first in range(0, readers, _AT_ONCE):
        count = min(_AT_ONCE, readers - first)
        opening = (watch(url, key, [_wanted()], hear) for _ in range(count))
        viewers += await asyncio.gather(*opening)
    pipe.send(readers / (time.perf_counter() - started))
    await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    pipe.send((latencies, max(sizes, default=0)))
    for viewer in viewers:
        viewer.close()


def _wanted() -> dict[str, object]:
    query = {
        "metric_name": _METRIC,
        "aggregation": "last",
        "group_by": ["n"],
        "time_range": {"last": "1m"},
    }
    return {"type": "subscribe", "id": "w", "query": query, "interval": "live"}


if __name__ == "__main__":
    main()

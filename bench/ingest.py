"""How many rows and requests a second are acknowledged, each durable when it is."""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import urlsplit

import uvloop

from bench.product import INGEST_KEY, Product, product
from bench.report import report, seconds_asked

_ROWS = 10_000
_SERIES = 1_000
_SETTLE_S = 2


def main() -> None:
    uvloop.run(_main(seconds_asked(10)))


async def _main(seconds: int) -> None:
    rows = [_point(n) for n in range(_ROWS)]
    ndjson = "\n".join(map(json.dumps, rows)).encode()
    batch = json.dumps({"metrics": rows}).encode()
    single = json.dumps({"metrics": rows[:1]}).encode()
    asked = (
        ("NDJSON batches", "application/x-ndjson", ndjson, _ROWS, 4),
        ("JSON batches", "application/json", batch, _ROWS, 4),
        ("single points", "application/json", single, 1, 16),
    )
    told = []
    for name, kind, body, count, connections in asked:
        with product() as running:
            request = _request(kind, body)
            measured = await _measure(running, request, count, connections, seconds)
            told.append({"what": name, "connections": connections, **measured})
    report("ingest", told)


async def _measure(
    running: Product, request: bytes, count: int, connections: int, seconds: int
) -> dict[str, str | float]:
    before, started = running.cpu_s(), time.perf_counter()
    until = started + seconds
    sending = (_send(running.url, request, until) for _ in range(connections))
    requests = sum(await asyncio.gather(*sending))
    wall = time.perf_counter() - started
    # What was acknowledged is still to be stored: that is part of what it costs.
    await asyncio.sleep(_SETTLE_S)
    cpu = running.cpu_s() - before
    return {
        "requests_per_s": round(requests / wall),
        "rows_per_s": round(requests * count / wall),
        "cpu_s_per_million_rows": round(cpu / (requests * count) * 1e6, 2),
        "rss_mb": running.memory_mb(),
    }


async def _send(url: str, request: bytes, until: float) -> int:
    """One request after the other; how many were acknowledged."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    acknowledged = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 202 " in head, head
        size = next(
            int(line.split(b":")[1])
            for line in head.splitlines()
            if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(size)
        acknowledged += 1
    writer.close()
    return acknowledged


def _point(n: int) -> dict[str, object]:
    return {
        "name": "bench.ingest",
        "value": n * 0.37,
        "tags": {"host": f"host-{n % _SERIES}", "region": "eu-west"},
    }


def _request(kind: str, body: bytes) -> bytes:
    head = (
        "POST /api/v1/ingest/metrics HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: Bearer {INGEST_KEY}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    main()

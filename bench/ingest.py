"""How many points a second are taken in, what they cost, and when they can be asked for.

Every contender is a process of its own on an empty folder and gets the same points over the same
connections: first in requests of 10,000, then one a request, and the product at a steady rate at
last. All bodies are made before the clock starts. It stops for the last acknowledgement, and
again when the newest point is in the answer to a query.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvloop

from bench.connection import Connection, Repeater, lines_of, post
from bench.dataset import MOST_SERIES, Chunk
from bench.report import Row, percentiles, report
from bench.writing import (
    CONNECTIONS,
    POINTS,
    SINGLE_CONNECTIONS,
    STEPS,
    Contender,
    Running,
    chunks,
    contenders,
    latest_ms,
    started,
)

_PARTS = ("batches", "singles", "steady")
_POINTS = 5_000_000
_QUICK_POINTS = 1_000_000
# So many points in batches to one that is sent alone.
_SINGLE_SHARE = 80
# A multiple of the connections, so that the points of a series come over the same one.
_SINGLE_SERIES = MOST_SERIES // SINGLE_CONNECTIONS * SINGLE_CONNECTIONS
_POLL_S = 0.02
_PATIENCE_S = 120
# Longer than any contender keeps what it has acknowledged from its disk.
_SETTLE_S = 6
# Of an hour that is ten minutes: all that is kept for minutes is there.
_EARLY = 6
_STEADY_S, _STEADY_A_REQUEST, _STEADY_A_SECOND = 20, 1_000, 10_000


@dataclass(slots=True)
class Sent:
    """What became of some requests: how long each took, and all of them together."""

    seconds: list[float] = field(default_factory=list)
    wall_s: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, help="in batches, of each contender")
    parser.add_argument("--seconds", type=int, help="of the steady rate")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--only", choices=_PARTS, help="one part of it; kept apart")
    asked = parser.parse_args()
    points = asked.points or (_QUICK_POINTS if asked.quick else _POINTS)
    chosen = contenders(with_peers=not asked.alone)
    steady_s = asked.seconds or (5 if asked.quick else _STEADY_S)
    parts = [asked.only] if asked.only else _PARTS
    rows = uvloop.run(_main(chosen, parts, points, steady_s))
    report(f"ingest_{asked.only}" if asked.only else "ingest", rows)


async def _main(
    chosen: Sequence[Contender], parts: Sequence[str], points: int, steady_s: int
) -> list[Row]:
    rows: list[Row] = []
    if "batches" in parts:
        rows += [await _batches(contender, points) for contender in chosen]
    if "singles" in parts:
        rows += [await _singles(contender, points // _SINGLE_SHARE) for contender in chosen]
    if "steady" in parts:
        rows.append(await _steady(chosen[0], steady_s))
    return rows


async def _batches(contender: Contender, points: int) -> Row:
    data = chunks(max(points // (POINTS * CONNECTIONS), 1), STEPS, latest_ms())
    bodies = [body for chunk in data for body in contender.form.batches(chunk)]
    count = len(bodies) * POINTS
    async with started(contender) as running:
        before = running.usage.cpu_s()
        running.usage.forget_peak()
        began = time.perf_counter()
        sent = await _send(running, contender, bodies, CONNECTIONS)
        await _until_visible(running, data)
        queryable_s = time.perf_counter() - began
        await asyncio.sleep(_SETTLE_S)
        spent = {
            "queryable_per_s": round(count / queryable_s),
            "cpu_s_per_million": round((running.usage.cpu_s() - before) / count * 1e6, 2),
            "peak_mb": running.usage.peak_mb(),
        }
        running.stop()
        size = running.usage.disk_bytes()
        row = _row(contender, "10,000 a request", sent, count)
        return row | spent | {"bytes_per_point": round(size / count, 1)}


async def _singles(contender: Contender, count: int) -> Row:
    steps = chunks(-(-count // _SINGLE_SERIES), 1, latest_ms())
    bodies = [body for step in steps for body in contender.form.singles(step)[:_SINGLE_SERIES]]
    async with started(contender) as running:
        before = running.usage.cpu_s()
        sent = await _send_alone(running, contender, bodies)
        await asyncio.sleep(_SETTLE_S)
        cpu_s = running.usage.cpu_s() - before
        row = _row(contender, "1 a request", sent, len(bodies))
        return row | {"cpu_s_per_million": round(cpu_s / len(bodies) * 1e6, 2)}


async def _steady(contender: Contender, seconds: int) -> Row:
    """A request of 1,000 points every 100 ms."""
    pause_s = _STEADY_A_REQUEST / _STEADY_A_SECOND
    async with started(contender) as running:
        connection = await Connection.open(running.url, running.headers)
        before, began = running.usage.cpu_s(), time.perf_counter()
        sent, requests, early_mb = Sent(), round(seconds / pause_s), 0.0
        for n in range(requests):
            if n == requests // _EARLY:
                early_mb = running.usage.memory_mb()
            (chunk,) = chunks(1, 1, int(time.time() * 1000))
            (body,) = contender.form.batches(chunk)
            sent.seconds.append(await _post(connection, contender, body))
            await asyncio.sleep(max(began + (n + 1) * pause_s - time.perf_counter(), 0))
        sent.wall_s = time.perf_counter() - began
        cpu_s = running.usage.cpu_s() - before
        count = len(sent.seconds) * _STEADY_A_REQUEST
        return _row(contender, "10,000 points/s steady", sent, count) | {
            "cpu_percent_of_a_core": round(100 * cpu_s / sent.wall_s, 1),
            "cpu_s_per_million": round(cpu_s / count * 1e6, 2),
            "memory_mb_after_a_sixth": early_mb,
            "memory_mb_at_the_end": running.usage.memory_mb(),
        }


async def _send(
    running: Running, contender: Contender, bodies: Sequence[bytes], connections: int
) -> Sent:
    """Each body once, over so many connections in turn, each with one request after the other."""
    sent = Sent()
    opened = [await Connection.open(running.url, running.headers) for _ in range(connections)]

    async def send(number: int, connection: Connection) -> None:
        for body in bodies[number::connections]:
            sent.seconds.append(await _post(connection, contender, body))

    began = time.perf_counter()
    await asyncio.gather(*(send(*each) for each in enumerate(opened)))
    sent.wall_s = time.perf_counter() - began
    return sent


async def _send_alone(running: Running, contender: Contender, bodies: Sequence[bytes]) -> Sent:
    """As `_send`, for small bodies: a generator that costs more than the server measures itself."""
    form, head = contender.form, lines_of(running.headers) + contender.form.more
    requests = [post(form.path, form.kind, body, head) for body in bodies]
    shares = [requests[number::SINGLE_CONNECTIONS] for number in range(SINGLE_CONNECTIONS)]
    began = time.perf_counter()
    seconds = await asyncio.gather(*(Repeater.send(running.url, share) for share in shares))
    return Sent([each for share in seconds for each in share], time.perf_counter() - began)


async def _post(connection: Connection, contender: Contender, body: bytes) -> float:
    """Seconds until it was acknowledged."""
    form, began = contender.form, time.perf_counter()
    await connection.post(form.path, form.kind, body, form.more)
    return time.perf_counter() - began


async def _until_visible(running: Running, data: Sequence[Chunk]) -> None:
    wanted = sum(len(chunk.times) for chunk in data)
    start = int(data[0].times[0]) // 1000 * 1000 - 1000
    end = int(data[-1].times[-1]) // 1000 * 1000 + 1000
    until = time.monotonic() + _PATIENCE_S
    while (found := await running.visible(start, end)) != wanted:
        if time.monotonic() > until:
            raise TimeoutError(f"{found} of {wanted} points of a series are visible")
        await asyncio.sleep(_POLL_S)


def _row(contender: Contender, what: str, sent: Sent, points: int) -> dict[str, str | int | float]:
    latency = percentiles([1000 * each for each in sent.seconds])
    print(f"{contender.name}, {contender.form.name}, {what}: done", flush=True)
    return {
        "contender": contender.name,
        "form": contender.form.name,
        "what": what,
        "acked_per_s": round(points / sent.wall_s),
        "p50_ms": latency["p50_ms"],
        "p99_ms": latency["p99_ms"],
        "ack": contender.ack,
    }


if __name__ == "__main__":
    main()

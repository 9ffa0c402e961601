"""How fast rows get into the embedded store with all their roll-ups, while it compacts.

Appends follow one another without a pause, in order of time; beside them there is a round of
upkeep a second, where the server has one a minute. Small appends are what comes in live, big
ones what a backlog or an import is.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.dataset import Dataset
from bench.loading import Loader, kept
from bench.report import Row, report
from nowline.model.query import DAY_MS, HOUR_MS
from nowline.store.base import Append, Rows
from nowline.store.embedded import EmbeddedStore
from nowline.store.segments import FILE_ENDING

# Any day, an hour before its end, so that there is a change of day on the way.
_START_MS = 1_790_000_000_000 // DAY_MS * DAY_MS + 23 * HOUR_MS
_QUICK_POINTS = 1_000_000
# Milliseconds between two points of a series, and how many of each an append has.
_LIVE, _BIG, _SPARSE = (1_000, 1), (1_000, 30), (10_000, 30)
_UPKEEP_S = 1


@dataclass(slots=True)
class Rounds:
    """The rounds of upkeep that compacted something: when, by `perf_counter`."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    now: int = 0
    is_over: bool = False

    async def run(self, store: EmbeddedStore) -> None:
        """Now and again, until it is over."""
        while not self.is_over:
            await self.once(store)
            await asyncio.sleep(_UPKEEP_S)

    async def once(self, store: EmbeddedStore) -> bool:
        """One round; whether it compacted anything."""
        before, started = store.state().compactions, time.perf_counter()
        await store.maintain(self.now)
        has_compacted = store.state().compactions > before
        if has_compacted:
            self.spans.append((started, time.perf_counter()))
        return has_compacted

    def overlap(self, start: float, end: float) -> bool:
        """Whether one of them was under way."""
        return any(first < end and start < last for first, last in self.spans)


@dataclass(slots=True)
class Spent:
    """What the appends took: when each began and ended, and CPU that only made the data."""

    appends: list[tuple[float, float]] = field(default_factory=list)
    making_cpu_s: float = 0.0
    last: Append | None = None

    def add(self, started: float) -> None:
        """An append that began then is done."""
        self.appends.append((started, time.perf_counter()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20_000_000)
    parser.add_argument("--seconds", type=int, default=60, help="5 or less: a million points")
    asked = parser.parse_args()
    points = _QUICK_POINTS if asked.seconds <= 5 else asked.points
    rows = []
    # Small appends take longer, and there is nothing more to see after a change of day.
    for (step_ms, steps), count in ((_LIVE, points // 4), (_BIG, points), (_SPARSE, points)):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            rows.append(alone.submit(measure, step_ms, steps, count).result())
    report("store", rows)


def measure(step_ms: int, steps: int, points: int) -> Row:
    """Append so many points, a few steps of all series at once; in a process of its own."""
    data = Dataset(_START_MS, _START_MS, step_ms)
    data = replace(data, end_ms=_START_MS + points // data.series * step_ms)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), data, steps))


async def _measure(folder: Path, data: Dataset, steps: int) -> Row:
    store = await EmbeddedStore.open(folder / "store.duckdb", kept())
    rounds, spent, cpu = Rounds(), Spent(), time.process_time()
    upkeep = asyncio.create_task(rounds.run(store))
    await _append_all(store, data, steps, (rounds, spent))
    done = time.perf_counter()
    rounds.is_over = True
    await upkeep
    await _compact_rest(store, spent, rounds)
    compacted, cpu = time.perf_counter(), time.process_time() - cpu - spent.making_cpu_s
    await store.close()
    appending = sum(end - start for start, end in spent.appends)
    return {
        "rows_per_append": steps * data.series,
        "points_per_s_and_series": 1000 / data.step_ms,
        "points": data.points,
        "points_per_s": round(data.points / appending),
        "compacted_points_per_s": round(data.points / (appending + compacted - done)),
        "cpu_s_per_million": round(cpu / data.points * 1e6, 3),
        **_latencies(spent, rounds),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1),
        **_bytes_per_point(folder, data.points),
    }


async def _append_all(
    store: EmbeddedStore, data: Dataset, steps: int, told: tuple[Rounds, Spent]
) -> None:
    loader, (rounds, spent) = Loader(store), told
    for chunk in data.chunks():
        for part in chunk.parts(steps):
            cpu = time.thread_time()
            spent.last = loader.append_of(part)
            spent.making_cpu_s += time.thread_time() - cpu
            started = time.perf_counter()
            await store.append(spent.last)
            spent.add(started)
            rounds.now = int(part.times[-1])


async def _compact_rest(store: EmbeddedStore, spent: Spent, rounds: Rounds) -> None:
    """Two days later everything is closed and quiet."""
    assert spent.last is not None
    rounds.now += 2 * DAY_MS
    nothing = Rows(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    closing = replace(spent.last, rows=nothing, metrics=[], series=[], closed_before=rounds.now)
    await store.append(closing)
    while await rounds.once(store):
        pass


def _latencies(spent: Spent, rounds: Rounds) -> Row:
    taken = {True: [0.0], False: [0.0]}
    first, *others = spent.appends
    for start, end in others:
        taken[rounds.overlap(start, end)].append((end - start) * 1000)
    every = sorted(taken[True] + taken[False])
    return {
        "with_1000_new_series_ms": round((first[1] - first[0]) * 1000, 1),
        "append_p50_ms": round(every[len(every) // 2], 1),
        "append_p99_ms": round(every[int(len(every) * 0.99)], 1),
        "slowest_ms": round(max(taken[False]), 1),
        "compactions": len(rounds.spans),
        "slowest_while_compacting_ms": round(max(taken[True]), 1),
    }


def _bytes_per_point(folder: Path, points: int) -> Row:
    """By what is in the files."""
    sizes: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file():
            sizes[_content(path)] += path.stat().st_size
    found: Row = {f"bytes_{name}": round(size / points, 3) for name, size in sorted(sizes.items())}
    return {"bytes_per_point": round(sizes.total() / points, 2), **found}


def _content(path: Path) -> str:
    """The level of a segment's file, which its name tells after the day."""
    if path.suffix != FILE_ENDING:
        return "database"
    return "bins" if "bins" in path.name else path.name.split("-")[1]


if __name__ == "__main__":
    main()

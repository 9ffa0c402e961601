"""How fast rows and roll-ups reach the store, and what they cost on disk.

Compares the product's way, rolling a minute up from raw rows when it closes, with the way it
replaced, one partial row per series and append. Run: `python -m bench.store [--seconds N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np

from nowline.model.query import MINUTE_MS
from nowline.store.base import Append, Rows
from nowline.store.duckdb import DuckDBStore

SERIES = 1_000
START_MS = 1_790_000_000_000 // MINUTE_MS * MINUTE_MS


def appends(seconds: int, per_append_s: int, *, on_close: bool) -> list[Append]:
    """Every series once a second; `per_append_s` seconds a transaction."""
    rng = np.random.default_rng(1)
    made = []
    for first in range(0, seconds, per_append_s):
        times = START_MS + (first + np.arange(per_append_s)) * 1_000
        rows = Rows(
            np.tile(np.arange(SERIES), per_append_s),
            np.repeat(times, SERIES),
            rng.normal(100, 15, SERIES * per_append_s).round(2),
        )
        end = int(times[-1])
        # With everything counted as closed, each append writes its own partial rows.
        closed = end - 5_000 if on_close else end + MINUTE_MS
        made.append(Append(rows, [], [], "bench", first + per_append_s, closed))
    return made


async def measure(seconds: int, per_append_s: int, *, on_close: bool) -> dict[str, Any]:
    """Append it all, then look at the file."""
    work = appends(seconds, per_append_s, on_close=on_close)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.duckdb"
        store = await DuckDBStore.open(path)
        started, cpu = time.perf_counter(), time.process_time()
        slowest = 0.0
        for append in work:
            before = time.perf_counter()
            await store.append(append)
            slowest = max(slowest, time.perf_counter() - before)
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        await store.close()
        with duckdb.connect(str(path)) as db:
            rolled = db.execute("SELECT count(*) FROM rollup_1m").fetchall()[0][0]
        points = SERIES * seconds
        return {
            "rows_per_append": SERIES * per_append_s,
            "points_per_s": round(points / wall),
            "cpu_s_per_million": round(cpu / points * 1e6, 3),
            "slowest_append_ms": round(slowest * 1000, 1),
            "rollup_rows_per_series_and_minute": round(rolled / SERIES / (seconds / 60), 2),
            "bytes_per_point": round(path.stat().st_size / points, 2),
        }


def main() -> None:
    """Measure both ways at two sizes of append and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=1_200, help="seconds of data to write")
    seconds = parser.parse_args().seconds
    results = []
    for per_append_s in (1, 30):
        for on_close in (True, False):
            name = "rolled up at close" if on_close else "partials per append"
            figures = asyncio.run(measure(seconds, per_append_s, on_close=on_close))
            results.append({"way": name, **figures})
            print(msgspec.json.encode(results[-1]).decode(), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    document = {"series": SERIES, "seconds": seconds, "peak_rss_mb": peak, "results": results}
    target = Path(__file__).parent / "results" / "store.json"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


if __name__ == "__main__":
    main()

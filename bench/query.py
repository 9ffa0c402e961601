"""Questions of a dashboard over weeks of data: Nowline, and with `--peers` other databases.

Every contender runs alone, is given the same points, starts anew on what it stored, and is asked
the same over HTTP, Nowline with authentication. Cold means that nothing of the answer was at
hand: VictoriaMetrics runs without its cache, and every question to Nowline is about a host or a
range that it has not been asked about. A wrong answer ends the measurement.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import re
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import uvloop

from bench import dashboards
from bench.asking import Asking, Contender, Row
from bench.connection import Connection
from bench.dataset import MOST_SERIES, Dataset
from bench.loading import fill
from bench.peers import PEERS, CachingVictoriaMetrics, Peer, VictoriaMetrics, peer
from bench.product import Product
from bench.questions import (
    FINE_PERCENTILE,
    GROUPED,
    ONE_SERIES,
    PERCENTILE,
    RAW,
    YEAR,
    YEAR_OF_ONE,
    ProductDialect,
)
from bench.report import report
from bench.usage import Usage
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS

_STEP_MS = 10_000
# With fewer, a percentile depends on how it is defined between two points far apart.
_FEWEST_SERIES = 50
_WEEK_DAYS = 7
_MONTH_DAYS = 30
_ALL_DAYS = 400
_UPKEEP_ROUND = re.compile(r"^nowline_upkeep_rounds_total [1-9]", re.MULTILINE)
_SHAPES = (ONE_SERIES, RAW, GROUPED, PERCENTILE, FINE_PERCENTILE)
_AGAIN = (ONE_SERIES, GROUPED, PERCENTILE)
Ask = Callable[[Asking], Coroutine[Any, Any, list[Row]]]


class Nowline:
    """The product on a folder, as a contender; see `Contender`."""

    name = "Nowline"

    def __init__(self, folder: Path) -> None:
        self._running = Product(folder)
        self.dialect = ProductDialect()
        self.url = self._running.url
        self.usage = Usage(self._running.process, folder)
        self._key = self._running.reader_key()

    def wait_for_upkeep(self) -> None:
        """Until its first round is over."""
        headers = {"authorization": f"Bearer {self._key}"}
        while not _UPKEEP_ROUND.search(httpx.get(f"{self.url}/metrics", headers=headers).text):
            time.sleep(0.5)

    async def connect(self) -> Connection:
        """A connection of a reader."""
        return await Connection.open(self.url, {"Authorization": f"Bearer {self._key}"})

    def stop(self) -> None:
        """End it."""
        self._running.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=60_000_000, help="of seven days")
    parser.add_argument("--peers", action="store_true", help="other databases too")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=[kind.name for kind in PEERS],
        help="but not this one: InfluxDB alone takes a quarter of an hour",
    )
    parser.add_argument(
        "--seconds", type=int, default=60, help="of asking while points come in; 5: a small try"
    )
    asked = parser.parse_args()
    is_quick = asked.seconds <= 5
    points = 600_000 if is_quick else asked.points
    series = min(MOST_SERIES, max(_FEWEST_SERIES, round(points / 60_000)))
    rows: list[Row] = []
    try:
        peers = [kind for kind in PEERS if asked.peers and kind.name not in asked.without]
        for measured in _weeks(week(_now(), series), peers):
            rows += measured
        if not is_quick:
            rows += _months(months(_now(), series), asked.seconds)
    finally:
        report("query", _with_ratios(rows))


def _now() -> int:
    """The last full minute."""
    return int(time.time() * 1000) // MINUTE_MS * MINUTE_MS


def week(now: int, series: int) -> list[Dataset]:
    """A point every ten seconds for seven days."""
    start = (now - _WEEK_DAYS * DAY_MS) // HOUR_MS * HOUR_MS
    return [Dataset(start, now, _STEP_MS, series)]


def months(now: int, series: int) -> list[Dataset]:
    """A year and more with a point an hour, 30 days with one a minute, one with one in 10 s."""
    edges = [now - days * DAY_MS for days in (_ALL_DAYS, _MONTH_DAYS, 1)]
    first, second, third = (edge // HOUR_MS * HOUR_MS for edge in edges)
    return [
        Dataset(first, second, HOUR_MS, series),
        Dataset(second, third, MINUTE_MS, series),
        Dataset(third, now, _STEP_MS, series),
    ]


def _weeks(data: Sequence[Dataset], peers: Sequence[type[Peer]]) -> Iterator[list[Row]]:
    name = f"{sum(each.points for each in data):,} points of 7 days"
    yield _of_nowline(data, name, _ask_product)
    for kind in peers:
        if kind.is_installed():
            yield _of_peer(kind, data, name)
        else:
            yield [{"data": name, "what": "is not installed", "by": kind.name}]


def _months(data: Sequence[Dataset], seconds: int) -> list[Row]:
    async def ask(asking: Asking) -> list[Row]:
        rows = [await asking.cold(shape) for shape in (*_SHAPES[:4], YEAR, YEAR_OF_ONE)]
        rows += await dashboards.batches(asking)
        peak = {"data": asking.name, "what": "most memory by then", "by": asking.contender.name}
        rows.append(peak | {"mb": asking.contender.usage.peak_mb()})
        return [*rows, await dashboards.while_ingesting(asking, seconds)]

    name = f"{sum(each.points for each in data):,} points of {_ALL_DAYS} days"
    return _of_nowline(data, name, ask)


async def _ask_product(asking: Asking) -> list[Row]:
    rows = [*(await _ask(asking)), *(await _ask_again(asking))]
    return rows + await dashboards.batches(asking)


async def _ask(asking: Asking) -> list[Row]:
    rows = [await asking.cold(shape) for shape in _SHAPES]
    return [*rows, await asking.together()]


async def _ask_again(asking: Asking) -> list[Row]:
    """For those who keep what they answered."""
    return [await asking.warm(shape) for shape in _AGAIN]


def _of_nowline(data: Sequence[Dataset], name: str, ask: Ask) -> list[Row]:
    with tempfile.TemporaryDirectory() as empty:
        folder = Path(empty)
        started = time.perf_counter()
        # In a process of its own, whose memory goes with it.
        loading = multiprocessing.get_context("spawn").Process(target=_fill, args=(folder, data))
        loading.start()
        loading.join()
        if loading.exitcode:
            raise RuntimeError(f"loading failed: {loading.exitcode}")
        load_s = time.perf_counter() - started
        running = Nowline(folder)
        try:
            running.wait_for_upkeep()
            rows = uvloop.run(_asked(running, data, name, ask))
        finally:
            running.stop()
        return [*rows, _stored(running, data, name, load_s)]


def _fill(folder: Path, data: Sequence[Dataset]) -> None:
    asyncio.run(fill(folder, data))


def _of_peer(kind: type[Peer], data: Sequence[Dataset], name: str) -> list[Row]:
    with tempfile.TemporaryDirectory() as empty:
        folder = Path(empty)
        started = time.perf_counter()
        with peer(kind, folder) as running:
            uvloop.run(_load(running, data))
            load_s = time.perf_counter() - started
        with peer(kind, folder) as running:
            rows = uvloop.run(_asked(running, data, name, _ask))
        rows.append(_stored(running, data, name, load_s) | {"version": kind.version()})
        if kind is VictoriaMetrics:
            with peer(CachingVictoriaMetrics, folder) as warm:
                rows += uvloop.run(_asked(warm, data, name, _ask_again))
        return rows


async def _load(running: Peer, data: Sequence[Dataset]) -> None:
    connection = await running.connect()
    for each in data:
        for chunk in each.chunks():
            await running.load(connection, chunk)
    await running.settle(connection)
    span = (data[0].start_ms, data[-1].end_ms)
    for series in (0, data[-1].series - 1):
        found = await running.has(connection, span, series)
        wanted = sum(each.points // each.series for each in data)
        if found != wanted:
            raise AssertionError(f"{running.name} has {found} points of a series, not {wanted}")
    connection.close()


async def _asked(contender: Contender, data: Sequence[Dataset], name: str, ask: Ask) -> list[Row]:
    contender.usage.forget_peak()
    asking = Asking(contender, data, name)
    before = contender.usage.cpu_s()
    rows = await ask(asking)
    spent = contender.usage.cpu_s() - before
    usage: Row = {"data": name, "what": "all of it", "by": contender.name}
    for row in rows:
        print(row, flush=True)
    return [*rows, usage | {"cpu_s": round(spent, 1), "mb": contender.usage.peak_mb()}]


def _stored(contender: Contender, data: Sequence[Dataset], name: str, load_s: float) -> Row:
    points = sum(each.points for each in data)
    return {
        "data": name,
        "what": "stored",
        "by": contender.name,
        "load_s": round(load_s),
        "bytes_per_point": round(contender.usage.disk_bytes() / points, 2),
    }


def _with_ratios(rows: Sequence[Row]) -> list[Row]:
    """The same, with how many times Nowline's time the others took."""
    timed = [row for row in rows if "p50_ms" in row and row["by"] == Nowline.name]
    own = {(row["data"], row["what"]): float(row["p50_ms"]) for row in timed}
    return [row | _ratio(row, own.get((row["data"], row["what"]))) for row in rows]


def _ratio(row: Row, own: float | None) -> Row:
    if own is None or row["by"] == Nowline.name:
        return {}
    return {"times_nowline": round(float(row["p50_ms"]) / own, 2)}


if __name__ == "__main__":
    main()

"""An embedded store on its own: what is put into it, and ways to look at what it has."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store import segments
from nowline.store.base import Append, Rows, Span
from nowline.store.catalogue import NewSeries
from nowline.store.embedded import EmbeddedStore
from reference import Row, columns, selection
from stores import FOREVER

LOG = "the log"


WIDTHS = [1_000, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, DAY_MS]


NEW = [NewSeries(n, SeriesKey.of("a", {"n": str(n)}), MetricType.DISTRIBUTION) for n in range(4)]


BUSY = 100


def append(offset: int, *rows: Row, closed: int = 0) -> Append:
    return Append(Rows(*columns(rows)), [], NEW if offset == 1 else [], LOG, offset, closed)


def some(offset: int, rows: int = 10, days: int = 2) -> list[Row]:
    """Rows over some days, others for each offset."""
    return [
        Row(n % 4, (offset * 7 + n) % days * DAY_MS + offset * 1_009 + n, float(offset))
        for n in range(rows)
    ]


async def opened(folder: Path, hot_rows: int = 1_000_000) -> EmbeddedStore:
    folder.mkdir(exist_ok=True)
    return await EmbeddedStore.open(folder / "store.duckdb", FOREVER, hot_rows)


def files(folder: Path) -> list[Path]:
    return sorted(segments.folder_of(folder / "store.duckdb").iterdir())


async def count(store: EmbeddedStore, width: int, end: int = 10 * DAY_MS) -> int:
    found = await store.partials(selection(dict.fromkeys(range(4), 0)), Span(0, end, width))
    return int(found.count.sum())


async def counts(store: EmbeddedStore) -> set[int]:
    """How many rows there are by every way to count them."""
    found = {await count(store, width) for width in WIDTHS}
    for width in (MINUTE_MS, DAY_MS):
        span = Span(0, 10 * DAY_MS, width)
        binned = await store.bins(selection(dict.fromkeys(range(4), 0)), span, distribution=True)
        found.add(int(binned.bins.count.sum()))
    found.add(len((await store.rows_since(0)).time))
    return found


async def left_in(folder: Path) -> tuple[int, set[int]]:
    """What a store that is opened there has: the offset, and how many rows."""
    store = await opened(folder)
    try:
        assert store.faults() == []
        known = {segment.name for segment in store._state.manifest.segments}
        assert {path.name for path in files(folder)} == known
        return await store.offset(LOG), await counts(store)
    finally:
        await store.close()


class Gate:
    """Holds up whoever comes to it while it is closed."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._reached = threading.Event()

    def __call__(self) -> None:
        self._reached.set()
        assert self._open.wait(20)

    def open(self) -> None:
        self._open.set()

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, 20)


def file_of(store: EmbeddedStore, folder: Path, kind: segments.Kind, day: int) -> Path:
    place = store._state.manifest.by_place[kind, day]
    return segments.folder_of(folder / "store.duckdb") / place[0].name

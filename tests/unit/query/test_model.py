"""Whatever is asked of whatever came in, in whatever order, the answer is a plain model's."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.model.points import Points
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS, Aggregation, Query, TimeRange
from nowline.model.series import MetricType
from nowline.store.embedded import EmbeddedStore
from reference import Row
from worlds import FOR_EVER, HOSTS, NOW, START, World

WIDTHS = {
    "1s": 1_000,
    "7s": 7_000,
    "1m": MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "1h": HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
}
# What a test writes need not outlive the machine, and to wait for a disk takes longest of all.
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
LOOK_BACK_MS = 5 * MINUTE_MS
Cells = dict[tuple[str, int], list[Row]]


@dataclass(frozen=True)
class Ask:
    """A question; `start` and `end` are in epoch milliseconds."""

    aggregation: Aggregation
    interval: str
    zone: str | None
    by_host: bool
    start: int
    end: int

    @property
    def query(self) -> Query:
        return Query(
            metric_name="m",
            time_range=TimeRange(start=self.start, end=self.end),
            aggregation=self.aggregation,
            interval=self.interval,
            timezone=self.zone,
            group_by=("host",) if self.by_host else (),
            max_points=100_000,
        )

    @property
    def width_ms(self) -> int:
        return WIDTHS[self.interval]

    def bucket(self, time: int) -> int:
        if self.zone is None or self.width_ms % DAY_MS:
            return time // self.width_ms * self.width_ms
        return self._midnight(self._day(time))

    def seconds(self, bucket: int) -> float:
        """How much of a bucket lies in the range and has passed."""
        end = bucket + self.width_ms
        if self.zone is not None and self.width_ms % DAY_MS == 0:
            end = self._midnight(self._day(bucket) + self.width_ms // DAY_MS)
        return (min(end, self.end, NOW + 1_000) - max(bucket, self.start)) / 1_000

    def group(self, row: Row) -> str:
        return HOSTS[row.series] if self.by_host else ""

    def _day(self, time: int) -> int:
        day = datetime.fromtimestamp(time / 1000, ZoneInfo(self.zone or "UTC")).toordinal()
        since_1970 = day - datetime(1970, 1, 1).toordinal()  # noqa: DTZ001 - of no zone
        days = self.width_ms // DAY_MS
        return since_1970 // days * days

    def _midnight(self, day: int) -> int:
        local = datetime.fromordinal(day + datetime(1970, 1, 1).toordinal())  # noqa: DTZ001
        return int(local.replace(tzinfo=ZoneInfo(self.zone or "UTC")).timestamp() * 1000)


def cells(rows: Iterable[Row], ask: Ask) -> Cells:
    """Rows of the range by group and bucket."""
    found: Cells = {}
    for row in rows:
        if ask.start <= row.time < ask.end:
            found.setdefault((ask.group(row), ask.bucket(row.time)), []).append(row)
    return found


def increases(rows: Iterable[Row]) -> list[Row]:
    """What each sample of a running total adds."""
    found: list[Row] = []
    before: dict[int, float] = {}
    for row in sorted(rows):
        total = before.get(row.series, row.value)
        added = row.value - total if row.value >= total else row.value
        found.append(Row(row.series, row.time, added))
        before[row.series] = row.value
    return found


def gauge_rises(rows: list[Row], ask: Ask) -> dict[tuple[str, int], float]:
    """The rise of each series from the end of one bucket to that of the next, by group."""
    reach = max(min(ask.width_ms, ask.end - ask.start), LOOK_BACK_MS)
    found: dict[tuple[str, int], float] = {}
    for series in range(len(HOSTS)):
        own = sorted(row for row in rows if row.series == series)
        before = [row.value for row in own if ask.start - reach <= row.time < ask.start]
        ends = dict(enumerate(before[-1:]))
        ends |= {ask.bucket(r.time): r.value for r in own if ask.start <= r.time < ask.end}
        for (_, earlier), (bucket, value) in pairwise(ends.items()):
            place = HOSTS[series] if ask.by_host else "", bucket
            rise = value - earlier if value >= earlier else value
            found[place] = found.get(place, 0.0) + rise
    return found


def values(kind: MetricType, rows: list[Row], ask: Ask) -> dict[tuple[str, int], float]:
    """What every aggregation but `last` and percentiles should be."""
    if ask.aggregation is Aggregation.RATE and kind is MetricType.GAUGE:
        rises = gauge_rises(rows, ask)
        return {place: rise / ask.seconds(place[1]) for place, rise in rises.items()}
    if kind is MetricType.CUMULATIVE and ask.aggregation in {Aggregation.SUM, Aggregation.RATE}:
        rows = increases(rows)
    found = {}
    for place, inside in cells(rows, ask).items():
        amounts = [row.value for row in inside]
        if ask.aggregation is Aggregation.RATE:
            amount = len(amounts) if kind is MetricType.DISTRIBUTION else sum(amounts)
            found[place] = amount / ask.seconds(place[1])
        else:
            found[place] = OF_VALUES[ask.aggregation](amounts)
    return found


OF_VALUES: dict[Aggregation, Callable[[list[float]], float]] = {
    Aggregation.AVG: lambda amounts: sum(amounts) / len(amounts),
    Aggregation.SUM: sum,
    Aggregation.COUNT: len,
    Aggregation.MIN: min,
    Aggregation.MAX: max,
}


def assert_answer(points: Points, kind: MetricType, rows: list[Row], ask: Ask) -> None:
    told = {
        (points.tags[group].get("host", ""), bucket): value
        for group, bucket, value in zip(
            points.group.tolist(), points.bucket.tolist(), points.value.tolist(), strict=True
        )
    }
    assert list(told) == sorted(told)
    inside = cells(rows, ask)
    if ask.aggregation is Aggregation.LAST:
        newest = {place: max(row.time for row in own) for place, own in inside.items()}
        assert set(told) == set(inside)
        for place, own in inside.items():
            assert told[place] in {row.value for row in own if row.time == newest[place]}
    elif (q := ask.aggregation.quantile) is not None:
        assert set(told) == set(inside)
        for place, own in inside.items():
            assert_quantile(told[place], np.array([row.value for row in own]), q)
    else:
        assert told == pytest.approx(values(kind, rows, ask), rel=1e-9, abs=1e-6)


def assert_quantile(told: float, amounts: np.ndarray, q: float) -> None:
    """Within 1 % of NumPy's; between two values, of what either of them adds."""
    low = np.quantile(amounts, q, method="lower")
    high = np.quantile(amounts, q, method="higher")
    share = q * (len(amounts) - 1) % 1
    error = 0.01 * (abs(low) * (1 - share) + abs(high) * share)
    assert abs(told - np.quantile(amounts, q)) <= error + 1e-9


async def play(kind: MetricType, batches: list[list[Row]], stored: int, asks: list[Ask]) -> None:
    """Take all batches in, store some of them before the questions, and ask again after all."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        store = await EmbeddedStore.open(Path(folder) / "store.duckdb", FOR_EVER)
        world = World(store, kind)
        for batch in batches:
            await world.take_in_totals(batch)
        rows = [row for batch in batches for row in batch]
        # Rows from before the windows are there to be asked for once the store has them.
        late = [
            at for at, each in enumerate(batches) if min(each, key=_time).time < world.windows.start
        ]
        await world.put_away_totals(max([stored, *(at + 1 for at in late)]), NOW - MINUTE_MS)
        for _ in range(2):
            answers = await world.engine.ask_all([ask.query for ask in asks])
            for ask, answer in zip(asks, answers, strict=True):
                assert not isinstance(answer, Exception), answer
                assert_answer(answer.points, kind, rows, ask)
            await world.put_away_totals(len(batches), NOW)
        await store.close()


def _time(row: Row) -> int:
    return row.time


# Few moments, so that series meet in buckets and values come from both sides of every edge: the
# last minutes, the night in which the clocks of Rome changed, and the edges of hours and days.
recent = st.integers(0, 24).map(lambda n: START + n * 9_999)
past = st.one_of(
    st.integers(0, 72).map(lambda n: START - n * HOUR_MS),
    st.integers(0, 72).map(lambda n: START - n * HOUR_MS - 1),
    st.integers(0, 12).map(lambda n: START - n * DAY_MS),
    st.integers(0, 40).map(lambda n: START - n * 29_000),
)
times = st.one_of(recent, past)
batched = st.lists(
    st.tuples(st.integers(0, 3), times, st.integers(0, 400), st.integers(0, 2)),
    min_size=15,
    max_size=40,
    unique_by=lambda row: row[:2],
)
ranges = st.one_of(
    st.tuples(st.just(START - 10 * MINUTE_MS), st.just(20 * MINUTE_MS)),
    st.tuples(recent, st.sampled_from([1_000, 90_000, HOUR_MS, 26 * HOUR_MS])),
    st.tuples(past, st.sampled_from([90_000, 17 * MINUTE_MS, 26 * HOUR_MS])),
    st.tuples(past, st.just(9 * DAY_MS)),
).map(lambda range_: (range_[0] // 1_000 * 1_000, range_[1]))
zones = st.sampled_from([None, "UTC", "Europe/Rome", "America/New_York", "Asia/Kathmandu"])
asked = st.lists(
    st.builds(
        lambda aggregation, interval, zone, by_host, range_: Ask(
            aggregation, interval, zone, by_host, range_[0], sum(range_)
        ),
        # Histograms are of distributions alone, and have a suite of their own.
        st.sampled_from([each for each in Aggregation if each is not Aggregation.HISTOGRAM]),
        st.sampled_from(sorted(WIDTHS)),
        zones,
        st.booleans(),
        ranges,
    ).filter(lambda ask: (ask.end - ask.start) // ask.width_ms < 40_000),
    min_size=2,
    max_size=4,
)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    """One event loop for all examples, and a heap that is quickly searched for garbage."""
    gc.collect()
    gc.freeze()
    with asyncio.Runner() as runner:
        yield runner
    gc.unfreeze()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(MetricType), batched, st.integers(0, 3), asked)
def test_any_question_about_any_rows(
    loop: asyncio.Runner,
    kind: MetricType,
    rows: list[tuple[int, int, int, int]],
    stored: int,
    asks: list[Ask],
) -> None:
    sign = -1 if kind in {MetricType.GAUGE, MetricType.DISTRIBUTION} else 1
    batches: list[list[Row]] = [[] for _ in range(3)]
    for series, time, value, batch in rows:
        batches[batch].append(Row(series, time, float(value if value % 3 else sign * value)))
    loop.run(play(kind, [batch for batch in batches if batch], stored, asks))
    # Engine and windows know each other: what they keep, megabytes an example, waits for this.
    gc.collect()

"""What every time-series store promises of its levels: compaction, late rows, bins, retention."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.model import histogram
from nowline.model.level import Level
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store.base import Append, Rows, Span, Store
from nowline.store.catalogue import NewSeries
from reference import Row, assert_equal, cells, columns, selection
from stores import FOREVER, KINDS, Kind

LOG = "the log"
# Series 0 and 1 are distributions, 2 and 3 gauges.
SERIES = [
    NewSeries(
        number,
        SeriesKey.of("a", {"n": str(number)}),
        MetricType.DISTRIBUTION if number < 2 else MetricType.GAUGE,
    )
    for number in range(4)
]
DISTRIBUTIONS, GAUGES = {0: 0, 1: 1}, {2: 0, 3: 1}
END = 5 * DAY_MS
WIDTHS = [1_000, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, DAY_MS, 2 * DAY_MS]


def append(*rows: Row, offset: int = 1, closed: int = 0, is_first: bool = False) -> Append:
    new = SERIES if is_first else []
    return Append(Rows(*columns(rows)), [], new, LOG, offset, closed)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
async def store(kind: Kind, tmp_path: Path) -> AsyncIterator[Store]:
    opened = await kind.open(tmp_path, FOREVER)
    await opened.append(append(is_first=True))
    yield opened
    await opened.close()


async def settle(store: Store, now: int = END + DAY_MS) -> None:
    """Let time pass until all days are over, and keep the store in order."""
    await store.append(append(offset=1_000, closed=now))
    await store.maintain(now + HOUR_MS)


async def assert_partials(
    store: Store, rows: list[Row], span: Span, groups: dict[int, int]
) -> None:
    found = await store.partials(selection(groups), span)
    assert_equal(found, cells(rows, groups, span.start, span.end, span.width_ms))


async def assert_bins(store: Store, rows: list[Row], span: Span) -> None:
    for groups, distribution in ((DISTRIBUTIONS, True), (GAUGES, False)):
        binned = await store.bins(selection(groups), span, distribution=distribution)
        chosen = [r for r in rows if r.series in groups and span.start <= r.time < span.end]
        series, time, value = columns(chosen)
        group = np.array([groups[s] for s in series.tolist()], np.int64)
        expected = histogram.fold(group, time, value, span.width_ms)
        for name in ("key", "bucket", "bin", "count"):
            found = getattr(binned.bins, name)
            assert found.dtype == np.int64
            assert found.tolist() == getattr(expected, name).tolist(), name


async def assert_all(store: Store, rows: list[Row], span: Span) -> None:
    await assert_partials(store, rows, span, DISTRIBUTIONS | GAUGES)
    await assert_bins(store, rows, span)


async def test_every_width_has_the_answer_of_the_rows_before_and_after_compaction(
    store: Store,
) -> None:
    rows = [
        Row(series, day * DAY_MS + minute * MINUTE_MS + 7, float(day * series + minute))
        for series in range(4)
        for day in range(3)
        for minute in (0, 1, 4, 5, 59, 60, 61, 1_439)
    ]
    await store.append(append(*rows, offset=2, closed=2 * DAY_MS))
    for is_settled in (False, True):
        if is_settled:
            await settle(store)
        for width in WIDTHS:
            await assert_all(store, rows, Span(0, END, width))
            await assert_all(store, rows, Span(30_007, 2 * DAY_MS + 90_000, width))


async def test_a_late_row_counts_at_every_level_after_its_day_was_compacted(store: Store) -> None:
    rows = [Row(series, DAY_MS + 7, 1.0) for series in range(4)]
    await store.append(append(*rows, offset=2))
    await settle(store)
    for number, time in enumerate((DAY_MS + 8, DAY_MS + 7, 2 * DAY_MS - 1, 0)):
        late = [Row(series, time, float(number)) for series in range(4)]
        rows += late
        await store.append(append(*late, offset=1_001 + number))
        for width in WIDTHS:
            await assert_all(store, rows, Span(0, END, width))
    await settle(store)
    for width in WIDTHS:
        await assert_all(store, rows, Span(0, END, width))


async def test_compaction_outlives_a_crash(kind: Kind, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    store = await kind.open(folder, FOREVER)
    rows = [Row(series, 7 + minute * MINUTE_MS, 1.5) for series in range(4) for minute in range(9)]
    await store.append(append(is_first=True))
    await store.append(append(*rows, offset=2))
    await settle(store)
    kind.crash(folder, tmp_path / "left")
    left = await kind.open(tmp_path / "left", FOREVER)
    assert await left.offset(LOG) == 1_000
    for width in WIDTHS:
        await assert_all(left, rows, Span(0, END, width))
    await left.close()
    await store.close()


async def test_questions_during_compaction_are_answered_right(store: Store) -> None:
    rows = [
        Row(series, day * DAY_MS + minute * MINUTE_MS, float(minute))
        for series in range(4)
        for day in range(4)
        for minute in range(100)
    ]
    await store.append(append(*rows, offset=2))
    upkeep = asyncio.create_task(settle(store))
    asked = 0
    while not upkeep.done() or asked < 3:
        await assert_all(store, rows, Span(0, END, WIDTHS[asked % len(WIDTHS)]))
        asked += 1
    await upkeep


async def test_the_newest_row_before_a_time_and_rows_of_some_series(store: Store) -> None:
    rows = [Row(s, day * DAY_MS + s, float(day)) for s in range(3) for day in (0, 3)]
    await store.append(append(*rows, offset=2))
    for is_settled in (False, True):
        if is_settled:
            await settle(store)
        found = await store.last_before(np.array([0, 1, 3]), 3 * DAY_MS + 1)
        told = sorted(zip(found.series.tolist(), found.time, found.value, strict=True))
        assert told == [(0, 3 * DAY_MS, 3.0), (1, 1, 0.0)]
        some = await store.rows_of(np.array([1, 2]), 1, 3 * DAY_MS + 2)
        told = list(zip(some.series.tolist(), some.time, some.value, strict=True))
        assert told == [(1, 1, 0.0), (2, 2, 0.0), (1, 3 * DAY_MS + 1, 3.0)]


async def test_what_is_kept_no_longer_is_gone_level_by_level(kind: Kind, tmp_path: Path) -> None:
    keep = {
        Level.RAW: DAY_MS,
        Level.MINUTE: 2 * DAY_MS,
        Level.FIVE_MINUTES: 3 * DAY_MS,
        Level.HOUR: 10 * DAY_MS,
        Level.DAY: 20 * DAY_MS,
    }
    store = await kind.open(tmp_path, keep)
    await store.append(append(is_first=True))
    rows = [Row(2, day * DAY_MS + 1, 1.0) for day in range(8)]
    for row in rows:
        await store.append(append(row, offset=row.time, closed=row.time))
    now = 8 * DAY_MS
    await store.append(append(offset=8 * DAY_MS, closed=now))
    await store.maintain(now + HOUR_MS)

    async def left(width: int) -> int:
        return len(await store.partials(selection({2: 0}), Span(0, 9 * DAY_MS, width)))

    assert await left(1_000) == 1
    assert await left(MINUTE_MS) == 2
    assert await left(5 * MINUTE_MS) == 3
    assert await left(HOUR_MS) == await left(DAY_MS) == 8
    levels = store.state().levels
    assert levels[Level.RAW].oldest == 7 * DAY_MS
    assert levels[Level.MINUTE].oldest == 6 * DAY_MS
    assert [levels[level].keep_ms for level in Level] == list(keep.values())
    await store.close()


async def test_rows_older_than_the_raw_level_land_in_the_levels_still_kept(
    kind: Kind, tmp_path: Path
) -> None:
    store = await kind.open(tmp_path, FOREVER | {Level.RAW: DAY_MS})
    now = 10 * DAY_MS
    await store.append(append(is_first=True, closed=now))
    rows = [Row(s, DAY_MS + 90_000 + n, float(n + 1)) for s in range(4) for n in range(5)]
    await store.append(append(*rows, offset=2, closed=now))
    for is_settled in (False, True):
        if is_settled:
            await settle(store, now)
        assert len((await store.rows_since(0)).time) == 0
        for width in (MINUTE_MS, HOUR_MS, DAY_MS):
            await assert_partials(store, rows, Span(0, now, width), DISTRIBUTIONS | GAUGES)
        for width in (HOUR_MS, DAY_MS):
            await assert_bins(store, rows, Span(0, now, width))
    await store.close()


async def test_cancelling_a_question_ends_it(store: Store) -> None:
    rows = [Row(series, time, 1.0) for series in range(4) for time in range(0, 5_000, 5)]
    await store.append(append(*rows, offset=2))
    asked = asyncio.create_task(store.partials(selection(GAUGES), Span(0, END, 1_000)))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await assert_all(store, rows, Span(0, END, MINUTE_MS))


times = st.one_of(
    st.integers(0, END - 1),
    st.builds(
        lambda day, minute, off: max(0, day * DAY_MS + minute * MINUTE_MS + off),
        st.integers(0, 4),
        st.sampled_from([0, 1, 5, 60, 61, 1_439]),
        st.integers(-1, 1),
    ),
)
rows_ = st.builds(Row, st.integers(0, 3), times, st.floats(-1e6, 1e6, allow_nan=False))
steps = st.lists(
    st.tuples(
        st.lists(rows_, max_size=12),
        st.integers(0, END),
        st.sampled_from(["", "restart", "maintain"]),
    ),
    min_size=1,
    max_size=4,
)
spans = st.lists(
    st.builds(
        lambda start, length, width: Span(start, start + length, width),
        times,
        st.integers(1, END),
        st.sampled_from(WIDTHS),
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_any_question_of_any_days_has_the_answer_of_a_plain_list(kind: Kind) -> None:
    @settings(max_examples=20)
    @given(steps, spans)
    def check(taken: list[tuple[list[Row], int, str]], asked: list[Span]) -> None:
        asyncio.run(_check(kind, taken, asked))

    check()


async def _check(kind: Kind, taken: list[tuple[list[Row], int, str]], asked: list[Span]) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = await kind.open(Path(name), FOREVER)
        await store.append(append(is_first=True))
        stored: list[Row] = []
        for offset, (batch, closed, then) in enumerate(taken, start=2):
            await store.append(append(*batch, offset=offset, closed=closed))
            stored += batch
            if then == "restart":
                await store.close()
                store = await kind.open(Path(name), FOREVER)
            if then == "maintain":
                await store.maintain(END + DAY_MS)
            for span in asked:
                await assert_all(store, stored, span)
        await store.close()

"""What every time-series store promises of rows, partials, the catalogue and offsets."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.model.partials import Need
from nowline.model.query import MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store.base import Append, Rows, Span, Store
from nowline.store.catalogue import Catalogue, Metric, NewSeries, Selection
from reference import Row, assert_equal, cells, columns, selection
from stores import FOREVER, KINDS, Kind

LOG = "the log"
ALL = dict.fromkeys(range(4), 0)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "store"
    made.mkdir()
    return made


@pytest.fixture
async def store(kind: Kind, folder: Path) -> AsyncIterator[Store]:
    opened = await kind.open(folder, FOREVER)
    yield opened
    await opened.close()


def append(
    *rows: Row,
    offset: int = 1,
    log_id: str = LOG,
    closed: int = 0,
    metrics: list[Metric] | None = None,
    series: list[NewSeries] | None = None,
) -> Append:
    return Append(Rows(*columns(rows)), metrics or [], series or [], log_id, offset, closed)


async def count(store: Store, width_ms: int = 1_000) -> int:
    span = Span(0, 100 * MINUTE_MS, width_ms)
    return int((await store.partials(selection(ALL), span)).count.sum())


async def assert_is(store: Store, rows: list[Row], span: Span, groups: dict[int, int]) -> None:
    found = await store.partials(selection(groups), span)
    assert_equal(found, cells(rows, groups, span.start, span.end, span.width_ms))


async def test_an_empty_store(store: Store) -> None:
    catalogue = Catalogue()
    await store.load(catalogue)
    assert catalogue.metrics == {}
    assert await store.offset(LOG) == 0
    assert len((await store.rows_since(0)).time) == 0
    assert await count(store) == await count(store, MINUTE_MS) == 0
    assert len(await store.partials(selection({}), Span(0, 5, 1_000))) == 0


@pytest.mark.parametrize("is_flushed", [True, False])
async def test_rows_catalogue_and_offset_outlive_a_crash_together(
    kind: Kind, store: Store, folder: Path, tmp_path: Path, is_flushed: bool
) -> None:
    metric = Metric("a", MetricType.COUNTER, 5, 9, {"unit": "s", "x": [1, {"y": None}]})
    series = [
        NewSeries(1, SeriesKey.of("a", {"k": "é\0\n'"}), MetricType.GAUGE),
        NewSeries(0, SeriesKey.of("a", {}), MetricType.GAUGE),
    ]
    rows = [Row(0, 5, 1.5), Row(1, 9, -2.0)]
    durable = await store.append(append(*rows, offset=7, metrics=[metric], series=series))
    if is_flushed:
        durable = await store.flush()
        assert durable == 7
    kind.crash(folder, tmp_path / "left")
    left = await kind.open(tmp_path / "left", FOREVER)
    assert await left.offset(LOG) == durable
    catalogue = Catalogue()
    await left.load(catalogue)
    if not durable:
        assert catalogue.metrics == {}
        assert await count(left) == await count(left, MINUTE_MS) == 0
        await left.close()
        return
    assert catalogue.keys == [new.key for new in reversed(series)]
    loaded = catalogue.metrics["a"]
    assert (loaded.type, loaded.first_seen, loaded.last_seen) == (MetricType.COUNTER, 5, 9)
    assert loaded.metadata == metric.metadata
    await assert_is(left, rows, Span(0, 10_000, 1_000), {0: 0, 1: 1})
    await left.close()


async def test_an_offset_means_nothing_for_another_log(store: Store) -> None:
    await store.append(append(Row(0, 1, 1.0), offset=7))
    assert await store.offset("another") == 0
    await store.append(append(Row(0, 2, 1.0), offset=1, log_id="another"))
    assert await store.flush() == 1
    assert (await store.offset("another"), await store.offset(LOG)) == (1, 0)
    assert await count(store) == 2


async def test_an_append_that_fails_leaves_nothing_at_all(store: Store) -> None:
    metric = Metric("a", MetricType.GAUGE, 1, 1)
    series = [NewSeries(0, SeriesKey.of("a", {}), MetricType.GAUGE)]
    good = append(Row(0, 1, 1.0), metrics=[metric], series=series, closed=MINUTE_MS)
    await store.append(good)
    bad = append(
        *(Row(0, time, 1.0) for time in (2, MINUTE_MS, 3 * MINUTE_MS)),
        offset=1 << 70,  # more than an offset can be: the last thing that is written fails
        metrics=[Metric("b", MetricType.GAUGE, 1, 1)],
        series=[NewSeries(1, SeriesKey.of("b", {}), MetricType.GAUGE)],
        closed=3 * MINUTE_MS,
    )
    with pytest.raises(Exception, match=r"."):
        await store.append(bad)
    catalogue = Catalogue()
    await store.load(catalogue)
    assert list(catalogue.metrics) == ["a"]
    assert await store.offset(LOG) == 1
    assert await count(store) == await count(store, MINUTE_MS) == 1
    await store.append(append(Row(0, 2, 1.0), offset=2, closed=4 * MINUTE_MS))
    assert await count(store) == await count(store, MINUTE_MS) == 2


async def test_late_rows_for_closed_minutes_count_in_every_width(store: Store) -> None:
    taken: list[Row] = []
    for number, time in enumerate([0, 3, 1, 0, 2, 0], start=1):
        row = Row(0, time * MINUTE_MS + number, float(number))
        taken.append(row)
        await store.append(append(row, offset=number, closed=number * MINUTE_MS))
        for width in (1_000, MINUTE_MS, 2 * MINUTE_MS, 60 * MINUTE_MS):
            await assert_is(store, taken, Span(0, 10 * MINUTE_MS, width), {0: 0})


async def test_a_minute_that_was_closed_stays_closed(store: Store) -> None:
    await store.append(append(Row(0, 5, 1.0), offset=1, closed=5 * MINUTE_MS))
    await store.append(append(Row(0, 6, 1.0), offset=2, closed=2 * MINUTE_MS))
    await store.append(append(offset=3, closed=5 * MINUTE_MS))
    assert await count(store, MINUTE_MS) == 2


async def test_a_series_counts_in_every_group_that_it_is_in(store: Store) -> None:
    rows = [Row(series, series + 1, float(series)) for series in range(4)]
    await store.append(append(*rows))
    series, group = np.array([0, 1, 1, 1, 3]), np.array([1, 0, 1, 2, 0])
    asked = Selection(series, group, [{}, {}, {}])
    for width in (1_000, MINUTE_MS):
        found = await store.partials(asked, Span(0, MINUTE_MS, width))
        assert found.key.tolist() == [0, 1, 2]
        assert found.total.tolist() == [4.0, 1.0, 1.0]
        assert found.last.tolist() == [3.0, 1.0, 1.0]


async def test_what_is_needed_alone_is_the_same(store: Store) -> None:
    rows = [Row(series, at, 0.5 + at) for series in range(2) for at in (1, 2, MINUTE_MS, 61_001)]
    for number, stored in enumerate((rows[:5], rows[5:]), start=1):
        await store.append(append(*stored, offset=number))
        await store.flush()
    for width in (1_000, MINUTE_MS, 60 * MINUTE_MS):
        span = Span(0, 2 * MINUTE_MS, width)
        all_of_it = await store.partials(selection(ALL), span)
        for need in Need:
            some = await store.partials(selection(ALL), span, need=need)
            for name in ("key", "bucket", "count", *need.value):
                assert getattr(some, name).tolist() == getattr(all_of_it, name).tolist()


async def test_rows_since_are_exact_and_oldest_first(store: Store) -> None:
    rows = [Row(1, 30, 3.0), Row(0, 10, 1.0), Row(2, 20, 2.0)]
    await store.append(append(*rows))
    found = await store.rows_since(20)
    assert list(zip(found.series, found.time, found.value, strict=True)) == [rows[2], rows[0]]
    assert found.series.dtype == found.time.dtype == np.dtype(np.int64)


async def test_a_metric_that_changed_is_written_over(kind: Kind, folder: Path) -> None:
    store = await kind.open(folder, FOREVER)
    series = [NewSeries(0, SeriesKey.of("a", {}), MetricType.GAUGE)]
    first = Metric("a", MetricType.GAUGE, 5, 5)
    await store.append(append(Row(0, 5, 1.0), metrics=[first], series=series))
    changed = Metric("a", MetricType.GAUGE, 4, 9, {"unit": "s"})
    await store.append(append(offset=2, metrics=[changed]))
    await store.close()
    again = await kind.open(folder, FOREVER)
    catalogue = Catalogue()
    await again.load(catalogue)
    loaded = catalogue.metrics["a"]
    assert (loaded.first_seen, loaded.last_seen, loaded.metadata) == (4, 9, {"unit": "s"})
    assert loaded.series == [0]
    await again.close()


async def test_queries_at_the_time_of_an_append_see_all_of_it_or_nothing(store: Store) -> None:
    async def ask() -> set[int]:
        return {await count(store, width) for width in (1_000, MINUTE_MS, 1_000, MINUTE_MS)}

    for number in range(1, 6):
        rows = [Row(series, number * MINUTE_MS + series, 1.0) for series in range(4)] * 250
        work = append(*rows, offset=number, closed=number * MINUTE_MS)
        seen, _ = await asyncio.gather(ask(), store.append(work))
        assert seen <= {(number - 1) * 1_000, number * 1_000}


def test_the_state_counts(kind: Kind, folder: Path) -> None:
    async def run() -> None:
        store = await kind.open(folder, FOREVER)
        await store.append(append(Row(0, 1, 1.0), Row(0, 2, 1.0)))
        state = store.state()
        assert state.appended_rows == 2
        assert state.append_seconds > 0
        assert state.bytes_on_disk > 0
        await store.close()

    asyncio.run(run())


rows = st.builds(
    Row,
    st.integers(0, 3),
    # A few times that are used again and again, and edges of minutes.
    st.one_of(
        st.integers(0, 6 * MINUTE_MS - 1),
        st.builds(lambda m, d: max(0, m * MINUTE_MS + d), st.integers(0, 5), st.integers(-1, 1)),
    ),
    st.floats(-1e6, 1e6, allow_nan=False),
)
steps = st.lists(
    st.tuples(st.lists(rows, max_size=15), st.integers(0, 6 * MINUTE_MS), st.booleans()),
    min_size=1,
    max_size=4,
)
spans = st.lists(
    st.builds(
        lambda start, length, width: Span(start, start + length, width),
        st.integers(0, 6 * MINUTE_MS),
        st.integers(1, 6 * MINUTE_MS),
        st.sampled_from([1_000, 7_000, MINUTE_MS, 2 * MINUTE_MS, 60 * MINUTE_MS]),
    ),
    min_size=1,
    max_size=4,
)
groupings = st.dictionaries(st.integers(0, 3), st.integers(0, 1), min_size=1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_any_question_of_any_rows_has_the_answer_of_a_plain_list(kind: Kind) -> None:
    @settings(max_examples=25)
    @given(steps, spans, groupings)
    def check(
        taken: list[tuple[list[Row], int, bool]], asked: list[Span], groups: dict[int, int]
    ) -> None:
        asyncio.run(_check(kind, taken, asked, groups))

    check()


async def _check(
    kind: Kind, taken: list[tuple[list[Row], int, bool]], asked: list[Span], groups: dict[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = await kind.open(Path(name), FOREVER)
        stored: list[Row] = []
        for offset, (batch, closed, is_restarted) in enumerate(taken, start=1):
            await store.append(append(*batch, offset=offset, closed=closed))
            stored += batch
            if is_restarted:
                await store.close()
                store = await kind.open(Path(name), FOREVER)
            for span in asked:
                await assert_is(store, stored, span, groups)
        await store.close()


async def test_a_store_blames_rows_for_what_they_hold_only(store: Store) -> None:
    assert store.blames_rows(ValueError("a value"))
    for down in (OSError(28, "No space left on device"), TimeoutError(), ConnectionResetError()):
        assert not store.blames_rows(down)
    assert not store.blames_rows(NowlineError(Code.UNAVAILABLE, "It is down."))

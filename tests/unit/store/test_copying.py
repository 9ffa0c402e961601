from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nowline.model.level import Level
from nowline.model.query import DAY_MS, MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store import copying, segments
from nowline.store.base import Append, Rows, Span
from nowline.store.catalogue import Metric, NewSeries
from nowline.store.embedded import EmbeddedStore
from nowline.store.registry import Progress
from reference import Row, columns, selection
from stores import FOREVER

LOG = "the log"
START = 20_000 * DAY_MS


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    (tmp_path / "in use").mkdir()
    opened = await EmbeddedStore.open(tmp_path / "in use" / "it's.duckdb", FOREVER, hot_rows=50)
    yield opened
    await opened.close()


def append(offset: int, rows: int) -> Append:
    """Rows of the value 1 in a day that is over."""
    start = START + offset * 1_000_000
    added = [Row(0, start + i * 10, 1.0) for i in range(rows)]
    metric = Metric("a", MetricType.GAUGE, 0, 0, {})
    series = [NewSeries(0, SeriesKey.of("a", {}), MetricType.GAUGE)] if offset == 0 else []
    return Append(Rows(*columns(added)), [metric], series, LOG, offset, START + 2 * DAY_MS)


async def fill(store: EmbeddedStore, first: int, last: int, rows: int = 100) -> None:
    """Appends with the offsets from `first` up to `last`."""
    for offset in range(first, last):
        await store.append(append(offset, rows))


async def fill_files(store: EmbeddedStore) -> None:
    """Ten appends of 10,000 rows each, some of them in files by now."""
    await fill(store, 0, 10, rows=10_000)
    await store.maintain(START + 3 * DAY_MS)


async def counts(folder: Path) -> tuple[int, list[int]]:
    """The offset of a copy, and how many rows it has by raw rows, minutes, hours and days."""
    store = await EmbeddedStore.open(folder / copying.FILE_NAME, FOREVER)
    try:
        found = []
        for width in (1_000, MINUTE_MS, 60 * MINUTE_MS, DAY_MS):
            span = Span(START, START + 10 * DAY_MS, width)
            found.append(int((await store.partials(selection({0: 0}), span)).count.sum()))
        assert store.faults() == []
        return await store.offset(LOG), found
    finally:
        await store.close()


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def test_a_copy_is_of_one_moment_while_appends_and_upkeep_go_on(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    await fill_files(store)
    assert list((tmp_path / "in use" / "it's.segments").iterdir()) != []
    filling = asyncio.create_task(fill(store, 10, 50))
    copies = []
    for number in range(3):
        folder = empty(tmp_path / str(number))
        made, _ = await asyncio.gather(
            store.backup(folder, LOG), store.maintain(START + (4 + number) * DAY_MS)
        )
        copies.append((folder, made))
    await filling
    for folder, made in copies:
        offset, found = await counts(folder)
        assert offset == made >= 9
        assert found == [100_000 + 100 * (made - 9)] * 4


async def test_a_copy_of_another_log_has_none_of_this_one(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    await fill(store, 0, 3)
    assert await store.backup(empty(tmp_path / "copy"), "another") == 0


async def test_a_copy_that_is_given_up_holds_up_nothing(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    await fill(store, 0, 5)
    copying_now = asyncio.create_task(store.backup(empty(tmp_path / "a"), LOG))
    await asyncio.sleep(0)
    copying_now.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying_now
    await fill(store, 5, 7)
    assert await store.backup(empty(tmp_path / "b"), LOG) == 6


async def test_a_store_at_rest_is_copied_as_it_is(store: EmbeddedStore, tmp_path: Path) -> None:
    await fill_files(store)
    await fill(store, 10, 13)
    await store.close()
    path = tmp_path / "in use" / "it's.duckdb"
    before = path.read_bytes()
    progress = copying.copy_at_rest(path, empty(tmp_path / "copy"))
    assert progress == Progress(LOG, 12, START + 2 * DAY_MS)
    assert await counts(tmp_path / "copy") == (12, [100_300] * 4)
    assert path.read_bytes() == before


def test_no_store_leaves_no_copy(tmp_path: Path) -> None:
    folder = empty(tmp_path / "copy")
    assert copying.copy_at_rest(tmp_path / "none", folder) == Progress()
    assert list(folder.iterdir()) == []


async def test_a_segment_that_is_gone_or_cut_is_told(store: EmbeddedStore, tmp_path: Path) -> None:
    await fill_files(store)
    assert store.faults() == []
    first, second, *_ = sorted(segments.folder_of(tmp_path / "in use" / "it's.duckdb").iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    size = second.stat().st_size
    assert sorted(store.faults()) == [
        f"{first} is missing",
        f"{second} has {size} bytes and should have {size + 1}",
    ]


async def test_what_the_levels_take_adds_up(store: EmbeddedStore) -> None:
    await fill_files(store)
    state = store.state()
    assert sum(level.bytes for level in state.levels.values()) <= state.bytes_on_disk
    assert all(level.bytes > 0 and level.rows > 0 for level in state.levels.values())
    assert {level.oldest for level in state.levels.values()} == {START}
    assert state.levels[Level.RAW].rows == 100_000

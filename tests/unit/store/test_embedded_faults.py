"""The embedded store and what goes wrong: crashes, full disks, and damaged files."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from embedded_store import (
    BUSY,
    LOG,
    Gate,
    append,
    count,
    counts,
    file_of,
    files,
    left_in,
    opened,
    some,
)
from nowline.errors import Code, NowlineError
from nowline.model.level import Level
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store import hot, segments
from nowline.store.base import Append, Rows
from nowline.store.catalogue import NewSeries
from nowline.store.embedded import EmbeddedStore
from reference import Row, columns
from small_disk import mounted
from stores import FOREVER


async def test_a_crash_at_any_moment_leaves_rows_and_offset_that_agree(
    folder: Path, tmp_path: Path, on_sync: list[Callable[[], None]]
) -> None:
    copies: list[Path] = []

    def crash() -> None:
        copies.append(tmp_path / f"crash {len(copies)}")
        shutil.copytree(folder, copies[-1])

    store = await opened(folder)
    on_sync.append(crash)
    for offset in range(1, 9):
        await store.append(append(offset, *some(offset, 3), closed=offset))
        if offset in (1, 2):
            crash()
        await store.flush()
    await store.maintain(5 * DAY_MS)
    assert store.state().compactions >= 2
    on_sync.clear()
    await store.close()
    offsets = []
    for copy in copies[:: max(1, len(copies) // 30)]:
        offset, found = await left_in(copy)
        assert found == {3 * offset}
        offsets.append(offset)
    assert offsets == sorted(offsets)
    assert set(offsets) == set(range(9))


async def test_what_a_crash_left_is_appended_again_from_the_offset(
    folder: Path, tmp_path: Path, on_sync: list[Callable[[], None]]
) -> None:
    store = await opened(folder)

    def crash() -> None:
        shutil.copytree(folder, tmp_path / "left", dirs_exist_ok=True)

    on_sync.append(crash)
    await store.append(append(1, *some(1)))
    await store.flush()
    on_sync.clear()
    await store.close()
    again = await opened(tmp_path / "left")
    assert await again.offset(LOG) == 0
    await again.append(append(1, *some(1)))
    assert await again.flush() == 1
    assert await counts(again) == {10}
    await again.close()


async def test_a_flush_that_is_given_up_counts_once(
    store: EmbeddedStore, folder: Path, tmp_path: Path, on_sync: list[Callable[[], None]]
) -> None:
    await store.append(append(1, *some(1)))
    gate = Gate()
    on_sync.append(gate)
    flushing = asyncio.create_task(store.flush())
    await gate.reached()
    flushing.cancel()
    await store.append(append(2, *some(2)))
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    assert await counts(store) == {20}
    assert await store.flush() == 2
    assert await counts(store) == {20}
    shutil.copytree(folder, tmp_path / "left")
    assert await left_in(tmp_path / "left") == (2, {20})


async def test_a_compaction_that_is_given_up_changes_nothing_or_all(
    store: EmbeddedStore, folder: Path, tmp_path: Path, on_sync: list[Callable[[], None]]
) -> None:
    for offset in range(1, 4):
        await store.append(append(offset, *some(offset)))
        await store.flush()
    gate = Gate()
    on_sync.append(gate)
    upkeep = asyncio.create_task(store.maintain(5 * DAY_MS))
    await gate.reached()
    upkeep.cancel()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await upkeep
    on_sync.clear()
    assert await counts(store) == {30}
    await store.maintain(5 * DAY_MS)
    assert await counts(store) == {30}
    await store.close()
    shutil.copytree(folder, tmp_path / "left")
    assert await left_in(tmp_path / "left") == (3, {30})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", 16) as disk:
        yield disk


def fill(disk: Path, but: int) -> Path:
    space = os.statvfs(disk)
    (disk / "filler").write_bytes(bytes(space.f_bavail * space.f_frsize - but))
    return disk / "filler"


@pytest.mark.parametrize("room", [0, 8_000, 40_000])
async def test_on_a_full_disk_rows_stay_in_memory_until_there_is_room(
    small_disk: Path, tmp_path: Path, room: int
) -> None:
    folder = small_disk / "store"
    store = await opened(folder)
    await store.append(append(1, *some(1)))
    assert await store.flush() == 1
    rows = [Row(n % 4, n * 997, math.sin(n)) for n in range(20_000)]
    before = files(folder)
    await store.append(append(2, *rows))
    filler = fill(small_disk, but=room)
    for _ in range(3):
        with pytest.raises((OSError, duckdb.Error)):
            await store.flush()
        assert await store.offset(LOG) == 1
        assert await counts(store) == {20_010}
        assert files(folder) == before
    await store.append(append(3, *some(3)))
    filler.unlink()
    assert await store.flush() == 3
    shutil.copytree(folder, tmp_path / "left")
    assert await left_in(tmp_path / "left") == (3, {20_020})
    await store.close()


async def test_where_only_the_database_cannot_grow_nothing_is_entered_and_no_file_is_left(
    small_disk: Path, tmp_path: Path
) -> None:
    folder = small_disk / "store"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / "store.segments").symlink_to(tmp_path / "elsewhere")
    store = await opened(folder)
    await store.append(append(1, *some(1)))
    await store.flush()
    before = files(folder)
    # More than fits what is left of the last page of DuckDB's write-ahead log.
    new = [NewSeries(n, SeriesKey.of("a", {"n": str(n)}), MetricType.GAUGE) for n in range(4, 999)]
    await store.append(Append(Rows(*columns(some(2))), [], new, LOG, 2, 0))
    filler = fill(small_disk, but=0)
    for _ in range(2):
        with pytest.raises(duckdb.Error):
            await store.flush()
        assert files(folder) == before
        assert await store.offset(LOG) == 1
        assert await counts(store) == {20}
    filler.unlink()
    assert await store.flush() == 2
    await store.close()
    assert await left_in(folder) == (2, {20})


async def test_appends_are_refused_before_memory_is_full_of_what_cannot_be_written(
    small_disk: Path,
) -> None:
    store = await opened(small_disk / "store", BUSY)
    await store.append(append(1, *some(1)))
    await store.flush()
    filler = fill(small_disk, but=0)
    taken, refused = 1, 0
    for offset in range(2, 100):
        try:
            await store.append(append(offset, *some(offset)))
        except (OSError, duckdb.Error):
            refused += 1
        else:
            assert not refused
            taken = offset
    assert refused > 50
    assert hot.rows_in(store._state.runs) <= 2 * BUSY
    assert await counts(store) == {10 * taken}
    filler.unlink()
    await store.append(append(taken + 1, *some(taken + 1)))
    assert await store.flush() == taken + 1
    assert await counts(store) == {10 * (taken + 1)}
    await store.close()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)


async def test_a_damaged_file_is_named_and_other_questions_are_answered(
    store: EmbeddedStore, folder: Path
) -> None:
    await store.append(append(1, *some(1, rows=100)))
    await store.flush()
    damaged = file_of(store, folder, segments.Kind(Level.RAW), 1)
    flip(damaged)
    for ask in (store.rows_since(0), count(store, 1_000)):
        with pytest.raises(NowlineError, match=damaged.name) as error:
            await ask
        assert error.value.code is Code.UNAVAILABLE
    assert await count(store, 1_000, end=DAY_MS) == 50
    assert await count(store, MINUTE_MS) == await count(store, DAY_MS) == 100


async def test_a_file_that_is_missing_or_cut_is_named(store: EmbeddedStore, folder: Path) -> None:
    await store.append(append(1, *some(1, rows=100)))
    await store.flush()
    assert store.faults() == []
    missing = file_of(store, folder, segments.Kind(Level.RAW), 0)
    cut = file_of(store, folder, segments.Kind(Level.MINUTE), 0)
    missing.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    assert sorted(fault.split(" ", 1)[0] for fault in store.faults()) == sorted(
        [str(missing), str(cut)]
    )
    for width, path in ((1_000, missing), (MINUTE_MS, cut)):
        with pytest.raises(NowlineError, match=path.name) as error:
            await count(store, width)
        assert error.value.code is Code.UNAVAILABLE
    assert await count(store, HOUR_MS) == 100


async def test_a_file_that_cannot_be_read_is_named(store: EmbeddedStore, folder: Path) -> None:
    await store.append(append(1, *some(1)))
    await store.flush()
    unreadable = file_of(store, folder, segments.Kind(Level.RAW), 0)
    unreadable.unlink()
    unreadable.mkdir()
    with pytest.raises(NowlineError, match=unreadable.name) as error:
        await store.rows_since(0)
    assert error.value.code is Code.UNAVAILABLE
    assert await count(store, MINUTE_MS) == 10


@pytest.mark.parametrize("is_missing", [True, False])
async def test_a_damaged_file_keeps_no_other_from_being_merged_or_dropped(
    folder: Path, is_missing: bool
) -> None:
    keep = {**FOREVER, Level.FIVE_MINUTES: 3 * DAY_MS}
    folder.mkdir()
    store = await EmbeddedStore.open(folder / "store.duckdb", keep)
    for offset in range(1, 4):
        await store.append(append(offset, *some(offset)))
        await store.flush()
    damaged = file_of(store, folder, segments.Kind(Level.RAW), 1)
    if is_missing:
        damaged.unlink()
    else:
        flip(damaged)
    with pytest.raises(NowlineError, match=damaged.name) as error:
        await store.maintain(5 * DAY_MS)
    assert error.value.code is Code.UNAVAILABLE
    places = store._state.manifest.by_place
    assert len(places.pop((segments.Kind(Level.RAW), 1))) == 3
    over = {place: len(files) for place, files in places.items() if place[0].stretch_ms <= DAY_MS}
    assert {place[0].level for place in over} == {Level.RAW, Level.MINUTE}
    assert set(over.values()) == {1}
    assert await count(store, MINUTE_MS) == await count(store, 1_000, DAY_MS) * 2 == 30
    await store.close()

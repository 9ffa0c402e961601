"""The embedded store between memory and disk: crashes, full disks, damaged files, and crowds."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.model.level import Level
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.model.series import MetricType, SeriesKey
from nowline.store import hot, registry, segments
from nowline.store.base import Append, Rows, Span
from nowline.store.blockfile import Reader
from nowline.store.catalogue import NewSeries
from nowline.store.embedded import EmbeddedStore
from reference import Row, columns, selection
from small_disk import mounted
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[EmbeddedStore]:
    found = await opened(folder)
    yield found
    await found.close()


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


@pytest.fixture
def on_sync(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], None]]]:
    """What is done each time after a file was brought to disk, and before one is deleted."""
    found: list[Callable[[], None]] = []
    sync, unlink = os.fsync, Path.unlink

    def sync_and_tell(descriptor: int) -> None:
        sync(descriptor)
        for each in found:
            each()

    def tell_and_unlink(path: Path, missing_ok: bool = False) -> None:
        for each in found:
            each()
        unlink(path, missing_ok)

    monkeypatch.setattr(os, "fsync", sync_and_tell)
    monkeypatch.setattr(Path, "unlink", tell_and_unlink)
    yield found
    found.clear()


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


async def test_questions_see_every_row_once_while_it_moves_to_files(folder: Path) -> None:
    store = await opened(folder, BUSY)
    appended = [0, 0]

    async def fill() -> None:
        for offset in range(1, 120):
            # From before the rows can be seen until after they can.
            appended[1] += 10
            await store.append(append(offset, *some(offset), closed=offset))
            appended[0] += 10
            if offset % 20 == 0:
                await store.maintain(5 * DAY_MS)

    async def ask(width: int) -> int:
        asked = 0
        while not filling.done() or not asked:
            least = appended[0]
            found = await count(store, width)
            assert least <= found <= appended[1]
            asked += 1
        return asked

    filling = asyncio.create_task(fill())
    asked = await asyncio.gather(*(ask(width) for width in WIDTHS))
    await filling
    assert min(asked) > 3
    assert store.state().compactions > 3
    assert await counts(store) == {1_190}
    await store.close()


async def test_an_append_waits_while_too_much_is_in_memory(
    folder: Path, on_sync: list[Callable[[], None]]
) -> None:
    store = await opened(folder, BUSY)
    gate = Gate()
    on_sync.append(gate)
    offset = 0

    async def fill() -> None:
        nonlocal offset
        for number in range(1, 100):
            await store.append(append(number, *some(number)))
            offset = number

    filling = asyncio.create_task(fill())
    await gate.reached()
    for _ in range(2_000):
        await asyncio.sleep(0)
    assert not filling.done()
    state = store._state
    assert hot.rows_in(state.pending.runs) <= 2 * BUSY
    assert hot.rows_in(state.runs) == 10 * offset
    assert await count(store, 1_000) == 10 * offset
    gate.open()
    await filling
    assert await counts(store) == {990}
    await store.close()


async def test_the_more_is_in_memory_the_longer_an_append_takes(
    folder: Path, on_sync: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(folder, BUSY)
    await store.append(append(1, *some(1)))
    await store.flush()
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", note)
    gate = Gate()
    on_sync.append(gate)
    for number in range(2, 12):
        await store.append(append(number, *some(number)))
    assert pauses == []
    await gate.reached()
    for number in range(12, 28):
        await store.append(append(number, *some(number)))
    assert pauses == sorted(pauses)
    assert 0 < pauses[0] < pauses[-1]
    gate.open()
    await store.close()


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


def file_of(store: EmbeddedStore, folder: Path, kind: segments.Kind, day: int) -> Path:
    place = store._state.manifest.by_place[kind, day]
    return segments.folder_of(folder / "store.duckdb") / place[0].name


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


async def test_upkeep_drops_the_files_of_what_is_kept_no_longer(folder: Path) -> None:
    keep = {**FOREVER, Level.RAW: DAY_MS, Level.MINUTE: 2 * DAY_MS}
    folder.mkdir()
    store = await EmbeddedStore.open(folder / "store.duckdb", keep)
    await store.append(append(1, *some(1, rows=40, days=4)))
    await store.flush()
    await store.maintain(4 * DAY_MS)

    def days() -> Mapping[Level, set[int]]:
        found: dict[Level, set[int]] = {}
        for path in files(folder):
            day, level, *_ = path.name.split("-")
            found.setdefault(Level(level), set()).add(int(day))
        return found

    left = {level: days()[level] for level in (Level.RAW, Level.MINUTE, Level.FIVE_MINUTES)}
    assert list(left.values()) == [{3}, {2, 3}, {0, 1, 2, 3}]
    assert await count(store, 1_000) == 10
    assert await count(store, DAY_MS) == 40
    await store.close()
    again = await EmbeddedStore.open(folder / "store.duckdb", keep)
    assert await count(again, 1_000) == 10
    assert days()[Level.RAW] == {3}
    await again.close()


async def test_rows_older_than_raw_rows_are_kept_count_only_in_roll_ups(folder: Path) -> None:
    keep = {**FOREVER, Level.RAW: DAY_MS}
    folder.mkdir()
    store = await EmbeddedStore.open(folder / "store.duckdb", keep)
    old, new = Row(0, DAY_MS, 1.0), Row(0, 3 * DAY_MS, 2.0)
    await store.append(append(1, old, new, closed=3 * DAY_MS))
    for is_flushed in (False, True):
        if is_flushed:
            await store.flush()
        assert (await store.rows_since(0)).value.tolist() == [2.0]
        assert [await count(store, width) for width in WIDTHS] == [1, 2, 2, 2, 2]
    await store.close()


async def test_a_question_that_is_given_up_reads_nothing_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(folder)
    await store.append(append(1, *some(1, rows=200)))
    await store.flush()
    gate = Gate()
    read: list[int] = []
    series, block = Reader.series, Reader.block

    def wait_and_read(reader: Reader, number: int) -> object:
        read.append(number)
        gate()
        return series(reader, number)

    def wait_and_read_all(reader: Reader, number: int) -> object:
        read.append(number)
        gate()
        return block(reader, number)

    monkeypatch.setattr(Reader, "series", wait_and_read)
    monkeypatch.setattr(Reader, "block", wait_and_read_all)
    asking = [
        asyncio.create_task(count(store, 1_000)),
        asyncio.create_task(store.rows_of(np.arange(4), 0, 5 * DAY_MS)),
    ]
    await gate.reached()
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    gate.open()
    await store.close()
    # One block each at most: the one that it was about to read.
    assert len(read) <= 4


async def test_the_last_of_equal_times_stays_that_when_files_are_merged(folder: Path) -> None:
    store = await opened(folder)
    flushes = [[Row(0, 5, float(value))] for value in range(7)]
    flushes.append([Row(0, 5, 100.0), *(Row(1, n, 0.0) for n in range(100))])
    flushes.append([Row(0, 7, 1.0)])
    for offset, rows in enumerate(flushes, start=1):
        await store.append(append(offset, *rows))
        await store.flush()

    async def last() -> list[float]:
        found = await store.partials(selection({0: 0}), Span(0, 6, 1))
        return [float(value) for value in found.last]

    assert await last() == [100.0]
    await store.maintain(1)
    assert store.state().compactions
    await store.append(append(10, Row(0, 5, 3.0)))
    assert await last() == [3.0]
    await store.close()
    store = await opened(folder)
    assert await last() == [3.0]
    await store.maintain(5 * DAY_MS)
    assert await last() == [3.0]
    await store.close()


STEP = st.one_of(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=12),
    st.sampled_from(["flush", "flush", "maintain", "reopen"]),
)


@given(st.lists(STEP, max_size=30))
@settings(max_examples=30)
async def test_whatever_happens_the_last_value_is_the_one_that_came_last(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[tuple[int, int]] | str]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = await opened(folder, hot_rows=15)
    rows: list[Row] = []
    for offset, step in enumerate(steps, start=1):
        if isinstance(step, list):
            new = [
                Row(series, time * 6 * HOUR_MS, float(len(rows) + n))
                for n, (series, time) in enumerate(step)
            ]
            rows += new
            await store.append(append(offset, *new))
        elif step == "flush":
            await store.flush()
        elif step == "maintain":
            await store.maintain(DAY_MS + HOUR_MS)
        else:
            await store.close()
            store = await opened(folder, hot_rows=15)
    for width in (1_000, HOUR_MS, DAY_MS):
        found = await store.partials(selection({0: 0, 1: 1, 2: 2}), Span(0, 2 * DAY_MS, width))
        places = zip(found.key.tolist(), found.bucket.tolist(), strict=True)
        told = dict(zip(places, found.last, strict=True))
        newest: dict[tuple[int, int], tuple[int, float]] = {}
        for row in rows:
            place = row.series, row.time - row.time % width
            newest[place] = max(newest.get(place, (-1, 0.0)), (row.time, row.value))
        assert told == {place: value for place, (_, value) in newest.items()}
    await store.close()


async def test_what_is_left_in_memory_is_on_disk_after_a_close(folder: Path) -> None:
    store = await opened(folder)
    await store.append(append(1, *some(1)))
    await store.close()
    assert await left_in(folder) == (1, {10})


async def test_new_rows_wait_five_minutes_before_upkeep_writes_them(
    store: EmbeddedStore, folder: Path
) -> None:
    await store.append(append(1, *some(1), closed=10 * MINUTE_MS))
    await store.maintain(15 * MINUTE_MS - 1)
    assert (await store.offset(LOG), files(folder)) == (0, [])
    await store.maintain(15 * MINUTE_MS)
    assert await store.offset(LOG) == 1
    assert files(folder) != []


async def test_the_catalogue_is_in_the_store_with_the_rows(
    store: EmbeddedStore, folder: Path, tmp_path: Path
) -> None:
    await store.append(append(1, *some(1)))
    shutil.copytree(folder, tmp_path / "before")
    await store.flush()
    shutil.copytree(folder, tmp_path / "after")
    for name, known in (("before", 0), ("after", 4)):
        left = await opened(tmp_path / name)
        assert len(registry.read_catalogue(left._db)[1]) == known
        await left.close()

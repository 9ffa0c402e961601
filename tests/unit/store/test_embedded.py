"""The embedded store between memory and disk: crowds, upkeep, and what counts as the last value."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded_store import (
    BUSY,
    LOG,
    WIDTHS,
    Gate,
    append,
    count,
    counts,
    files,
    left_in,
    opened,
    some,
)
from nowline.model.level import Level
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.store import hot, registry
from nowline.store.base import Span
from nowline.store.blockfile import Reader
from nowline.store.embedded import EmbeddedStore
from reference import Row, selection
from stores import FOREVER


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


@pytest.mark.usefixtures("told_what_is_at_hand")
async def test_only_few_rows_that_are_at_hand_are_read_without_a_thread(folder: Path) -> None:
    store = await opened(folder)
    rows = [Row(n % 2, day * DAY_MS + n, 1.0) for day in range(9) for n in range(4)]
    await store.append(append(1, *rows))
    await store.flush()

    async def asked(series: list[int], days: int) -> int:
        span = Span(0, days * DAY_MS, MINUTE_MS)
        found = await store.partials(selection(dict.fromkeys(series, 0)), span)
        return int(found.count.sum())

    # Files that are not open are opened in a thread.
    assert [await asked([0], days) for days in (8, 9)] == [16, 18]
    store._readers.shutdown()
    assert await asked([0], 8) == 16
    await store.append(append(2, Row(0, 8 * DAY_MS, 1.0)))
    assert await asked([0], 8) == 16
    for series, days in (([0], 9), ([0, 1], 8)):
        with pytest.raises(RuntimeError, match="after shutdown"):
            await asked(series, days)
    await store.append(append(3, Row(0, 7 * DAY_MS, 1.0)))
    with pytest.raises(RuntimeError, match="after shutdown"):
        await asked([0], 8)
    await store.close()


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

"""What the log's rows become in the store, also when the server starts anew or is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from log_readers import KEPT, NOW, POISON, LogReaders
from nowline.bus import grouped, reading
from nowline.model.batch import activity_of, without_activity
from nowline.model.level import Level
from nowline.model.query import MINUTE_MS
from nowline.model.series import MetricType
from nowline.rollup import store_writer
from nowline.rollup.increases import Increases
from nowline.rollup.store_writer import STORE_GROUP
from nowline.store.catalogue import Catalogue
from polling import eventually_async


@pytest.fixture
async def flow(tmp_path: Path) -> AsyncIterator[LogReaders]:
    opened = await LogReaders.open(tmp_path)
    yield opened
    await opened.close()


async def test_the_writer_stores_rows_and_commits_what_is_on_disk(flow: LogReaders) -> None:
    await flow.take_in(NOW, NOW - MINUTE_MS)
    await flow.take_in(NOW)
    await flow.write()
    assert (await flow.stored(), flow.writer.offset) == (3, 2)
    assert await flow.bus.committed(STORE_GROUP) == await flow.store.offset(flow.bus.id) == 0
    await flow.store.flush()
    await flow.take_in(NOW)
    await flow.write()
    assert flow.writer.offset == 3
    assert await flow.bus.committed(STORE_GROUP) == await flow.store.offset(flow.bus.id) == 2


async def test_the_store_is_never_ahead_of_the_windows(flow: LogReaders) -> None:
    await flow.take_in(NOW)
    await flow.worker.catch_up()
    await flow.take_in(NOW, NOW)
    await flow.writer.flush()
    assert (await flow.stored(), flow.writer.offset) == (1, 1)
    await flow.write()
    assert (await flow.stored(), flow.writer.offset) == (3, 2)


async def test_a_stop_stores_what_the_log_holds(flow: LogReaders) -> None:
    running = asyncio.create_task(flow.writer.run())
    following = asyncio.create_task(flow.worker.run())
    await flow.take_in(NOW)
    flow.writer.stop()
    await asyncio.wait_for(running, 5)
    following.cancel()
    assert await flow.stored() == 1
    assert await flow.bus.committed(STORE_GROUP) == await flow.store.offset(flow.bus.id) == 1


async def test_a_stop_does_not_wait_for_windows_that_stand_still(flow: LogReaders) -> None:
    await flow.take_in(NOW)
    flow.writer.stop()
    await asyncio.wait_for(flow.writer.run(), 10)
    assert await flow.stored() == 0
    assert len(await flow.bus.read(0, 1 << 20)) == 1


async def test_after_a_stop_the_metric_was_seen_when_it_was(flow: LogReaders) -> None:
    await flow.take_in(NOW - 5_000)
    await flow.write()
    await flow.take_in(NOW - 1_000)
    await flow.write()
    flow.writer.stop()
    await flow.writer.run()
    loaded = Catalogue()
    await flow.store.load(loaded)
    assert loaded.metrics["m"].last_seen == NOW - 1_000


async def test_a_stop_does_not_wait_for_a_store_that_takes_nothing(flow: LogReaders) -> None:
    flow.store.is_full = True
    await flow.take_in(NOW)
    await flow.worker.catch_up()
    running = asyncio.create_task(flow.writer.run())
    await asyncio.sleep(0)
    flow.writer.stop()
    await asyncio.wait_for(running, 5)
    assert (flow.store.refused, flow.writer.offset) == (flow.writer.failures, 0)
    assert flow.writer.failures >= 1
    assert len(await flow.bus.read(0, 1 << 20)) == 1


async def test_what_the_store_refused_is_stored_by_the_next_server(tmp_path: Path) -> None:
    first = await LogReaders.open(tmp_path)
    first.store.is_full = True
    await first.take_in(NOW, name="m")
    await first.take_in(NOW, NOW, name="n")
    await first.worker.catch_up()
    first.writer.stop()
    await first.writer.run()
    await first.close()
    second = await LogReaders.open(tmp_path)
    assert second.in_windows() == 1
    await second.write()
    assert await second.stored() == 1
    assert set(second.catalogue.metrics) == {"m", "n"}
    await second.close()


async def test_windows_start_from_the_store_and_the_rest_of_the_log(tmp_path: Path) -> None:
    first = await LogReaders.open(tmp_path)
    await first.take_in(NOW - MINUTE_MS, NOW - 10 * MINUTE_MS)
    await first.write()
    await first.take_in(NOW)
    await first.close()
    second = await LogReaders.open(tmp_path)
    # The row of ten minutes ago is older than the windows; the newest one is not stored yet.
    assert second.in_windows() == 2
    assert second.worker.offset == 2
    await second.close()


async def test_windows_forget_only_what_is_stored(flow: LogReaders) -> None:
    await flow.take_in(NOW)
    await flow.worker.catch_up()
    flow.clock.advance(3_600)
    flow.store.is_full = True
    flow.writer.stop()
    await flow.write()
    assert flow.in_windows() == 1
    flow.store.is_full = False
    await flow.write()
    assert flow.windows.cells == 0
    assert await flow.stored() == 1


async def test_a_new_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    first = await LogReaders.open(tmp_path)
    for _ in range(3):
        await first.take_in(NOW)
    await first.write()
    await first.close()
    for part in tmp_path.glob("log.sqlite*"):
        part.unlink()
    second = await LogReaders.open(tmp_path)
    await second.take_in(NOW)
    await second.write()
    assert await second.stored() == 4
    await second.close()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two tries there is no time to wait."""
    monkeypatch.setattr(store_writer, "_RETRY_S", (0, 0, 0))


async def test_a_damaged_record_becomes_a_dead_letter_and_others_go_on(
    flow: LogReaders,
) -> None:
    await flow.take_in_values(1, 2)
    whole = (await flow.bus.read(0, 1 << 20))[0].blob
    damaged = whole[:-1] + bytes([whole[-1] ^ 1])
    for blob in (damaged, b"", b"something else"):
        await flow.bus.append(blob)
    await flow.take_in_values(3)
    await flow.write()
    assert (flow.in_windows(), flow.worker.offset) == (3, 5)
    assert (await flow.stored_values(), flow.writer.offset) == ([1, 2, 3], 5)
    letters = flow.bus.dead_letters()
    assert [(each.id, each.group, each.rows) for each in letters] == [
        (2, "store", None),
        (3, "store", None),
        (4, "store", None),
    ]
    assert "fails its checksum" in letters[0].reason
    assert "cannot be read any more" in letters[1].reason
    assert [each.size for each in letters] == [len(damaged), 0, len(b"something else")]
    assert {each.at for each in letters} == {NOW}
    assert flow.writer.failures == 0


async def test_only_damaged_records_are_passed_too(flow: LogReaders) -> None:
    await flow.bus.append(b"no batch")
    await flow.write()
    assert (flow.writer.offset, flow.worker.offset) == (1, 1)
    assert len(flow.bus.dead_letters()) == 1


@pytest.mark.usefixtures("at_once")
async def test_a_record_that_the_store_refuses_is_kept_apart_and_the_others_are_stored_once(
    flow: LogReaders,
) -> None:
    for values in ((1.0, 2.0), (3.0, POISON), (4.0,), (POISON,), (5.0, 6.0)):
        await flow.take_in_values(*values)
    await flow.write()
    assert await flow.stored_values() == [1, 2, 4, 5, 6]
    letters = flow.bus.dead_letters()
    assert [(each.id, each.rows) for each in letters] == [(2, 2), (4, 1)]
    assert letters[0].reason == "the store refused it: 13 is no number of mine"
    assert (flow.writer.offset, flow.writer.failures) == (5, 0)
    # Three more tries of all together, and one of each by itself.
    assert flow.store.refused == 4 + 2
    await flow.take_in_values(7)
    await flow.write()
    assert await flow.stored_values() == [1, 2, 4, 5, 6, 7]


@pytest.mark.usefixtures("at_once")
async def test_the_catalogue_of_what_was_set_apart_is_stored_too(
    flow: LogReaders,
) -> None:
    await flow.take_in(NOW, name="first")
    await flow.take_in_values(POISON)
    await flow.take_in(NOW, name="last")
    await flow.write()
    await flow.store.flush()
    loaded = Catalogue()
    await flow.store.load(loaded)
    assert set(loaded.metrics) >= {"first", "last"}
    assert [key.name for key in loaded.keys] == [key.name for key in flow.catalogue.keys]


@pytest.mark.usefixtures("at_once")
async def test_increases_are_those_of_what_is_stored(flow: LogReaders) -> None:
    for values in ((1.0, 4.0), (POISON,), (20.0,)):
        await flow.take_in_values(*values, kind=MetricType.CUMULATIVE)
        flow.clock.advance(5)
    await flow.write()
    series = flow.catalogue.select("m", {}, [], increases=True).series
    found = await flow.store.rows_of(series, 0, 2 * NOW)
    again = Increases(flow.store, flow.catalogue, flow.clock, KEPT[Level.RAW])
    samples = await flow.store.rows_of(flow.catalogue.select("m", {}, []).series, 0, 2 * NOW)
    expected = await again.of(samples)
    assert sorted(samples.value.tolist()) == [1, 4, 20]
    assert found.value.sum() == expected.value.sum() == 19


async def test_what_late_totals_change_is_told_although_they_were_on_their_way_to_the_store(
    flow: LogReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flow.take_in(NOW - 20 * MINUTE_MS, NOW, kind=MetricType.CUMULATIVE)
    await flow.write()
    # The store gets one batch after the other, and both are folded before it has either.
    monkeypatch.setattr(store_writer, "_MOST_ROWS", 1)
    later, earlier = NOW - 30 * MINUTE_MS, NOW - 31 * MINUTE_MS
    for at in (later, earlier):
        await flow.take_in(at, kind=MetricType.CUMULATIVE)
        await flow.worker.catch_up()
    folded = flow.windows.position
    late: list[int] = []
    flow.windows.on_late(lambda series: late.extend(series.tolist()))
    await flow.writer.flush()
    told = flow.windows.changes_since(folded)
    assert told is not None
    (companion,) = flow.catalogue.select("m", {}, [], increases=True).series.tolist()
    cells = {
        cell
        for change in told
        for cell in zip(change.series.tolist(), change.second.tolist(), strict=True)
    }
    assert (companion, later) in cells
    assert {change.offset for change in told} == {flow.writer.offset}
    assert companion in late


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("fault", ["is_full", "is_broken"])
async def test_a_store_that_is_down_makes_no_dead_letters(flow: LogReaders, fault: str) -> None:
    setattr(flow.store, fault, True)
    await flow.take_in_values(1, 2)
    await flow.worker.catch_up()
    trying = asyncio.create_task(flow.writer.flush())

    async def has_tried() -> bool:
        return flow.store.refused > 20

    assert await eventually_async(has_tried)
    assert flow.writer.failures > 10
    setattr(flow.store, fault, False)
    await trying
    assert flow.bus.dead_letters() == []
    assert await flow.stored_values() == [1, 2]


@pytest.mark.usefixtures("at_once")
async def test_where_no_more_dead_letters_may_be_kept_the_log_keeps_the_record(
    flow: LogReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouped, "MOST_DEAD", 1)
    await flow.bus.append(b"no batch")
    await flow.bus.append(b"none either")
    await flow.take_in_values(1)
    await flow.worker.catch_up()
    trying = asyncio.create_task(flow.writer.flush())

    async def has_tried() -> bool:
        return flow.writer.failures > 5

    assert await eventually_async(has_tried)
    assert [each.id for each in flow.bus.dead_letters()] == [1]
    assert (flow.writer.offset, await flow.stored_values()) == (0, [])
    await flow.bus.drop(1)
    await trying
    assert [each.id for each in flow.bus.dead_letters()] == [2]
    assert await flow.stored_values() == [1]


@pytest.mark.usefixtures("at_once")
async def test_a_replayed_record_is_stored_once_the_store_takes_it(
    flow: LogReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flow.take_in_values(1, POISON)
    await flow.write()
    await flow.bus.replay(1)
    await flow.write()
    # Nothing has changed: it is refused again, as another record.
    assert [each.id for each in flow.bus.dead_letters()] == [2]
    monkeypatch.setattr(flow.store, "poison", -1.0)
    await flow.bus.replay(2)
    await flow.write()
    assert flow.bus.dead_letters() == []
    assert await flow.stored_values() == [1, 13]


@pytest.mark.parametrize(("damaged_at", "is_kept"), [(-1, False), (15, True)])
async def test_of_a_damaged_record_what_happened_is_kept_only_if_nobody_could_read_it(
    flow: LogReaders, damaged_at: int, is_kept: bool
) -> None:
    await flow.take_in_values(1, activity=b"somebody signed in")
    blob = bytearray((await flow.bus.read(0, 1 << 20))[0].blob)
    blob[damaged_at] ^= 1
    await flow.bus.append(bytes(blob))
    await flow.write()
    (letter,) = flow.bus.dead_letters()
    await flow.bus.replay(letter.id)
    (*_, again) = await flow.bus.read(0, 1 << 20)
    assert again.blob == (bytes(blob) if is_kept else without_activity(bytes(blob)))
    assert letter.size == len(again.blob)


@pytest.mark.parametrize("fault", ["empty", "error"])
async def test_the_readers_go_on_once_the_log_can_be_read_again(
    flow: LogReaders, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(reading, "AGAIN_S", 0.01)
    flow.bus.fault = fault
    working = [asyncio.create_task(part.run()) for part in (flow.worker, flow.writer)]
    await flow.take_in_values(1)

    async def has_tried() -> bool:
        return flow.bus.reads > 3

    assert await eventually_async(has_tried)
    flow.bus.fault = ""

    async def has_stored() -> bool:
        return await flow.stored_values() == [1]

    assert await eventually_async(has_stored)
    working[0].cancel()
    flow.writer.stop()
    await asyncio.wait(working)
    assert working[1].exception() is None


@pytest.mark.parametrize("fault", ["empty", "error"])
async def test_a_damaged_record_that_cannot_be_read_now_is_set_apart_later(
    flow: LogReaders, fault: str
) -> None:
    await flow.bus.append(b"no batch")
    await flow.take_in_values(1)
    await flow.worker.catch_up()
    flow.bus.fault = fault
    await flow.writer.flush()
    assert (flow.writer.offset, flow.bus.dead_letters()) == (0, [])
    flow.bus.fault = ""
    await flow.writer.flush()
    assert [letter.id for letter in flow.bus.dead_letters()] == [1]
    assert await flow.stored_values() == [1]


@pytest.mark.usefixtures("at_once")
async def test_what_happened_does_not_happen_again_when_rows_are_replayed(
    flow: LogReaders,
) -> None:
    await flow.take_in_values(POISON, activity=b"somebody signed in")
    await flow.write()
    await flow.bus.replay(1)
    first, again = await flow.bus.read(0, 1 << 20)
    assert activity_of(first.blob) == b"somebody signed in"
    assert activity_of(again.blob) == b""

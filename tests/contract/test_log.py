"""What every log promises. A further kind of log is one more `Kind` in `KINDS`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from nowline.bus import grouped
from nowline.bus.base import DeadLetter, Log
from nowline.bus.embedded import EmbeddedLog
from nowline.bus.logfile import LogFile
from nowline.bus.redis import RedisLog
from nowline.errors import Code, NowlineError
from redis_server import durable_redis
from small_disk import mounted

ALL = 1 << 30


@dataclass(frozen=True)
class Kind:
    """How to open the log that lives in a folder, again and again."""

    name: str
    open: Callable[[Path], Awaitable[Log]]


async def _open_embedded(folder: Path) -> Log:
    return await EmbeddedLog.open(folder / "log.sqlite")


async def _open_redis(folder: Path) -> Log:
    place = folder / "url"
    if not place.exists():
        place.write_text(durable_redis().database())
    return await RedisLog.open(place.read_text(), folder / "holder")


EMBEDDED = Kind("embedded", _open_embedded)
KINDS = [EMBEDDED, Kind("redis", _open_redis)]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
async def log(kind: Kind, tmp_path: Path) -> AsyncIterator[Log]:
    opened = await kind.open(tmp_path)
    yield opened
    await opened.close()


async def contents(log: Log, after: int = 0) -> list[tuple[int, bytes]]:
    return [(record.offset, record.blob) for record in await log.read(after, ALL)]


async def test_an_empty_log(log: Log) -> None:
    assert log.head == 0
    assert await log.read(0, ALL) == []
    assert await log.committed("store") == 0
    state = log.state()
    assert (state.head, state.depth, state.pending_bytes) == (0, {}, 0)


async def test_what_is_appended_is_read_in_order(log: Log) -> None:
    blobs = [b"", b"one", bytes(range(256)), b"x" * 100_000]
    offsets = [await log.append(blob) for blob in blobs]
    assert offsets == [1, 2, 3, 4]
    assert log.head == 4
    assert await contents(log) == list(zip(offsets, blobs, strict=True))
    assert await contents(log, 2) == [(3, blobs[2]), (4, blobs[3])]
    assert await contents(log, 4) == []
    assert await contents(log, 99) == []


async def test_appends_at_the_same_time_get_offsets_in_the_order_of_the_calls(log: Log) -> None:
    blobs = [str(i).encode() for i in range(500)]
    offsets = await asyncio.gather(*map(log.append, blobs))
    assert offsets == list(range(1, 501))
    assert await contents(log) == list(zip(offsets, blobs, strict=True))
    assert log.state().pending_bytes == 0


async def test_an_offset_is_given_only_to_what_can_be_read(log: Log) -> None:
    async def append(number: int) -> None:
        offset = await log.append(b"%d" % number)
        assert log.head >= offset
        assert await contents(log, offset - 1) >= [(offset, b"%d" % number)]

    await asyncio.gather(*map(append, range(200)))


async def test_a_read_stops_once_its_limit_is_reached(log: Log) -> None:
    for _ in range(5):
        await log.append(b"x" * 100)
    for limit, count in ((0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (201, 3), (ALL, 5)):
        assert [r.offset for r in await log.read(0, limit)] == list(range(1, count + 1))
    assert [record.offset for record in await log.read(3, 101)] == [4, 5]


async def test_a_reader_that_is_far_behind_gets_everything(kind: Kind, log: Log) -> None:
    blobs = [bytes([i]) * (1 << 20) for i in range(20)]
    await asyncio.gather(*map(log.append, blobs))
    read: list[bytes] = []
    after = 0
    while records := await log.read(after, 3 << 20):
        read += [record.blob for record in records]
        after = records[-1].offset
    assert read == blobs
    assert kind.name


async def test_a_blob_of_any_size_is_taken_when_nothing_waits(log: Log) -> None:
    blob = bytes(65 << 20)
    assert await log.append(blob) == 1
    (record,) = await log.read(0, 1)
    assert record.blob == blob


async def test_more_than_can_wait_is_refused_and_may_come_again(log: Log) -> None:
    blob = bytes(16 << 20)
    done = await asyncio.gather(*(log.append(blob) for _ in range(6)), return_exceptions=True)
    refused = [error for error in done if isinstance(error, NowlineError)]
    taken = [offset for offset in done if isinstance(offset, int)]
    assert [(error.code, bool(error.retry_after_s)) for error in refused] == [
        (Code.UNAVAILABLE, True)
    ] * len(refused)
    assert refused
    assert taken == list(range(1, len(taken) + 1))
    assert await log.append(b"later") == len(taken) + 1


async def test_wait_returns_when_there_is_more(log: Log) -> None:
    await log.append(b"one")
    await asyncio.wait_for(log.wait(0), 5)
    waiting = [asyncio.create_task(log.wait(after)) for after in (1, 1, 2)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    await log.append(b"two")
    await asyncio.wait_for(asyncio.gather(*waiting[:2]), 5)
    assert not waiting[2].done()
    await log.append(b"three")
    await asyncio.wait_for(waiting[2], 5)


async def test_a_wait_that_is_cancelled_disturbs_nobody(log: Log) -> None:
    gone, waiting = (asyncio.create_task(log.wait(0)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await log.append(b"one")
    await asyncio.wait_for(waiting, 5)


async def test_an_appender_that_goes_away_takes_nobody_with_it(log: Log) -> None:
    tasks = [asyncio.create_task(log.append(b"%d" % i)) for i in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in done] == [True, False] * 5
    after = await log.append(b"after")
    # It was on its way when its caller went: it is in the log, and in its place.
    assert [blob for _, blob in await contents(log)] == [b"%d" % i for i in range(10)] + [b"after"]
    assert after == 11


async def test_each_group_has_its_own_offset(log: Log) -> None:
    for _ in range(3):
        await log.append(b"x")
    await log.commit("store", 2)
    await log.commit("alerts", 1)
    assert [await log.committed(group) for group in ("store", "alerts", "new")] == [2, 1, 0]
    assert log.state().depth == {"store": 1, "alerts": 2}


async def test_everything_is_there_after_a_restart(kind: Kind, tmp_path: Path) -> None:
    log = await kind.open(tmp_path)
    identity = log.id
    await asyncio.gather(*(log.append(b"%d" % i) for i in range(10)))
    await log.commit("store", 4)
    await log.close()
    again = await kind.open(tmp_path)
    assert (again.id, again.head, await again.committed("store")) == (identity, 10, 4)
    assert await contents(again, 4) == [(i + 1, b"%d" % i) for i in range(4, 10)]
    assert await again.append(b"more") == 11
    await again.close()


async def test_a_close_finishes_the_appends_under_way(kind: Kind, tmp_path: Path) -> None:
    log = await kind.open(tmp_path)
    appends = [asyncio.create_task(log.append(b"%d" % i)) for i in range(50)]
    await asyncio.sleep(0)
    await log.close()
    assert await asyncio.gather(*appends) == list(range(1, 51))
    again = await kind.open(tmp_path)
    assert len(await contents(again)) == 50
    await again.close()


class _Exhausted:
    """A log whose next writes meet an error that nobody foresaw, before or after they are done."""

    faults: list[str]

    async def _persist(self, first: int, blobs: Sequence[bytes], letters: Sequence[int]) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise MemoryError
        await super()._persist(first, blobs, letters)  # type: ignore[misc]
        if fault == "after":
            raise MemoryError


class ExhaustedEmbedded(_Exhausted, EmbeddedLog):
    pass


class ExhaustedRedis(_Exhausted, RedisLog):
    pass


async def _open_exhausted(kind: Kind, folder: Path) -> ExhaustedEmbedded | ExhaustedRedis:
    made: ExhaustedEmbedded | ExhaustedRedis
    if kind is EMBEDDED:
        made = cast("ExhaustedEmbedded", await ExhaustedEmbedded.open(folder / "log.sqlite"))
    else:
        made = await ExhaustedRedis.open(durable_redis().database(), folder / "holder")
    made.faults = []
    return made


async def _outcomes(log: Log, *blobs: bytes) -> list[int | Code]:
    done = await asyncio.wait_for(
        asyncio.gather(*map(log.append, blobs), return_exceptions=True), timeout=20
    )
    return [each.code if isinstance(each, NowlineError) else cast("int", each) for each in done]


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_an_error_that_nobody_foresaw_leaves_no_append_waiting(
    kind: Kind, tmp_path: Path, fault: str
) -> None:
    log = await _open_exhausted(kind, tmp_path)
    assert await _outcomes(log, b"one") == [1]
    log.faults = [fault]
    outcomes = await _outcomes(log, b"two", b"three")
    assert outcomes in ([2, 3], [Code.UNAVAILABLE] * 2)
    assert log.state().pending_bytes == 0
    (last,) = await _outcomes(log, b"last")
    there = [b"two", b"three"] if outcomes == [2, 3] else []
    expected = list(enumerate([b"one", *there, b"last"], 1))
    assert last == len(expected)
    assert await contents(log) == expected
    assert [(each.offset, each.blob) for each in await log._fetch(0, ALL)] == expected
    await log.close()


async def test_a_replay_that_fails_may_come_again(kind: Kind, tmp_path: Path) -> None:
    log = await _open_exhausted(kind, tmp_path)
    await log.bury(letter(7, b"seven"), b"seven")
    log.faults = ["before"]
    with pytest.raises(NowlineError) as refused:
        await asyncio.wait_for(log.replay(7), timeout=20)
    assert refused.value.code is Code.UNAVAILABLE
    assert await log.replay(7) == 1
    assert (log.dead_letters(), log.state().dead_bytes) == ([], 0)
    await log.close()


async def test_a_replay_that_was_done_all_the_same_is_done_once(tmp_path: Path) -> None:
    log = await _open_exhausted(EMBEDDED, tmp_path)
    await log.bury(letter(7, b"seven"), b"seven")
    log.faults = ["after"]
    assert await asyncio.wait_for(log.replay(7), timeout=20) == 1
    assert (log.dead_letters(), log.state().dead_bytes) == ([], 0)
    assert await contents(log) == [(1, b"seven")]
    await log.close()


async def test_a_writer_that_is_stopped_leaves_no_append_waiting(
    kind: Kind, tmp_path: Path
) -> None:
    log = await _open_exhausted(kind, tmp_path)
    await log.append(b"one")
    appends = [asyncio.create_task(log.append(blob)) for blob in (b"two", b"three")]
    await asyncio.sleep(0)
    assert log._writer is not None
    await asyncio.sleep(0)
    appends.append(asyncio.create_task(log.append(b"four")))
    await asyncio.sleep(0)
    log._writer.cancel()
    done, _ = await asyncio.wait(appends, timeout=20)
    assert done == set(appends)
    assert [getattr(each.exception(), "code", None) for each in appends] == [Code.UNAVAILABLE] * 3
    assert log.state().pending_bytes == 0
    # What was on its way may be there, as records of their own, or not.
    last = await asyncio.wait_for(log.append(b"last"), timeout=20)
    assert last in (2, 4)
    offsets = [offset for offset, _ in await contents(log)]
    assert offsets == list(range(1, last + 1))
    assert await contents(log, last - 1) == [(last, b"last")]
    await log.close()


async def test_an_append_to_a_log_that_was_closed_is_refused(tmp_path: Path) -> None:
    log = await EMBEDDED.open(tmp_path)
    await log.close()
    assert await _outcomes(log, b"late") == [Code.UNAVAILABLE]


async def test_what_nobody_was_told_of_is_not_read(tmp_path: Path) -> None:
    log = await EMBEDDED.open(tmp_path)
    await log.append(b"one")
    await log.close()
    log = await EMBEDDED.open(tmp_path)
    with closing(LogFile(tmp_path / "log.sqlite")) as file:
        file.append(2, [b"two"])
    assert await contents(log) == [(1, b"one")]
    await log.close()


async def test_what_all_groups_are_done_with_goes_and_its_offsets_stay_used(
    kind: Kind, tmp_path: Path
) -> None:
    log = await kind.open(tmp_path)
    await asyncio.gather(*(log.append(b"%d" % i) for i in range(200)))
    await log.commit("alerts", 150)
    await log.commit("store", 200)
    await log.close()
    again = await kind.open(tmp_path)
    assert [offset for offset, _ in await contents(again)] == list(range(151, 201))
    await again.commit("alerts", 200)
    await again.close()
    emptied = await kind.open(tmp_path)
    assert (await contents(emptied), emptied.head) == ([], 200)
    assert await emptied.append(b"next") == 201
    await emptied.close()


async def test_a_group_that_is_new_finds_everything(kind: Kind, tmp_path: Path) -> None:
    log = await kind.open(tmp_path)
    for group in ("store", "events"):
        log.join(group)
    for number in range(200):
        await log.append(b"%d" % number)
    await log.commit("store", 200)
    await log.close()
    log = await kind.open(tmp_path)
    log.join("events")
    assert await log.committed("events") == 0
    assert log.state().depth == {"store": 0, "events": 200}
    assert len(await contents(log)) == 200
    await log.close()


async def test_a_group_may_be_set_back_and_reads_again_what_is_there(log: Log) -> None:
    await asyncio.gather(*(log.append(b"x") for _ in range(100)))
    await log.commit("store", 50)
    await log.commit("store", 0)
    assert await log.committed("store") == 0
    await asyncio.gather(*(log.append(b"x") for _ in range(100)))
    assert [offset for offset, _ in await contents(log, 50)] == list(range(51, 201))


async def test_another_folder_is_another_log(kind: Kind, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    logs = [await kind.open(one), await kind.open(other)]
    assert logs[0].id != logs[1].id
    for log in logs:
        await log.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    with mounted(tmp_path / "disk", 4) as folder:
        yield folder


async def append_until_refused(log: Log) -> tuple[list[tuple[int, bytes]], NowlineError]:
    """What was taken before the first refusal, and that."""
    taken: list[tuple[int, bytes]] = []
    for number in range(100):
        blob = bytes([number]) * 100_000
        try:
            taken.append((await log.append(blob), blob))
        except NowlineError as error:
            return taken, error
    raise AssertionError("the disk does not get full")


async def test_a_full_disk_is_said_and_gets_over(small_disk: Path) -> None:
    kind = EMBEDDED
    log = await kind.open(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2 << 20))
    taken, refusal = await append_until_refused(log)
    assert refusal.code is Code.DISK_FULL
    assert log.state().pending_bytes == 0
    together = await asyncio.gather(
        *(log.append(bytes(100_000)) for _ in range(20)), return_exceptions=True
    )
    assert {getattr(error, "code", None) for error in together} == {Code.DISK_FULL}
    # A commit that cannot be written down is no failure: it only comes later.
    await log.commit("store", log.head)
    filler.unlink()
    taken.append((await log.append(b"there is room again"), b"there is room again"))
    assert [offset for offset, _ in taken] == list(range(1, len(taken) + 1))
    assert await contents(log) == taken
    await log.commit("store", 1)
    await log.close()
    again = await kind.open(small_disk)
    assert await contents(again, 1) == taken[1:]
    await again.close()


async def test_a_trim_that_finds_no_room_stops_nothing(small_disk: Path) -> None:
    kind = EMBEDDED
    log = await kind.open(small_disk)
    offsets = await asyncio.gather(*(log.append(bytes(1_000)) for _ in range(200)))
    (small_disk / "filler").write_bytes(bytes(_room(small_disk)))
    await log.commit("store", offsets[-1])
    (small_disk / "filler").unlink()
    assert await log.append(b"more") == 201
    await log.commit("store", 201)
    await log.close()
    again = await kind.open(small_disk)
    assert (await contents(again), await again.committed("store")) == ([], 201)
    await again.close()


def _room(folder: Path) -> int:
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize


async def test_offsets_that_a_group_knows_and_the_log_does_not_are_not_given_again(
    kind: Kind, tmp_path: Path
) -> None:
    log = await kind.open(tmp_path)
    await log.append(b"one")
    await log.commit("store", 70)
    assert (log.head, await log.read(1, ALL)) == (70, [])
    assert log.state().depth == {"store": 0}
    assert await log.append(b"next") == 71
    assert await contents(log, 70) == [(71, b"next")]
    await log.close()
    again = await kind.open(tmp_path)
    assert (again.head, await again.committed("store")) == (71, 70)
    assert await contents(again, 1) == [(71, b"next")]
    await again.close()


async def test_it_tells_for_how_long_a_record_has_waited(log: Log) -> None:
    assert log.waiting_s(0) == 0
    await log.append(b"one")
    first = log.waiting_s(0)
    assert 0 <= first < 5
    await log.append(b"two")
    assert log.waiting_s(0) >= first
    assert log.waiting_s(2) == 0
    await log.commit("store", 2)
    assert log.waiting_s(2) == 0


def letter(number: int, blob: bytes = b"", group: str = "store") -> DeadLetter:
    return DeadLetter(number, group, "it is not whole", 1_000 * number, 3, len(blob))


async def test_dead_letters_are_kept_and_listed(kind: Kind, tmp_path: Path) -> None:
    log = await kind.open(tmp_path)
    assert log.dead_letters() == []
    blobs = {7: b"seven", 3: bytes(range(256)), 5: b""}
    for number, blob in blobs.items():
        await log.bury(letter(number, blob), blob)
    await log.bury(letter(9, b"?", "alerts"), b"?")
    listed = [letter(3, blobs[3]), letter(5), letter(7, b"seven"), letter(9, b"?", "alerts")]
    assert log.dead_letters() == listed
    state = log.state()
    assert (state.dead, state.dead_bytes) == ({"store": 3, "alerts": 1}, 262)
    await log.close()
    again = await kind.open(tmp_path)
    assert again.dead_letters() == listed
    assert again.state().dead_bytes == 262
    await again.close()


async def test_a_record_dies_once(log: Log) -> None:
    await log.bury(letter(7, b"first"), b"first")
    await log.bury(letter(7, b"second", "alerts"), b"second")
    assert log.dead_letters() == [letter(7, b"first")]
    await log.replay(7)
    assert await contents(log) == [(1, b"first")]


async def test_a_replayed_letter_is_in_the_log_and_gone(kind: Kind, tmp_path: Path) -> None:
    log = await kind.open(tmp_path)
    await log.append(b"one")
    for number, blob in ((7, b"seven"), (8, b"eight")):
        await log.bury(letter(number, blob), blob)
    assert await log.replay(7) == 2
    assert log.dead_letters() == [letter(8, b"eight")]
    with pytest.raises(NowlineError) as missing:
        await log.replay(7)
    assert missing.value.code is Code.NOT_FOUND
    await log.close()
    again = await kind.open(tmp_path)
    assert again.dead_letters() == [letter(8, b"eight")]
    assert await contents(again) == [(1, b"one"), (2, b"seven")]
    await again.close()


async def test_of_many_replays_of_one_letter_one_appends_it(log: Log) -> None:
    await log.bury(letter(7, b"seven"), b"seven")
    done = await asyncio.gather(log.replay(7), log.replay(7), log.drop(7), return_exceptions=True)
    assert done[0] == 1
    assert [getattr(error, "code", None) for error in done[1:]] == [Code.CONFLICT] * 2
    assert await contents(log) == [(1, b"seven")]
    assert log.dead_letters() == []


async def test_a_replay_whose_caller_goes_away_is_done_once_or_not_at_all(log: Log) -> None:
    for steps in range(20):
        await log.bury(letter(1_000 + steps, b"%d" % steps), b"%d" % steps)
        leaving = asyncio.create_task(log.replay(1_000 + steps))
        for _ in range(steps):
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    await log.append(b"next")
    replayed = [int(blob) for _, blob in await contents(log) if blob != b"next"]
    left = [each.id - 1_000 for each in log.dead_letters()]
    assert sorted(replayed + left) == list(range(20))
    for each in left:
        await log.replay(1_000 + each)
    assert len(await contents(log)) == 21


async def test_a_dropped_letter_is_gone_for_good(kind: Kind, tmp_path: Path) -> None:
    log = await kind.open(tmp_path)
    await log.bury(letter(7, b"seven"), b"seven")
    await log.drop(7)
    assert (log.dead_letters(), log.state().dead_bytes) == ([], 0)
    with pytest.raises(NowlineError) as missing:
        await log.drop(7)
    assert missing.value.code is Code.NOT_FOUND
    await log.close()
    again = await kind.open(tmp_path)
    assert (again.dead_letters(), await contents(again)) == ([], [])
    await again.close()


async def test_there_is_a_limit_to_dead_letters(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouped, "MOST_DEAD_BYTES", 10)
    monkeypatch.setattr(grouped, "MOST_DEAD", 2)
    # One alone may be of any size: nobody could ever read on otherwise.
    await log.bury(letter(1, b"more than ten"), b"more than ten")
    with pytest.raises(NowlineError) as full:
        await log.bury(letter(2), b"")
    assert full.value.code is Code.DISK_FULL
    await log.drop(1)
    await log.bury(letter(3, b"1"), b"1")
    await log.bury(letter(4, b"1"), b"1")
    with pytest.raises(NowlineError):
        await log.bury(letter(5), b"")
    assert [each.id for each in log.dead_letters()] == [3, 4]

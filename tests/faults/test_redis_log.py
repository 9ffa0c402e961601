"""A log whose Redis is killed, hangs, is full or forgets; and servers that take turns on one."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nowline.bus import redis as module
from nowline.bus import redis_link
from nowline.bus.base import DeadLetter
from nowline.bus.redis import RedisLog
from nowline.errors import Code, NowlineError
from polling import eventually_async
from redis_server import DURABLE, PASSWORD, RedisServer

ALL = 1 << 30
APPENDERS = 8


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer("", *DURABLE)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def forgetful() -> Iterator[RedisServer]:
    """One that has nothing on disk."""
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@asynccontextmanager
async def opened(
    redis: RedisServer, folder: Path, holder: str = "holder", lease_s: float = 10
) -> AsyncIterator[RedisLog]:
    log = await RedisLog.open(redis.url, folder / holder, lease_s)
    try:
        yield log
    finally:
        await log.close()


async def contents(log: RedisLog, after: int = 0) -> list[tuple[int, bytes]]:
    """What Redis itself has."""
    found = []
    while records := await log._fetch(after, 1 << 20):
        found += [(record.offset, record.blob) for record in records]
        after = records[-1].offset
    return found


async def is_up(log: RedisLog) -> None:
    async def up() -> bool:
        return log.state().fault is None

    assert await eventually_async(up)


async def is_down(log: RedisLog) -> None:
    async def down() -> bool:
        return log.state().fault is not None

    assert await eventually_async(down)


class Load:
    """Appends one after the other by several, each blob another one."""

    def __init__(self, log: RedisLog) -> None:
        self.taken: dict[int, bytes] = {}
        self.refused: list[bytes] = []
        self._log = log
        self._is_over = False
        self._tasks = [asyncio.create_task(self._append(n)) for n in range(APPENDERS)]

    async def grows(self, by: int) -> None:
        enough = len(self.taken) + by

        async def is_enough() -> bool:
            return len(self.taken) >= enough

        assert await eventually_async(is_enough, within_s=30)

    async def end(self) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def _append(self, appender: int) -> None:
        chance = random.Random(appender)
        number = 0
        while not self._is_over:
            number += 1
            blob = b"%d.%d " % (appender, number) + bytes(chance.randint(0, 2_000))
            try:
                offset = await self._log.append(blob)
            except NowlineError:
                self.refused.append(blob)
                await asyncio.sleep(0.01)
            else:
                assert offset not in self.taken
                self.taken[offset] = blob


async def test_nothing_acknowledged_is_missing_or_there_twice_when_redis_is_killed(
    redis: RedisServer, tmp_path: Path
) -> None:
    async with opened(redis, tmp_path) as log:
        load = Load(log)
        for number in range(6):
            await load.grows(100 + number * 37)
            redis.kill()
            await is_down(log)
            redis.start()
            await is_up(log)
        await load.grows(100)
        await load.end()
        assert load.refused == []
        assert await contents(log) == sorted(load.taken.items())


async def test_what_was_refused_is_not_there_and_may_come_again(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    async with opened(redis, tmp_path) as log:
        load = Load(log)
        await load.grows(100)
        redis.kill()

        async def is_refused() -> bool:
            return len(load.refused) > 2 * APPENDERS

        assert await eventually_async(is_refused)
        assert log.state().pending_bytes <= APPENDERS * 3_000
        redis.start()
        await is_up(log)
        await load.grows(100)
        await load.end()
        assert await contents(log) == sorted(load.taken.items())
        assert not set(load.refused) & set(load.taken.values())


async def test_an_append_whose_answer_was_lost_is_there_once(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis hangs with appends on their way, and does them when nobody waits for that any more."""
    monkeypatch.setattr(redis_link, "_ANSWER_S", 0.1)
    async with opened(redis, tmp_path) as log:
        await log.append(b"before")
        redis.pause()
        lost = [asyncio.create_task(log.append(b"%d" % n)) for n in range(5)]
        await is_down(log)
        redis.go_on()
        assert await asyncio.gather(*lost) == [2, 3, 4, 5, 6]
        assert await log.append(b"after") == 7
        blobs = [blob for _, blob in await contents(log)]
        assert blobs == [b"before", b"0", b"1", b"2", b"3", b"4", b"after"]


async def test_what_redis_does_of_a_refused_append_is_undone(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "_ANSWER_S", 0.1)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.1)
    async with opened(redis, tmp_path) as log:
        await log.append(b"before")
        redis.pause()
        with pytest.raises(NowlineError) as refused:
            await log.append(b"refused")
        assert (refused.value.code, refused.value.retry_after_s) == (Code.UNAVAILABLE, 2)
        redis.go_on()
        await is_up(log)
        assert await log.append(b"after") == 2
        assert await contents(log) == [(1, b"before"), (2, b"after")]


async def test_what_redis_forgot_is_appended_again_from_memory(
    forgetful: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(forgetful, tmp_path) as log:
        identity = log.id
        for number in range(10):
            await log.append(b"%d" % number)
        await log.commit("store", 4)
        forgetful.kill()
        forgetful.start()
        assert await log.append(b"after") == 11
        rest = [(n + 1, b"%d" % n) for n in range(4, 10)]
        assert await contents(log) == [*rest, (11, b"after")]
        assert "lost 6 records; 0 of them are not in memory" in caplog.text
    async with opened(forgetful, tmp_path) as again:
        assert (again.id, again.head, await again.committed("store")) == (identity, 11, 4)


async def test_what_is_not_in_memory_either_is_left_as_an_empty_record(
    forgetful: RedisServer, tmp_path: Path
) -> None:
    async with opened(forgetful, tmp_path) as log:
        for _ in range(3):
            await log.append(bytes(2 << 20))
        with forgetful.client() as client:
            client.flushall()
        assert await log.append(b"after") == 4
        assert [len(blob) for _, blob in await contents(log)] == [0, 2 << 20, 2 << 20, 5]


async def test_a_full_redis_is_said_and_gets_over(tmp_path: Path) -> None:
    redis = RedisServer("8mb", *DURABLE)
    redis.start()
    try:
        async with opened(redis, tmp_path) as log:
            blobs = [bytes([number]) * 200_000 for number in range(100)]
            done = [await _outcome(log, blob) for blob in blobs]
            taken = [offset for offset in done if isinstance(offset, int)]
            assert taken == list(range(1, len(taken) + 1))
            assert set(done[len(taken) :]) == {Code.DISK_FULL}
            assert taken
            assert await contents(log) == list(enumerate(blobs[: len(taken)], 1))
            assert log.state().fault is None
            # What makes room works all the same.
            await log.bury(DeadLetter(3, "store", "why", 0, 1, 1), b"x")
            await log.commit("alerts", log.head)
            await log.commit("store", log.head)
            assert await log._save({"store": log.head, "alerts": log.head})
            assert await log.append(b"there is room again") == len(taken) + 1
    finally:
        redis.remove()


async def _outcome(log: RedisLog, blob: bytes) -> int | Code:
    try:
        return await log.append(blob)
    except NowlineError as refusal:
        return refusal.code


async def test_a_server_that_dies_is_followed_by_another_once_its_lease_is_over(
    redis: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = await RedisLog.open(redis.url, tmp_path / "one", 0.5)
    for number in range(5):
        await log.append(b"%d" % number)
    await log.commit("store", 2)
    assert await log._save({"store": 2})
    # It does not renew its lease any more, as if its machine stood still.
    log._keeper.cancel()
    async with opened(redis, tmp_path, "two", 0.5) as other:
        assert "waiting" in caplog.text
        assert (other.id, other.head, await other.committed("store")) == (log.id, 5, 2)
        assert await contents(other) == [(3, b"2"), (4, b"3"), (5, b"4")]
        assert await other.append(b"of the other") == 6
        # The first one wakes up: it must not write between the other's records.
        log._keeper = asyncio.create_task(log._link.keep(log.id, lambda: log._head, log._missing))
        log._keeper.add_done_callback(lambda _: log._grown.set())
        with pytest.raises(NowlineError) as refused:
            await log.append(b"too late")
        assert refused.value.code is Code.UNAVAILABLE
        with pytest.raises(NowlineError, match="was taken over by"):
            await log.wait(log.head)
        assert await contents(other, 5) == [(6, b"of the other")]
        await log.close()
        assert await other.append(b"more") == 7


async def test_a_server_is_refused_while_another_one_lives(
    redis: RedisServer, tmp_path: Path
) -> None:
    async with opened(redis, tmp_path, "one", 0.3) as log:
        with pytest.raises(NowlineError, match=r"used by another server, .* \(pid ") as refused:
            await RedisLog.open(redis.url, tmp_path / "two", 0.3)
        assert refused.value.code is Code.CONFLICT
        assert await log.append(b"x") == 1


async def test_a_server_that_was_killed_and_starts_again_waits_for_nobody(
    redis: RedisServer, tmp_path: Path
) -> None:
    log = await RedisLog.open(redis.url, tmp_path / "holder", 3_600)
    log._keeper.cancel()
    async with opened(redis, tmp_path, lease_s=3_600) as again:
        assert await again.append(b"x") == 1
    # One that stops lets the next in at once, whoever that is.
    async with opened(redis, tmp_path, "another", 3_600) as other:
        assert await other.append(b"y") == 2
    await log._link._disconnect()


async def test_what_it_does_not_promise_is_said(
    redis: RedisServer, forgetful: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with opened(redis, tmp_path) as log:
        assert log.state().warnings == ()
        assert "appendfsync always: what is acknowledged survives" in caplog.text
    async with opened(forgetful, tmp_path) as log:
        (warning,) = log.state().warnings
        assert warning.startswith("The log: appendonly no: ")
        assert warning.removeprefix("The log: ") in caplog.text
    assert PASSWORD not in caplog.text


async def test_a_redis_that_may_throw_records_away_is_refused(tmp_path: Path) -> None:
    redis = RedisServer("100mb", "--maxmemory-policy", "allkeys-lru")
    redis.start()
    try:
        with pytest.raises(NowlineError, match="throws records away"):
            await RedisLog.open(redis.url, tmp_path / "holder")
    finally:
        redis.remove()


async def test_a_user_who_may_not_read_settings_gets_a_log_that_says_so(
    redis: RedisServer, tmp_path: Path
) -> None:
    with redis.client() as client:
        client.execute_command("ACL", "SETUSER", "log", "on", ">p", "~*", "+@all", "-config")
    url = redis.url.replace(redis.url.split("@", maxsplit=1)[0], "redis://log:p")
    log = await RedisLog.open(url, tmp_path / "holder")
    assert "does not let CONFIG be read" in log.state().warnings[0]
    assert await log.append(b"x") == 1
    await log.close()


async def test_a_redis_that_is_not_there_or_lets_nobody_in_is_told_in_one_line(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "_OPEN_S", 0.1)
    wrong = f"redis://:wrong@127.0.0.1:{redis.port}/0"
    with pytest.raises(NowlineError) as refused:
        await RedisLog.open(wrong, tmp_path / "holder")
    assert "wrong" not in refused.value.detail.replace("WRONGPASS", "")
    redis.kill()
    with pytest.raises(NowlineError, match="cannot be opened") as unreachable:
        await RedisLog.open(redis.url, tmp_path / "holder")
    assert unreachable.value.code is Code.UNAVAILABLE
    assert "\n" not in unreachable.value.detail


async def test_a_close_at_any_moment_of_a_loss_comes_to_an_end(
    redis: RedisServer, tmp_path: Path
) -> None:
    for steps in range(8):
        log = await RedisLog.open(redis.url, tmp_path / "holder")
        log._link._up.clear()
        log._link._lost.set()
        for _ in range(steps):
            await asyncio.sleep(0)
        closing = asyncio.create_task(log.close())
        done, _ = await asyncio.wait({closing}, timeout=5)
        assert done == {closing}

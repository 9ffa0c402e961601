"""A Redis that is killed, hangs or is full: a miss, soon, and nothing stale afterwards."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest

from nowline.store.redis import RedisCache
from nowline.store.shared import MOST_BYTES
from polling import eventually_async
from redis_server import PASSWORD, RedisServer
from sharing import HERE, TTL_MS, keep, sharing, stamp, value

A = ("cpu", b"a")
B = ("cpu", b"b")
OTHER = ("memory", b"a")


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


async def lost(cache: RedisCache) -> None:
    """Ask until nobody is made to wait any more."""

    async def is_lost() -> bool:
        await cache.get([A])
        return not cache._link.is_up

    assert await eventually_async(is_lost)


async def asked_often(cache: RedisCache) -> float:
    """How many seconds 100 questions take that are asked one after the other."""
    started = time.perf_counter()
    for _ in range(100):
        assert (await cache.get([A, B, OTHER])).values == {}
    return time.perf_counter() - started


async def test_a_killed_redis_is_a_miss_and_is_used_again_when_it_is_back(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with sharing(redis.url) as cache:
        await keep(cache, A, b"one")
        redis.kill()
        assert await asked_often(cache) < 2
        errors = cache.errors
        assert errors >= 3
        cache.put(A, b"lost", b"stamp", TTL_MS)
        redis.start()
        await keep(cache, B, b"two")
        assert (await cache.get([A, B])).values == {B: b"two"}
    said = [record.getMessage() for record in caplog.records if "cache" in record.getMessage()]
    where = f"The cache at 127.0.0.1:{redis.port}"
    assert said[0].startswith(f"{where} does not answer (")
    assert said[1:] == [f"{where} is used again."]
    assert PASSWORD not in caplog.text


async def test_a_redis_that_hangs_delays_nobody(redis: RedisServer) -> None:
    async with sharing(redis.url) as cache:
        await keep(cache, A, b"one")
        redis.pause()
        # A hundred times the limit of a single question would be 5 s.
        assert await asked_often(cache) < 2
        redis.go_on()
        await keep(cache, B, b"two")
        assert (await cache.get([A, B])).values == {B: b"two"}


async def test_many_at_once_wait_no_longer_than_one(redis: RedisServer) -> None:
    async with sharing(redis.url) as cache:
        await keep(cache, A, b"one")
        redis.pause()
        started = time.perf_counter()
        told = await asyncio.gather(*(cache.get([A]) for _ in range(200)))
        assert time.perf_counter() - started < 2
        assert [each.values for each in told] == [{}] * 200
        redis.go_on()
        await keep(cache, B, b"two")


async def test_what_was_revised_while_redis_hung_is_not_served(redis: RedisServer) -> None:
    async with sharing(redis.url) as cache:
        await keep(cache, A, b"one")
        redis.pause()
        cache.revise(["cpu"])
        await lost(cache)
        redis.go_on()
        await stamp(cache, "cpu")
        assert await value(cache, A) is None


async def test_what_was_revised_while_redis_hung_is_not_served_after_a_restart(
    redis: RedisServer,
) -> None:
    async with sharing(redis.url) as before:
        await keep(before, A, b"one")
        redis.pause()
        before.revise(["cpu"])
    redis.go_on()
    async with sharing(redis.url) as after:
        await stamp(after, "cpu")
        assert await value(after, A) is None


async def test_a_redis_that_remembers_too_much_is_not_believed(redis: RedisServer) -> None:
    """It saves, is told to forget, crashes, and starts from what it saved; nobody asks between."""
    async with sharing(redis.url) as cache:
        await keep(cache, A, b"one")
        with redis.client() as client:
            client.save()
        cache.revise(["cpu"])
        await stamp(cache, "cpu")
        redis.kill()
        redis.start()
        with redis.client() as client:
            assert client.keys("nowline:store:value:*")
        assert await value(cache, A) is None
        await stamp(cache, "cpu")
        assert await value(cache, A) is None


async def test_a_full_redis_gives_what_it_has_and_forgets_what_it_must() -> None:
    redis = RedisServer(memory="6mb")
    redis.start()
    try:
        async with sharing(redis.url) as cache:
            await keep(cache, A, b"one")
            await keep(cache, OTHER, b"two")
            await _fill(cache)
            assert (await cache.get([A, OTHER])).values == {A: b"one", OTHER: b"two"}
            cache.revise(["cpu"])
            assert await value(cache, A) is None
            with redis.client() as client:
                client.config_set("maxmemory", 0)
            await keep(cache, B, b"three")
            assert (await cache.get([A, B, OTHER])).values == {B: b"three", OTHER: b"two"}
    finally:
        redis.remove()


async def _fill(cache: RedisCache) -> None:
    """Put values until Redis has no more room."""
    numbers = iter(range(10_000))

    async def is_full() -> bool:
        name = ("memory", b"%d" % next(numbers))
        cache.put(name, bytes(MOST_BYTES), await stamp(cache, "memory"), TTL_MS)
        return cache.errors > 0

    assert await eventually_async(is_full)


async def test_a_redis_that_is_not_there_at_the_start_is_used_when_it_is(
    redis: RedisServer,
) -> None:
    async with sharing(redis.url) as before:
        await keep(before, A, b"one")
    redis.kill()
    async with sharing(redis.url) as cache:
        assert await asked_often(cache) < 2
        redis.start()
        await keep(cache, B, b"two")


async def test_stopping_without_redis_takes_no_time(redis: RedisServer) -> None:
    async with sharing(redis.url, left=None) as cache:
        await keep(cache, A, b"one")
        redis.pause()
        cache.revise(["cpu"])
        cache.put(B, b"two", b"stamp", TTL_MS)
        started = time.perf_counter()
        await cache.close(HERE)
        assert time.perf_counter() - started < 4
        redis.go_on()

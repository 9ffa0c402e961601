"""A cache in Redis, run as a server runs it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from nowline.store.redis import RedisCache
from nowline.store.shared import Name, Position
from polling import eventually_async

TTL_MS = 300_000
SECRET = b"what the values are sealed with"
HERE = Position(offset=7, start=1_000)


@contextlib.asynccontextmanager
async def sharing(
    url: str,
    position: Position | None = HERE,
    *,
    left: Position | None = HERE,
    namespace: str = "store",
    secret: bytes = SECRET,
) -> AsyncIterator[RedisCache]:
    """A cache from start to stop.

    Args:
        url: The Redis.
        position: Where its server starts.
        left: Where it stops; None for a crash.
        namespace: Whose values it keeps.
        secret: What they are sealed with.
    """
    cache = RedisCache(url, namespace, secret)
    if position is not None:
        cache.resume(position)
    running = asyncio.create_task(cache.run())
    try:
        yield cache
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await (cache.close(left) if left else cache._link.close())


async def stamp(cache: RedisCache, metric: str) -> bytes:
    """What values of the metric are put with, once the cache can be used."""

    async def ask() -> bytes | None:
        return (await cache.get([(metric, b"")])).stamps.get(metric)

    found = await eventually_async(ask)
    assert found is not None, "the cache cannot be used"
    return found


async def value(cache: RedisCache, name: Name) -> bytes | None:
    """What is kept as that name."""
    return (await cache.get([name])).values.get(name)


async def keep(cache: RedisCache, name: Name, kept: bytes, ttl_ms: int = TTL_MS) -> None:
    """Put a value, and wait until it is there."""

    async def is_there() -> bool:
        return await value(cache, name) == kept

    cache.put(name, kept, await stamp(cache, name[0]), ttl_ms)
    assert await eventually_async(is_there), "the value was not kept"

"""A look at the log in Redis, which changes nothing and needs no lease."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from redis.exceptions import RedisError

from nowline.bus.redis_link import ask_promise, connect
from nowline.bus.redis_promise import Promise
from nowline.bus.redis_scripts import KEYS
from nowline.errors import Code, NowlineError

_STREAM, _, _, _LETTERS, _ = KEYS


@dataclass(frozen=True, slots=True)
class RedisSummary:
    """What there is.

    Attributes:
        promise: What Redis promises.
        records: How many records it holds.
        letters: How many dead letters.
    """

    promise: Promise
    records: int
    letters: int


def look(url: str) -> RedisSummary:
    """Look at the log in a Redis.

    Raises:
        NowlineError: It does not answer, or cannot hold a log.
    """
    return asyncio.run(_look(url))


async def _look(url: str) -> RedisSummary:
    client = connect(url)
    try:
        promise = await ask_promise(client)
        return RedisSummary(promise, await client.xlen(_STREAM), await client.hlen(_LETTERS))
    except (RedisError, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise NowlineError(Code.UNAVAILABLE, f"Redis does not answer: {reason}") from error
    finally:
        await client.aclose()

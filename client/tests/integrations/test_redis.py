from __future__ import annotations

import asyncio

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from nowline_client import Nowline
from nowline_client.integrations.redis import instrument
from receiver import Receiver
from redis_server import own_redis

pytest_plugins = ["recording"]


def commands(receiver: Receiver, name: str = "redis.command.duration") -> list[str]:
    return [row["tags"]["command"] for row in receiver.metric(name)]


def test_commands_are_timed_by_their_names(receiver: Receiver, nl: Nowline) -> None:
    with redis.Redis.from_url(own_redis().database()) as server:
        instrument(nl, server)
        server.set("a", 1)
        assert server.get("a") == b"1"
        server.config_get("maxmemory")
        with pytest.raises(redis.ResponseError):
            server.lpush("a", 1)
        assert nl.flush()
    assert commands(receiver) == ["SET", "GET", "CONFIG"]
    assert commands(receiver, "redis.command.errors") == ["LPUSH"]
    assert all(0 < row["value"] < 20_000 for row in receiver.metric("redis.command.duration"))
    assert [row["value"] for row in receiver.metric("redis.pool.in_use")] == [0]
    assert [row["value"] for row in receiver.metric("redis.pool.idle")] == [1]


def test_a_pipeline_is_timed_as_one(receiver: Receiver, nl: Nowline) -> None:
    with redis.Redis.from_url(own_redis().database()) as server:
        instrument(nl, server)
        with server.pipeline() as pipeline:
            pipeline.set("a", 1)
            pipeline.incr("a")
            assert pipeline.execute() == [True, 2]
        assert nl.flush()
    assert commands(receiver) == ["PIPELINE"]


def test_a_server_that_is_not_there_is_an_error(receiver: Receiver, nl: Nowline) -> None:
    with redis.Redis(port=1, retry=Retry(NoBackoff(), 0)) as server:
        instrument(nl, server)
        with pytest.raises(redis.ConnectionError):
            server.get("a")
        assert nl.flush()
    assert commands(receiver, "redis.command.errors") == ["GET"]


async def test_an_async_client_is_timed_alike(receiver: Receiver, nl: Nowline) -> None:
    async with redis.asyncio.Redis.from_url(own_redis().database()) as server:
        instrument(nl, server)
        await server.set("a", 1)
        assert await server.get("a") == b"1"
        with pytest.raises(redis.ResponseError):
            await server.execute_command("LPUSH", "a", 1)  # type: ignore[no-untyped-call]
        async with server.pipeline() as pipeline:
            pipeline.incr("a")
            assert await pipeline.execute() == [2]
        assert await asyncio.to_thread(nl.flush)
    assert commands(receiver) == ["SET", "GET", "PIPELINE"]
    assert commands(receiver, "redis.command.errors") == ["LPUSH"]
    assert [row["value"] for row in receiver.metric("redis.pool.idle")] == [1]

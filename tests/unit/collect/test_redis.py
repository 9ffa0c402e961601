"""The Redis collector, against a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from nowline.collect.redis import Redis
from nowline.collect.targets import Answer, TargetError
from nowline.model.series import MetricType, Point
from redis_server import RedisServer

NOW = 1_700_000_000_000


@dataclass(frozen=True)
class Settings:
    url: str
    tags: Mapping[str, str] = field(default_factory=lambda: {"instance": "h:1"})
    interval: timedelta = timedelta(seconds=15)
    timeout: timedelta = timedelta(seconds=10)
    streams: tuple[str, ...] = ()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """One apart: what a server counts is of all its clients."""
    started = RedisServer("100mb")
    started.start()
    yield started
    started.remove()


def points(answer: Answer, name: str) -> list[Point]:
    return [point for point in answer.points if point.name == name]


def value(answer: Answer, name: str, **tags: str) -> float:
    (point,) = [p for p in points(answer, name) if p.tags == {"instance": "h:1", **tags}]
    return point.value


async def test_what_a_server_counts(server: RedisServer) -> None:
    target = Redis(Settings(server.url))
    with server.client() as client:
        client.set("a", 1)
        client.set("b", 1, ex=1000)
        first = await target.ask(NOW)
        for key in ("a", "a", "a", "none"):
            client.get(key)
        second = await target.ask(NOW)
    await target.close()
    assert value(second, "redis.hits") - value(first, "redis.hits") == 3
    assert value(second, "redis.misses") - value(first, "redis.misses") == 1
    assert points(first, "redis.hit_percent") == []
    assert value(second, "redis.hit_percent") == 75
    assert value(second, "redis.commands") > value(first, "redis.commands")
    assert (
        value(second, "redis.keys", db="db0"),
        value(second, "redis.keys_expiring", db="db0"),
    ) == (2, 1)
    assert value(second, "redis.clients") == 2
    assert value(second, "redis.evictions") == 0
    assert value(second, "redis.memory.max_bytes") == 100 << 20
    used = value(second, "redis.memory.used_bytes")
    assert value(second, "redis.memory.percent") == pytest.approx(used / (1 << 20), rel=0.05)
    types = {point.name: point.type for point in second.points}
    assert types["redis.hits"] is MetricType.CUMULATIVE
    assert types["redis.clients"] is MetricType.GAUGE
    assert second.samples == len(second.points)


async def test_a_database_that_was_emptied_has_no_keys(server: RedisServer) -> None:
    target = Redis(Settings(server.url))
    with server.client() as client:
        client.set("a", 1)
        assert value(await target.ask(NOW), "redis.keys", db="db0") == 1
        client.flushall()
        assert value(await target.ask(NOW), "redis.keys", db="db0") == 0
    await target.close()


async def test_streams_and_how_far_their_groups_are(server: RedisServer) -> None:
    target = Redis(Settings(server.url, streams=("orders", "none", "text")))
    with server.client() as client:
        for _ in range(5):
            client.xadd("orders", {"x": "1"})
        client.xgroup_create("orders", "billing", id="0")
        client.xreadgroup("billing", "worker", {"orders": ">"}, count=2)
        client.set("text", "no stream")
        answer = await target.ask(NOW)
    await target.close()
    assert value(answer, "redis.stream.length", stream="orders") == 5
    group = {"stream": "orders", "group": "billing"}
    assert value(answer, "redis.stream.lag", **group) == 3
    assert value(answer, "redis.stream.pending", **group) == 2
    assert value(answer, "redis.stream.consumers", **group) == 1
    assert value(answer, "redis.stream.length", stream="none") == 0
    assert answer.complaint is not None
    assert answer.complaint.startswith("stream 'text': WRONGTYPE")


async def test_a_lag_that_redis_does_not_know_is_left_out(server: RedisServer) -> None:
    target = Redis(Settings(server.url, streams=("orders",)))
    with server.client() as client:
        ids = [client.xadd("orders", {"x": "1"}) for _ in range(3)]
        client.xgroup_create("orders", "late", id="0")
        client.xdel("orders", ids[1])
        answer = await target.ask(NOW)
    await target.close()
    assert points(answer, "redis.stream.lag") == []
    assert len(points(answer, "redis.stream.pending")) == 1


async def test_replicas_are_counted(server: RedisServer) -> None:
    target = Redis(Settings(server.url))
    answer = await target.ask(NOW)
    await target.close()
    assert value(answer, "redis.replicas") == 0
    assert points(answer, "redis.replication.lag_bytes") == []


async def test_a_server_that_ends_and_comes_back(server: RedisServer) -> None:
    target = Redis(Settings(server.url))
    await target.ask(NOW)
    server.kill()
    with pytest.raises(TargetError):
        await target.ask(NOW)
    server.start()
    assert value(await target.ask(NOW), "redis.clients") == 1
    await target.close()


async def test_a_server_that_hangs_is_given_up_and_asked_anew(server: RedisServer) -> None:
    target = Redis(Settings(server.url))
    await target.ask(NOW)
    server.pause()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await target.ask(NOW)
    server.go_on()
    answers = [await target.ask(NOW) for _ in range(3)]
    assert [value(answer, "redis.max_clients") for answer in answers] == [10_000] * 3
    await target.close()


async def test_a_wrong_password_is_a_reason_without_it(server: RedisServer) -> None:
    target = Redis(Settings(f"redis://:hunter2@127.0.0.1:{server.port}/0"))
    with pytest.raises(TargetError) as caught:
        await target.ask(NOW)
    await target.close()
    assert "hunter2" not in str(caught.value)
    assert "invalid username-password" in str(caught.value)


async def test_a_user_that_may_little_is_enough(server: RedisServer) -> None:
    with server.client() as client:
        client.execute_command(
            "ACL", "SETUSER", "watch", "on", ">secret", "~orders", "+info", "+xlen", "+xinfo"
        )
        client.xadd("orders", {"x": "1"})
    url = f"redis://watch:secret@127.0.0.1:{server.port}/0"
    target = Redis(Settings(url, streams=("orders", "secrets")))
    answer = await target.ask(NOW)
    await target.close()
    assert value(answer, "redis.stream.length", stream="orders") == 1
    assert "secrets" in (answer.complaint or "")

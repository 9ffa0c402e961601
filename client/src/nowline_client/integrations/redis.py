"""redis-py: how long commands take, and how much of the pool is in use.

from nowline_client.integrations.redis import instrument

instrument(nl, redis_client)
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import redis
import redis.asyncio

from nowline_client.client import Nowline

Execute = Callable[..., Any]


def instrument(client: Nowline, server: redis.Redis | redis.asyncio.Redis) -> None:
    """Record each command of a client, and its pool before each flush.

    Metrics: `redis.command.duration` (distribution, ms; tag `command`, which is `PIPELINE` for all
    that is sent at once), `redis.command.errors` (counter; tag `command`), `redis.pool.in_use` and
    `redis.pool.idle` (gauges, of each process). Keys and values are not sent.

    Args:
        client: Where it is recorded.
        server: A client of Redis, sync or async.
    """
    watched: Any = server
    timed = _timed_async if isinstance(server, redis.asyncio.Redis) else _timed
    watched.execute_command = timed(client, watched.execute_command, _command)
    open_pipeline = watched.pipeline

    @functools.wraps(open_pipeline)
    def pipeline(*args: object, **kwargs: object) -> object:
        opened = open_pipeline(*args, **kwargs)
        opened.execute = timed(client, opened.execute, lambda _: "PIPELINE")
        return opened

    watched.pipeline = pipeline
    client.before_flush(functools.partial(_read_pool, client, watched.connection_pool))


def _timed(client: Nowline, execute: Execute, name: Callable[[tuple[Any, ...]], str]) -> Execute:
    @functools.wraps(execute)
    def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (as the command takes them)
        began = time.perf_counter()
        try:
            answer = execute(*args, **kwargs)
        except Exception:
            client.count("redis.command.errors", command=name(args))
            raise
        _observe(client, name(args), began)
        return answer

    return timed


def _timed_async(
    client: Nowline, execute: Execute, name: Callable[[tuple[Any, ...]], str]
) -> Execute:
    @functools.wraps(execute)
    async def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (as the command takes them)
        began = time.perf_counter()
        try:
            answer = await execute(*args, **kwargs)
        except Exception:
            client.count("redis.command.errors", command=name(args))
            raise
        _observe(client, name(args), began)
        return answer

    return timed


def _observe(client: Nowline, command: str, began: float) -> None:
    duration = (time.perf_counter() - began) * 1000
    client.observe("redis.command.duration", duration, command=command)


def _command(args: tuple[Any, ...]) -> str:
    """The command's name: `CONFIG` of `CONFIG GET`."""
    name = args[0] if args else ""
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    return text.partition(" ")[0].upper()


def _read_pool(client: Nowline, pool: Any) -> None:  # noqa: ANN401 (one of several classes)
    in_use = getattr(pool, "_in_use_connections", None)
    idle = getattr(pool, "_available_connections", None)
    if in_use is not None and idle is not None:
        client.gauge("redis.pool.in_use", len(in_use))
        client.gauge("redis.pool.idle", len(idle))

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from arq import Retry, create_pool, cron, func
from arq.connections import ArqRedis, RedisSettings
from arq.worker import Worker, create_worker
from redis.connection import parse_url

from nowline_client import Nowline
from nowline_client.integrations.arq import instrument
from receiver import Receiver
from redis_server import PASSWORD, own_redis

pytest_plugins = ["recording"]
pytestmark = pytest.mark.filterwarnings(
    "ignore:Call to deprecated close:DeprecationWarning"  # arq calls it
)
Context = dict[str, Any]


@pytest.fixture
async def pool() -> AsyncIterator[ArqRedis]:
    server = parse_url(own_redis().database())  # type: ignore[no-untyped-call]
    settings = RedisSettings(port=server["port"], password=PASSWORD, database=server["db"])
    pool = await create_pool(settings)
    yield pool
    await pool.aclose()


async def succeed(_: Context, number: int) -> int:
    return number


async def fail(_: Context) -> None:
    raise ValueError("no")


async def again(context: Context) -> None:
    if context["job_try"] == 1:
        raise Retry(defer=0)


async def hang(_: Context) -> None:
    await asyncio.Event().wait()


async def tick(_: Context) -> None: ...


def worker(nl: Nowline, pool: ArqRedis, started: list[str]) -> Worker:
    async def on_startup(_: Context) -> None:
        started.append("start")

    async def on_shutdown(_: Context) -> None:
        started.append("end")

    slow: Any = hang
    often: Any = tick
    settings = {
        "functions": [succeed, fail, again, func(slow, name="slow", timeout=0.01)],
        "cron_jobs": [cron(often, hour=0, run_at_startup=True)],
        "redis_pool": pool,
        "burst": True,
        "poll_delay": 0.01,
        "handle_signals": False,
        "on_startup": on_startup,
        "on_shutdown": on_shutdown,
    }
    prepared: Any = instrument(nl, depth_interval=3600)(type("WorkerSettings", (), settings))
    return create_worker(prepared)


async def test_executions_are_recorded(receiver: Receiver, nl: Nowline, pool: ArqRedis) -> None:
    names = ("succeed", "fail", "again", "slow")
    jobs = {
        name: await pool.enqueue_job(name, *((1,) if name == "succeed" else ())) for name in names
    }
    started: list[str] = []
    working = worker(nl, pool, started)
    await working.main()
    await working.close()
    assert await asyncio.to_thread(nl.flush)
    runs: dict[str, list[dict[str, Any]]] = {}
    for run in receiver.rows("tasks"):
        runs.setdefault(run["task_type"], []).append(run)
    statuses = {name: [run["status"] for run in of_it] for name, of_it in runs.items()}
    assert statuses.pop("cron:tick") == ["success"]
    assert statuses == {
        "succeed": ["success"],
        "fail": ["failure"],
        "again": ["retry", "success"],
        "slow": ["cancelled"],
    }
    assert runs["fail"][0]["error_message"] == "ValueError: no"
    assert [run["context"] for run in runs["again"]] == [{"try": 1}, {"try": 2}]
    assert all(run["queue"] == "arq:queue" for of_it in runs.values() for run in of_it)
    assert jobs["succeed"] is not None
    assert runs["succeed"][0]["task_id"] == jobs["succeed"].job_id
    assert started == ["start", "end"]


async def test_the_depth_of_the_queue_is_read_by_the_worker(
    receiver: Receiver, nl: Nowline, pool: ArqRedis
) -> None:
    for number in range(3):
        await pool.enqueue_job("succeed", number)
    working = worker(nl, pool, [])
    await working.main()
    await working.close()
    assert await asyncio.to_thread(nl.flush)
    (depth,) = receiver.metric("task.queue_depth")
    assert (depth["value"], depth["tags"]) == (3, {"queue": "arq:queue"})

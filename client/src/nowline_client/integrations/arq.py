"""arq: executions, and how deep the queue is.

from nowline_client.integrations.arq import instrument

@instrument(nl)
class WorkerSettings:
    functions = [send_mail]
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from arq.constants import default_queue_name
from arq.worker import Retry, func

from nowline_client.client import Nowline
from nowline_client.tasks import Execution, Stepped

Settings = TypeVar("Settings", bound=type)
Context = dict[str, Any]
Coroutine = Callable[..., Any]
Hook = Callable[[Context], Awaitable[None]]
_STOP_S = 1.0


def instrument(client: Nowline, *, depth_interval: float = 10.0) -> Callable[[Settings], Settings]:
    """Let a class of worker settings record what the worker executes, and how many jobs wait.

    The metric `task.queue_depth` is a gauge with the tag `queue`.

    Args:
        client: Where it is recorded.
        depth_interval: Seconds from one reading of the queue's depth to the next.
    """

    def prepare(settings: Settings) -> Settings:
        given: Any = settings
        queue = getattr(given, "queue_name", None) or default_queue_name
        given.functions = [
            _measured(client, func(each), queue) for each in getattr(given, "functions", ())
        ]
        given.cron_jobs = [
            _measured(client, each, queue) for each in getattr(given, "cron_jobs", None) or ()
        ]
        depth = _Depth(client, queue, depth_interval)
        given.on_startup = _first(depth.start, getattr(given, "on_startup", None))
        given.on_shutdown = _first(depth.stop, getattr(given, "on_shutdown", None))
        return settings

    return prepare


def _measured(client: Nowline, job: Any, queue: str) -> Any:  # noqa: ANN401 (a Function or a CronJob)
    execute: Coroutine = job.coroutine

    @functools.wraps(execute)
    async def measured(context: Context, *args: object, **kwargs: object) -> object:
        execution = Execution(
            client.record_task,
            job.name,
            task_id=context["job_id"],
            queue=queue,
            context={"try": context["job_try"]},
        )
        try:
            result: object = await Stepped(execute(context, *args, **kwargs), execution)
        except Retry as again:
            execution.status = "retry"
            execution.error = str(again)
            execution.end()
            raise
        except BaseException as error:
            execution.end(error)
            raise
        execution.end()
        return result

    return dataclasses.replace(job, coroutine=measured)


def _first(own: Hook, given: Hook | None) -> Hook:
    async def both(context: Context) -> None:
        await own(context)
        if given is not None:
            await given(context)

    return both


class _Depth:
    def __init__(self, client: Nowline, queue: str, interval_s: float) -> None:
        self._client = client
        self._queue = queue
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    async def start(self, context: Context) -> None:
        await self._read(context)
        self._task = asyncio.create_task(self._run(context))

    async def stop(self, _: Context) -> None:
        if self._task is not None:
            self._task.cancel()
            # Not for ever: what it waits for may swallow that it is cancelled.
            await asyncio.wait([self._task], timeout=_STOP_S)

    async def _run(self, context: Context) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self._read(context)

    async def _read(self, context: Context) -> None:
        # Whatever is wrong with Redis, the worker itself will say.
        with contextlib.suppress(Exception):
            depth = await context["redis"].zcard(self._queue)
            self._client.gauge("task.queue_depth", depth, queue=self._queue)

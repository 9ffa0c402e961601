"""RQ: executions, and how deep the queues are.

from nowline_client.integrations.rq import worker_class

Worker = worker_class(nl)      # then: rq worker --worker-class shop.jobs.Worker
"""

from __future__ import annotations

import time
from typing import Any

from rq.job import Job
from rq.queue import Queue
from rq.worker import BaseWorker, Worker

from nowline_client.client import Nowline
from nowline_client.integrations.running import Running
from nowline_client.sampling import Sampler
from nowline_client.wire import TaskRun


def worker_class(
    client: Nowline, base: type[BaseWorker] = Worker, *, depth_interval: float = 10.0
) -> type[BaseWorker]:
    """A worker that records what it executes, and how many jobs wait.

    The metric `task.queue_depth` (gauge; tag `queue`) is read by the worker's main process.

    Args:
        client: Where it is recorded.
        base: The worker to extend.
        depth_interval: Seconds from one reading of the queues' depths to the next.
    """
    running = Running(client)

    class NowlineWorker(base):  # type: ignore[valid-type,misc]
        """Records each job that it executes."""

        def work(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401 (as the base takes them)
            """Work, and read the queues' depths meanwhile."""
            sampler = Sampler(lambda: _read_depths(client, self.queues), depth_interval)
            sampler.start()
            try:
                return bool(super().work(*args, **kwargs))
            finally:
                sampler.stop()

        def perform_job(self, job: Job, queue: Queue, *args: Any) -> bool:  # noqa: ANN401
            """Execute a job, in the process that was forked for it if there is one."""
            running.begin(job.func_name or "unknown", job.id, queue=queue.name)
            try:
                return bool(super().perform_job(job, queue, *args))
            finally:
                running.end(job.id)
                if self.is_horse:
                    # It ends without Python's own end.
                    client.flush()

        def handle_exception(self, job: Job, *exc_info: Any) -> None:  # noqa: ANN401
            """Note why a job failed."""
            if (execution := running.get(job.id)) is not None and len(exc_info) > 1:
                execution.fail(f"{type(exc_info[1]).__name__}: {exc_info[1]}")
            super().handle_exception(job, *exc_info)

        def handle_work_horse_killed(self, job: Job, *args: Any) -> None:  # noqa: ANN401
            """Record a job whose process was killed, which could not do so itself."""
            client.record_task(_killed(job))
            super().handle_work_horse_killed(job, *args)

    return NowlineWorker


def _read_depths(client: Nowline, queues: list[Queue]) -> None:
    for queue in queues:
        client.gauge("task.queue_depth", queue.count, queue=queue.name)


def _killed(job: Job) -> TaskRun:
    now = time.time()
    start = job.started_at.timestamp() if job.started_at else now
    return TaskRun(
        job.func_name or "unknown",
        start,
        now,
        "failure",
        job.id,
        error_message="its process was killed",
        queue=job.origin,
    )

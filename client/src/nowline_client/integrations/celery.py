"""Celery: executions, what is enqueued, and how deep the queues are.

from nowline_client.integrations.celery import instrument

instrument(nl, app)
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from celery import Celery, signals
from kombu import Connection

from nowline_client.client import Nowline
from nowline_client.integrations.running import Running
from nowline_client.sampling import Sampler
from nowline_client.tasks import reason
from nowline_client.wire import TaskRun

# Of so many executions it is known that their loss was recorded.
_LOST_KNOWN = 1000


def instrument(client: Nowline, app: Celery, *, depth_interval: float = 10.0) -> None:
    """Record what an application enqueues and its workers execute.

    Call it where the application is made, so that it holds in those who enqueue, in the worker and
    in the processes that the worker forks. Metrics: `task.enqueued` (counter; tags `task_type`,
    `queue`) and `task.queue_depth` (gauge; tag `queue`), which each worker's main process reads.

    Args:
        client: Where it is recorded.
        app: The application.
        depth_interval: Seconds from one reading of the queues' depths to the next.
    """
    hooks = _Hooks(client, app, depth_interval)
    signals.after_task_publish.connect(hooks.enqueued, weak=False)
    signals.task_prerun.connect(hooks.started, weak=False)
    signals.task_failure.connect(hooks.failed, weak=False)
    signals.task_retry.connect(hooks.retried, weak=False)
    signals.task_revoked.connect(hooks.revoked, weak=False)
    signals.task_postrun.connect(hooks.ended, weak=False)
    signals.worker_ready.connect(hooks.worker_started, weak=False)
    signals.worker_shutdown.connect(hooks.worker_ended, weak=False)
    signals.worker_process_shutdown.connect(hooks.process_ended, weak=False)


class _Hooks:
    def __init__(self, client: Nowline, app: Celery, depth_interval: float) -> None:
        self._client = client
        self._app = app
        self._running = Running(client)
        self._lost: deque[str] = deque(maxlen=_LOST_KNOWN)
        self._sampler = Sampler(self._read_depths, depth_interval)

    def enqueued(self, sender: str, routing_key: str, **_: object) -> None:
        self._client.count("task.enqueued", task_type=sender, queue=routing_key or None)

    def started(self, task_id: str, task: Any, **_: object) -> None:  # noqa: ANN401
        if task.app is not self._app:
            return
        delivery = task.request.delivery_info or {}
        context = {"retries": task.request.retries} if task.request.retries else None
        queue = delivery.get("routing_key")
        self._running.begin(task.name, task_id, queue=queue, context=context)

    def failed(self, sender: Any, task_id: str, exception: BaseException, **_: object) -> None:  # noqa: ANN401
        if sender.app is not self._app:
            return
        if (execution := self._running.get(task_id)) is not None:
            execution.fail(reason(exception))
            return
        # The process it ran in was killed, which the worker's main process tells.
        self._record_lost(sender.name, task_id, "failure", reason(exception))

    def revoked(self, sender: Any, request: Any, terminated: bool, **_: object) -> None:  # noqa: ANN401
        if sender.app is self._app:
            what = "terminated" if terminated else "revoked before it began"
            self._record_lost(sender.name, request.id, "revoked", what)

    def retried(self, request: Any, reason: object, **_: object) -> None:  # noqa: ANN401
        if (execution := self._running.get(request.id)) is not None:
            execution.status = "retry"
            execution.error = str(reason)

    def ended(self, task_id: str, state: str | None, **_: object) -> None:
        execution = self._running.get(task_id)
        if execution is None:
            return
        if state is None:
            # The process is being killed.
            self._running.forget(task_id)
            return
        if execution.status == "success":
            execution.status = state.lower()
        self._running.end(task_id)

    def worker_started(self, **_: object) -> None:
        self._sampler.start()

    def worker_ended(self, **_: object) -> None:
        self._sampler.stop()
        self._client.flush()

    def process_ended(self, **_: object) -> None:
        # Processes of the pool end without Python's own end.
        self._client.flush()

    def _record_lost(self, task_type: str, task_id: str, status: str, error: str) -> None:
        # Celery may tell the same twice: that the time was over, and that the process is gone.
        if task_id not in self._lost:
            self._lost.append(task_id)
            now = time.time()
            lost = TaskRun(task_type, now, now, status, task_id, error_message=error)
            self._client.record_task(lost)

    def _read_depths(self) -> None:
        with self._app.connection_for_read() as connection:
            for name in self._app.amqp.queues.consume_from:
                self._client.gauge("task.queue_depth", _depth(connection, name), queue=name)


def _depth(connection: Connection, queue: str) -> int:
    with connection.channel() as channel:
        try:
            return int(channel.queue_declare(queue=queue, passive=True).message_count)
        except connection.channel_errors:
            # In Redis and in memory there is no queue while nothing waits in it.
            return 0

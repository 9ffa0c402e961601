"""Dramatiq: executions, what is enqueued, and how deep the queues are.

from nowline_client.integrations.dramatiq import NowlineMiddleware

broker.add_middleware(NowlineMiddleware(nl))
"""

from __future__ import annotations

from typing import Any

import dramatiq

from nowline_client.client import Nowline
from nowline_client.integrations.running import Running
from nowline_client.sampling import Sampler


class NowlineMiddleware(dramatiq.Middleware):
    """Records what is enqueued, what workers execute, and how many messages wait.

    Metrics: `task.enqueued` (counter; tags `task_type`, `queue`), retries included, and
    `task.queue_depth` (gauge; tag `queue`), which each worker process reads.

    Args:
        client: Where it is recorded.
        depth_interval: Seconds from one reading of the queues' depths to the next.
    """

    def __init__(self, client: Nowline, *, depth_interval: float = 10.0) -> None:
        self._client = client
        self._running = Running(client)
        self._depth_interval = depth_interval
        self._sampler: Sampler | None = None

    def after_enqueue(
        self, broker: dramatiq.Broker, message: dramatiq.Message[Any], delay: int | None
    ) -> None:
        """Count a message; one that is to wait comes here again when its time has come."""
        del broker
        if delay is None:
            self._client.count(
                "task.enqueued", task_type=message.actor_name, queue=message.queue_name
            )

    def before_process_message(
        self, broker: dramatiq.Broker, message: dramatiq.MessageProxy
    ) -> None:
        """Start to measure an execution."""
        del broker
        retries = message.options.get("retries")
        self._running.begin(
            message.actor_name,
            message.message_id,
            queue=message.queue_name,
            context={"retries": retries} if retries else None,
        )

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """Record an execution."""
        del broker, result
        self._running.end(message.message_id, exception)

    def after_skip_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        """Record that a message was not executed, as another middleware wanted."""
        del broker
        if (execution := self._running.get(message.message_id)) is not None:
            execution.status = "skipped"
        self._running.end(message.message_id)

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Start to read the queues' depths."""
        del worker
        self._sampler = Sampler(lambda: self._read_depths(broker), self._depth_interval)
        self._sampler.start()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Deliver what is recorded, since the process ends without Python's own end."""
        del broker, worker
        if self._sampler is not None:
            self._sampler.stop()
        self._client.flush()

    def _read_depths(self, broker: dramatiq.Broker) -> None:
        for name in broker.get_declared_queues() - broker.get_declared_delay_queues():
            if (depth := _depth(broker, name)) is not None:
                self._client.gauge("task.queue_depth", depth, queue=name)


def _depth(broker: Any, queue: str) -> int | None:  # noqa: ANN401 (each broker has its own way)
    """How many messages wait in Redis, in RabbitMQ or in memory."""
    if hasattr(broker, "get_queue_message_counts"):
        return int(broker.get_queue_message_counts(queue)[0])
    if isinstance(getattr(broker, "queues", None), dict):
        return int(broker.queues[queue].qsize())
    return int(broker.do_qsize(queue)) if hasattr(broker, "do_qsize") else None

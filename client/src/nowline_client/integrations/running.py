"""Executions between a framework's hook at their start and the one at their end."""

from __future__ import annotations

import time
from collections.abc import Mapping

from nowline_client.client import Nowline
from nowline_client.tasks import Execution


class Running:
    """Executions that run in this process, by their ids.

    Args:
        client: Where they are recorded when they have ended.
    """

    def __init__(self, client: Nowline) -> None:
        self._client = client
        self._executions: dict[str, tuple[Execution, float]] = {}

    def begin(
        self,
        task_type: str,
        task_id: str,
        *,
        queue: str | None = None,
        context: Mapping[str, object] | None = None,
    ) -> None:
        """Start to measure an execution in this thread."""
        execution = Execution(
            self._client.record_task, task_type, task_id=task_id, queue=queue, context=context
        )
        self._executions[task_id] = (execution, time.thread_time())

    def get(self, task_id: str) -> Execution | None:
        """The execution, None if none runs here under that id."""
        known = self._executions.get(task_id)
        return known and known[0]

    def forget(self, task_id: str) -> None:
        """Record nothing of an execution that others will tell about."""
        self._executions.pop(task_id, None)

    def end(self, task_id: str, error: BaseException | None = None) -> None:
        """Record that an execution has ended, in the thread it began in."""
        if (known := self._executions.pop(task_id, None)) is not None:
            execution, cpu_before = known
            execution.add_cpu(time.thread_time() - cpu_before)
            execution.end(error)

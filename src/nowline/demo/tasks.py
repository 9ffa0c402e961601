"""The shop's background tasks, execution by execution. Pure."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import msgspec
import numpy as np

from nowline.demo.shop import OBSERVED, WORK, World

_STREAM = 23
_USUAL_RATE = 20.0


class _Needs(NamedTuple):
    """What a task of a type uses of its machine, and why one fails."""

    cpu_percent: float
    memory_mb: float
    failure: str


_NEEDS = {
    "send_email": _Needs(4, 48, "The mail server did not answer in time"),
    "create_invoice": _Needs(22, 160, "The tax service refused the order"),
    "resize_image": _Needs(71, 410, "The image is larger than the worker's memory"),
    "update_stock": _Needs(9, 72, "Another update of the same product won"),
}


class ShopTask(msgspec.Struct, frozen=True, omit_defaults=True):
    """An execution as it is sent; times in epoch milliseconds."""

    task_id: str
    task_type: str
    queue: str
    start_time: int
    end_time: int
    status: str
    cpu_usage_percent: float
    memory_usage_mb: float
    error_message: str | None = None
    context: dict[str, Any] | None = None


class ShopTasks:
    """Tells the task executions of a shop; those of a second are always the same.

    Args:
        seed: Which shop.
        rate: Its API calls per second on average; of a busier shop than usual a share is told.
    """

    def __init__(self, seed: int, rate: float) -> None:
        self._seed = seed
        self._share = min(1.0, _USUAL_RATE / rate)

    def of(self, world: World) -> list[ShopTask]:
        """What ended in a stretch of time, each in the second before its metrics."""
        busy = np.flatnonzero(world.completed.sum(axis=1))
        return [task for row in busy.tolist() for task in self._second(world, row)]

    def _second(self, world: World, row: int) -> list[ShopTask]:
        second = int(world.seconds[row])
        random = np.random.default_rng([self._seed, _STREAM, second])
        done = random.binomial(world.completed[row] - world.failed[row], self._share)
        failed = random.binomial(world.failed[row], self._share)
        return [
            self._task(random, (second, kind, place), place < failed[kind], duration)
            for kind in range(len(WORK))
            for place in range(int(done[kind] + failed[kind]))
            for duration in (float(world.task_ms[row, kind, place % OBSERVED]),)
        ]

    def _task(
        self,
        random: np.random.Generator,
        which: tuple[int, int, int],
        has_failed: bool,
        duration_ms: float,
    ) -> ShopTask:
        second, kind, place = which
        work = WORK[kind]
        needs = _NEEDS[work.task_type]
        end = (second - 1) * 1000 + int(random.integers(0, 1000))
        cpu, memory = np.exp(random.normal(0, (0.2, 0.1))).tolist()
        return ShopTask(
            task_id=f"demo-{self._seed}-{second}-{kind}-{place}",
            task_type=work.task_type,
            queue=work.queue,
            start_time=end - math.ceil(duration_ms),
            end_time=end,
            status="failure" if has_failed else "success",
            cpu_usage_percent=round(min(100.0, needs.cpu_percent * cpu), 1),
            memory_usage_mb=round(needs.memory_mb * memory, 1),
            error_message=needs.failure if has_failed else None,
            context={"source": "demo"} if has_failed else None,
        )

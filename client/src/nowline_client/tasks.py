"""Measures executions of tasks: functions, coroutines and blocks."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Callable, Coroutine, Generator, Mapping
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from nowline_client.usage import resident_mb
from nowline_client.wire import TaskRun

P = ParamSpec("P")
R = TypeVar("R")
_LONGEST_REASON = 1000


# Takes a finished execution: `Nowline.record_task`.
Record = Callable[[TaskRun], None]


class Execution:
    """One execution while it runs.

    Args:
        record: Where it goes when it has ended.
        task_type: Which task it is.
        task_id: Which execution it is; a new id if None.
        queue: The queue it came from.
        context: What else is known about it.

    Attributes:
        context: To add to what is known, before the end.
        status: Set it to end with another status than `success`; an error overrules it.
        error: Why it failed, if it did.
    """

    def __init__(
        self,
        record: Record,
        task_type: str,
        *,
        task_id: str | None = None,
        queue: str | None = None,
        context: Mapping[str, object] | None = None,
    ) -> None:
        self.context: dict[str, object] = dict(context or {})
        self.status = "success"
        self.error: str | None = None
        self._record = record
        self._task_type = task_type
        self._task_id = task_id
        self._queue = queue
        self._cpu_s = 0.0
        self._start = time.time()
        self._began = time.perf_counter()

    def fail(self, reason: str) -> None:
        """Let it end as a failure although it raises nothing."""
        self.status = "failure"
        self.error = reason[:_LONGEST_REASON]

    def add_cpu(self, seconds: float) -> None:
        """Count CPU time as spent on it."""
        self._cpu_s += seconds

    def end(self, error: BaseException | None = None) -> None:
        """Record it, as failed or cancelled if an error ended it."""
        duration = time.perf_counter() - self._began
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.status = "cancelled"
        elif error is not None:
            self.fail(reason(error))
        self._record(
            TaskRun(
                self._task_type,
                self._start,
                self._start + duration,
                self.status,
                self._task_id,
                round(100 * self._cpu_s / duration, 1) if duration else None,
                resident_mb(),
                self.error,
                self._queue,
                self.context or None,
            )
        )


class Task:
    """A task to measure: decorate a function with it, or enter it around a block.

    CPU time is that of the thread it runs in; of a coroutine, only that of its own steps.

    Args:
        record: Where executions go.
        task_type: Which task it is; a function's qualified name if None.
        queue: The queue it comes from.
        context: What else is known about it.
    """

    def __init__(
        self,
        record: Record,
        task_type: str | None = None,
        *,
        queue: str | None = None,
        context: Mapping[str, object] | None = None,
    ) -> None:
        self._record = record
        self._task_type = task_type
        self._queue = queue
        self._context = context
        self._entered: list[tuple[Execution, float]] = []

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function, measured each time it is called.

        Raises:
            TypeError: If it is a generator.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__qualname__} is a generator: measure what reads it")
        task_type = self._task_type or f"{function.__module__}.{function.__qualname__}"
        if inspect.iscoroutinefunction(function):
            return cast("Callable[P, R]", self._around_coroutine(function, task_type))

        @functools.wraps(function)
        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._again(task_type):
                return function(*args, **kwargs)

        return measured

    def __enter__(self) -> Execution:
        execution = self._execution(self._task_type or "block")
        self._entered.append((execution, time.thread_time()))
        return execution

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        execution, cpu_before = self._entered.pop()
        execution.add_cpu(time.thread_time() - cpu_before)
        execution.end(error)

    def _again(self, task_type: str) -> Task:
        return Task(self._record, task_type, queue=self._queue, context=self._context)

    def _execution(self, task_type: str) -> Execution:
        return Execution(self._record, task_type, queue=self._queue, context=self._context)

    def _around_coroutine(
        self, function: Callable[P, Coroutine[Any, Any, R]], task_type: str
    ) -> Callable[P, Coroutine[Any, Any, R]]:
        @functools.wraps(function)
        async def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            execution = self._execution(task_type)
            try:
                result: R = await Stepped(function(*args, **kwargs), execution)
            except BaseException as error:
                execution.end(error)
                raise
            execution.end()
            return result

        return measured


class Stepped:
    """An awaitable that runs a coroutine and counts the CPU time of its steps.

    Between them the thread belongs to other coroutines, whose time is not counted.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, R], execution: Execution) -> None:
        self._coroutine = coroutine
        self._execution = execution

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[], Any] = functools.partial(self._coroutine.send, None)
        while True:
            before = time.thread_time()
            try:
                awaited = step()
            except StopIteration as stop:
                return stop.value
            finally:
                self._execution.add_cpu(time.thread_time() - before)
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 (the coroutine is told, and decides)
                step = functools.partial(self._coroutine.throw, error)
            else:
                step = functools.partial(self._coroutine.send, sent)


def reason(error: BaseException) -> str:
    """What an error is and says."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 (an error's text is the application's code)
        return type(error).__name__

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from nowline_client import Execution, Task, TaskRun
from nowline_client.usage import resident_mb


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_function_is_measured_each_time_and_answers_as_before() -> None:
    runs: list[TaskRun] = []

    @Task(runs.append)
    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    assert (add(1), add(1, b=2), add.__name__, add.__doc__) == (2, 3, "add", "Add.")
    task_type = (
        f"{__name__}.test_a_function_is_measured_each_time_and_answers_as_before.<locals>.add"
    )
    assert [(run.task_type, run.status) for run in runs] == [(task_type, "success")] * 2
    assert all(run.start_time <= run.end_time <= time.time() for run in runs)
    assert runs[0].error_message is None


def test_what_it_raises_is_the_reason_and_goes_on() -> None:
    runs: list[TaskRun] = []

    @Task(runs.append, "mail", queue="slow", context={"to": 3})
    def send() -> None:
        raise ValueError("x" * 5000)

    with pytest.raises(ValueError, match="xxx"):
        send()
    (run,) = runs
    assert (run.task_type, run.status, run.queue) == ("mail", "failure", "slow")
    assert run.context == {"to": 3}
    assert run.error_message is not None
    assert run.error_message.startswith("ValueError: xxx")
    assert len(run.error_message) == 1000


def test_an_error_without_a_text_is_named() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    runs: list[TaskRun] = []
    with pytest.raises(MuteError), Task(runs.append):
        raise MuteError
    assert runs[0].error_message == "MuteError"


def test_a_block_may_add_what_it_learns() -> None:
    runs: list[TaskRun] = []
    with Task(runs.append, "nightly", context={"day": 1}) as execution:
        execution.context["rows"] = 7
    with Task(runs.append, "nightly") as execution:
        execution.fail("no rows")
    with Task(runs.append, "nightly") as execution:
        execution.status = "skipped"
    assert [run.status for run in runs] == ["success", "failure", "skipped"]
    assert runs[0].context == {"day": 1, "rows": 7}
    assert runs[1].error_message == "no rows"


def test_a_task_may_be_entered_within_itself() -> None:
    runs: list[TaskRun] = []

    @Task(runs.append, "down")
    def down(n: int) -> int:
        return down(n - 1) + 1 if n else 0

    assert down(3) == 3
    assert len(runs) == 4
    task = Task(runs.append, "block")
    with task, task:
        pass
    assert runs[4].start_time >= runs[5].start_time


def test_cpu_is_that_of_the_function_and_memory_that_of_the_process() -> None:
    runs: list[TaskRun] = []
    with Task(runs.append):
        burn(0.05)
    (run,) = runs
    assert run.cpu_usage_percent is not None
    assert run.cpu_usage_percent * (run.end_time - run.start_time) >= 100 * 0.049
    assert run.cpu_usage_percent <= 101
    assert run.memory_usage_mb is not None
    assert run.memory_usage_mb == pytest.approx(resident_mb(), rel=0.2)


async def test_a_coroutine_is_measured_without_what_runs_between_its_steps() -> None:
    runs: list[TaskRun] = []
    ready, go = asyncio.Event(), asyncio.Event()

    @Task(runs.append)
    async def wait(answer: int) -> int:
        ready.set()
        await go.wait()
        return answer

    async def other() -> None:
        await ready.wait()
        burn(0.1)
        go.set()

    assert inspect.iscoroutinefunction(wait)
    answer, _ = await asyncio.gather(wait(7), other())
    assert answer == 7
    (run,) = runs
    assert run.status == "success"
    assert run.end_time - run.start_time >= 0.1
    assert run.cpu_usage_percent is not None
    assert run.cpu_usage_percent * (run.end_time - run.start_time) < 100 * 0.05


async def test_a_coroutine_that_raises_or_is_cancelled_says_so() -> None:
    runs: list[TaskRun] = []
    started = asyncio.Event()

    @Task(runs.append)
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("k")

    @Task(runs.append)
    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    with pytest.raises(KeyError):
        await fail()
    task = asyncio.create_task(hang())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [run.status for run in runs] == ["failure", "cancelled"]
    assert runs[0].error_message == "KeyError: 'k'"


async def test_a_coroutine_sees_what_is_thrown_into_it() -> None:
    runs: list[TaskRun] = []

    @Task(runs.append)
    async def patient() -> str:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            return "in time"
        return "never"

    assert await patient() == "in time"
    assert runs[0].status == "success"


def test_generators_are_refused() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    async def more() -> AsyncIterator[int]:
        yield 1

    runs: list[TaskRun] = []
    for function in (numbers, more):
        with pytest.raises(TypeError, match="generator"):
            Task(runs.append)(function)


def test_an_execution_may_be_given_the_id_of_its_queue() -> None:
    runs: list[TaskRun] = []
    Execution(runs.append, "mail", task_id="42").end()
    assert runs[0].task_id == "42"

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import redis
from rq import Queue, SimpleWorker
from rq.worker import BaseWorker, Worker

from nowline_client import Nowline
from nowline_client.integrations.rq import worker_class
from polling import eventually
from receiver import Receiver
from redis_server import own_redis

pytest_plugins = ["recording"]
# Python 3.12 and later warn of every fork beside threads, as RQ's are.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """A worker takes these signals for itself and does not give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def server() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own_redis().database()) as server:
        yield server


def succeed(number: int) -> int:
    return number


def fail() -> None:
    raise ValueError("no")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("base", [Worker, SimpleWorker])
def test_executions_are_recorded_in_the_process_that_runs_them(
    receiver: Receiver, nl: Nowline, server: redis.Redis, base: type[BaseWorker]
) -> None:
    queue = Queue("mail", connection=server)
    done, failed = queue.enqueue(succeed, 1), queue.enqueue(fail)
    worker_class(nl, base)([queue], connection=server).work(burst=True, logging_level="CRITICAL")
    assert nl.flush()
    runs = {run["task_id"]: run for run in receiver.rows("tasks")}
    assert set(runs) == {done.id, failed.id}
    assert runs[done.id]["status"] == "success"
    assert runs[done.id]["queue"] == "mail"
    assert runs[done.id]["task_type"].endswith("succeed")
    assert runs[failed.id]["status"] == "failure"
    assert runs[failed.id]["error_message"] == "ValueError: no"


def test_a_job_whose_process_is_killed_is_a_failure(
    receiver: Receiver, nl: Nowline, server: redis.Redis
) -> None:
    queue = Queue("mail", connection=server)
    killed = queue.enqueue(die)
    worker_class(nl)([queue], connection=server).work(burst=True, logging_level="CRITICAL")
    assert nl.flush()
    (run,) = receiver.rows("tasks")
    assert (run["task_id"], run["status"]) == (killed.id, "failure")
    assert run["error_message"] == "its process was killed"


def test_the_depth_of_the_queues_is_read_by_the_worker(
    receiver: Receiver, nl: Nowline, server: redis.Redis
) -> None:
    busy, other = Queue("busy", connection=server), Queue("other", connection=server)
    for number in range(3):
        other.enqueue(succeed, number)
    worker = worker_class(nl, SimpleWorker)([busy, other], connection=server)
    worker.work(burst=True, max_jobs=1, logging_level="CRITICAL")
    assert eventually(lambda: nl.flush() and len(receiver.metric("task.queue_depth")) == 2)
    depths = {row["tags"]["queue"]: row["value"] for row in receiver.metric("task.queue_depth")}
    assert depths["busy"] == 0
    assert depths["other"] in {2, 3}

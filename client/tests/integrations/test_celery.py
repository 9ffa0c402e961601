from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from nowline_client import Nowline
from nowline_client.integrations.celery import instrument
from receiver import Receiver
from redis_server import own_redis

pytest_plugins = ["recording"]


@contextmanager
def worker(receiver: Receiver, broker: str, log: Path) -> Iterator[None]:
    """A worker of `celery_shop` with one forked process."""
    options = ["--concurrency", "1", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "celery_shop", "worker", *options],
            cwd=Path(__file__).parent,
            env={**os.environ, "SHOP_BROKER": broker, "SHOP_NOWLINE": receiver.url},
            stdout=out,
            stderr=out,
        )
    try:
        yield
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def broker() -> str:
    return own_redis().database()


@pytest.fixture
def shop(nl: Nowline, broker: str) -> Iterator[Celery]:
    """The application as those who enqueue see it."""
    app = Celery("shop", broker=broker, set_as_current=False)
    app.conf.task_default_queue = "mail"
    instrument(nl, app)
    yield app
    app.close()


def runs(receiver: Receiver) -> dict[str, list[dict[str, Any]]]:
    """The executions by the type of the task."""
    found: dict[str, list[dict[str, Any]]] = {}
    for run in receiver.rows("tasks"):
        found.setdefault(run["task_type"], []).append(run)
    return found


def test_executions_are_recorded_in_the_processes_that_the_worker_forks(
    receiver: Receiver, nl: Nowline, shop: Celery, broker: str, tmp_path: Path
) -> None:
    sent = shop.send_task("succeed", [1])
    for name in ("fail", "again", "hang", "succeed"):
        shop.send_task(name, [2] if name == "succeed" else [])
    assert nl.flush()
    enqueued = {row["tags"]["task_type"]: row for row in receiver.metric("task.enqueued")}
    assert {name: row["value"] for name, row in enqueued.items()} == {
        "succeed": 2,
        "fail": 1,
        "again": 1,
        "hang": 1,
    }
    assert {row["tags"]["queue"] for row in enqueued.values()} == {"mail"}
    with worker(receiver, broker, tmp_path / "log"):
        receiver.wait_for(lambda: len(receiver.rows("tasks")) >= 6)
    statuses = {name: [run["status"] for run in of_it] for name, of_it in runs(receiver).items()}
    assert statuses == {
        "succeed": ["success", "success"],
        "fail": ["failure"],
        "again": ["retry", "success"],
        "hang": ["failure"],
    }
    found = runs(receiver)
    assert found["succeed"][0]["task_id"] == sent.id
    assert found["succeed"][0]["queue"] == "mail"
    assert found["succeed"][0]["memory_usage_mb"] > 1
    assert found["fail"][0]["error_message"] == "ValueError: no"
    assert "not yet" in found["again"][0]["error_message"]
    assert found["again"][1]["context"] == {"retries": 1}
    assert "TimeLimitExceeded" in found["hang"][0]["error_message"]


def test_the_depth_of_the_queues_is_read_by_the_worker(
    receiver: Receiver, shop: Celery, broker: str, tmp_path: Path
) -> None:
    def depths() -> list[int]:
        return [row["value"] for row in receiver.metric("task.queue_depth")]

    # Some are with the worker, which takes a few ahead; the others wait.
    for _ in range(20):
        shop.send_task("nap")
    with worker(receiver, broker, tmp_path / "log"):
        receiver.wait_for(lambda: depths()[-1:] == [0])
    assert 1 <= max(depths()) <= 20
    assert {row["tags"]["queue"] for row in receiver.metric("task.queue_depth")} == {"mail"}

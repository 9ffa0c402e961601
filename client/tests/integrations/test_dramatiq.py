from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import SkipMessage

from nowline_client import Nowline
from nowline_client.integrations.dramatiq import NowlineMiddleware
from polling import eventually
from receiver import Receiver
from redis_server import own_redis

pytest_plugins = ["recording"]


class Skips(dramatiq.Middleware):
    """Lets nothing of the actor `unwanted` be executed."""

    def before_process_message(self, _: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        if message.actor_name == "unwanted":
            raise SkipMessage


@pytest.fixture(params=["redis", "memory"])
def broker(request: pytest.FixtureRequest, nl: Nowline) -> Iterator[dramatiq.Broker]:
    broker: dramatiq.Broker = StubBroker(fail_fast_default=False)
    if request.param == "redis":
        broker = RedisBroker(url=own_redis().database())  # type: ignore[no-untyped-call]
    broker.add_middleware(NowlineMiddleware(nl, depth_interval=3600))
    broker.add_middleware(Skips())
    broker.emit_after("process_boot")
    yield broker
    broker.close()


def work(broker: dramatiq.Broker) -> None:
    worker = dramatiq.Worker(broker, worker_timeout=20, worker_threads=1)
    worker.start()
    broker.join("mail", timeout=20_000)
    worker.join()
    worker.stop()


def test_executions_and_what_is_enqueued(
    receiver: Receiver, nl: Nowline, broker: dramatiq.Broker
) -> None:
    @dramatiq.actor(broker=broker, queue_name="mail", max_retries=1, min_backoff=1, max_backoff=1)
    def send(to: str) -> None:
        if to == "nobody":
            raise ValueError("nobody there")

    @dramatiq.actor(broker=broker, queue_name="mail")
    def unwanted() -> None: ...

    sent = send.send("ada")
    send.send("nobody")
    unwanted.send()
    work(broker)
    assert nl.flush()
    runs = receiver.rows("tasks")
    assert {(run["task_type"], run["queue"]) for run in runs} == {
        ("send", "mail"),
        ("unwanted", "mail"),
    }
    of_ada = next(run for run in runs if run["task_id"] == sent.message_id)
    assert of_ada["status"] == "success"
    assert of_ada["memory_usage_mb"] > 1
    statuses = sorted(run["status"] for run in runs)
    assert statuses == ["failure", "failure", "skipped", "success"]
    failures = [run for run in runs if run["status"] == "failure"]
    assert {run["error_message"] for run in failures} == {"ValueError: nobody there"}
    assert [run.get("context") for run in failures] == [None, {"retries": 1}]
    enqueued = {
        (row["tags"]["task_type"], row["tags"]["queue"]): row["value"]
        for row in receiver.metric("task.enqueued")
    }
    assert sum(enqueued.values()) == 4
    assert enqueued["unwanted", "mail"] == 1


def test_the_depth_of_the_queues_is_read_by_workers(
    receiver: Receiver, nl: Nowline, broker: dramatiq.Broker
) -> None:
    @dramatiq.actor(broker=broker, queue_name="mail")
    def send() -> None: ...

    for _ in range(3):
        send.send()
    # No thread of it takes a message before the depth is read.
    worker = dramatiq.Worker(broker, queues={"other"}, worker_timeout=20, worker_threads=1)
    worker.start()
    assert eventually(lambda: nl.flush() and receiver.metric("task.queue_depth"))
    worker.stop()
    (depth,) = receiver.metric("task.queue_depth")
    assert (depth["value"], depth["tags"]) == (3, {"queue": "mail"})

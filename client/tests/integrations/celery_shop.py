"""An application of Celery, as its worker process imports it."""

from __future__ import annotations

import os
import time

from celery import Celery, Task

from nowline_client import Nowline
from nowline_client.integrations.celery import instrument

app = Celery("shop", broker=os.environ["SHOP_BROKER"])
app.conf.update(
    task_ignore_result=True,
    task_default_queue="mail",
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)
nl = Nowline(os.environ["SHOP_NOWLINE"], "key", flush_interval=0.05)
instrument(nl, app, depth_interval=0.05)


@app.task(name="succeed")  # type: ignore[untyped-decorator]
def succeed(number: int) -> int:
    return number


@app.task(name="fail")  # type: ignore[untyped-decorator]
def fail() -> None:
    raise ValueError("no")


@app.task(name="again", bind=True, max_retries=1)  # type: ignore[untyped-decorator]
def again(self: Task) -> None:
    if not self.request.retries:
        raise self.retry(countdown=0, exc=KeyError("not yet"))


@app.task(name="nap")  # type: ignore[untyped-decorator]
def nap() -> None:
    time.sleep(0.1)


@app.task(name="hang", time_limit=0.5)  # type: ignore[untyped-decorator]
def hang() -> None:
    time.sleep(3600)

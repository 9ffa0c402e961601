"""What the pages about the client show does run, in the order in which it stands."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from dramatiq.brokers.stub import StubBroker
from fastapi import FastAPI
from flask import Flask
from redis import Redis
from sqlalchemy import Engine, create_engine

from receiver import Receiver

pytest_plugins = ["recording"]
ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


async def send_mail(_: object) -> None: ...


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    yield engine
    engine.dispose()


@pytest.mark.parametrize("page", ["docs/client.md", "client/README.md"])
def test_what_a_page_shows_runs(page: str, receiver: Receiver, engine: Engine) -> None:
    names: dict[str, Any] = {
        "app": FastAPI(),
        "broker": StubBroker(),
        "celery_app": Celery("shop", set_as_current=False),
        "engine": engine,
        "flask_app": Flask("shop"),
        "redis_client": Redis(),
        "send_mail": send_mail,
        "threading": threading,
        "__name__": "shop",
    }
    for block in blocks(page):
        exec(block.replace("http://127.0.0.1:8000", receiver.url), names)
    names["nl"].close()
    assert names["nl"].dropped == 0
    recorded = {row["name"] for row in receiver.rows("metrics")}
    assert {"orders", "queue.length", "cart.value"} <= recorded
    assert {row["event_type"] for row in receiver.rows("events")} >= {"USER_LOGIN", "FEATURE_USED"}

"""The example of a shop, as its README starts it, beside the real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from polling import eventually
from running import INGEST_KEY, Server

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples/shop"
_RUNNING = re.compile(r"Uvicorn running on (http://\S+)")


@contextmanager
def shop(server: Server) -> Iterator[httpx.Client]:
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--app-dir", str(SHOP), "shop:app", "--port", "0"],
        env={**os.environ, "SHOP_NOWLINE_URL": server.url, "SHOP_NOWLINE_KEY": INGEST_KEY},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = iter(process.stderr)
        url = next(match[1] for line in said if (match := _RUNNING.search(line)))
        with httpx.Client(base_url=url) as client:
            yield client
        process.terminate()
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def asked(alice: httpx.Client, metric: str, aggregation: str, by: str) -> dict[str, float]:
    question = {
        "metric_name": metric,
        "aggregation": aggregation,
        "group_by": [by],
        "time_range": {"last": "1h"},
        "interval": "1d",
    }
    answer = alice.post("/api/v1/metrics/query", json=question).raise_for_status()
    return {point["tags"][by]: point["value"] for point in answer.json()["data"]}


def done_by(alice: httpx.Client, user: str) -> list[str]:
    answer = alice.get("/api/v1/activity", params={"user_id": user}).raise_for_status()
    return sorted(event["event_type"] for event in answer.json()["events"])


def test_the_shop_is_watched(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server, server.alice() as alice:
        with shop(server) as customer:
            customer.post("/login", params={"name": "ada"}).raise_for_status()
            assert customer.get("/products", params={"search": "esp"}).json() == {"espresso": 2.5}
            for pieces in (2, 99):
                order = {"product": "espresso", "pieces": pieces}
                customer.post("/orders", json=order, headers={"token": "ada"})
        assert eventually(lambda: asked(alice, "orders", "sum", "product") == {"espresso": 1})
        assert asked(alice, "stock", "last", "product") == {"espresso": 98}
        assert eventually(lambda: len(asked(alice, "api.calls", "sum", "endpoint")) == 3)
        calls = asked(alice, "api.calls", "sum", "endpoint")
        assert calls == {"/login": 1, "/products": 1, "/orders": 2}
        assert asked(alice, "api.calls", "sum", "status") == {"200": 2, "201": 1, "409": 1}
        assert eventually(lambda: asked(alice, "task.count", "sum", "task_type") == {"receipt": 1})
        expected = ["API_CALL", "API_CALL", "USER_LOGIN"]
        assert eventually(lambda: done_by(alice, "ada") == expected)


def test_it_takes_ten_lines() -> None:
    lines = (SHOP / "shop.py").read_text().splitlines()
    assert len([line for line in lines if re.search(r"\bnl\b|[Nn]owline", line)]) == 10


def test_its_page_names_what_it_does() -> None:
    page = (SHOP / "README.md").read_text()
    source = (SHOP / "shop.py").read_text()
    called = set(re.findall(r"\bnl\.(\w+)", source))
    assert called <= set(re.findall(r"nl\.(\w+)", page))
    assert set(re.findall(r"SHOP_NOWLINE_\w+", source)) == set(re.findall(r"SHOP_\w+", page))

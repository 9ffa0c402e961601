"""Dashboards for a browser to draw, and the points that keep them moving."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx

from bench.product import ADMIN, INGEST_KEY, Product

METRICS = 20
MEMBERS = 5
_HISTORY_S = 300
_SECONDS = 5_000

Widget = dict[str, object]


def charts(count: int = METRICS) -> list[Widget]:
    """So many line charts of five series each, at one second."""
    return [
        _widget(i, "chart", {"query": _query(f"web.m{i:03}", "1s", "5m")}) for i in range(count)
    ]


def numbers(count: int) -> list[Widget]:
    """So many metrics as numbers with a line of their past."""
    return [
        _widget(i, "metric", {"query": _query(f"web.m{i:03}", "1s", "5m")}) for i in range(count)
    ]


def chart_of_members(metric: str, last: str) -> list[Widget]:
    """One large chart of each member's points, over a span of time of its own."""
    return _large(metric, _query(metric, "1s", last))


def chart_of_all(metric: str) -> list[Widget]:
    """One large chart of a single line, over what the page looks at."""
    return _large(metric, {"metric_name": metric, "aggregation": "avg", "interval": "1s"})


def _large(metric: str, query: dict[str, object]) -> list[Widget]:
    config = {"query": query}
    return [{"id": "w0", "type": "chart", "title": metric, "config": config, "position": _FULL}]


_FULL = {"x": 0, "y": 0, "w": 12, "h": 8}


def make_dashboard(server: Product, name: str, widgets: Sequence[Widget]) -> str:
    """Store a dashboard; its id."""
    with httpx.Client(base_url=server.url) as client:
        token = client.post("/api/auth/login", json=ADMIN).json()["access_token"]
        body = {"name": name, "widgets": list(widgets)}
        headers = {"authorization": f"Bearer {token}"}
        answer = client.post("/api/v1/dashboards", json=body, headers=headers)
    identifier: str = answer.raise_for_status().json()["id"]
    return identifier


def write_history(server: Product, metric: str, seconds: int, members: int) -> None:
    """A point a second of each of so many members, up to now."""
    now = time.time_ns() // 1_000_000_000
    with httpx.Client(base_url=server.url, headers=_SENDER) as client:
        for first in range(now - seconds, now, _SECONDS):
            every = range(first, min(first + _SECONDS, now))
            lines = (
                f"{metric},member={n} value={_wave(at + 9 * n):.3f} {at}"
                for at in every
                for n in range(members)
            )
            _write(client, "\n".join(lines))


@contextmanager
def moving(server: Product, metrics: int = METRICS) -> Iterator[None]:
    """Five minutes of history of each metric's five members, then new points every second."""
    now = time.time_ns() // 1_000_000_000
    with httpx.Client(base_url=server.url, headers=_SENDER, timeout=30) as client:
        for at in range(now - _HISTORY_S, now):
            _write(client, _second(metrics, at))
    ended = threading.Event()
    sender = threading.Thread(target=_keep_moving, args=(server, metrics, ended))
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()


def _keep_moving(server: Product, metrics: int, ended: threading.Event) -> None:
    with httpx.Client(base_url=server.url, headers=_SENDER) as client:
        while not ended.wait(1 - time.time() % 1):
            _write(client, _second(metrics, int(time.time())))


def _second(metrics: int, at: int) -> str:
    return "\n".join(
        f"web.m{metric:03},member=n{member} value={_wave(at + metric * 7 + member * 31):.3f} {at}"
        for metric in range(metrics)
        for member in range(MEMBERS)
    )


def _wave(at: int) -> float:
    return 50 + 30 * math.sin(at / 40) + 10 * math.sin(at * 1.7)


def _write(client: httpx.Client, lines: str) -> None:
    client.post("/api/v1/write?precision=s", content=lines).raise_for_status()


_SENDER = {"authorization": f"Bearer {INGEST_KEY}"}


def _query(metric: str, interval: str, last: str) -> dict[str, object]:
    return {
        "metric_name": metric,
        "aggregation": "avg",
        "interval": interval,
        "time_range": {"last": last},
        "group_by": ["member"],
    }


def _widget(place: int, kind: str, config: dict[str, object]) -> Widget:
    position = {"x": place % 4 * 3, "y": place // 4 * 3, "w": 3, "h": 3}
    title = f"Metric {place}"
    return {"id": f"w{place}", "type": kind, "title": title, "config": config, "position": position}

"""An hour of everything the built-in dashboards show, the same in each run but for its day."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from asking import Row
from running import Server

HOUR_MS = 3_600_000
_DAY_MS = 24 * HOUR_MS
_STEP_MS = 5_000
_A_POST = 5000


class Wave(NamedTuple):
    """How values go up and down in an hour, around what, how far, and how rough they are."""

    middle: float
    swing: float = 0.0
    turns: float = 1.0
    rough: float = 0.03

    def at(self, part: float, rng: random.Random) -> float:
        """The value when that part of the hour is over."""
        value = self.middle + self.swing * math.sin(2 * math.pi * self.turns * part)
        return max(0.0, value + self.middle * self.rough * rng.uniform(-1, 1))


class Metric(NamedTuple):
    """A metric, and how each of its series goes."""

    name: str
    kind: str
    # Of a counter, what is counted in ten seconds.
    series: list[tuple[dict[str, str], Wave]]


def noon() -> int:
    """Yesterday at noon, epoch milliseconds: long over, and written alike on every day."""
    return (int(time.time() * 1000) // _DAY_MS) * _DAY_MS - _DAY_MS // 2


def _one(name: str, kind: str, *wave: float) -> Metric:
    return Metric(name, kind, [({}, Wave(*wave))])


def _each(name: str, kind: str, tag: str, waves: dict[str, Wave]) -> Metric:
    return Metric(name, kind, [({tag: value}, wave) for value, wave in waves.items()])


_GB = 1024.0**3
_MB = 1024.0**2
_ENDPOINTS = {"/orders": 5.0, "/login": 3.0, "/search": 8.0, "/cart": 2.0}
_REGIONS = {
    "north": Wave(42, 12, 1.5),
    "south": Wave(31, 8, 0.7),
    "east": Wave(18, 6, 1.1),
    "west": Wave(9, 3, 2),
}
HOST = [
    _one("host.cpu.percent", "gauge", 34, 16, 1.4, 0.15),
    _each(
        "host.cpu.core.percent",
        "gauge",
        "core",
        {
            "0": Wave(40, 20, 1.4, 0.2),
            "1": Wave(28, 12, 1, 0.2),
        },
    ),
    _one("host.memory.percent", "gauge", 61, 2, 0.5, 0.003),
    _one("host.memory.used_bytes", "gauge", 9.8 * _GB, 0.4 * _GB, 0.5, 0.003),
    _one("host.memory.available_bytes", "gauge", 6.2 * _GB, -0.4 * _GB, 0.5, 0.003),
    _one("host.swap.used_bytes", "gauge", 0.3 * _GB, 0, 1, 0),
    _each(
        "host.disk.percent",
        "gauge",
        "mount",
        {
            "/": Wave(71, 0.5),
            "/data": Wave(43, 0.5),
            "/boot": Wave(18, 0, 1, 0),
        },
    ),
    _one("host.net.received_bytes", "counter", 6 * _MB, 3 * _MB, 2, 0.2),
    _one("host.net.sent_bytes", "counter", 2 * _MB, 1 * _MB, 2, 0.2),
    _one("host.disk.read_bytes", "counter", 4 * _MB, 3 * _MB, 1.3, 0.3),
    _one("host.disk.written_bytes", "counter", 9 * _MB, 4 * _MB, 0.8, 0.3),
    _each(
        "host.load",
        "gauge",
        "window",
        {
            "1m": Wave(0.9, 0.5, 1.4),
            "5m": Wave(0.8, 0.3, 1.2),
            "15m": Wave(0.7, 0.1, 1),
        },
    ),
    _one("host.processes", "gauge", 214, 6, 1, 0.01),
]
QUEUE = [_one("orders.waiting", "gauge", 38, 14, 1.3, 0.1)]
SHOP = [
    _each("shop.revenue", "counter", "region", _REGIONS),
    _each(
        "shop.orders",
        "counter",
        "region",
        {
            name: Wave(wave.middle / 8, wave.swing / 8, wave.turns)
            for name, wave in _REGIONS.items()
        },
    ),
    _one("shop.users.active", "gauge", 310, 60, 0.8, 0.02),
    _one("shop.logins", "counter", 6, 2, 1, 0.2),
    _one("shop.registrations", "counter", 1.4, 0.6, 1.3, 0.3),
    _one("shop.products.created", "counter", 0.6, 0.3, 1.7, 0.3),
    _each(
        "shop.api.requests",
        "counter",
        "endpoint",
        {name: Wave(40 * much, 14 * much, 1.2) for name, much in _ENDPOINTS.items()},
    ),
    _each(
        "shop.api.duration_ms",
        "gauge",
        "endpoint",
        {name: Wave(20 + 15 * much, 6, 1.6, 0.1) for name, much in _ENDPOINTS.items()},
    ),
    _one("shop.api.errors", "counter", 1.2, 1, 1.8, 0.4),
    _each(
        "shop.tasks.completed",
        "counter",
        "status",
        {
            "success": Wave(14, 4, 1),
            "failure": Wave(0.8, 0.4, 2, 0.4),
        },
    ),
    _each(
        "shop.tasks.duration_ms",
        "gauge",
        "task_type",
        {
            "invoice": Wave(420, 80, 1.1),
            "email": Wave(130, 30, 1.4),
        },
    ),
    _each(
        "shop.queue.depth",
        "gauge",
        "queue",
        {
            "mail": Wave(22, 12, 1.2, 0.1),
            "billing": Wave(9, 5, 0.8, 0.1),
        },
    ),
]
ACTIVITY = [
    _one("activity.active_users", "gauge", 214, 40, 0.8, 0.01),
    _each(
        "events",
        "counter",
        "event_type",
        {
            "USER_LOGIN": Wave(6, 2, 1, 0.2),
            "USER_LOGOUT": Wave(4, 2, 1.4, 0.2),
            "USER_REGISTERED": Wave(1.4, 0.6, 1.3, 0.3),
            "PRODUCT_CREATED": Wave(1.8, 0.8, 1.7, 0.3),
            "PRODUCT_UPDATED": Wave(2.6, 1, 1.1, 0.3),
            "PRODUCT_DELETED": Wave(0.7, 0.3, 2, 0.3),
            "FEATURE_USED": Wave(9, 3, 1.5, 0.2),
            "PAGE_VIEW": Wave(24, 8, 1.1, 0.1),
            "API_CALL": Wave(180, 40, 1.2, 0.05),
        },
    ),
    _each(
        "api.calls",
        "counter",
        "endpoint",
        {name: Wave(10 * much, 3 * much, 1.2, 0.1) for name, much in _ENDPOINTS.items()},
    ),
    _each(
        "api.errors",
        "counter",
        "endpoint",
        {
            "/orders": Wave(3, 2, 1.6, 0.3),
            "/search": Wave(1.5, 1, 1, 0.3),
        },
    ),
    _each(
        "api.duration",
        "distribution",
        "endpoint",
        {name: Wave(30 + 40 * much, 30, 1.6, 0.5) for name, much in _ENDPOINTS.items()},
    ),
]
_TASKS = {"invoice": 1.0, "email": 2.5, "report": 0.5}
TASKS = [
    Metric(
        "task.count",
        "counter",
        [
            (
                {"task_type": name, "status": status},
                Wave(8 * much * share, 2 * much * share, 1.2, 0.2),
            )
            for name, much in _TASKS.items()
            for status, share in (("success", 1), ("failure", 0.06))
        ],
    ),
    _each(
        "task.duration",
        "distribution",
        "task_type",
        {name: Wave(900 / much, 200 / much, 1.4, 0.4) for name, much in _TASKS.items()},
    ),
    _each(
        "task.cpu",
        "gauge",
        "task_type",
        {name: Wave(30 / much, 8, 1.1, 0.1) for name, much in _TASKS.items()},
    ),
    _each(
        "task.memory",
        "gauge",
        "task_type",
        {name: Wave(200 / much, 20, 0.9, 0.03) for name, much in _TASKS.items()},
    ),
]
_ROUTES = {"/api/v1/live": 3.0, "/api/v1/ingest/metrics": 9.0, "/api/v1/metrics/query": 5.0}
OWN = [
    _one("nowline.ingest.rows", "counter", 84_000, 20_000, 1.2, 0.1),
    _one("nowline.ingest.rejected", "counter", 40, 30, 2, 0.3),
    _one("nowline.live.readers", "gauge", 126, 12, 0.7, 0.02),
    _one("nowline.live.publish_ms", "distribution", 9, 3, 1.6, 0.4),
    _one("nowline.live.write_ms", "distribution", 4, 1.5, 1.2, 0.4),
    _one("nowline.process.memory_bytes", "gauge", 212 * _MB, 9 * _MB, 0.6, 0.01),
    _one("nowline.process.cpu_percent", "gauge", 31, 12, 1.3, 0.15),
    _one("nowline.cache.hits", "counter", 880, 60, 1, 0.05),
    _one("nowline.cache.lookups", "counter", 1000, 40, 1, 0.02),
    _each(
        "nowline.log.lag_ms",
        "gauge",
        "group",
        {
            "store": Wave(90, 40, 1.4, 0.3),
            "windows": Wave(14, 6, 1.8, 0.3),
        },
    ),
    _one("nowline.query.mean_ms", "gauge", 12, 5, 1.5, 0.3),
    Metric(
        "nowline.http.requests",
        "counter",
        [
            (
                {"route": route, "status": status},
                Wave(10 * much * share, 3 * much * share, 1.2, 0.1),
            )
            for route, much in _ROUTES.items()
            for status, share in (("200", 1), ("404", 0.1))
        ],
    ),
    _each(
        "nowline.http.duration_ms",
        "distribution",
        "route",
        {name: Wave(2 * much, much, 1.7, 0.2) for name, much in _ROUTES.items()},
    ),
]


def fill(server: Server, end: int) -> None:
    """Send all of it, for the hour up to `end`, epoch milliseconds."""
    rows = [
        row for metric in HOST + QUEUE + SHOP + ACTIVITY + TASKS + OWN for row in _rows(metric, end)
    ]
    with server.ingest() as client:
        for at in range(0, len(rows), _A_POST):
            _post(client.post("/api/v1/ingest/metrics", json={"metrics": rows[at : at + _A_POST]}))
        _post(client.post("/api/v1/ingest/events", json={"events": _events(end)}))


def _post(answer: Any) -> None:  # noqa: ANN401 - an answer of httpx
    assert answer.status_code == 202, answer.text
    assert answer.json()["rejected"] == [], answer.text


def _rows(metric: Metric, end: int) -> Iterator[Row]:
    for tags, wave in metric.series:
        # The name of a series decides how rough it is: what is added beside it changes nothing.
        rng = random.Random(f"{metric.name} {sorted(tags.items())}")
        for time_ms in range(end - HOUR_MS, end, _STEP_MS):
            value = wave.at(1 - (end - time_ms) / HOUR_MS, rng)
            if metric.kind == "counter":
                value = math.floor(value * _STEP_MS / 10_000 + rng.random())
            yield {
                "name": metric.name,
                "type": metric.kind,
                "value": value,
                "time": time_ms,
                "tags": tags,
            }


_DONE: list[dict[str, Any]] = [
    {"event_type": "USER_LOGIN"},
    {"event_type": "PRODUCT_CREATED", "metadata": {"product": "Desk lamp"}},
    {
        "event_type": "API_CALL",
        "metadata": {
            "endpoint": "/orders",
            "method": "POST",
            "status": 503,
            "duration_ms": 1840,
        },
    },
    {"event_type": "FEATURE_USED", "metadata": {"feature": "export"}},
    {"event_type": "USER_REGISTERED"},
    {"event_type": "USER_LOGOUT"},
]


def _events(end: int) -> list[dict[str, Any]]:
    people = ("ada", "grace", "linus", "edsger")
    return [
        {
            **_DONE[at % len(_DONE)],
            "event_id": f"pictured-{at}",
            "user_id": people[at % len(people)],
            "organization_id": "acme",
            "timestamp": end - 1000 * (7 + 23 * at),
        }
        for at in range(12)
    ]

"""The server's own requests: how many, how they ended, and how long they took."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from nowline.collect.metrics import Describer, Metric
from nowline.model.series import MetricType, Point

REQUESTS = Metric(
    "nowline.http.requests", "count", "Requests that the server answered", MetricType.COUNTER
)
DURATION = Metric(
    "nowline.http.duration_ms",
    "ms",
    "Time from a request to the end of its answer; sampled, see nowline.http.requests for counts",
    MetricType.DISTRIBUTION,
)

_OTHER = "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MOST_ROUTES = 256
_MOST_DURATIONS = 32
_CLIENT_GONE = 499  # not a standard status, but the one that proxies log for this

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


class RequestStats:
    """Counts requests and samples their durations, second by second, in bounded memory.

    `nowline.http.requests` is exact. `nowline.http.duration_ms` has at most 32 observations per
    route and second: up to there every request is observed; beyond it they are a uniform random
    sample of that second's requests (reservoir sampling), so percentiles within a second stay
    unbiased, but the number of observations is not the number of requests, and over a longer
    time a busy second weighs no more than 32 requests. Otherwise a server under load would
    spend its time ingesting its own durations.

    Routes beyond the first 256 and unknown methods are counted as `other`.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - a sample, not a secret
        self._describer = Describer()
        self._routes: set[str] = {_OTHER}
        self._counts: dict[tuple[str, str, int], int] = {}
        self._durations: dict[str, list[float]] = {}
        self._seen: dict[str, int] = {}

    def count(self, route: str, method: str, status: int) -> str:
        """Count a request, without a duration; returns the route that it counts for."""
        if route not in self._routes:
            route = self._admit(route)
        key = (route, method if method in _METHODS else _OTHER, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        return route

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that took `seconds`. `route` is the template, not the path."""
        route = self.count(route, method, status)
        seen = self._seen[route] = self._seen.get(route, 0) + 1
        kept = self._durations.setdefault(route, [])
        if seen <= _MOST_DURATIONS:
            kept.append(seconds)
        elif (slot := int(self._random() * seen)) < _MOST_DURATIONS:
            kept[slot] = seconds

    def sample(self) -> list[Point]:
        """What was observed since the last sample, without a time (see `collect.schedule`)."""
        counts, self._counts = self._counts, {}
        durations, self._durations = self._durations, {}
        self._seen = {}
        point = self._describer.point
        points = [
            point(REQUESTS, n, {"route": route, "method": method, "status": str(status)})
            for (route, method, status), n in counts.items()
        ]
        for route, kept in durations.items():
            tags = {"route": route}
            points.extend(point(DURATION, seconds * 1000, tags) for seconds in kept)
        return points

    def _admit(self, route: str) -> str:
        if len(self._routes) >= _MOST_ROUTES:
            return _OTHER
        self._routes.add(route)
        return route


def observe_requests(app: AsgiApp, stats: RequestStats) -> AsgiApp:
    """Wrap the whole ASGI application so that every request is counted in `stats`.

    The route is the template that the router leaves in the scope (`path_template`); what it
    does not know, and what is mounted without one, counts as `other`. Streams, WebSockets
    included, are counted when they begin, and have no duration. `receive` is passed on as it
    came, for the live streams reach the transport through it.
    """

    async def observed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, stats)
        try:
            await app(scope, receive, exchange.send)
        except Exception:
            exchange.finish(500)
            raise
        exchange.finish(_CLIENT_GONE)

    return observed


class _Exchange:
    """One request and its answer, counted once: at its end, or at the start of a stream."""

    __slots__ = ("_counted", "_scope", "_send", "_started", "_stats", "_status")

    def __init__(self, scope: Scope, send: Send, stats: RequestStats) -> None:
        self._scope = scope
        self._send = send
        self._stats = stats
        self._started = time.perf_counter()
        self._status = 0
        self._counted = False

    async def send(self, message: Message) -> None:
        """Pass on what the application sends, and see from it how the request ends."""
        kind = message["type"]
        if kind == "http.response.start":
            self._status = message["status"]
        await self._send(message)
        if self._counted:
            return
        if kind == "http.response.body":
            self._count(streamed=message.get("more_body", False))
        elif kind in _HANDSHAKES:
            self._status = message.get("status", _HANDSHAKES[kind])
            self._count(streamed=True)

    def finish(self, unanswered_status: int) -> None:
        """Count a request that was not counted yet, for it has no answer or no end of one."""
        if not self._counted:
            self._status = self._status or unanswered_status
            self._count(streamed=True)

    def _count(self, *, streamed: bool) -> None:
        self._counted = True
        route = self._scope.get("path_template") or _OTHER
        method = self._scope.get("method", "GET")
        if streamed:
            self._stats.count(route, method, self._status)
        else:
            seconds = time.perf_counter() - self._started
            self._stats.observe(route, method, self._status, seconds)


_HANDSHAKES = {
    "websocket.accept": 101,
    "websocket.close": 403,
    "websocket.http.response.start": 403,
}

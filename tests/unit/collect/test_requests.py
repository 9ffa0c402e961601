from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar, MediaType, get
from litestar.params import FromPath
from litestar.response import Stream
from litestar.testing import AsyncTestClient

from nowline.collect.requests import Message, Receive, RequestStats, Scope, Send, observe_requests
from nowline.model.series import MetricType, Point


def counted(points: list[Point]) -> dict[tuple[str, str, str], float]:
    return {
        (point.tags["route"], point.tags["method"], point.tags["status"]): point.value
        for point in points
        if point.name == "nowline.http.requests"
    }


def durations(points: list[Point]) -> list[Point]:
    return [point for point in points if point.name == "nowline.http.duration_ms"]


def test_requests_are_counted_by_route_method_and_status_since_the_last_sample() -> None:
    stats = RequestStats()
    stats.observe("/a/{id}", "GET", 200, 0.010)
    stats.observe("/a/{id}", "GET", 200, 0.020)
    stats.observe("/a/{id}", "GET", 500, 0.030)
    points = stats.sample()
    assert counted(points) == {("/a/{id}", "GET", "200"): 2, ("/a/{id}", "GET", "500"): 1}
    assert [point.value for point in durations(points)] == [10, 20, 30]
    assert {point.type for point in durations(points)} == {MetricType.DISTRIBUTION}
    assert stats.sample() == []


def test_under_load_the_count_is_exact_and_the_durations_are_a_fair_sample() -> None:
    stats = RequestStats(seed=7)
    values: list[float] = []
    for _ in range(100):
        for request in range(1_000):
            stats.observe("/busy", "GET", 200, request / 1000)
        points = stats.sample()
        assert counted(points) == {("/busy", "GET", "200"): 1_000}
        assert len(durations(points)) == 32
        values += [point.value for point in durations(points)]
    # uniform over 0..1000: the mean of 3,200 draws is within 500 ± 5 standard errors
    assert sum(values) / len(values) == pytest.approx(500, abs=26)


def test_routes_and_methods_without_end_stay_bounded() -> None:
    stats = RequestStats()
    for number in range(10_000):
        stats.observe(f"/{number}", f"M{number}", 200, 0.001)
    counts = counted(stats.sample())
    assert len(counts) <= 256
    assert sum(counts.values()) == 10_000
    assert {method for _, method, _ in counts} == {"other"}


@get("/things/{thing_id:int}", media_type=MediaType.TEXT)
async def thing(thing_id: FromPath[int]) -> str:
    if thing_id == 0:
        raise RuntimeError("broken")
    return "ok"


@get("/stream")
async def stream() -> Stream:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x"

    return Stream(chunks())


async def test_a_real_application_is_observed_by_its_route_templates() -> None:
    stats = RequestStats()
    app = Litestar([thing, stream], openapi_config=None, logging_config=None)
    async with AsyncTestClient(app) as client:
        app.asgi_handler = observe_requests(app.asgi_handler, stats)
        for path in ("/things/1", "/things/2", "/things/0", "/nowhere", "/stream", "/things/x"):
            await client.get(path)
        await client.post("/things/1")
    points = stats.sample()
    assert counted(points) == {
        ("/things/{thing_id}", "GET", "200"): 2,
        ("/things/{thing_id}", "GET", "500"): 1,
        ("other", "GET", "404"): 2,
        ("/stream", "GET", "200"): 1,
        ("other", "POST", "405"): 1,
    }
    assert "/stream" not in {point.tags["route"] for point in durations(points)}


async def nothing() -> Message:
    return {"type": "http.disconnect"}


async def ignore(_: Message) -> None: ...


async def exchange(stats: RequestStats, scope: Scope, *messages: Message) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    await observe_requests(app, stats)(scope, nothing, ignore)


async def test_a_websocket_is_counted_when_it_is_answered() -> None:
    stats = RequestStats()
    scope = {"type": "websocket", "path_template": "/ws"}
    await exchange(stats, scope, {"type": "websocket.accept"}, {"type": "websocket.close"})
    await exchange(stats, scope, {"type": "websocket.close"})
    points = stats.sample()
    assert counted(points) == {("/ws", "GET", "101"): 1, ("/ws", "GET", "403"): 1}
    assert durations(points) == []


async def test_a_request_without_an_answer_counts_as_gone() -> None:
    stats = RequestStats()
    await exchange(stats, {"type": "http", "method": "GET", "path_template": "/poll"})
    points = stats.sample()
    assert counted(points) == {("/poll", "GET", "499"): 1}
    assert durations(points) == []


async def test_an_application_that_raises_counts_as_500_and_still_raises() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("broken")

    stats = RequestStats()
    with pytest.raises(RuntimeError, match="broken"):
        await observe_requests(app, stats)({"type": "http", "method": "GET"}, nothing, ignore)
    assert counted(stats.sample()) == {("other", "GET", "500"): 1}


async def test_lifespan_and_receive_pass_through_untouched() -> None:
    seen: list[tuple[object, object]] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((receive, send))

    await observe_requests(app, RequestStats())({"type": "lifespan"}, nothing, ignore)
    await observe_requests(app, RequestStats())({"type": "http"}, nothing, ignore)
    assert seen[0] == (nothing, ignore)
    assert seen[1][0] is nothing

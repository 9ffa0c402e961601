"""Viewers that ask for too much, or are too many: the others and the API do not notice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from polling import eventually
from running import Server
from viewers import PATIENCE_S, Desk, Message, Socket, desk, query, socket, stream, subscription

FILES = 400
KEPT_BACK = 256
DIFFERENT = 10_000
# Of the server's memory, whatever one connection asks for.
MOST_GROWTH = 100 << 20
SLOWEST_S = 2.0
LIMITED_PROGRAM = (
    "import resource, sys\n"
    f"resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))\n"
    "from nowline.cli import main\n"
    "sys.exit(main())"
)


class LimitedServer(Server):
    """A server that may open few files."""

    program = ("-c", LIMITED_PROGRAM)


@pytest.fixture
def here(server: Server) -> Iterator[Desk]:
    with desk(server) as made:
        yield made


def memory(server: Server) -> int:
    assert server.process is not None
    return psutil.Process(server.process.pid).memory_info().rss


def different(number: int) -> Message:
    asked = query("flood", filters={"n": str(number)}, group_by=["n"])
    return {"type": "subscribe", "id": f"w{number}", "query": asked, "interval": "live"}


def flood(server: Server, here: Desk, kinds: list[str]) -> int:
    """Subscribe to one query after the other, hearing all the while; returns the close code."""
    with socket(server, here.token) as viewer, pytest.raises(ConnectionClosed) as closed:  # noqa: PT012
        for number in range(DIFFERENT):
            viewer.say(different(number))
            if number % 50 == 49:
                kinds.append(viewer.hear()["type"])
        while True:
            kinds.append(viewer.hear()["type"])
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def test_a_flood_of_subscriptions_is_told_and_then_closed(server: Server, here: Desk) -> None:
    here.post_all([{"name": "flood", "value": 1, "tags": {"n": str(n)}} for n in range(500)])
    before = memory(server)
    with socket(server, here.token) as neighbour:
        neighbour.watch(subscription("flood.other"))
        for _ in range(3):
            kinds: list[str] = []
            assert flood(server, here, kinds) == 1008
            assert set(kinds) <= {"snapshot", "metrics_update", "error"}
            began = time.monotonic()
            here.post("flood.other", began)
            update = neighbour.expect("metrics_update")
            assert update["data"][-1]["value"] == began
            assert time.monotonic() - began < SLOWEST_S
    assert memory(server) - before < MOST_GROWTH


def test_over_the_rate_each_message_is_refused_under_its_name(server: Server, here: Desk) -> None:
    with socket(server, here.token) as viewer:
        for number in range(300):
            viewer.say({"type": "unsubscribe", "id": f"w{number}"})
        first = viewer.expect("error")
        number = int(first["id"][1:])
        assert (first["status"], number >= 250) == (429, True)
        # Whoever slows down is served again.
        assert eventually(lambda: answer_to_ping(viewer)["type"] == "pong")


def answer_to_ping(viewer: Socket) -> Message:
    viewer.say({"type": "ping"})
    while "id" in (message := viewer.hear()):
        assert message["status"] == 429
    return message


def flood_of_pings(viewer: Socket) -> None:
    while True:
        for _ in range(10):
            viewer.say({"type": "ping"})
        for _ in range(10):
            viewer.connection.recv(PATIENCE_S)


@pytest.mark.parametrize("path", ["/ws/activity", "/ws/kpi/flood"])
def test_every_websocket_has_the_same_limit(server: Server, here: Desk, path: str) -> None:
    if path == "/ws/kpi/flood":
        kpi = {"code": "flood", "name": "Flood", "expression": "count(flood)"}
        here.admin.post("/api/v1/kpis", json=kpi).raise_for_status()
    with socket(server, here.token, path=path) as viewer:
        with pytest.raises(ConnectionClosed) as closed:
            flood_of_pings(viewer)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_limits_can_be_set(data_dir: Path) -> None:
    limits = {"NOWLINE_LIVE_SUBSCRIPTIONS": "2", "NOWLINE_LIVE_CONNECTIONS": "1"}
    with Server(data_dir, **limits) as server, desk(server) as here:
        with socket(server, here.token) as viewer:
            for number in range(2):
                viewer.watch(different(number))
            viewer.say(different(2))
            refused = viewer.expect("error")
            assert (refused["status"], refused["id"]) == (400, "w2")
            with socket(server, here.token) as second, pytest.raises(ConnectionClosed) as closed:
                second.hear()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        three = {"subscriptions": json.dumps([different(number) for number in range(3)])}
        with pytest.raises(httpx.HTTPStatusError), stream(server, three, here.token):
            raise AssertionError


def test_the_api_answers_when_all_live_connections_are_taken(data_dir: Path) -> None:
    with LimitedServer(data_dir) as server, desk(server) as here, ExitStack() as stack:
        url = server.url.replace("http:", "ws:") + "/ws/analytics"
        headers = {"authorization": here.token}
        for _ in range(FILES - KEPT_BACK):
            viewer = stack.enter_context(connect(url, additional_headers=headers, max_queue=None))
        Socket(viewer).watch(subscription("taken"))
        with connect(url, additional_headers=headers) as refused:
            with pytest.raises(ConnectionClosed) as closed:
                refused.recv(10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        answer = here.admin.get("/api/dashboard/stream?metrics=taken")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        for _ in range(100):
            client = stack.enter_context(httpx.Client(base_url=server.url, timeout=20))
            assert client.get("/readyz").status_code == 200
        here.post("taken", 1)
        assert Socket(viewer).expect("metrics_update")["data"][-1]["value"] == 1
        assert f"serving up to {FILES - KEPT_BACK} live connections" in server.log()

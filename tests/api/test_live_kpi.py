"""KPIs over a WebSocket, on a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from running import Server
from viewers import PATIENCE_S, Desk, Message, Socket, desk, socket

MINUTE_S = 60.0


@pytest.fixture(scope="module")
def here(server: Server) -> Iterator[Desk]:
    with desk(server) as made:
        yield made


def define(here: Desk, code: str, expression: str) -> None:
    body = {"code": code, "name": code, "expression": expression, "unit": "EUR"}
    here.admin.post("/api/v1/kpis", json=body).raise_for_status()


def refused(server: Server, status: int, path: str, token: str | None = None) -> Message:
    with pytest.raises(InvalidStatus) as caught, socket(server, token, path=path):
        pass
    assert caught.value.response.status_code == status
    assert caught.value.response.headers["content-type"] == "application/problem+json"
    body: Message = json.loads(caught.value.response.body)
    return body


def closed(viewer: Socket) -> int:
    """The code that the server ends a connection with."""
    with pytest.raises(ConnectionClosed) as caught:
        viewer.hear()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


def next_update(viewer: Socket) -> Message:
    """The update at the end of this minute; until then there are heartbeats."""
    while True:
        message: Message = json.loads(viewer.connection.recv(MINUTE_S + PATIENCE_S))
        if message["type"] != "heartbeat":
            assert message["type"] == "kpi_update"
            return message


@pytest.mark.parametrize("period", ["minute", "hour", "day"])
def test_the_value_at_once_is_that_of_http(server: Server, here: Desk, period: str) -> None:
    code = f"ws-sales-{period}"
    define(here, code, f"sum(ws.kpi.{period}) * 2 + 1")
    here.post(f"ws.kpi.{period}", 21, type="counter", time=int(time.time()) * 1000 - 120_000)
    with socket(server, here.token, path=f"/ws/kpi/{code}?period={period}") as viewer:
        update = viewer.expect("kpi_update")
    answer = here.admin.get(f"/kpi/{code}?period={period}").json()
    assert update.pop("type") == "kpi_update"
    assert update.pop("timestamp") <= answer.pop("timestamp")
    assert update == answer


def test_with_and_without_compression_the_value_is_the_same(server: Server, here: Desk) -> None:
    code = "ws-packed"
    body = {"code": code, "name": "A long name" * 9, "expression": "1 + 1", "unit": "EUR"}
    here.admin.post("/api/v1/kpis", json=body).raise_for_status()
    path = f"/ws/kpi/{code}"
    with (
        socket(server, here.token, path=path) as packed,
        socket(server, here.token, path=path, compression=None) as plain,
    ):
        told = [viewer.expect("kpi_update") for viewer in (packed, plain)]
        for message in told:
            del message["timestamp"]
        assert told[0] == told[1]


def test_a_day_goes_without_saying(server: Server, here: Desk) -> None:
    define(here, "ws-usual", "1")
    with socket(server, here.token, path="/ws/kpi/ws-usual") as viewer:
        assert viewer.expect("kpi_update")["period"] == "day"


def test_a_minute_that_ends_is_told_to_all_by_one_evaluation(server: Server, here: Desk) -> None:
    define(here, "ws-minute", "sum(ws.minute)")
    path = "/ws/kpi/ws-minute?period=minute"
    with socket(server, here.token, path=path) as one, socket(server, here.token, path=path) as two:
        first = one.expect("kpi_update")
        two.expect("kpi_update")
        before = here.counter("nowline_live_kpi_evaluations_total")
        here.post("ws.minute", 5, type="counter", time=first["timestamp"])
        update = next_update(one)
        assert next_update(two) == update
        assert here.counter("nowline_live_kpi_evaluations_total") == before + 1
    assert update["value"] == 5
    assert update["timestamp"].endswith(":59.999Z")
    assert update["timestamp"][:17] == first["timestamp"][:17]
    age = time.time() - datetime.fromisoformat(update["timestamp"]).timestamp()
    assert 0 < age < PATIENCE_S


def test_pings_are_answered_and_nothing_else_is_understood(server: Server, here: Desk) -> None:
    define(here, "ws-ping", "1")
    with socket(server, here.token, path="/ws/kpi/ws-ping") as viewer:
        viewer.expect("kpi_update")
        for junk in ('{"type":"subscribe","metrics":["a"]}', '{"type":"shout"}', "[]", "{", ""):
            viewer.connection.send(junk)
            assert viewer.expect("error")["status"] == 400
        viewer.say({"type": "ping"})
        viewer.expect("pong")


def test_one_that_is_deleted_says_so_and_ends(server: Server, here: Desk) -> None:
    define(here, "ws-gone", "1")
    with socket(server, here.token, path="/ws/kpi/ws-gone") as viewer:
        viewer.expect("kpi_update")
        here.admin.delete("/api/v1/kpis/ws-gone").raise_for_status()
        error = viewer.expect("error")
        assert (error["status"], "ws-gone" in error["detail"]) == (404, True)
        assert closed(viewer) == 4404


def test_what_is_wrong_is_refused_before_the_handshake(server: Server, here: Desk) -> None:
    define(here, "ws-known", "1")
    unknown = refused(server, 404, "/ws/kpi/ws-unknown", here.token)
    assert unknown == here.admin.get("/kpi/ws-unknown").json()
    for path in ("/ws/kpi/ws-known/more", "/ws/kpi/ws%2Fknown", "/ws/kpi", "/ws/kpi/%00"):
        refused(server, 404, path, here.token)
    wrong = refused(server, 400, "/ws/kpi/ws-known?period=week", here.token)
    assert wrong["errors"][0]["field"] == "period"


def test_charlie_gets_nothing_and_bob_may_watch(server: Server, here: Desk) -> None:
    define(here, "ws-secret", "1")
    path = "/ws/kpi/ws-secret"
    for code in ("ws-secret", "ws-unknown"):
        refused(server, 401, f"/ws/kpi/{code}")
        refused(server, 401, f"/ws/kpi/{code}", "Bearer nonsense")
        refused(server, 403, f"/ws/kpi/{code}", here.program.headers["authorization"])
    ticket = here.ticket()
    with socket(server, path=f"{path}?ticket={ticket}") as viewer:
        viewer.expect("kpi_update")
    refused(server, 401, f"{path}?ticket={ticket}")
    for method in ("get", "head", "post", "delete"):
        assert here.admin.request(method, path).status_code == 426
    bob = {"email": "bob.kpi@example.com", "password": "a long password of bob"}
    here.admin.post("/api/v1/users", json=bob | {"role": "viewer"}).raise_for_status()
    with server.client() as client:
        token = client.post("/api/auth/login", json=bob).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        with socket(server, f"Bearer {token}", path=path) as viewer:
            viewer.expect("kpi_update")
            client.post("/api/auth/logout").raise_for_status()
            assert closed(viewer) == 4401

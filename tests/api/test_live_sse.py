from __future__ import annotations

import json
import socket as sockets
from collections.abc import Iterator

import httpx
import pytest

from running import Server
from viewers import Desk, Message, Stream, desk, points, socket, stream, subscription


@pytest.fixture(scope="module")
def here(server: Server) -> Iterator[Desk]:
    with desk(server) as made:
        yield made


def listed(*wanted: Message) -> Message:
    return {"subscriptions": json.dumps(wanted)}


def until(viewer: Stream, value: float) -> list[Message]:
    heard = [viewer.expect("metrics_update")]
    while value not in points(heard[-1]).values():
        heard.append(viewer.expect("metrics_update"))
    return heard


def test_all_transports_tell_the_same_frames(server: Server, here: Desk) -> None:
    wanted = subscription("sse.same")
    parameters = listed(wanted)
    with (
        socket(server, here.token) as first,
        stream(server, parameters, here.token) as second,
    ):
        pictures = [first.watch(wanted), second.expect("snapshot")]
        frames, cursor = here.poll(parameters)
        pictures += frames
        assert len({picture["frame"] for picture in pictures}) == 1
        for value in range(1, 4):
            here.post("sse.same", value)
            update = first.expect("metrics_update")
            assert second.expect("metrics_update") == update
            (polled,), cursor = here.poll(parameters, cursor)
            assert polled == update


def test_metrics_by_name(server: Server, here: Desk) -> None:
    here.post("sse.a", 1)
    asked = {"metrics": "sse.a,sse.b", "interval": "live", "aggregation": "max"}
    with stream(server, asked, here.token) as viewer:
        first, second = viewer.expect("snapshot"), viewer.expect("snapshot")
        assert (first["id"], second["id"]) == ("sse.a", "sse.b")
        assert viewer.retry > 0
        here.post("sse.b", 2)
        assert until(viewer, 2)[-1]["id"] == "sse.b"


def test_a_dashboard(server: Server, here: Desk) -> None:
    widgets = here.admin.get("/api/v1/templates/host").json()["widgets"]
    with stream(server, {"dashboard": "host"}, here.token) as viewer:
        told = {viewer.expect("snapshot")["id"] for w in widgets if w["config"].get("query")}
    assert told <= {widget["id"] for widget in widgets}


@pytest.mark.parametrize("by", ["header", "parameter"])
def test_who_comes_back_gets_every_frame_once(server: Server, here: Desk, by: str) -> None:
    names = [f"sse.resume.{by}.{n}" for n in range(2)]
    parameters = listed(*(subscription(name, name) for name in names))
    with stream(server, parameters, here.token) as witness:
        with stream(server, parameters, here.token) as leaving:
            for viewer in (leaving, witness):
                assert [viewer.expect("snapshot")["id"] for _ in names] == names
            last = leaving.last_id
        frames = []
        for value in range(1, 4):
            for name in names:
                here.post(name, value)
                frames += until(witness, value)
        again = parameters | ({"last_event_id": last} if by == "parameter" else {})
        header = last if by == "header" else ""
        with stream(server, again, here.token, header) as back:
            assert [back.expect("metrics_update") for _ in frames] == frames
            assert back.last_id == witness.last_id
            here.post(names[0], 9)
            assert until(back, 9) == until(witness, 9)


@pytest.mark.parametrize("last", ["garbage", "0-0-0", "1f2-3-abc"])
def test_an_unknown_id_starts_over(server: Server, here: Desk, last: str) -> None:
    name = f"sse.reset.{last}"
    here.post(name, 1)
    with stream(server, listed(subscription(name)), here.token, last) as viewer:
        viewer.expect("reset")
        assert set(points(viewer.expect("snapshot")).values()) == {1}
        last = viewer.last_id
    with stream(server, listed(subscription(name)), here.token, last) as viewer:
        here.post(name, 2)
        until(viewer, 2)


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({}, 400),
        ({"metrics": ""}, 400),
        ({"metrics": "a", "interval": "2s"}, 400),
        ({"metrics": "a", "aggregation": "mean"}, 400),
        ({"metrics": "a", "dashboard": "host"}, 400),
        ({"metrics": ",".join(f"m{n}" for n in range(201))}, 400),
        ({"subscriptions": "[1]"}, 400),
        ({"dashboard": "nowhere"}, 404),
    ],
)
def test_bad_parameters_are_refused(here: Desk, parameters: Message, status: int) -> None:
    for path in ("/api/dashboard/stream", "/api/v1/live/poll"):
        answer = here.admin.get(path, params=parameters)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


def test_strangers_are_refused(server: Server, here: Desk) -> None:
    url = f"{server.url}/api/dashboard/stream?metrics=a"
    assert httpx.get(url).status_code == 401
    assert httpx.get(f"{url}&ticket=nonsense").status_code == 401
    assert here.program.get("/api/dashboard/stream?metrics=a").status_code == 403
    ticket = here.ticket()
    with stream(server, {"metrics": "a", "ticket": ticket}) as viewer:
        viewer.expect("snapshot")
    assert httpx.get(f"{url}&ticket={ticket}").status_code == 401


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
def test_only_get_opens_a_stream(here: Desk, method: str) -> None:
    answer = here.admin.request(method, "/api/dashboard/stream?metrics=a")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


def test_http_1_0_is_told_to_poll(server: Server, here: Desk) -> None:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    request = f"GET /api/dashboard/stream?metrics=a HTTP/1.0\r\nAuthorization: {here.token}\r\n\r\n"
    with sockets.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b" 426 " in answer.splitlines()[0]
    assert b"/api/v1/live/poll" in answer


def test_a_user_who_signs_out_is_put_out_at_once(server: Server) -> None:
    with desk(server) as mine, stream(server, {"metrics": "a"}, mine.token) as viewer:
        viewer.expect("snapshot")
        assert mine.admin.post("/api/auth/logout").is_success
        with pytest.raises(EOFError):
            viewer.hear()

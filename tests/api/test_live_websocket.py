from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from running import Server
from viewers import Desk, Socket, desk, points, query, socket, subscription


@pytest.fixture(scope="module")
def here(server: Server) -> Iterator[Desk]:
    with desk(server) as made:
        yield made


@pytest.fixture
def viewer(server: Server, here: Desk) -> Iterator[Socket]:
    with socket(server, here.token) as made:
        yield made


def until(viewer: Socket, value: float) -> list[dict[str, Any]]:
    """Updates up to the first that says this value."""
    heard = [viewer.expect("metrics_update")]
    while value not in points(heard[-1]).values():
        heard.append(viewer.expect("metrics_update"))
    return heard


def test_a_picture_and_then_what_is_posted(here: Desk, viewer: Socket) -> None:
    here.post("ws.first", 1)
    picture = viewer.watch(subscription("ws.first"))
    assert set(points(picture).values()) == {1}
    here.post("ws.first", 2)
    update = until(viewer, 2)[-1]
    assert update["id"] == "w1"
    epoch, _, number = update["frame"].rpartition("-")
    assert picture["frame"].startswith(f"{epoch}-")
    assert int(number) >= 1
    for moment in (update["published_at"], update["newest_at"]):
        age = datetime.now(UTC) - datetime.fromisoformat(moment)
        assert abs(age.total_seconds()) < 15
        assert moment.endswith("Z")


def test_a_metric_that_does_not_exist_yet_appears(here: Desk, viewer: Socket) -> None:
    assert viewer.watch(subscription("ws.later"))["data"] == []
    here.post("ws.later", 5)
    assert list(points(until(viewer, 5)[-1]).values()) == [5]


def test_metrics_by_name(here: Desk, viewer: Socket) -> None:
    here.post("ws.named.a", 3)
    viewer.say({"type": "subscribe", "metrics": ["ws.named.a", "ws.named.b"]})
    first, second = viewer.expect("snapshot"), viewer.expect("snapshot")
    assert (first["id"], second["id"]) == ("ws.named.a", "ws.named.b")
    here.post("ws.named.b", 4)
    update = until(viewer, 4)[-1]
    assert update["id"] == "ws.named.b"
    viewer.say({"type": "unsubscribe", "metrics": ["ws.named.a", "ws.named.b"]})
    viewer.say({"type": "ping"})
    viewer.expect("pong")


def test_new_metrics_appear_in_the_catalogue(here: Desk, viewer: Socket) -> None:
    viewer.watch({"type": "subscribe", "id": "catalogue", "catalogue": True, "interval": "live"})
    here.post("ws.new", 1, tags={"host": "a"}, metadata={"unit": "ms"})
    entries: dict[str, dict[str, Any]] = {}
    while "ws.new" not in entries:
        entries |= {entry["name"]: entry for entry in viewer.expect("metrics_update")["data"]}
    entry = entries["ws.new"]
    assert (entry["unit"], entry["tags"], entry["series"]) == ("ms", ["host"], 1)


def test_who_comes_back_gets_every_frame_once(server: Server, here: Desk, viewer: Socket) -> None:
    wanted = subscription("ws.resume")
    viewer.watch(wanted)
    with socket(server, here.token) as leaving:
        last = leaving.watch(wanted)["frame"]
    frames = []
    for value in range(1, 4):
        here.post("ws.resume", value)
        frames += until(viewer, value)
    with socket(server, here.token) as back:
        back.say(wanted | {"since": last})
        assert [back.expect("metrics_update") for _ in frames] == frames
        here.post("ws.resume", 9)
        assert until(back, 9) == until(viewer, 9)


def test_what_came_while_nobody_watched_is_told(server: Server, here: Desk) -> None:
    wanted = subscription("ws.alone")
    with socket(server, here.token) as leaving:
        last = leaving.watch(wanted)["frame"]
    here.post("ws.alone", 1)
    with socket(server, here.token) as back:
        back.say(wanted | {"since": last})
        assert until(back, 1)[0]["frame"].endswith("-1")


@pytest.mark.parametrize("since", ["garbage", "", "0-0", "1f-99999", "🙂-1"])
def test_what_cannot_be_continued_starts_over(here: Desk, viewer: Socket, since: str) -> None:
    here.post("ws.reset", 1)
    viewer.say(subscription("ws.reset", since=since))
    assert viewer.expect("reset") == {"type": "reset", "id": "w1"}
    assert set(points(viewer.expect("snapshot")).values()) == {1}


def test_the_newest_id_has_missed_nothing(viewer: Socket) -> None:
    last = viewer.watch(subscription("ws.newest"))["frame"]
    viewer.say(subscription("ws.newest", since=last))
    viewer.say({"type": "ping"})
    viewer.expect("pong")


def test_one_query_under_two_names(here: Desk, viewer: Socket) -> None:
    for name in ("one", "two"):
        viewer.watch(subscription("ws.twice", name))
    here.post("ws.twice", 1)
    first, second = viewer.expect("metrics_update"), viewer.expect("metrics_update")
    assert {first.pop("id"), second.pop("id")} == {"one", "two"}
    assert first == second


def test_taking_a_name_again_and_again(here: Desk, viewer: Socket) -> None:
    for _ in range(20):
        viewer.say(subscription("ws.flicker"))
        viewer.say({"type": "unsubscribe", "id": "w1"})
    for _ in range(20):
        viewer.expect("snapshot")
    viewer.watch(subscription("ws.flicker"))
    here.post("ws.flicker", 1)
    assert len(until(viewer, 1)) == 1
    viewer.say({"type": "ping"})
    viewer.expect("pong")


def test_a_late_row_revises_its_own_point(here: Desk, viewer: Socket) -> None:
    second = int(time.time()) // 10 * 10 - 60
    here.post("ws.late", 1, time=second * 1000)
    here.post("ws.late", 2)
    viewer.watch(subscription("ws.late"))
    here.post("ws.late", 7, time=second * 1000 + 500)
    ((_, when),) = points(until(viewer, 7)[-1])
    assert datetime.fromisoformat(when).timestamp() == second


def test_a_row_older_than_the_windows_is_told_once_it_is_stored(here: Desk, viewer: Socket) -> None:
    wide = query("ws.old", time_range={"last": "1h"}, interval="1s")
    viewer.watch(subscription("ws.old", query=wide))
    second = int(time.time()) - 1800
    here.post("ws.old", 7, time=second * 1000)
    ((_, when),) = points(until(viewer, 7)[-1])
    assert datetime.fromisoformat(when).timestamp() == second


def test_a_range_that_begins_somewhere_stays_there(server: Server, here: Desk) -> None:
    start = int(time.time()) - 100
    here.post("ws.anchored", 1, time=(start - 5) * 1000)
    here.post("ws.anchored", 2, time=(start + 5) * 1000)
    fixed = query("ws.anchored", time_range={"start": start * 1000}, interval="1s")
    with socket(server, here.token) as viewer:
        picture = viewer.watch(subscription("ws.anchored", query=fixed))
    assert list(points(picture).values()) == [2]
    with socket(server, here.token) as back:
        back.say(subscription("ws.anchored", query=fixed, since=picture["frame"]))
        back.say({"type": "ping"})
        back.expect("pong")


def test_nothing_is_evaluated_for_nobody(server: Server, here: Desk) -> None:
    with socket(server, here.token) as viewer:
        viewer.watch(subscription("ws.unwatched"))
        here.post("ws.unwatched", 1)
        until(viewer, 1)
    while here.counter("nowline_live_channels"):
        pass
    before = here.counter("nowline_live_evaluations_total")
    assert before > 0
    for value in range(5):
        here.post("ws.unwatched", value)
    asked = {"metric_name": "ws.unwatched", "time_range": {"last": "1m"}}
    assert here.admin.post("/api/v1/metrics/query", json=asked).json()["data"]
    assert here.counter("nowline_live_evaluations_total") == before


JUNK = [
    "",
    "{",
    "null",
    "[]",
    '"subscribe"',
    '{"type":"shout"}',
    '{"type":"subscribe"}',
    '{"type":"subscribe","id":"x"}',
    '{"type":"subscribe","id":"x","query":{}}',
    '{"type":"subscribe","id":"x","query":{"metric_name":""}}',
    '{"type":"subscribe","id":"x","query":{"metric_name":"m","aggregation":"mean"}}',
    '{"type":"subscribe","id":"x","query":{"metric_name":"m","interval":"7"}}',
    '{"type":"subscribe","id":"x","query":{"metric_name":"m","time_range":{"end":5}}}',
    '{"type":"subscribe","id":"x","query":{"metric_name":"m","time_range":{"last":"x"}}}',
    '{"type":"subscribe","id":"x","query":{"metric_name":"m"},"interval":"2s"}',
    '{"type":"subscribe","metrics":[]}',
    '{"type":"subscribe","metrics":[1]}',
    '{"type":"unsubscribe","id":1}',
    '{"x":' + "[" * 20_000,
    b"\x00\xff",
    b"",
]


@pytest.mark.parametrize("text", JUNK)
def test_junk_is_answered_and_the_connection_stays(viewer: Socket, text: str | bytes) -> None:
    viewer.connection.send(text)
    error = viewer.expect("error")
    assert error["status"] in {400, 422}
    assert error["detail"]
    viewer.say({"type": "ping"})
    viewer.expect("pong")


def test_more_channels_than_a_connection_may_have(viewer: Socket) -> None:
    viewer.say({"type": "subscribe", "metrics": [f"ws.many.{n}" for n in range(201)]})
    for _ in range(200):
        viewer.expect("snapshot")
    assert "200" in viewer.expect("error")["detail"]


def test_with_and_without_compression_the_frames_are_the_same(server: Server, here: Desk) -> None:
    rows = [{"name": "ws.packed", "value": 1, "tags": {"n": str(n)}} for n in range(50)]
    here.post_all(rows)
    wanted = subscription("ws.packed", query=query("ws.packed", group_by=["n"]))
    with (
        socket(server, here.token) as packed,
        socket(server, here.token, compression=None) as plain,
    ):
        (agreed,) = packed.connection.protocol.extensions
        assert agreed.name == "permessage-deflate"
        assert plain.connection.protocol.extensions == []
        for viewer in (packed, plain):
            viewer.watch(wanted)
            viewer.watch(wanted | {"id": "x" * 200})
        here.post_all([row | {"value": 2} for row in rows])
        heard = [
            [viewer.expect("metrics_update"), viewer.expect("metrics_update")]
            for viewer in (packed, plain)
        ]
        assert heard[0] == heard[1]
        assert len(heard[0][0]["data"]) == 50


def test_a_message_over_the_limit_ends_the_connection(viewer: Socket) -> None:
    viewer.connection.send("x" * (65 << 10))
    with pytest.raises(ConnectionClosed) as caught:
        viewer.hear()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1009


def refused(
    server: Server,
    status: int,
    token: str | None = None,
    *,
    path: str = "/ws/analytics",
    origin: str | None = None,
) -> None:
    attempt = socket(server, token, path=path, origin=origin)
    with pytest.raises(InvalidStatus) as caught, attempt:
        pass
    assert caught.value.response.status_code == status
    assert caught.value.response.headers["content-type"] == "application/problem+json"


def test_strangers_are_refused(server: Server, here: Desk) -> None:
    refused(server, 401)
    refused(server, 401, "Bearer nonsense")
    refused(server, 401, path="/ws/analytics?ticket=nonsense")
    refused(server, 403, here.program.headers["authorization"])
    refused(server, 403, here.token, origin="https://evil.example")
    refused(server, 400, here.token, path="/api/dashboard/stream?metrics=a")
    with socket(server, here.token, origin=server.url) as viewer:
        viewer.say({"type": "ping"})
        viewer.expect("pong")


def test_a_ticket_opens_one_connection(server: Server, here: Desk) -> None:
    path = f"/ws/analytics?ticket={here.ticket()}"
    with socket(server, path=path) as viewer:
        viewer.watch(subscription("ws.ticket"))
    refused(server, 401, path=path)


def test_plain_http_is_told_to_upgrade(here: Desk) -> None:
    assert here.admin.get("/ws/analytics").status_code == 426


def test_a_disabled_user_is_put_out_at_once(server: Server, here: Desk) -> None:
    bob = {"email": "bob@example.com", "password": "a long password of bob", "role": "viewer"}
    user = here.admin.post("/api/v1/users", json=bob).json()["id"]
    login = {"email": bob["email"], "password": bob["password"]}
    with server.client() as client:
        token = client.post("/api/auth/login", json=login).json()["access_token"]
    with socket(server, f"Bearer {token}") as viewer:
        viewer.watch(subscription("ws.revoked"))
        here.admin.patch(f"/api/v1/users/{user}", json={"is_active": False}).raise_for_status()
        with pytest.raises(ConnectionClosed) as caught:
            viewer.hear()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4401


def test_a_stop_sends_viewers_away_and_a_restart_starts_them_over(data_dir: Path) -> None:
    wanted = subscription("ws.restart")
    with Server(data_dir) as server:
        with desk(server) as here, socket(server, here.token) as viewer:
            here.post("ws.restart", 1)
            last = viewer.watch(wanted)["frame"]
            assert server.stop() == 0
            with pytest.raises(ConnectionClosed) as caught:
                viewer.hear()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1012
        server.start()
        with desk(server) as here, socket(server, here.token) as back:
            back.say(wanted | {"since": last})
            back.expect("reset")
            assert 1 in points(back.expect("snapshot")).values()
            here.post("ws.restart", 2)
            until(back, 2)

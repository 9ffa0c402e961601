"""Rooms over a WebSocket, on a real server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from running import Server
from viewers import PATIENCE_S, Desk, Message, Socket, desk, socket

PATH = "/ws/activity"
NAMED = {
    "USER_LOGIN": "user:login",
    "USER_LOGOUT": "user:logout",
    "USER_REGISTERED": "user:registered",
    "PRODUCT_CREATED": "product:created",
    "PRODUCT_UPDATED": "product:updated",
    "PRODUCT_DELETED": "product:deleted",
    "API_CALL": "api:call",
}
OF_KIND = {"user": "user-activity", "product": "product-activity", "api": "api-activity"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One of its own: whoever is in a room hears everything."""
    with Server(tmp_path_factory.mktemp("rooms") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def here(server: Server) -> Iterator[Desk]:
    with desk(server) as made:
        yield made


def send(here: Desk, *events: Message) -> None:
    answer = here.program.post("/api/v1/ingest/events", json={"events": events})
    assert answer.json() == {"accepted": len(events), "rejected": []}, answer.text


def hear(viewer: Socket, *kinds: str) -> Message:
    """The next message of these events, or of any but the counters."""
    while True:
        message: Message = json.loads(viewer.connection.recv(PATIENCE_S))
        if message.get("event") in kinds if kinds else message.get("event") != "stats:update":
            return message


def until(viewer: Socket, event_id: str) -> list[tuple[str, str]]:
    """What is told, counters aside, up to this event: the names of messages and the events."""
    found = []
    while ("activity:new", event_id) not in found:
        message = hear(viewer)
        found.append((message["event"], message["data"]["event_id"]))
    return found


def closed(viewer: Socket) -> int:
    """The code that the server ends a connection with, whatever it still says before."""
    with pytest.raises(ConnectionClosed) as caught:
        hear(viewer, "nothing")
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


def refused(server: Server, status: int, path: str, token: str | None = None) -> Message:
    with pytest.raises(InvalidStatus) as caught, socket(server, token, path=path):
        pass
    assert caught.value.response.status_code == status
    body: Message = json.loads(caught.value.response.body)
    return body


def test_each_room_is_told_of_its_own_kind(server: Server, here: Desk) -> None:
    path = f"{PATH}?rooms="
    with (
        socket(server, here.token, path=f"{path}user-activity") as users,
        socket(server, here.token, path=f"{path}product-activity") as products,
        socket(server, here.token, path=f"{path}api-activity") as calls,
        socket(server, here.token, path=PATH) as everything,
    ):
        send(here, *({"event_type": kind, "event_id": f"k-{kind}"} for kind in NAMED))
        for viewer, room in ((users, "user"), (products, "product"), (calls, "api")):
            kinds = [kind for kind, name in NAMED.items() if name.startswith(room)]
            expected = [
                (name, f"k-{kind}") for kind in kinds for name in ("activity:new", NAMED[kind])
            ]
            assert [
                (message["event"], message["data"]["event_id"])
                for message in (hear(viewer) for _ in expected)
            ] == expected
        told = until(everything, "k-API_CALL")
        assert [event_id for name, event_id in told if name == "activity:new"] == [
            f"k-{kind}" for kind in NAMED
        ]
        # Nobody was told more: the next is what is sent next.
        for viewer, kind in ((users, "PAGE_VIEW"), (products, "PRODUCT_RATED"), (calls, "ERROR")):
            send(here, {"event_type": kind, "event_id": f"last-{kind}"})
            assert hear(viewer)["data"]["event_id"] == f"last-{kind}"


def test_with_and_without_compression_the_messages_are_the_same(server: Server, here: Desk) -> None:
    with (
        socket(server, here.token, path=PATH) as packed,
        socket(server, here.token, path=PATH, compression=None) as plain,
    ):
        assert len(packed.connection.protocol.extensions) == 1
        assert plain.connection.protocol.extensions == []
        long = {"event_type": "PAGE_VIEW", "metadata": {"note": "é" * 400}}
        send(here, *(long | {"event_id": f"packed-{number}"} for number in range(3)))
        heard = [[hear(viewer) for _ in range(3)] for viewer in (packed, plain)]
        assert heard[0] == heard[1]
        assert heard[0][2]["data"]["metadata"] == long["metadata"]


def test_an_event_is_told_masked_and_as_it_is_listed(server: Server, here: Desk) -> None:
    with socket(server, here.token, path=f"{PATH}?rooms=user-activity") as viewer:
        send(
            here,
            {
                "event_type": "USER_LOGIN",
                "event_id": "masked",
                "user_id": "ada@example.com",
                "organization_id": "acme",
                "metadata": {"ip_address": "203.0.113.77", "details": {"to": "eve@example.com"}},
            },
        )
        told, named = hear(viewer), hear(viewer)
    (listed,) = (
        event
        for event in here.admin.get("/api/v1/activity/recent").json()["events"]
        if event["event_id"] == "masked"
    )
    assert told == {"event": "activity:new", "data": listed}
    assert named == {"event": "user:login", "data": listed}
    assert "example.com" not in json.dumps(told)
    assert listed["metadata"]["ip_address"] == "203.0.113.0"


def test_counters_are_told_to_every_room_and_when_they_change(server: Server, here: Desk) -> None:
    with socket(server, here.token, path=f"{PATH}?rooms=product-activity") as viewer:
        before = hear(viewer, "stats:update")["data"]
        send(here, {"event_type": "USER_LOGIN", "user_id": "counted"})
        told = hear(viewer, "stats:update")["data"]
        while told["logins_per_hour"] == before["logins_per_hour"]:
            told = hear(viewer, "stats:update")["data"]
    assert told["logins_per_hour"] == before["logins_per_hour"] + 1
    assert told.keys() == here.admin.get("/api/v1/activity/stats").json().keys()


def test_a_burst_is_told_once_and_in_order(server: Server, here: Desk) -> None:
    count = 10_000
    with socket(server, here.token, path=f"{PATH}?rooms=api-activity") as viewer:
        for start in range(0, count, 500):
            numbers = range(start, start + 500)
            send(here, *({"event_type": "ERROR", "event_id": f"b-{n}"} for n in numbers))
        told = [hear(viewer) for _ in range(count)]
    assert [message["data"]["event_id"] for message in told] == [f"b-{n}" for n in range(count)]


def test_a_reader_that_stalls_skips_and_another_hears_everything(
    server: Server, here: Desk
) -> None:
    count, pad = 600, "x" * 60_000
    path = f"{PATH}?rooms=product-activity"
    # Compressed, all of it would fit on the way.
    with socket(server, here.token, path=path, compression=None) as stalled:
        with socket(server, here.token, path=path) as viewer:
            for start in range(0, count, 20):
                events: list[dict[str, Any]] = [
                    {
                        "event_type": "PRODUCT_RATED",
                        "event_id": f"s-{n}",
                        "metadata": {"details": pad},
                    }
                    for n in range(start, start + 20)
                ]
                send(here, *events)
                for event in events:
                    assert hear(viewer)["data"]["event_id"] == event["event_id"]
        heard: Counter[str] = Counter()
        newest = ""
        while newest != f"s-{count - 1}":
            message = hear(stalled)
            heard["skipped"] += message.get("skipped", 0)
            heard["told"] += "data" in message
            newest = message.get("data", {}).get("event_id", newest)
    assert heard["skipped"] > 0
    assert heard.total() == count


def test_pings_are_answered_and_nothing_else_is_understood(server: Server, here: Desk) -> None:
    with socket(server, here.token, path=PATH) as viewer:
        viewer.say({"type": "subscribe", "metrics": ["a"]})
        assert (hear(viewer)["type"]) == "error"
        viewer.say({"type": "ping"})
        assert hear(viewer)["type"] == "pong"


def test_what_is_wrong_is_named_before_the_handshake(server: Server, here: Desk) -> None:
    wrong = refused(server, 400, f"{PATH}?rooms=user-activity,cellar", here.token)
    assert wrong["errors"][0]["field"] == "rooms"
    assert "cellar" in wrong["errors"][0]["message"]
    wrong = refused(server, 400, f"{PATH}?timezone=Mars/Base", here.token)
    assert wrong["errors"][0]["field"] == "timezone"


def test_charlie_gets_nothing_and_bob_may_follow(server: Server, here: Desk) -> None:
    refused(server, 401, PATH)
    refused(server, 401, PATH, "Bearer nonsense")
    refused(server, 401, f"{PATH}?rooms=cellar")
    refused(server, 403, PATH, here.program.headers["authorization"])
    assert here.admin.get(PATH).status_code == 426
    bob = {"email": "bob.rooms@example.com", "password": "a long password of bob"}
    here.admin.post("/api/v1/users", json=bob | {"role": "viewer"}).raise_for_status()
    with server.client() as client:
        token = client.post("/api/auth/login", json=bob).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        with socket(server, f"Bearer {token}", path=PATH) as viewer:
            send(here, {"event_type": "USER_LOGIN", "event_id": "for-bob"})
            assert until(viewer, "for-bob")[-1] == ("activity:new", "for-bob")
            client.post("/api/auth/logout").raise_for_status()
            assert closed(viewer) == 4401


def test_a_stop_sends_viewers_away(tmp_path: Path) -> None:
    with (
        Server(tmp_path / "data") as stopping,
        desk(stopping) as here,
        socket(stopping, here.token, path=PATH) as viewer,
    ):
        assert stopping.stop() == 0
        assert closed(viewer) == 1012

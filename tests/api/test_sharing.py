"""Links to dashboards: Edith owns one, Eve and Bob are on the team, Charlie holds a link.

Charlie, whoever he is, must get what the link shows and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from running import Server
from shared_boards import DASHBOARDS, SHARED, SITE, YEAR_S, Team, chart, closed_with, hear, values


@pytest.fixture(scope="module")
def team(server: Server) -> Iterator[Team]:
    with ExitStack() as stack:
        yield Team(server, stack)


# What a link shows


def test_a_link_shows_its_dashboard_to_anybody(team: Team) -> None:
    path = team.board(description="All of them", refresh_interval="5s")
    made = team.link(path, label="For the lobby")
    assert made["url"] == f"/s/{made['token']}"
    assert (made["label"], made["look_back"], made["expires_at"]) == ("For the lobby", "1d", None)
    with team.charlie(made["token"]) as charlie:
        shown = charlie.get(SHARED)
        assert shown.status_code == 200, shown.text
        body = shown.json()
        assert (body["name"], body["refresh_interval"]) == ("Orders", "5s")
        assert [each["id"] for each in body["widgets"]] == ["w1", "w2"]
        assert not {"owner", "owner_id", "id", "is_public", "can_edit"} & set(body)
        assert shown.headers["x-robots-tag"] == "noindex, nofollow"
        assert shown.headers["cache-control"] == "no-store"
        known = {"if-none-match": shown.headers["etag"]}
        assert charlie.get(SHARED, headers=known).status_code == 304
        answer = charlie.post(f"{SHARED}/query", json=team.query())
        assert values(answer.json()["data"]) == {"a": 1, "b": 2}
        csv = charlie.post(f"{SHARED}/query", json=team.query(), headers={"accept": "text/csv"})
        assert csv.text.startswith("timestamp,value,tenant")


def test_the_token_is_seen_once_and_no_more(team: Team) -> None:
    path = team.board()
    made, embed = team.link(path), team.embed(path)
    listed = team.edith.get(f"{path}/shares").json()["shares"]
    assert [each["id"] for each in listed] == [made["id"]]
    assert not {"token", "url", "digest"} & set(listed[0])
    assert listed[0]["created_by"].startswith("edith.")
    embeds = team.edith.get(f"{path}/embeds").json()["embeds"]
    assert (embeds[0]["id"], embeds[0]["origins"]) == (embed["id"], [SITE])
    assert not {"token", "url"} & set(embeds[0])
    files = (each for each in team.server.folder.rglob("*") if each.is_file())
    database = b"".join(each.read_bytes() for each in files)
    assert made["id"].encode() in database
    assert made["token"].encode() not in database
    assert made["token"] not in team.server.log()


def test_a_link_is_live_over_every_transport(team: Team) -> None:
    made = team.link(team.board())
    wanted = {"id": "x", "query": team.query(), "interval": "live"}
    with team.charlie(made["token"]) as charlie:
        every = charlie.get(f"{SHARED}/poll").json()["frames"]
        assert {each["id"] for each in every} == {"w1", "w2"}
        listed = {"subscriptions": json.dumps([wanted])}
        answer = charlie.get(f"{SHARED}/poll", params=listed).json()
        assert values(answer["frames"][0]["data"]) == {"a": 1, "b": 2}
        assert charlie.get(
            f"{SHARED}/poll", params=listed | {"cursor": answer["cursor"]}
        ).is_success
        with charlie.stream("GET", f"{SHARED}/stream", params=listed) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            data = next(line for line in lines if line.startswith("data:"))
            assert values(json.loads(data[5:])["data"]) == {"a": 1, "b": 2}
    with team.socket(made["token"]) as socket:
        socket.send(json.dumps(wanted | {"type": "subscribe"}))
        assert values(hear(socket)["data"]) == {"a": 1, "b": 2}
        socket.send(json.dumps({"type": "ping"}))
        assert hear(socket)["type"] == "pong"


# What it does not show


def test_a_link_opens_nothing_else(team: Team) -> None:
    path = team.board(is_public=True)
    for token in (team.link(path)["token"], team.embed(path)["token"]):
        with team.charlie(token) as charlie:
            for method, target in (
                ("GET", DASHBOARDS),
                ("GET", path),
                ("GET", f"{path}/shares"),
                ("POST", f"{path}/shares"),
                ("GET", f"{path}/export"),
                ("GET", "/api/v1/metrics"),
                ("GET", f"/api/v1/metrics/{team.metric}/tags/tenant"),
                ("POST", "/api/v1/metrics/query"),
                ("POST", "/api/v1/metrics/query/batch"),
                ("GET", "/api/v1/live/poll?metrics=a"),
                ("GET", "/api/dashboard/stream?metrics=a"),
                ("GET", "/api/v1/activity/recent"),
                ("GET", "/api/v1/kpis"),
                ("GET", "/api/v1/users"),
                ("GET", "/api/v1/templates"),
                ("GET", "/api/v1/me"),
                ("POST", "/api/auth/ticket"),
                ("POST", "/api/v1/ingest/metrics"),
                ("GET", "/openapi.json"),
                ("GET", "/metrics"),
            ):
                body: dict[str, str] | None = {} if method == "POST" else None
                answer = charlie.request(method, target, json=body)
                assert answer.status_code == 401, (method, target, answer.text)


def test_a_ticket_of_a_link_opens_no_other_stream(team: Team) -> None:
    made = team.link(team.board())
    url = team.server.url.replace("http", "ws", 1)
    for stream in ("/ws/analytics", "/ws/activity", "/ws/kpi/any"):
        with team.charlie(made["token"]) as charlie:
            ticket = charlie.post(f"{SHARED}/ticket").json()["ticket"]
        with pytest.raises(InvalidStatus) as caught, connect(f"{url}{stream}?ticket={ticket}"):
            pass
        assert caught.value.response.status_code == 401
    ticket = team.edith.post("/api/auth/ticket").json()["ticket"]
    with pytest.raises(InvalidStatus) as caught, connect(f"{url}/ws/shared?ticket={ticket}"):
        pass
    assert caught.value.response.status_code == 401


def test_users_and_keys_are_no_links(team: Team) -> None:
    for client in (team.alice, team.edith, team.program):
        assert client.get(SHARED).status_code == 401
        assert client.post(f"{SHARED}/query", json=team.query()).status_code == 401
    with team.charlie() as charlie:
        assert charlie.get(SHARED).status_code == 401
        made = team.link(team.board())
        for place in ("token", "access_token", "ticket", "key"):
            answer = charlie.get(f"{SHARED}?{place}={made['token']}")
            assert answer.status_code == 401


def test_what_no_widget_asks_is_refused_everywhere(team: Team) -> None:
    token = team.link(team.board(), look_back="1h")["token"]
    bad = [
        team.query(metric_name=team.secret),
        team.query(group_by=["customer"]),
        team.query(filters={"tenant": "a"}),
        team.query(aggregation="max"),
        team.query(time_range={"last": "30d"}),
        team.query(interval="30d"),
    ]
    with team.charlie(token) as charlie, team.socket(token) as socket:
        for query in bad:
            answer = charlie.post(f"{SHARED}/query", json=query)
            assert answer.status_code == 403, answer.text
            listed = {"subscriptions": json.dumps([{"id": "x", "query": query}])}
            assert charlie.get(f"{SHARED}/poll", params=listed).status_code == 403
            assert charlie.get(f"{SHARED}/stream", params=listed).status_code == 403
            socket.send(json.dumps({"type": "subscribe", "id": "x", "query": query}))
            assert (message := hear(socket))["type"] == "error", message
            assert message["status"] == 403
        for free in (
            {"type": "subscribe", "metrics": [team.metric]},
            {"type": "subscribe", "id": "c", "catalogue": True},
        ):
            socket.send(json.dumps(free))
            assert hear(socket)["status"] == 403
        catalogue = {"subscriptions": json.dumps([{"id": "c", "catalogue": True}])}
        assert charlie.get(f"{SHARED}/poll", params=catalogue).status_code == 403
        batch = charlie.post(f"{SHARED}/query/batch", json={"queries": [team.query()]})
        assert batch.status_code == 404
        # `?metrics=` and `?dashboard=` mean nothing here.
        other = {"metrics": team.secret, "dashboard": "host"}
        frames = charlie.get(f"{SHARED}/poll", params=other).json()["frames"]
        assert {each["id"] for each in frames} == {"w1", "w2"}


def test_another_site_opens_no_stream(team: Team) -> None:
    made = team.link(team.board())
    with (
        pytest.raises(InvalidStatus) as caught,
        team.socket(made["token"], origin=Origin("https://evil.example")),
    ):
        pass
    assert caught.value.response.status_code == 403


# Who makes them, and how they end


def test_only_the_owner_and_admins_share(team: Team) -> None:
    private, public = team.board(), team.board(is_public=True)
    for kind, wish in (("shares", {}), ("embeds", {"origins": [SITE], "expires_in": 60})):
        made = team.edith.post(f"{public}/{kind}", json=wish).json()
        for eve_gets, path in ((404, private), (403, public)):
            answers = (
                team.eve.get(f"{path}/{kind}"),
                team.eve.post(f"{path}/{kind}", json=wish),
                team.eve.delete(f"{path}/{kind}/{made['id']}"),
            )
            assert [each.status_code for each in answers] == [eve_gets] * 3
            for outsider in (team.bob, team.program):
                assert outsider.get(f"{path}/{kind}").status_code == 403
                assert outsider.post(f"{path}/{kind}", json=wish).status_code == 403
        # What is of one dashboard, or of one kind, is not revoked as another's.
        other = "embeds" if kind == "shares" else "shares"
        assert team.edith.delete(f"{private}/{kind}/{made['id']}").status_code == 404
        assert team.edith.delete(f"{public}/{other}/{made['id']}").status_code == 404
        assert team.alice.post(f"{private}/{kind}", json=wish).status_code == 201
        assert team.alice.delete(f"{public}/{kind}/{made['id']}").status_code == 204
        assert team.edith.delete(f"{public}/{kind}/{made['id']}").status_code == 404


@pytest.mark.parametrize("kind", ["shares", "embeds"])
def test_a_revoked_link_is_cut_off_at_once(team: Team, kind: str) -> None:
    path = team.board()
    made = team.link(path) if kind == "shares" else team.embed(path)
    with team.charlie(made["token"]) as charlie, team.socket(made["token"]) as socket:
        with charlie.stream("GET", f"{SHARED}/stream") as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry")
            assert team.edith.delete(f"{path}/{kind}/{made['id']}").status_code == 204
            assert closed_with(socket) == 4401
            assert list(lines) is not None
        for answer in (
            charlie.get(SHARED),
            charlie.post(f"{SHARED}/query", json=team.query()),
            charlie.get(f"{SHARED}/poll"),
            charlie.get(f"{SHARED}/stream"),
            charlie.post(f"{SHARED}/ticket"),
        ):
            assert answer.status_code == 401


def test_a_ticket_outlives_no_link(team: Team) -> None:
    path = team.board()
    made = team.link(path)
    with team.charlie(made["token"]) as charlie:
        ticket = charlie.post(f"{SHARED}/ticket").json()["ticket"]
    team.edith.delete(f"{path}/shares/{made['id']}").raise_for_status()
    url = team.server.url.replace("http", "ws", 1)
    with pytest.raises(InvalidStatus) as caught, connect(f"{url}/ws/shared?ticket={ticket}"):
        pass
    assert caught.value.response.status_code == 401


def test_a_dashboard_takes_its_links_with_it(team: Team) -> None:
    path = team.board()
    made, embed = team.link(path), team.embed(path)
    with team.socket(made["token"]) as socket, team.socket(embed["token"]) as framed:
        team.edith.delete(path).raise_for_status()
        assert closed_with(socket) == closed_with(framed) == 4401
    for token in (made["token"], embed["token"]):
        with team.charlie(token) as charlie:
            assert charlie.get(SHARED).status_code == 401


def test_what_is_taken_off_the_dashboard_is_seen_no_more(team: Team) -> None:
    path = team.board()
    token = team.link(path)["token"]
    with team.charlie(token) as charlie, team.socket(token) as socket:
        change = {"name": "Orders", "widgets": [chart("w1", {"query": team.query()})]}
        team.edith.put(path, json=change).raise_for_status()
        assert closed_with(socket) == 1012
        gone = charlie.post(f"{SHARED}/query", json=team.query(group_by=[]))
        assert gone.status_code == 403
        assert charlie.post(f"{SHARED}/query", json=team.query()).status_code == 200


def test_a_new_title_disturbs_nobody(team: Team) -> None:
    path = team.board()
    token = team.link(path)["token"]
    with team.socket(token) as socket:
        content = team.edith.get(path).json()
        team.edith.put(path, json=content | {"name": "Sales"}).raise_for_status()
        team.alice.get("/healthz")
        socket.send(json.dumps({"type": "ping"}))
        assert hear(socket)["type"] == "pong"
    with team.charlie(token) as charlie:
        assert charlie.get(SHARED).json()["name"] == "Sales"


def test_a_link_holds_as_long_as_its_maker_may_share(team: Team) -> None:
    with ExitStack() as stack:
        mallory, mallory_id = team.join(stack, "mallory", "admin")
        path = team.board()
        made = mallory.post(f"{path}/shares", json={}).json()
        own = team.link(path)
        user = f"/api/v1/users/{mallory_id}"
        with team.charlie(made["token"]) as charlie, team.socket(made["token"]) as socket:
            assert charlie.get(SHARED).status_code == 200
            team.alice.patch(user, json={"role": "editor"}).raise_for_status()
            assert closed_with(socket) == 4401
            assert charlie.get(SHARED).status_code == 401
            team.alice.patch(user, json={"role": "admin"}).raise_for_status()
            assert charlie.get(SHARED).status_code == 200
            team.alice.patch(user, json={"is_active": False}).raise_for_status()
            assert charlie.get(SHARED).status_code == 401
            team.alice.delete(user).raise_for_status()
            assert charlie.get(SHARED).status_code == 401
        with team.charlie(own["token"]) as charlie:
            assert charlie.get(SHARED).status_code == 200


def test_links_are_in_the_audit_trail(team: Team) -> None:
    path = team.board()
    link, embed = team.link(path), team.embed(path)
    team.edith.delete(f"{path}/shares/{link['id']}").raise_for_status()
    team.edith.delete(f"{path}/embeds/{embed['id']}").raise_for_status()
    entries = team.alice.get("/api/v1/audit").json()["entries"]
    target = path.rpartition("/")[2]
    found = {(e["action"], e["target"]) for e in entries if e["target"].startswith(f"{target}/")}
    assert found == {
        ("dashboard.share", f"{target}/{link['id']}"),
        ("dashboard.unshare", f"{target}/{link['id']}"),
        ("dashboard.embed", f"{target}/{embed['id']}"),
        ("dashboard.unembed", f"{target}/{embed['id']}"),
    }
    assert not any(link["token"] in json.dumps(entry) for entry in entries)


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("shares", {"expires_in": 5}, "expires_in"),
        ("shares", {"expires_in": 100 * YEAR_S}, "expires_in"),
        ("shares", {"look_back": "always"}, "look_back"),
        ("shares", {"look_back": "5s"}, "look_back"),
        ("shares", {"label": "x" * 101}, "label"),
        ("shares", {"origins": [SITE]}, "origins"),
        ("embeds", {"origins": [SITE]}, "expires_in"),
        ("embeds", {"expires_in": 60}, "origins"),
        ("embeds", {"expires_in": 60, "origins": []}, "origins"),
        ("embeds", {"expires_in": 60, "origins": ["*"]}, "origins[0]"),
        ("embeds", {"expires_in": 60, "origins": [SITE, "https://*.example.com"]}, "origins[1]"),
        ("embeds", {"expires_in": 60, "origins": ["https://a.example.com/path"]}, "origins[0]"),
        ("embeds", {"expires_in": 60, "origins": ["https://a.example.com;"]}, "origins[0]"),
        ("embeds", {"expires_in": 60, "origins": ["https://a b"]}, "origins[0]"),
        ("embeds", {"expires_in": 60, "origins": ["https://u:p@a.example.com"]}, "origins[0]"),
        ("embeds", {"expires_in": 60, "origins": ["https://a.example.com\n"]}, "origins[0]"),
        ("embeds", {"expires_in": 60, "origins": ["javascript:alert(1)"]}, "origins[0]"),
        ("embeds", {"expires_in": 60, "origins": ["null"]}, "origins[0]"),
        ("embeds", {"expires_in": 60, "origins": [SITE], "filters": {"a": []}}, "filters[...]"),
    ],
)
def test_a_wrong_wish_is_told_by_field(
    team: Team, kind: str, body: dict[str, Any], field: str
) -> None:
    answer = team.edith.post(f"{team.board()}/{kind}", json=body)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_a_link_that_is_asked_too_often_is_told_to_wait(team: Team) -> None:
    token = team.link(team.board())["token"]
    other = team.link(team.board())["token"]
    with team.charlie(token) as charlie, team.charlie(other) as stranger:
        answers = (charlie.get(SHARED) for _ in range(2000))
        limited = next(each for each in answers if each.status_code == 429)
        assert int(limited.headers["retry-after"]) > 0
        assert stranger.get(SHARED).status_code == 200
        assert team.edith.get("/api/v1/me").status_code == 200

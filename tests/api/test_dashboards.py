"""Dashboards over HTTP: Alice is an admin, Edith and Eve are editors, Bob a viewer."""

from __future__ import annotations

import csv
import io
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import yaml

from asking import accept, counted, fields
from polling import eventually
from running import INGEST_KEY, Server

PASSWORD = "a long enough password"
DASHBOARDS = "/api/v1/dashboards"
CHART: dict[str, Any] = {
    "id": "w1",
    "type": "chart",
    "title": "Requests",
    "position": {"x": 0, "y": 0, "w": 6, "h": 4},
    "config": {"query": {"metric_name": "requests", "aggregation": "rate"}, "chart": "line"},
}
TEXT = {
    "id": "w2",
    "type": "text",
    "position": {"x": 6, "y": 0, "w": 6, "h": 2},
    "config": {"text": "# Hello"},
}
LAYOUTS = {
    "medium": {"x": 3, "y": 0, "w": 3, "h": 4},
    "small": {"x": 0, "y": 2, "w": 2, "h": 4},
}


@pytest.fixture(scope="module")
def people(server: Server) -> Iterator[dict[str, httpx.Client]]:
    with ExitStack() as stack:
        found = {"alice": stack.enter_context(server.alice())}
        for name, role in (("edith", "editor"), ("eve", "editor"), ("bob", "viewer")):
            login = {"email": f"{name}.{uuid.uuid4().hex}@example.com", "password": PASSWORD}
            found["alice"].post("/api/v1/users", json=login | {"role": role}).raise_for_status()
            client = stack.enter_context(server.client())
            token = client.post("/api/auth/login", json=login).json()["access_token"]
            client.headers["authorization"] = f"Bearer {token}"
            found[name] = client
        found["charlie"] = stack.enter_context(server.client())
        found["program"] = stack.enter_context(server.client())
        found["program"].headers["authorization"] = f"Bearer {INGEST_KEY}"
        yield found


@pytest.fixture
def edith(people: dict[str, httpx.Client]) -> httpx.Client:
    return people["edith"]


def new(**change: object) -> dict[str, Any]:
    return {"name": "Shop", "widgets": [CHART, TEXT]} | change


def create(client: httpx.Client, **change: object) -> httpx.Response:
    answer = client.post(DASHBOARDS, json=new(**change))
    assert answer.status_code == 201, answer.text
    return answer


def path(answer: httpx.Response) -> str:
    return f"{DASHBOARDS}/{answer.json()['id']}"


def test_a_dashboard_comes_back_as_it_was_made(edith: httpx.Client) -> None:
    sent = new(description="All of it", refresh_interval="5s", filters={"region": ["eu", "us"]})
    made = edith.post(DASHBOARDS, json=sent)
    assert made.status_code == 201
    found = edith.get(path(made))
    assert found.status_code == 200
    assert found.json() == made.json()
    assert found.headers["etag"] == made.headers["etag"] == '"1"'
    body = found.json()
    assert {name: body[name] for name in sent} == sent
    assert (body["version"], body["can_edit"], body["is_public"]) == (1, True, False)
    assert uuid.UUID(body["id"])
    assert body["created_at"] == body["updated_at"]


def test_what_was_got_can_be_put_back(edith: httpx.Client) -> None:
    made = create(edith)
    changed = made.json() | {"name": "Store"}
    answer = edith.put(path(made), json=changed, headers={"if-match": made.headers["etag"]})
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["version"]) == ("Store", 2)
    assert answer.headers["etag"] == '"2"'
    assert edith.get(path(made)).json() == answer.json()


def test_a_change_of_nothing_is_no_version(edith: httpx.Client) -> None:
    made = create(edith)
    assert edith.put(path(made), json=made.json()).headers["etag"] == '"1"'


def test_whoever_was_overtaken_is_told_and_changes_nothing(edith: httpx.Client) -> None:
    made = create(edith)
    stale = {"if-match": made.headers["etag"]}
    edith.put(path(made), json=new(name="First")).raise_for_status()
    for answer in (
        edith.put(path(made), json=new(name="Second"), headers=stale),
        edith.delete(path(made), headers=stale),
        edith.put(path(made), json=new(name="Second"), headers={"if-match": 'W/"2"'}),
        edith.put(path(made), json=new(name="Second"), headers={"if-match": "nonsense"}),
    ):
        assert answer.status_code == 412
        assert answer.headers["content-type"] == "application/problem+json"
    assert edith.get(path(made)).json()["name"] == "First"
    several = {"if-match": '"1", "2"'}
    assert edith.put(path(made), json=new(name="Second"), headers=several).status_code == 200
    anything = {"if-match": "*"}
    assert edith.put(path(made), json=new(name="Third"), headers=anything).status_code == 200
    assert edith.put(path(made), json=new(name="Fourth")).status_code == 200


def test_what_is_known_is_not_sent_again(edith: httpx.Client) -> None:
    made = create(edith)
    known = {"if-none-match": made.headers["etag"]}
    answer = edith.get(path(made), headers=known)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == made.headers["etag"]
    edith.put(path(made), json=new(name="Other")).raise_for_status()
    assert edith.get(path(made), headers=known).status_code == 200


def test_a_private_dashboard_is_there_for_its_owner_and_admins(
    people: dict[str, httpx.Client],
) -> None:
    made = create(people["edith"])
    for name in ("eve", "bob"):
        for suffix in ("", "/versions", "/versions/1", "/export"):
            assert people[name].get(path(made) + suffix).status_code == 404
        listed = people[name].get(DASHBOARDS).json()["dashboards"]
        assert made.json()["id"] not in [each["id"] for each in listed]
    assert people["eve"].put(path(made), json=new()).status_code == 404
    assert people["eve"].delete(path(made)).status_code == 404
    assert people["eve"].post(path(made) + "/duplicate").status_code == 404
    assert people["alice"].get(path(made)).json()["can_edit"] is True
    assert people["alice"].put(path(made), json=new(name="Seen")).status_code == 200
    assert people["edith"].get(path(made)).json()["name"] == "Seen"
    listed = people["alice"].get(DASHBOARDS).json()["dashboards"]
    assert made.json()["id"] in [each["id"] for each in listed]


def test_a_public_dashboard_is_seen_by_all_and_changed_by_few(
    people: dict[str, httpx.Client],
) -> None:
    made = create(people["edith"], is_public=True)
    for name in ("eve", "bob"):
        found = people[name].get(path(made))
        assert found.status_code == 200
        assert found.json()["can_edit"] is False
        assert people[name].put(path(made), json=new()).status_code == 403
        assert people[name].delete(path(made)).status_code == 403
        listed = people[name].get(DASHBOARDS).json()["dashboards"]
        (summary,) = [each for each in listed if each["id"] == made.json()["id"]]
        assert (summary["widget_count"], summary["can_edit"]) == (2, False)
    assert people["edith"].get(path(made)).json() == made.json()
    assert people["edith"].delete(path(made)).status_code == 204
    assert people["alice"].get(path(made)).status_code == 404


def test_who_may_do_what(people: dict[str, httpx.Client]) -> None:
    made = create(people["edith"], is_public=True)
    for name, status in (("charlie", 401), ("program", 403)):
        assert people[name].get(DASHBOARDS).status_code == status
        assert people[name].get(path(made)).status_code == status
    for name, status in (("charlie", 401), ("program", 403), ("bob", 403)):
        assert people[name].post(DASHBOARDS, json=new()).status_code == status
        assert people[name].post(path(made) + "/duplicate").status_code == status
        assert people[name].post(f"{DASHBOARDS}/import", json=new()).status_code == status


def test_a_duplicate_is_ones_own(people: dict[str, httpx.Client]) -> None:
    made = create(people["edith"], is_public=True, name="x" * 100)
    copy = people["eve"].post(path(made) + "/duplicate")
    assert copy.status_code == 201
    body = copy.json()
    assert body["id"] != made.json()["id"]
    assert (body["name"], body["is_public"]) == ("x" * 93 + " (copy)", False)
    assert body["widgets"] == made.json()["widgets"]
    assert people["edith"].get(path(copy)).status_code == 404
    assert people["eve"].delete(path(copy)).status_code == 204


def test_versions_are_kept_and_can_be_put_back(edith: httpx.Client) -> None:
    made = create(edith)
    edith.put(path(made), json=new(name="Second", widgets=[])).raise_for_status()
    versions = edith.get(path(made) + "/versions").json()["versions"]
    assert [(each["version"], each["name"], each["widget_count"]) for each in versions] == [
        (2, "Second", 0),
        (1, "Shop", 2),
    ]
    first = edith.get(path(made) + "/versions/1").json()
    restored = edith.put(path(made), json=first).json()
    assert (restored["version"], restored["widgets"]) == (3, made.json()["widgets"])
    assert edith.get(path(made) + "/versions/9").status_code == 404


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_an_export_can_be_imported(edith: httpx.Client, kind: str) -> None:
    details = {"description": "Größe: ½", "filters": {"b": ["2"], "a": ["1"]}}
    widgets = [CHART | {"layouts": LAYOUTS}, TEXT]
    sent = new(widgets=widgets, refresh_interval="5s", **details)
    made = edith.post(DASHBOARDS, json=sent)
    file = edith.get(path(made) + "/export", params={"format": kind})
    assert file.status_code == 200
    assert file.headers["content-type"].startswith(f"application/{kind}")
    assert file.headers["content-disposition"] == f'attachment; filename="Shop.{kind}"'
    read = json.loads(file.text) if kind == "json" else yaml.safe_load(file.text)
    assert read == sent | {"is_public": False}
    assert list(read) == [
        "name",
        "description",
        "widgets",
        "refresh_interval",
        "filters",
        "is_public",
    ]
    assert list(read["filters"]) == ["a", "b"]
    first, second = read["widgets"]
    assert list(first) == ["id", "type", "position", "config", "title", "layouts"]
    assert list(first["layouts"]) == ["medium", "small"]
    assert "layouts" not in second
    headers = {"content-type": f"application/{kind}"}
    back = edith.post(f"{DASHBOARDS}/import", content=file.content, headers=headers)
    assert back.status_code == 201
    again = edith.get(path(back) + "/export", params={"format": kind})
    assert again.content == file.content


def test_where_widgets_stand_on_smaller_screens_is_kept(edith: httpx.Client) -> None:
    small = {"layouts": {"small": LAYOUTS["small"]}}
    made = create(edith, widgets=[CHART | {"layouts": LAYOUTS}, TEXT | small])
    chart, text = made.json()["widgets"]
    assert (chart["layouts"], text["layouts"]) == (LAYOUTS, small["layouts"])
    copied = edith.post(path(made) + "/duplicate").json()
    assert copied["widgets"] == made.json()["widgets"]
    plain = edith.put(path(made), json=new(widgets=[CHART | {"layouts": None}, TEXT]))
    assert plain.json()["widgets"] == [CHART, TEXT]
    first = edith.get(path(made) + "/versions/1").json()
    assert first["widgets"] == made.json()["widgets"]


def test_data_is_exported_as_csv(people: dict[str, httpx.Client]) -> None:
    edith, name = people["edith"], f"export.{uuid.uuid4().hex}"
    for value, host in ((1, "a"), (2, "=b")):
        accept(people["program"], {"name": name, "value": value, "tags": {"host": host}})
    counted(edith, name, 2)
    query = {"metric_name": name, "aggregation": "sum", "group_by": ["host"], "interval": "1d"}
    widget = CHART | {"title": "=cmd()", "config": {"query": query}}
    made = create(edith, widgets=[widget, TEXT], name="=!")
    file = edith.get(path(made) + "/export", params={"format": "csv"})
    assert file.headers["content-type"].startswith("text/csv")
    assert file.headers["content-disposition"] == 'attachment; filename="dashboard.csv"'
    head, *rows = csv.reader(io.StringIO(file.text))
    assert head == ["widget", "timestamp", "value", "tags"]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("'=cmd()", "2.0", "host==b"),
        ("'=cmd()", "1.0", "host=a"),
    ]


def own(**config: object) -> dict[str, Any]:
    """A dashboard whose widget has settings that go before the dashboard's."""
    return new(widgets=[CHART | {"config": CHART["config"] | config}])


def test_a_widget_may_look_back_on_its_own(people: dict[str, httpx.Client]) -> None:
    edith, name = people["edith"], f"own.{uuid.uuid4().hex}"
    old = int(time.time() * 1000) - 2 * 86_400_000
    accept(people["program"], {"name": name, "value": 2, "time": old})
    accept(people["program"], {"name": name, "value": 1})
    query = {"metric_name": name, "aggregation": "sum", "interval": "1d"}
    settings = {"time_range": {"last": "7d"}, "refresh_interval": "30s", "compare": "previous"}
    made = create(edith, **own(query=query, **settings))
    assert made.json()["widgets"][0]["config"] == CHART["config"] | {"query": query} | settings

    def values() -> list[str]:
        told = edith.get(path(made) + "/export", params={"format": "csv"}).text
        return [row[2] for row in csv.reader(io.StringIO(told))][1:]

    eventually(lambda: values() == ["2.0", "1.0"])
    assert values() == ["2.0", "1.0"]


BAD = {
    "no name": (new(name=""), "name"),
    "a blank name": (new(name=" "), "name"),
    "a long name": (new(name="x" * 101), "name"),
    "no widgets": ({"name": "a"}, "widgets"),
    "another field": (new(colour="red"), "colour"),
    "an interval": (new(refresh_interval="2s"), "refresh_interval"),
    "a type": (new(widgets=[CHART | {"type": "clock"}]), "widgets[0].type"),
    "twice the same id": (new(widgets=[CHART, CHART]), "widgets[1].id"),
    "too wide": (
        new(widgets=[TEXT, CHART | {"position": {"x": 8, "y": 0, "w": 6, "h": 1}}]),
        "widgets[1].position.w",
    ),
    "left of the grid": (
        new(widgets=[CHART | {"position": {"x": -1, "y": 0, "w": 6, "h": 1}}]),
        "widgets[0].position.x",
    ),
    "too wide on a phone": (
        new(widgets=[TEXT, CHART | {"layouts": {"small": {"x": 1, "y": 0, "w": 2, "h": 1}}}]),
        "widgets[1].layouts.small.w",
    ),
    "too wide on a tablet": (
        new(widgets=[CHART | {"layouts": {"medium": {"x": 0, "y": 0, "w": 7, "h": 1}}}]),
        "widgets[0].layouts.medium.w",
    ),
    "nowhere on a phone": (
        new(widgets=[CHART | {"layouts": {"small": {"x": 0, "y": 0, "w": 1}}}]),
        "widgets[0].layouts.small.h",
    ),
    "above a tablet": (
        new(widgets=[CHART | {"layouts": {"medium": {"x": 0, "y": -1, "w": 1, "h": 1}}}]),
        "widgets[0].layouts.medium.y",
    ),
    "another layout": (
        new(widgets=[CHART | {"layouts": {"watch": LAYOUTS["small"]}}]),
        "widgets[0].layouts.watch",
    ),
    "a query": (
        new(widgets=[CHART | {"config": {"query": {"metric_name": "a", "aggregation": "most"}}}]),
        "widgets[0].config.query.aggregation",
    ),
    "no query at all": (
        new(widgets=[CHART | {"config": {"query": 5}}]),
        "widgets[0].config.query",
    ),
    "a span that is none": (own(time_range="7d"), "widgets[0].config.time_range"),
    "a span with an end": (
        own(time_range={"last": "1h", "end": 5}),
        "widgets[0].config.time_range",
    ),
    "a long span": (own(time_range={"last": "ever"}), "widgets[0].config.time_range.last"),
    "a refresh of its own": (own(refresh_interval="2s"), "widgets[0].config.refresh_interval"),
    "a list of refreshes": (own(refresh_interval=["1s"]), "widgets[0].config.refresh_interval"),
    "a comparison": (own(compare="last year"), "widgets[0].config.compare"),
    "a text": (new(widgets=[TEXT | {"config": {}}]), "widgets[0].config.text"),
    "filters": (new(filters={"a": "b"}), "filters[...]"),
    "another id": (new(id="other"), "id"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_content_is_refused_by_its_field(edith: httpx.Client, what: str) -> None:
    body, field = BAD[what]
    made = create(edith)
    answer = edith.put(path(made), json=body)
    assert answer.status_code == 400, answer.text
    assert fields(answer) == [field]
    assert edith.get(path(made)).json() == made.json()


BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nname: *b\nwidgets: []\n"
FILES = {
    "an alias": (BOMB, "application/yaml", 400),
    "no yaml": (b"name: [", "application/yaml", 400),
    "a tag": (b"name: !!python/object/apply:os.system [ls]", "application/yaml", 400),
    "a list": (b"- a", "application/yaml", 400),
    "a number for a name": (b"name: 5\nwidgets: []", "application/yaml", 400),
    "nothing": (b"", "application/yaml", 400),
    "deep": (b"[" * 20_000, "application/yaml", 400),
    "a very long one": (b"name: a\n" * 40_000, "application/yaml", 413),
    "no json": (b"{", "application/json", 400),
    "another type": (b"name,widgets", "text/csv", 415),
}


@pytest.mark.parametrize("what", FILES)
def test_a_bad_file_is_refused(edith: httpx.Client, what: str) -> None:
    body, media_type, status = FILES[what]
    headers = {"content-type": media_type}
    answer = edith.post(f"{DASHBOARDS}/import", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("text", ["2026-01-01", "12:30:00", "no", "010", "1_000"])
def test_texts_of_yaml_stay_texts(edith: httpx.Client, text: str) -> None:
    headers = {"content-type": "application/yaml"}
    body = f"name: {text}\nwidgets: []\n".encode()
    answer = edith.post(f"{DASHBOARDS}/import", content=body, headers=headers)
    assert answer.json()["name"] == text


@pytest.mark.parametrize("name", ["nothing", "%00", "a" * 100, str(uuid.UUID(int=1))])
def test_there_is_no_such_dashboard(edith: httpx.Client, name: str) -> None:
    assert edith.get(f"{DASHBOARDS}/{name}").status_code == 404


def test_changes_are_in_the_audit_trail(people: dict[str, httpx.Client]) -> None:
    made = create(people["edith"])
    people["edith"].put(path(made), json=new(name="Other")).raise_for_status()
    people["edith"].delete(path(made)).raise_for_status()
    entries = people["alice"].get("/api/v1/audit").json()["entries"]
    found = [each["action"] for each in entries if each["target"] == made.json()["id"]]
    assert found == ["dashboard.delete", "dashboard.update", "dashboard.create"]


def test_a_dashboard_is_watched_by_those_who_may_see_it(people: dict[str, httpx.Client]) -> None:
    edith, name = people["edith"], f"watched.{uuid.uuid4().hex}"
    for value, region in ((1, "eu"), (2, "us"), (4, "as")):
        accept(people["program"], {"name": name, "value": value, "tags": {"region": region}})
    counted(edith, name, 3)
    query = {"metric_name": name, "aggregation": "sum"}
    own = query | {"filters": {"region": "as"}}
    widgets = [
        CHART | {"id": "all", "config": {"query": query}},
        CHART | {"id": "own", "config": {"query": own}},
        TEXT,
    ]
    filters = {"region": ["eu", "us"], "host": []}
    made = create(edith, widgets=widgets, filters=filters, refresh_interval="live")
    asked = {"dashboard": made.json()["id"]}
    frames = edith.get("/api/v1/live/poll", params=asked).json()["frames"]
    values = {each["id"]: sum(p["value"] for p in each["data"]) for each in frames}
    assert values == {"all": 3, "own": 4}
    with edith.stream("GET", "/api/dashboard/stream", params=asked) as stream:
        assert stream.status_code == 200
    for person in ("bob", "eve"):
        assert people[person].get("/api/v1/live/poll", params=asked).status_code == 404
        answer = people[person].get("/api/dashboard/stream", params=asked)
        assert answer.status_code == 404

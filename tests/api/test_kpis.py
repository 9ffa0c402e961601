"""KPIs over HTTP: Alice is an admin, Edith an editor, Bob a viewer, Charlie nobody."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from asking import accept, count, counted, fields
from polling import eventually
from running import INGEST_KEY, Server

DAY_MS = 86_400_000
PASSWORD = "a long enough password"
RATIO = "sum(%s.perfect) / sum(%s.total) * 100"


@pytest.fixture(scope="module")
def people(server: Server) -> Iterator[dict[str, httpx.Client]]:
    with ExitStack() as stack:
        found = {"alice": stack.enter_context(server.alice())}
        for name, role in (("edith", "editor"), ("bob", "viewer")):
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
def editor(people: dict[str, httpx.Client]) -> httpx.Client:
    return people["edith"]


@pytest.fixture
def viewer(people: dict[str, httpx.Client]) -> httpx.Client:
    return people["bob"]


def new(**change: object) -> dict[str, Any]:
    return {"code": f"k-{uuid.uuid4().hex}", "name": "A KPI", "expression": "1"} | change


def create(client: httpx.Client, **change: object) -> str:
    answer = client.post("/api/v1/kpis", json=new(**change))
    assert answer.status_code == 201, answer.text
    code: str = answer.json()["code"]
    return code


def read(client: httpx.Client, code: str, **params: str) -> dict[str, Any]:
    answer = client.get(f"/kpi/{code}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def midnight() -> int:
    return int(time.time() * 1000) // DAY_MS * DAY_MS


def test_a_definition_from_first_to_last(editor: httpx.Client, viewer: httpx.Client) -> None:
    body = new(unit="%", target=99, rules=[{"min": 0}, {"min": 1, "max": 100}])
    path = f"/api/v1/kpis/{body['code']}"
    created = editor.post("/api/v1/kpis", json=body)
    assert (created.status_code, created.json()) == (201, body)
    assert viewer.get(path).json() == body
    assert body in viewer.get("/api/v1/kpis").json()["kpis"]

    changed = {"name": "Another", "expression": "2"}
    whole = changed | {"code": body["code"], "unit": None, "target": None, "rules": []}
    replaced = editor.put(path, json=changed)
    assert (replaced.status_code, replaced.json()) == (200, whole)
    # What was read can be sent back as it is.
    assert editor.put(path, json=viewer.get(path).json()).json() == whole

    deleted = editor.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [editor.delete(path).status_code, editor.get(path).status_code] == [404, 404]
    assert viewer.get(f"/kpi/{body['code']}").status_code == 404


def test_the_day_so_far_against_the_day_before(
    sender: httpx.Client, editor: httpx.Client, viewer: httpx.Client
) -> None:
    today, name = midnight(), f"orders.{uuid.uuid4().hex}"
    rows = [
        {"name": f"{name}.perfect", "value": 30, "time": today, "tags": {"region": "eu"}},
        {"name": f"{name}.perfect", "value": 45, "time": today, "tags": {"region": "us"}},
        {"name": f"{name}.total", "value": 100, "time": today},
        {"name": f"{name}.perfect", "value": 40, "time": today - 1, "tags": {"region": "eu"}},
        {"name": f"{name}.perfect", "value": 20, "time": today - DAY_MS, "tags": {"region": "us"}},
        {"name": f"{name}.total", "value": 120, "time": today - DAY_MS // 2},
        {"name": f"{name}.perfect", "value": 7, "time": today - DAY_MS - 1},
    ]
    accept(sender, *(row | {"type": "counter"} for row in rows))
    # Noon of yesterday is more than a day ago in the afternoon.
    assert eventually(lambda: count(viewer, f"{name}.total", time_range={"last": "3d"}) == 2)
    code = create(editor, expression=RATIO % (name, name), name="Perfect", unit="%")
    eu = create(editor, expression=f'sum({name}.perfect{{region="eu"}})', rules=[{"min": 31}])

    found = read(viewer, code)
    timestamp = found.pop("timestamp")
    assert timestamp.endswith("Z")
    assert found == {
        "code": code,
        "name": "Perfect",
        "value": 75,
        "previous": 50,
        "delta": 25,
        "delta_percent": 50,
        "direction": "up",
        "unit": "%",
        "target": None,
        "valid": True,
        "period": "day",
    }
    found = read(viewer, eu, period="day")
    assert (found["value"], found["previous"], found["direction"]) == (30, 40, "down")
    assert found["valid"] is False


def test_the_newest_row_counts_in_every_period(
    sender: httpx.Client, editor: httpx.Client, viewer: httpx.Client
) -> None:
    name = f"seen.{uuid.uuid4().hex}"
    accept(sender, {"name": name, "value": 250, "type": "distribution"})
    assert counted(viewer, name, 1) == 1
    code = create(editor, expression=f"p95({name}) / max({name})", target=2)
    found = read(viewer, code, period="day")
    assert found["value"] == pytest.approx(1, rel=0.01)
    assert (found["previous"], found["direction"], found["target"]) == (None, None, 2)


def test_no_data_and_a_division_by_zero_are_null(
    sender: httpx.Client, editor: httpx.Client, viewer: httpx.Client
) -> None:
    name = f"zero.{uuid.uuid4().hex}"
    accept(sender, {"name": name, "value": 0, "time": midnight()})
    assert counted(viewer, name, 1) == 1
    for expression in (f"1 / sum({name})", "sum(no.such.metric)", "1 / 0"):
        found = read(viewer, create(editor, expression=expression, rules=[{"min": 0}]))
        told = [found[key] for key in ("value", "delta", "delta_percent", "direction", "valid")]
        assert told == [None] * 5


@pytest.mark.parametrize("period", ["minute", "hour", "day"])
def test_a_period(editor: httpx.Client, viewer: httpx.Client, period: str) -> None:
    found = read(viewer, create(editor, expression="42"), period=period)
    assert (found["period"], found["value"], found["direction"]) == (period, 42, "flat")
    assert (found["delta"], found["delta_percent"]) == (0, 0)


def test_an_unknown_period_is_named(editor: httpx.Client, viewer: httpx.Client) -> None:
    answer = viewer.get(f"/kpi/{create(editor)}", params={"period": "week"})
    assert answer.status_code == 400
    assert fields(answer) == ["period"]


def test_a_value_is_not_kept_by_anyone_on_the_way(
    editor: httpx.Client, viewer: httpx.Client
) -> None:
    answer = viewer.get(f"/kpi/{create(editor)}")
    assert answer.headers["cache-control"] == "no-store"


def test_a_bad_expression_points_at_the_column(editor: httpx.Client) -> None:
    code = create(editor)
    body = new(code=code, expression="sum(orders) / * 100")
    for answer in (
        editor.post("/api/v1/kpis", json=body),
        editor.put(f"/api/v1/kpis/{code}", json=body),
    ):
        assert answer.status_code == 400
        assert fields(answer) == ["expression"]
        message = answer.json()["errors"][0]["message"]
        assert message.startswith("column 15: expected a number, a function or `(`")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"color": "red"}, "color"),
        ({"code": "a/b"}, "code"),
        ({"name": ""}, "name"),
        ({"target": "high"}, "target"),
        ({"rules": [{"least": 1}]}, "rules[0].least"),
        ({"rules": [{}]}, "rules[0]"),
        ({"rules": [{"min": 2, "max": 1}]}, "rules[0].min"),
    ],
)
def test_bad_input_is_named(editor: httpx.Client, change: dict[str, Any], field: str) -> None:
    answer = editor.post("/api/v1/kpis", json=new(**change))
    assert answer.status_code == 400
    assert fields(answer) == [field]


@pytest.mark.parametrize("missing", ["code", "name", "expression"])
def test_a_missing_field_is_named(editor: httpx.Client, missing: str) -> None:
    body = new()
    del body[missing]
    answer = editor.post("/api/v1/kpis", json=body)
    assert (answer.status_code, fields(answer)) == (400, [missing])


def test_a_code_in_use_is_a_conflict(editor: httpx.Client) -> None:
    answer = editor.post("/api/v1/kpis", json=new(code=create(editor)))
    assert (answer.status_code, fields(answer)) == (409, ["code"])


def test_a_code_other_than_the_path_s_is_refused(editor: httpx.Client) -> None:
    answer = editor.put(f"/api/v1/kpis/{create(editor)}", json=new(code="other"))
    assert (answer.status_code, fields(answer)) == (400, ["code"])


@pytest.mark.parametrize("code", ["unknown", "a%00b", "%C3%A9"])
def test_an_unknown_code_is_not_found(editor: httpx.Client, code: str) -> None:
    path = f"/api/v1/kpis/{code}"
    answers = [
        editor.get(f"/kpi/{code}"),
        editor.get(path),
        editor.put(path, json={"name": "A KPI", "expression": "1"}),
        editor.delete(path),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4


def test_who_may_do_what(people: dict[str, httpx.Client]) -> None:
    code = create(people["alice"])
    path = f"/api/v1/kpis/{code}"

    def statuses(client: httpx.Client) -> list[int]:
        reading = [client.get(each) for each in (f"/kpi/{code}", "/api/v1/kpis", path)]
        made = client.post("/api/v1/kpis", json=new())
        changed = client.put(path, json={"name": "A KPI", "expression": "1"})
        gone = client.delete("/api/v1/kpis/unknown")
        return [answer.status_code for answer in (*reading, made, changed, gone)]

    assert {name: statuses(client) for name, client in people.items()} == {
        "alice": [200, 200, 200, 201, 200, 404],
        "edith": [200, 200, 200, 201, 200, 404],
        "bob": [200, 200, 200, 403, 403, 403],
        "charlie": [401] * 6,
        "program": [403] * 6,
    }


def test_every_change_is_in_the_audit_trail(people: dict[str, httpx.Client]) -> None:
    code = create(people["edith"])
    path = f"/api/v1/kpis/{code}"
    people["edith"].put(path, json={"name": "A KPI", "expression": "2"}).raise_for_status()
    people["alice"].delete(path).raise_for_status()
    entries = people["alice"].get("/api/v1/audit").json()["entries"]
    told = [(e["actor"].split(".")[0], e["action"]) for e in entries if e["target"] == code]
    assert told == [
        ("alice@example", "kpi.delete"),
        ("edith", "kpi.update"),
        ("edith", "kpi.create"),
    ]

"""Stars over HTTP: Alice is an admin, Edith an editor, Bob a viewer, Charlie nobody."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from running import Server

PASSWORD = "a long enough password"
DASHBOARDS = "/api/v1/dashboards"
People = dict[str, httpx.Client]


@pytest.fixture
def people(server: Server) -> Iterator[People]:
    with ExitStack() as stack:
        found = {"alice": stack.enter_context(server.alice())}
        for name, role in (("edith", "editor"), ("bob", "viewer")):
            login = {"email": f"{name}.{uuid.uuid4().hex}@example.com", "password": PASSWORD}
            found["alice"].post("/api/v1/users", json=login | {"role": role}).raise_for_status()
            client = found[name] = stack.enter_context(server.client())
            token = client.post("/api/auth/login", json=login).json()["access_token"]
            client.headers["authorization"] = f"Bearer {token}"
        found["charlie"] = stack.enter_context(server.client())
        yield found


def make(client: httpx.Client, *, is_public: bool) -> str:
    body = {"name": "Starred", "widgets": [], "is_public": is_public}
    made: str = client.post(DASHBOARDS, json=body).raise_for_status().json()["id"]
    return made


def star(client: httpx.Client, board: str, method: str = "PUT") -> int:
    return client.request(method, f"{DASHBOARDS}/{board}/star").status_code


def starred(client: httpx.Client) -> list[str]:
    found: list[str] = client.get("/api/v1/stars").raise_for_status().json()["stars"]
    return found


def test_stars_are_ones_own_and_told_with_the_list(people: People) -> None:
    board = make(people["edith"], is_public=True)
    assert [star(people["bob"], board) for _ in range(2)] == [204, 204]
    for name, is_starred in (("bob", True), ("edith", False), ("alice", False)):
        listed = people[name].get(DASHBOARDS).json()["dashboards"]
        assert [each["starred"] for each in listed if each["id"] == board] == [is_starred]
        assert (board in starred(people[name])) is is_starred
    assert [star(people["bob"], board, "DELETE") for _ in range(2)] == [204, 204]
    assert starred(people["bob"]) == []


def test_a_star_changes_nothing_of_the_dashboard(people: People) -> None:
    board = make(people["edith"], is_public=True)
    before = people["edith"].get(f"{DASHBOARDS}/{board}")
    assert star(people["edith"], board) == 204
    after = people["edith"].get(f"{DASHBOARDS}/{board}")
    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_private_dashboard_is_not_there_for_others(people: People, method: str) -> None:
    board = make(people["edith"], is_public=False)
    codes = {name: star(people[name], board, method) for name in people}
    assert codes == {"alice": 204, "edith": 204, "bob": 404, "charlie": 401}
    unknown = people["bob"].request(method, f"{DASHBOARDS}/{uuid.uuid4()}/star")
    seen = people["bob"].request(method, f"{DASHBOARDS}/{board}/star")
    assert unknown.json().keys() == seen.json().keys()


def test_templates_are_starred_too(people: People) -> None:
    bob, path = people["bob"], "/api/v1/templates/host/star"
    assert bob.put(path).status_code == 204
    assert starred(bob) == ["host"]
    assert bob.put("/api/v1/templates/no-such/star").status_code == 404
    assert bob.delete("/api/v1/templates/no-such/star").status_code == 404
    assert bob.delete(path).status_code == 204
    assert starred(bob) == []


def test_a_key_has_no_stars(people: People, server: Server) -> None:
    board = make(people["edith"], is_public=True)
    body = {"name": "program", "scopes": ["admin"]}
    secret = people["alice"].post("/api/v1/keys", json=body).json()["secret"]
    with server.client() as program:
        program.headers["authorization"] = f"Bearer {secret}"
        assert star(program, board) == 403
        assert program.get("/api/v1/stars").status_code == 403
        assert not any(each["starred"] for each in program.get(DASHBOARDS).json()["dashboards"])


def test_deleting_the_dashboard_takes_its_stars_along(people: People) -> None:
    board = make(people["edith"], is_public=True)
    assert star(people["bob"], board) == 204
    assert people["edith"].delete(f"{DASHBOARDS}/{board}").status_code == 204
    assert starred(people["bob"]) == []
    assert star(people["bob"], board) == 404

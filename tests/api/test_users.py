from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from personas import ALICE, BOB, PASSWORD, World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


@pytest.fixture
async def admin(here: World) -> AsyncIterator[httpx.AsyncClient]:
    async with here.client((await here.sign_in(ALICE)).access_token) as client:
        yield client


NEW = {"email": "Dora@example.org", "password": PASSWORD, "role": "editor"}


async def test_a_user_is_created_and_can_sign_in(here: World, admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/api/v1/users", json=NEW)
    created = answer.json()
    assert answer.status_code == 201
    assert created == {
        "id": created["id"],
        "email": "Dora@example.org",
        "role": "editor",
        "is_active": True,
        "created_at": "2027-01-15T08:00:00.000Z",
    }
    users = (await admin.get("/api/v1/users")).json()["users"]
    assert [user["email"] for user in users] == [ALICE, BOB, "Dora@example.org"]
    assert created in users
    assert await here.sign_in("dora@EXAMPLE.org")


async def test_an_address_in_use_is_a_conflict(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/api/v1/users", json=NEW | {"email": BOB.upper()})
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] == "email"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "dora"}, "email"),
        ({"email": None}, "email"),
        ({"password": "short"}, "password"),
        ({"role": "owner"}, "role"),
        ({"is_admin": True}, "is_admin"),
    ],
)
async def test_bad_input_is_named(
    admin: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    answer = await admin.post("/api/v1/users", json=NEW | change)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert field in answer.json()["detail"]


@pytest.mark.parametrize("missing", NEW)
async def test_a_missing_field_is_named(admin: httpx.AsyncClient, missing: str) -> None:
    body = {name: value for name, value in NEW.items() if name != missing}
    answer = await admin.post("/api/v1/users", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"message": "is required", "field": missing}]


async def test_a_user_is_changed(here: World, admin: httpx.AsyncClient) -> None:
    path = f"/api/v1/users/{here.bob.id}"
    promoted = await admin.patch(path, json={"role": "editor"})
    unchanged = await admin.patch(path, json={})
    disabled = await admin.patch(path, json={"is_active": False})
    assert promoted.status_code == 200
    assert promoted.json() == unchanged.json()
    assert promoted.json()["role"] == "editor"
    assert disabled.json() == promoted.json() | {"is_active": False}


@pytest.mark.parametrize(
    "body", [{"is_active": "no"}, {"role": None}, {"email": "x@y.z"}, {"password": "x"}, []]
)
async def test_a_bad_change_is_refused(here: World, admin: httpx.AsyncClient, body: object) -> None:
    answer = await admin.patch(f"/api/v1/users/{here.bob.id}", json=body)
    assert answer.status_code == 400


async def test_the_last_admin_stays(here: World, admin: httpx.AsyncClient) -> None:
    path = f"/api/v1/users/{here.alice.id}"
    answers = [
        await admin.patch(path, json={"role": "viewer"}),
        await admin.patch(path, json={"is_active": False}),
        await admin.delete(path),
    ]
    assert [answer.status_code for answer in answers] == [409, 409, 409]
    assert (await admin.get("/api/v1/me")).json()["role"] == "admin"


async def test_a_user_is_deleted(here: World, admin: httpx.AsyncClient) -> None:
    path = f"/api/v1/users/{here.bob.id}"
    token = (await here.sign_in(BOB)).access_token
    answer = await admin.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await admin.delete(path)).status_code == 404
    async with here.client(token) as bob:
        assert (await bob.get("/api/v1/me")).status_code == 401


async def test_who_is_demoted_is_refused_at_once(here: World, admin: httpx.AsyncClient) -> None:
    path = f"/api/v1/users/{here.bob.id}"
    await admin.patch(path, json={"role": "admin"})
    async with here.client((await here.sign_in(BOB)).access_token) as bob:
        before = await bob.get("/api/v1/users")
        await admin.patch(path, json={"role": "viewer"})
        after = await bob.get("/api/v1/users")
    assert (before.status_code, after.status_code) == (200, 403)
    assert here.bob.id in here.revoked

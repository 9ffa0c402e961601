from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from personas import ALICE, World, world

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


async def test_the_secret_is_shown_once(here: World, admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/api/v1/keys", json={"name": "ci", "scopes": ["read", "ingest"]})
    created = answer.json()
    assert answer.status_code == 201
    assert created == {
        "id": created["id"],
        "name": "ci",
        "scopes": ["ingest", "read"],
        "secret": created["secret"],
        "created_at": "2027-01-15T08:00:00.000Z",
    }
    assert created["secret"].startswith(f"nl_{created['id']}_")
    listed = await admin.get("/api/v1/keys")
    assert created["secret"] not in listed.text
    assert [key["name"] for key in listed.json()["keys"]] == ["NOWLINE_INGEST_KEY", "ci"]
    async with here.client(created["secret"]) as program:
        assert (await program.post("/api/auth/ticket")).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "k", "scopes": []}, "scopes"),
        ({"name": "k", "scopes": ["root"]}, "scopes[0]"),
        ({"name": "k", "scopes": "read"}, "scopes"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "  ", "scopes": ["read"]}, "name"),
        ({"name": "\n", "scopes": ["read"]}, "name"),
        ({"name": "k", "scopes": ["read"], "secret": "mine"}, "secret"),
    ],
)
async def test_bad_input_is_named(admin: httpx.AsyncClient, body: object, field: str) -> None:
    answer = await admin.post("/api/v1/keys", json=body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_deleted_key_is_refused_at_once(here: World, admin: httpx.AsyncClient) -> None:
    created = (await admin.post("/api/v1/keys", json={"name": "k", "scopes": ["admin"]})).json()
    path = f"/api/v1/keys/{created['id']}"
    async with here.client(created["secret"]) as program:
        before = await program.get("/api/v1/keys")
        answer = await admin.delete(path)
        after = await program.get("/api/v1/keys")
    assert answer.status_code == 204
    assert (before.status_code, after.status_code) == (200, 401)
    assert (await admin.delete(path)).status_code == 404


async def test_the_key_given_at_start_stays(admin: httpx.AsyncClient) -> None:
    first, *_ = (await admin.get("/api/v1/keys")).json()["keys"]
    answer = await admin.delete(f"/api/v1/keys/{first['id']}")
    assert answer.status_code == 409
    assert "NOWLINE_INGEST_KEY" in answer.json()["detail"]

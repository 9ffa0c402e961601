from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nowline.auth.accounts import UserChange
from nowline.model.user import Role
from personas import ALICE, BOB, OPERATOR, World, world

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


async def test_an_entry_says_who_did_what_to_whom(here: World, admin: httpx.AsyncClient) -> None:
    await admin.patch(f"/api/v1/users/{here.bob.id}", json={"role": "editor"})
    entry, *_ = (await admin.get("/api/v1/audit")).json()["entries"]
    assert entry == {
        "at": "2027-01-15T08:00:00.000Z",
        "actor": ALICE,
        "action": "user.role.editor",
        "target": BOB,
        "outcome": "success",
        "ip": "192.0.2.1",
    }


async def test_the_pages_are_the_whole_while_more_is_added(
    here: World, admin: httpx.AsyncClient
) -> None:
    whole = (await admin.get("/api/v1/audit")).json()
    entries: list[dict[str, str]] = []
    cursor: str | None = None
    while not entries or cursor:
        params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get("/api/v1/audit", params=params)).json()
        entries += page["entries"]
        cursor = page["next_cursor"]
        role = Role.EDITOR if len(entries) % 2 else Role.VIEWER
        await here.auth.accounts.update_user(here.bob.id, UserChange(role=role), OPERATOR)
    assert entries == whole["entries"]
    assert whole["next_cursor"] is None


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "é" * 11}, "cursor"),
        ({"cursor": "_" * 11}, "cursor"),
        ({"cursor": "A" * 400}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
    ],
)
async def test_a_bad_parameter_is_named(
    admin: httpx.AsyncClient, params: dict[str, str], field: str
) -> None:
    answer = await admin.get("/api/v1/audit", params=params)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]

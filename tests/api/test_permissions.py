"""Every account route, tried by everyone: Alice, Bob, Charlie, and programs with keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from nowline.model.user import Scope
from personas import ALICE, BOB, INGEST_KEY, PASSWORD, World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Route(NamedTuple):
    method: str
    path: str
    body: dict[str, Any] | None = None


ADMIN_ROUTES: list[tuple[Route, int]] = [
    (Route("GET", "/api/v1/users"), 200),
    (Route("POST", "/api/v1/users", {"password": PASSWORD, "role": "viewer"}), 201),
    (Route("PATCH", "/api/v1/users/unknown", {"role": "viewer"}), 404),
    (Route("DELETE", "/api/v1/users/unknown"), 404),
    (Route("GET", "/api/v1/keys"), 200),
    (Route("POST", "/api/v1/keys", {"name": "k", "scopes": ["read"]}), 201),
    (Route("DELETE", "/api/v1/keys/unknown"), 404),
    (Route("GET", "/api/v1/audit"), 200),
]


def everyone_gets(alice: int, bob: int, admin_key: int, other_keys: int) -> dict[str, int]:
    return {
        "alice": alice,
        "bob": bob,
        "charlie": 401,
        "charlie with a token he made up": 401,
        "admin key": admin_key,
        "read key": other_keys,
        "ingest key": other_keys,
    }


EXPECTED: list[tuple[Route, dict[str, int]]] = [
    (Route("POST", "/api/auth/logout"), everyone_gets(204, 204, 401, 401)),
    (
        Route("POST", "/api/auth/ticket"),
        everyone_gets(200, 200, 200, 403) | {"read key": 200},
    ),
    (Route("GET", "/api/v1/me"), everyone_gets(200, 200, 403, 403)),
    *((route, everyone_gets(done, 403, done, 403)) for route, done in ADMIN_ROUTES),
]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def credentials(here: World) -> dict[str, str | None]:
    return {
        "alice": (await here.sign_in(ALICE)).access_token,
        "bob": (await here.sign_in(BOB)).access_token,
        "charlie": None,
        "charlie with a token he made up": "e30.e30.e30",
        "admin key": await here.key(Scope.ADMIN),
        "read key": await here.key(Scope.READ),
        "ingest key": INGEST_KEY,
    }


def body_for(route: Route, number: int) -> dict[str, Any] | None:
    if route.path != "/api/v1/users" or route.body is None:
        return route.body
    return route.body | {"email": f"{number}@example.org"}


@pytest.mark.parametrize(
    ("route", "expected"),
    EXPECTED,
    ids=[f"{route.method} {route.path}" for route, _ in EXPECTED],
)
async def test_who_may_do_what(here: World, route: Route, expected: dict[str, int]) -> None:
    found = {}
    for number, (name, credential) in enumerate((await credentials(here)).items()):
        async with here.client(credential) as client:
            body = body_for(route, number)
            answer = await client.request(route.method, route.path, json=body)
        found[name] = answer.status_code
    assert found == expected

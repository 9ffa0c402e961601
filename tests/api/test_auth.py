from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nowline.errors import Code, NowlineError
from nowline.model.user import Role
from nowline.store.documents import Documents
from personas import ALICE, BOB, OPERATOR, PASSWORD, World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

COOKIE = "nowline_refresh"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def log_in(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/api/auth/login", json={"email": BOB, "password": password})


async def status_of_me(here: World, token: str) -> int:
    async with here.client(token) as client:
        return (await client.get("/api/v1/me")).status_code


async def test_signing_in_gives_a_token_and_a_cookie(here: World) -> None:
    async with here.client() as client:
        answer = await log_in(client)
    body = answer.json()
    assert answer.status_code == 200
    assert body.keys() == {"access_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    cookie = answer.headers["set-cookie"]
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert cookie.startswith(f"{COOKIE}=")
    assert parts == {"HttpOnly", "SameSite=Strict", "Path=/api/auth", "Max-Age=1209600"}
    assert answer.headers["cache-control"] == "no-store"


async def test_the_cookie_is_secure_under_https(here: World) -> None:
    async with here.client(base_url="https://nowline.test") as client:
        answer = await log_in(client)
    assert "; Secure" in answer.headers["set-cookie"]
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize(
    ("email", "password"),
    [(BOB, "wrong"), ("charlie@example.org", PASSWORD), ("", ""), ("\0", "\0")],
)
async def test_what_is_wrong_is_not_told(here: World, email: str, password: str) -> None:
    async with here.client() as client:
        answer = await client.post("/api/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The e-mail address or password is wrong.",
    }
    assert "set-cookie" not in answer.headers


async def test_too_many_failures_are_refused_for_a_while(here: World) -> None:
    async with here.client() as client:
        codes = [(await log_in(client, "wrong")).status_code for _ in range(10)]
        answer = await log_in(client)
    assert codes == [401] * 10
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "30"
    async with here.client(ip="192.0.2.77") as client:
        assert (await log_in(client)).status_code == 200


async def test_refreshing_rotates_the_cookie(here: World) -> None:
    async with here.client() as client:
        await log_in(client)
        first = client.cookies[COOKIE]
        answer = await client.post("/api/auth/refresh")
        second = client.cookies[COOKIE]
    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert first != second
    assert await status_of_me(here, answer.json()["access_token"]) == 200


async def test_an_old_cookie_ends_the_session_for_both(here: World) -> None:
    async with here.client() as client:
        await log_in(client)
        stolen = client.cookies[COOKIE]
        token = (await client.post("/api/auth/refresh")).json()["access_token"]
        async with here.client() as thief:
            thief.cookies.set(COOKIE, stolen)
            assert (await thief.post("/api/auth/refresh")).status_code == 401
        assert (await client.post("/api/auth/refresh")).status_code == 401
    assert await status_of_me(here, token) == 401


async def test_refreshing_without_a_cookie_is_refused(here: World) -> None:
    async with here.client() as client:
        assert (await client.post("/api/auth/refresh")).status_code == 401


async def test_signing_out_ends_the_session_and_drops_the_cookie(here: World) -> None:
    async with here.client() as client:
        token = (await log_in(client)).json()["access_token"]
        answer = await client.post("/api/auth/logout")
        assert COOKIE not in client.cookies
        assert (await client.post("/api/auth/refresh")).status_code == 401
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert await status_of_me(here, token) == 401


async def test_a_ticket_is_given(here: World) -> None:
    token = (await here.sign_in(BOB)).access_token
    async with here.client(token) as client:
        answer = await client.post("/api/auth/ticket")
    assert answer.status_code == 200
    body = answer.json()
    assert body == {"ticket": body["ticket"], "expires_in": 30}
    assert (await here.auth.redeem_ticket(body["ticket"])).name == BOB


async def test_me(here: World) -> None:
    async with here.client((await here.sign_in(ALICE.lower())).access_token) as client:
        answer = await client.get("/api/v1/me")
    assert answer.json() == {"id": here.alice.id, "email": ALICE, "role": "admin"}


@pytest.mark.parametrize("scheme", ["ey", "Basic YWxpY2U6eA==", "Bearer", "Bearer é"])
async def test_a_header_that_is_no_credential_is_refused(here: World, scheme: str) -> None:
    async with here.client() as client:
        headers = {b"authorization": scheme.encode()}
        answer = await client.get("/api/v1/me", headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("parameter", ["token", "access_token", "ticket", "api_key"])
async def test_a_credential_in_the_url_is_not_accepted(here: World, parameter: str) -> None:
    token = (await here.sign_in(ALICE)).access_token
    async with here.client() as client:
        answer = await client.get("/api/v1/me", params={parameter: token})
    assert answer.status_code == 401


async def test_the_setup_link_makes_the_first_admin_once(tmp_path: Path) -> None:
    documents = await Documents.open(f"sqlite:///{tmp_path}/documents.db")
    empty = World(documents, "")
    token = await empty.auth.setup_token()
    body: dict[str, Any] = {"token": token, "email": ALICE, "password": PASSWORD}
    async with empty.client() as client:
        wrong = await client.post("/api/auth/setup", json=body | {"token": "x"})
        short = await client.post("/api/auth/setup", json=body | {"password": "short"})
        done = await client.post("/api/auth/setup", json=body)
        again = await client.post("/api/auth/setup", json=body | {"email": BOB})
        refreshed = await client.post("/api/auth/refresh")
    users = await empty.auth.accounts.users()
    await documents.close()
    answers = (wrong, short, done, again, refreshed)
    assert [answer.status_code for answer in answers] == [403, 400, 200, 403, 200]
    assert short.json()["errors"] == [
        {"message": "must have at least 8 characters", "field": "password"}
    ]
    assert [(user.email, user.role) for user in users] == [(ALICE, Role.ADMIN)]


async def test_signing_in_is_in_the_audit_trail(here: World) -> None:
    async with here.client() as client:
        await log_in(client, "wrong")
        await log_in(client)
        await client.post("/api/auth/logout")
    async with here.client((await here.sign_in(ALICE)).access_token) as client:
        entries = (await client.get("/api/v1/audit", params={"limit": 4})).json()["entries"]
    lines = [(entry["action"], entry["actor"], entry["outcome"]) for entry in entries]
    assert lines == [
        ("sign_in", ALICE, "success"),
        ("sign_out", BOB, "success"),
        ("sign_in", BOB, "success"),
        ("sign_in", BOB, "failure"),
    ]
    assert entries[0].keys() == {"at", "actor", "action", "target", "outcome", "ip"}
    assert {entry["ip"] for entry in entries} == {"192.0.2.1"}
    assert PASSWORD not in str(entries)
    assert "wrong" not in str(entries)


async def test_a_deleted_user_is_nobody(here: World) -> None:
    bob = await here.principal(BOB)
    await here.auth.accounts.delete_user(here.bob.id, OPERATOR)
    with pytest.raises(NowlineError) as caught:
        await here.auth.user(bob)
    assert caught.value.code is Code.NOT_FOUND

"""Every route of the running server with every kind of caller: Charlie must get nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import httpx
import pytest

from nowline.api import application
from running import INGEST_KEY, Server

METHODS = ("get", "post", "put", "patch", "delete")
OPENAPI = json.loads((resources.files("nowline.api") / "openapi.json").read_bytes())
PUBLIC_PAGES = {
    "/",
    "/setup",
    "/dashboards",
    "/d/{dashboard}",
    "/activity",
    "/activity/{tab}",
    "/explore",
    "/kpis",
    "/settings",
    "/assets/{name}",
    "/s/{token}",
    "/embed/{token}",
}
STREAMS = {"/ws/analytics", "/ws/kpi", "/ws/activity", "/ws/shared"}
# These check the cookie or token that they are sent by themselves.
OWN_CREDENTIAL = {"/api/auth/refresh", "/api/auth/logout", "/api/auth/setup", "/api/auth/login"}
FOR_ADMINS = re.compile(r"/api/v1/(users|keys|audit|backup|store|dead-letters)")
FOR_SENDERS = re.compile(r"/api/v1/ingest/|(/api/v1|/api/v2)?/write$|/api/v1/prom/|/v1/metrics$")
FOR_EDITORS = re.compile(
    # Stars are each one's own.
    r"(post|put|delete) /api/v1/(kpis|dashboards)(?!.*/star$)"
    r"|get /api/v1/dashboards/.*/(shares|embeds)"
)
# Who signs in, or has a key, has no link.
FOR_HOLDERS = re.compile(r"/api/v1/shared(/|$)")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in OPENAPI["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def closed() -> list[tuple[str, str]]:
    return [(p, m) for p, m, operation in operations() if operation.get("security") != []]


def call(client: httpx.Client, path: str, method: str) -> httpx.Response:
    target = re.sub(r"\{[^}]*\}", "unknown", path)
    body: dict[str, str] | None = {} if method in {"post", "put", "patch"} else None
    return client.request(method, target, json=body)


def test_every_route_says_who_may_call_it() -> None:
    described = {path for path, _, _ in operations()}
    hidden = {path for path, _ in application.declared()} - described
    assert hidden <= PUBLIC_PAGES | STREAMS | {"/openapi.json"}


@pytest.mark.parametrize(("path", "method"), closed())
@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer nonsense", "Bearer", "Basic YTpi", "Token", "Bearer nl_0_0", "Bearer a.b.c"],
)
def test_charlie_gets_nothing(
    server: Server, path: str, method: str, authorization: str | None
) -> None:
    if path in OWN_CREDENTIAL:
        return
    headers = {} if authorization is None else {"authorization": authorization}
    with server.client() as client:
        client.headers.update(headers)
        answer = call(client, path, method)
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("path", "method"), closed())
def test_an_ingest_key_opens_ingest_alone(server: Server, path: str, method: str) -> None:
    with server.client() as client:
        headers = {"authorization": f"Bearer {INGEST_KEY}"}
        client.headers.update(headers)
        answer = call(client, path, method)
    if FOR_SENDERS.match(path):
        assert answer.status_code not in {401, 403}
    elif FOR_HOLDERS.match(path):
        assert answer.status_code == 401, answer.text
    else:
        assert answer.status_code == 403, answer.text


@pytest.fixture(scope="module")
def bob(server: Server) -> Iterator[httpx.Client]:
    """Bob is a viewer."""
    login = {"email": "bob.viewer@example.com", "password": "bob's own long password"}
    with server.alice() as alice:
        answer = alice.post("/api/v1/users", json=login | {"role": "viewer"})
        assert answer.status_code == 201, answer.text
    with server.client() as client:
        token = client.post("/api/auth/login", json=login).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


@pytest.mark.parametrize(("path", "method"), closed())
def test_bob_may_look_and_not_administer(bob: httpx.Client, path: str, method: str) -> None:
    if path == "/api/dashboard/stream" or path in OWN_CREDENTIAL:
        return
    answer = call(bob, path, method)
    changes = FOR_EDITORS.match(f"{method} {path}")
    forbidden = changes or FOR_ADMINS.match(path) or FOR_SENDERS.match(path)
    assert (answer.status_code == 403) == bool(forbidden), answer.text


@pytest.mark.parametrize("place", ["access_token", "token", "key", "api_key", "ticket"])
def test_a_key_in_the_url_is_no_credential(server: Server, place: str) -> None:
    with server.client() as client:
        for path in ("/api/v1/metrics", "/api/dashboard/stream?metrics=a"):
            join = "&" if "?" in path else "?"
            answer = client.get(f"{path}{join}{place}={INGEST_KEY}")
            assert answer.status_code == 401

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from litestar import Litestar, Request, asgi, get, post, websocket
from litestar.connection import WebSocket
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from nowline.api.guard import admit_stream, principal_of, security_headers, undeclared
from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError
from nowline.model.user import Scope as KeyScope
from personas import ALICE, BOB, INGEST_KEY, World, application, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@get("/open", opt={"action": Action.PUBLIC})
async def public() -> str:
    return "open"


@get("/read", opt={"action": Action.READ})
async def read(request: Request[Any, Any, Any]) -> str:
    return principal_of(request).name


@post("/write", opt={"action": Action.WRITE}, status_code=200)
async def write() -> str:
    return "written"


@post("/ingest", opt={"action": Action.INGEST}, status_code=200)
async def ingest() -> str:
    return "taken"


@get("/cached", opt={"action": Action.PUBLIC}, response_headers={"Cache-Control": "max-age=9"})
async def cached() -> str:
    return ""


@get("/api/cached", opt={"action": Action.PUBLIC}, response_headers={"Cache-Control": "max-age=9"})
async def cached_below_api() -> str:
    return ""


@get("/forgotten")
async def forgotten() -> str:
    return "never"


@websocket("/forgotten-too")
async def forgotten_too(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.close()


@asgi("/stream", opt={"action": Action.READ, "stream": True}, copy_scope=False)
async def stream(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        routes = (public, read, write, ingest, cached, cached_below_api, forgotten, stream)
        made.app = application(made.auth, made.documents, *routes)
        yield made


async def codes(here: World, credential: str | None) -> list[int]:
    async with here.client(credential) as client:
        answers = [
            await client.get("/open"),
            await client.get("/read"),
            await client.post("/write"),
            await client.post("/ingest"),
            await client.get("/forgotten"),
            await client.get("/stream"),
        ]
    return [answer.status_code for answer in answers]


async def test_each_route_opens_to_whom_it_says(here: World) -> None:
    alice, bob = await here.sign_in(ALICE), await here.sign_in(BOB)
    assert await codes(here, alice.access_token) == [200, 200, 200, 403, 403, 200]
    assert await codes(here, bob.access_token) == [200, 200, 403, 403, 403, 200]
    assert await codes(here, None) == [200, 401, 401, 401, 403, 200]
    assert await codes(here, "x") == [200, 401, 401, 401, 401, 200]
    assert await codes(here, INGEST_KEY) == [200, 403, 403, 200, 403, 200]
    both = await here.key(KeyScope.INGEST, KeyScope.READ)
    assert await codes(here, both) == [200, 200, 403, 200, 403, 200]


async def test_ingest_knows_the_scheme_of_influxdb(here: World) -> None:
    async with here.client() as client:
        headers = {"authorization": f"Token {INGEST_KEY}"}
        assert (await client.post("/ingest", headers=headers)).status_code == 200


async def test_the_handler_knows_who_calls(here: World) -> None:
    async with here.client((await here.sign_in(BOB)).access_token) as client:
        assert (await client.get("/read")).text == BOB


async def test_anyone_may_ask_for_the_methods(here: World) -> None:
    async with here.client() as client:
        answer = await client.options("/write")
    assert answer.status_code == 204
    assert answer.headers["allow"] == "OPTIONS, POST"


def test_a_route_that_declares_nothing_is_found() -> None:
    app = bare(public, forgotten, forgotten_too, stream)
    assert [line.split()[0] for line in undeclared(app)] == ["/forgotten", "/forgotten-too"]
    assert undeclared(bare(public, read, stream)) == []


def bare(*routes: ControllerRouterHandler) -> Litestar:
    """An app that leaves the process's logging as it is."""
    return Litestar(routes, openapi_config=None, logging_config=None)


def scope(kind: str = "http", query: str = "", **headers: str) -> dict[str, Any]:
    return {
        "type": kind,
        "scheme": "http",
        "path": "/ws/analytics",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


async def refusal(here: World, asked: dict[str, Any]) -> Code:
    with pytest.raises(NowlineError) as caught:
        await admit_stream(asked, here.auth)
    return caught.value.code


async def test_a_stream_opens_by_header_or_ticket(here: World) -> None:
    token = (await here.sign_in(BOB)).access_token
    bob = await admit_stream(scope(authorization=f"Bearer {token}"), here.auth)
    ticket = here.auth.issue_ticket(bob)
    assert await admit_stream(scope(query=f"metrics=a&ticket={ticket}"), here.auth) == bob
    assert await refusal(here, scope(query=f"ticket={ticket}")) is Code.UNAUTHENTICATED


async def test_a_stream_does_not_open_to_others(here: World) -> None:
    token = (await here.sign_in(BOB)).access_token
    assert await refusal(here, scope()) is Code.UNAUTHENTICATED
    assert await refusal(here, scope(query="ticket=")) is Code.UNAUTHENTICATED
    assert await refusal(here, scope(query=f"ticket={token}")) is Code.UNAUTHENTICATED
    assert await refusal(here, scope(query=f"token={token}")) is Code.UNAUTHENTICATED
    ingest = scope(authorization=f"Bearer {INGEST_KEY}")
    assert await refusal(here, ingest) is Code.FORBIDDEN


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://nowline.test", "nowline.test", True),
        ("https://nowline.test", "nowline.test:443", True),
        ("http://NOWLINE.test:80", "nowline.test", True),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://127.0.0.1:8000", "127.0.0.1:8001", False),
        ("https://evil.test", "nowline.test", False),
        ("http://nowline.test.evil.test", "nowline.test", False),
        ("http://nowline.test:99999", "nowline.test", False),
        ("null", "nowline.test", False),
        ("", "nowline.test", False),
    ],
)
async def test_a_websocket_of_another_site_is_refused(
    here: World, origin: str, host: str, same: bool
) -> None:
    token = (await here.sign_in(BOB)).access_token
    asked = scope("websocket", authorization=f"Bearer {token}", origin=origin, host=host)
    if same:
        assert (await admit_stream(asked, here.auth)).name == BOB
    else:
        assert await refusal(here, asked) is Code.FORBIDDEN


HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@pytest.mark.parametrize("path", ["/open", "/nothing", "/stream", "/api/v1/users"])
async def test_every_response_tells_the_browser_what_not_to_do(here: World, path: str) -> None:
    async with here.client() as client:
        answer = await client.get(path)
    assert HEADERS.items() <= dict(answer.headers).items()
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/open", None),
        ("/cached", "max-age=9"),
        ("/api/cached", "max-age=9"),
        ("/api/v1/users", "no-store"),
    ],
)
async def test_what_a_cache_may_keep(here: World, path: str, expected: str | None) -> None:
    async with here.client() as client:
        answer = await client.get(path)
    assert answer.headers.get("cache-control") == expected


def test_the_headers_for_a_response_written_by_hand() -> None:
    found = {name.decode(): value.decode() for name, value in security_headers(scope())}
    assert found == HEADERS


async def test_a_websocket_passes_the_wrapper(here: World) -> None:
    sent: list[Any] = []

    async def receive() -> Any:  # noqa: ANN401
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:  # noqa: ANN401
        sent.append(message)

    app: Any = here.app
    await app(scope("websocket") | {"path": "/nothing"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]

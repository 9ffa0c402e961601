from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nowline_client import Nowline, NowlineASGI
from receiver import Receiver

pytest_plugins = ["recording"]


def shop(nl: Nowline) -> FastAPI:
    app = FastAPI()
    app.include_router(orders(), prefix="/v1")
    app.include_router(answers())
    app.mount("/admin", admin())
    app.add_middleware(
        NowlineASGI,
        client=nl,
        user=lambda scope: scope.get("shop.user"),
        organization=lambda scope: scope["shop.nothing"],
        session=lambda _: 7,
        exclude=["/healthz", "/static/*"],
    )
    return app


def orders() -> APIRouter:
    orders = APIRouter(prefix="/orders")

    @orders.get("/{order_id}")
    def order(order_id: int, request: Request) -> int:
        request.scope["shop.user"] = "ada"
        if order_id == 0:
            raise HTTPException(404)
        return order_id

    return orders


def admin() -> FastAPI:
    admin = FastAPI()

    @admin.post("/users/{user_id}")
    def user(user_id: str) -> str:
        return user_id

    return admin


def answers() -> APIRouter:
    app = APIRouter()

    @app.get("/fails")
    def fails() -> None:
        raise RuntimeError("no")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"a"
            await asyncio.sleep(0.05)
            yield b"b"

        return StreamingResponse(parts())

    @app.get("/breaks")
    async def breaks() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"a"
            raise RuntimeError("no")

        return StreamingResponse(parts())

    @app.get("/healthz")
    @app.get("/static/{name}")
    def nothing() -> None: ...

    return app


async def ask(app: ASGIApp, *requests: tuple[str, str]) -> None:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for method, path in requests:
            await client.request(method, path, headers={"User-Agent": "test/1"})


async def test_each_request_is_an_event_with_the_template_of_its_route(
    receiver: Receiver, nl: Nowline
) -> None:
    await ask(shop(nl), ("GET", "/v1/orders/4711?secret=1"), ("POST", "/admin/users/ada"))
    assert await asyncio.to_thread(nl.flush)
    first, second = receiver.rows("events")
    duration = first["metadata"].pop("duration_ms")
    assert 0 < duration < 20_000
    assert first["metadata"] == {
        "endpoint": "/v1/orders/{order_id}",
        "method": "GET",
        "status": 200,
        "ip_address": "192.0.2.7",
        "user_agent": "test/1",
    }
    assert (first["event_type"], first["user_id"], first["session_id"]) == ("API_CALL", "ada", "7")
    assert "organization_id" not in first
    assert second["metadata"]["endpoint"] == "/admin/users/{user_id}"
    assert "user_id" not in second


@pytest.mark.parametrize(
    ("path", "status", "endpoint"),
    [
        ("/v1/orders/0", 404, "/v1/orders/{order_id}"),
        ("/v1/orders/x", 422, "/v1/orders/{order_id}"),
        ("/fails", 500, "/fails"),
        ("/breaks", 500, "/breaks"),
        ("/wp-login.php", 404, "(no route)"),
    ],
)
async def test_the_status_is_what_became_of_it(
    receiver: Receiver, nl: Nowline, path: str, status: int, endpoint: str
) -> None:
    await ask(shop(nl), ("GET", path))
    assert await asyncio.to_thread(nl.flush)
    (row,) = receiver.rows("events")
    metadata = row["metadata"]
    assert (metadata["status"], metadata["endpoint"]) == (status, endpoint)
    assert metadata.get("path") == (path if endpoint == "(no route)" else None)


async def test_an_error_is_named(receiver: Receiver, nl: Nowline) -> None:
    async def fails(*_: object) -> None:
        raise KeyError("k")

    await ask(NowlineASGI(fails, nl), ("GET", "/users/7/name"))
    assert await asyncio.to_thread(nl.flush)
    (row,) = receiver.rows("events")
    assert (row["metadata"]["status"], row["metadata"]["details"]) == (500, "KeyError")
    assert row["metadata"]["endpoint"] == "/users/{id}/name"
    assert row["metadata"]["path"] == "/users/7/name"


async def test_a_stream_lasts_until_its_last_part(receiver: Receiver, nl: Nowline) -> None:
    await ask(shop(nl), ("GET", "/stream"))
    assert await asyncio.to_thread(nl.flush)
    (row,) = receiver.rows("events")
    assert row["metadata"]["duration_ms"] >= 50
    assert row["metadata"]["status"] == 200


async def test_a_client_that_goes_away_is_no_error_of_the_server(
    receiver: Receiver, nl: Nowline
) -> None:
    started = asyncio.Event()

    async def slow(*_: object) -> None:
        started.set()
        await asyncio.Event().wait()

    request = asyncio.create_task(ask(NowlineASGI(slow, nl), ("GET", "/slow")))
    await started.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert await asyncio.to_thread(nl.flush)
    (row,) = receiver.rows("events")
    assert row["metadata"]["status"] == 499


async def test_what_is_excluded_and_what_is_no_request_passes_through(
    receiver: Receiver, nl: Nowline
) -> None:
    await ask(shop(nl), ("GET", "/healthz"), ("GET", "/static/a.css"), ("GET", "/stream"))
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(await receive())
        seen.append(scope["type"])

    async def receive() -> Message:
        return {"type": "from"}

    async def send(message: Message) -> None:
        seen.append(message["type"])

    await NowlineASGI(app, nl)({"type": "websocket"}, receive, send)
    assert seen == ["from", "websocket"]
    assert await asyncio.to_thread(nl.flush)
    assert [row["metadata"]["endpoint"] for row in receiver.rows("events")] == ["/stream"]


async def test_what_is_recorded_is_delivered_when_the_application_shuts_down(
    receiver: Receiver, nl: Nowline
) -> None:
    said: list[tuple[str, int]] = []
    heard = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> Message:
        return {"type": next(heard)}

    async def send(message: Message) -> None:
        said.append((message["type"], len(receiver.metric("orders"))))

    nl.count("orders")
    await NowlineASGI(FastAPI(), nl)({"type": "lifespan", "app": None}, receive, send)
    assert said == [("lifespan.startup.complete", 0), ("lifespan.shutdown.complete", 1)]


async def test_starlette_and_what_is_mounted_in_it_say_their_routes(
    receiver: Receiver, nl: Nowline
) -> None:
    def answer(_: object) -> PlainTextResponse:
        return PlainTextResponse("yes")

    app = Starlette(
        routes=[
            Route("/users/{name}", answer),
            Mount("/teams/{team}", routes=[Route("/users/{name}", answer)]),
        ]
    )
    app.add_middleware(NowlineASGI, client=nl)
    transport = httpx.ASGITransport(app, root_path="/behind/proxy")
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for path in ("/users/ada", "/teams/7/users/ada"):
            assert (await client.get(f"/behind/proxy{path}")).status_code == 200
    assert await asyncio.to_thread(nl.flush)
    endpoints = [row["metadata"]["endpoint"] for row in receiver.rows("events")]
    assert endpoints == ["/users/{name}", "/teams/{id}/users/{name}"]

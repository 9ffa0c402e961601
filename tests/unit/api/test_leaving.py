"""Work stops when the client that asked for it hangs up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from litestar import Litestar, Request, post
from litestar.params import JSONBody

from nowline.api.leaving import while_there
from nowline.api.problems import exception_handlers
from nowline.errors import Code, NowlineError


class Work:
    """Goes on until it is told that it may end, and says how it ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.fault: NowlineError | None = None

    async def run(self) -> str:
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.fault is not None:
            raise self.fault
        return "done"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(work: Work) -> AsyncIterator[int]:
    """The port of a real server whose one route does the work."""

    @post("/", status_code=200)
    async def route(request: Request[Any, Any, Any], data: JSONBody[dict[str, str]]) -> str:
        assert data == {"a": "b"}
        return await while_there(request, work.run())

    app = Litestar(
        [route],
        exception_handlers=exception_handlers(),
        openapi_config=None,
        logging_config=None,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, lifespan="off", log_config=None, http="httptools")
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


async def test_a_client_that_hangs_up_ends_the_work() -> None:
    work = Work()
    async with served(work) as port, asyncio.timeout(20):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"a":"b"}'
        head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        await work.begun.wait()
        assert not work.cancelled.is_set()
        writer.close()
        await work.cancelled.wait()


async def test_a_client_that_stays_gets_its_answer_on_one_connection() -> None:
    work = Work()
    work.may_end.set()
    async with served(work) as port, httpx.AsyncClient() as client, asyncio.timeout(20):
        for _ in range(3):
            answer = await client.post(f"http://127.0.0.1:{port}/", json={"a": "b"})
            assert answer.text == "done"
    assert not work.cancelled.is_set()


async def test_what_the_work_fails_with_is_told() -> None:
    work = Work()
    work.fault = NowlineError(Code.NOT_FOUND, "There is none.")
    work.may_end.set()
    async with served(work) as port, httpx.AsyncClient() as client:
        answer = await client.post(f"http://127.0.0.1:{port}/", json={"a": "b"})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is none."


async def test_a_client_that_leaves_at_the_very_end_cancels_nothing_that_follows() -> None:
    async def leave() -> Any:  # noqa: ANN401 - a message of ASGI
        return {"type": "http.disconnect"}

    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    request: Request[Any, Any, Any] = Request({"type": "http"}, receive=leave)  # type: ignore[arg-type]
    assert await while_there(request, work()) == "done"
    # The end of the connection was seen in the same round of the loop, and is told in the next.
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_work_that_the_server_ends_is_cancelled() -> None:
    async def stay() -> Any:  # noqa: ANN401 - a message of ASGI
        await asyncio.Event().wait()

    request: Request[Any, Any, Any] = Request({"type": "http"}, receive=stay)  # type: ignore[arg-type]
    working = Work()
    asking = asyncio.create_task(while_there(request, working.run()))
    await working.begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert working.cancelled.is_set()

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, cast

import httpx
import msgspec
import pytest
from litestar import Litestar, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from nowline.api import problems
from nowline.api.body import JsonRequest
from nowline.api.problems import problem_bytes
from nowline.errors import Code, FieldError, NowlineError, invalid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Range(msgspec.Struct, forbid_unknown_fields=True):
    start: int


class Query(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    time_range: Range
    tags: dict[str, list[str]] = {}


@post("/query")
async def query(data: JSONBody[Query]) -> str:
    return data.name


@post("/rows")
async def rows(data: JSONBody[list[Range]]) -> int:
    return len(data)


@post("/anything")
async def anything(data: JSONBody[Any]) -> Any:  # noqa: ANN401
    return data


@get("/limited")
async def limited(limit: FromQuery[int]) -> int:
    return limit


@get("/number/{n:int}")
async def number(n: FromPath[int]) -> int:
    return n


@get("/broken")
async def broken() -> None:
    raise ZeroDivisionError("the secret reason")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Litestar(
        [query, rows, anything, limited, number, broken],
        exception_handlers=problems.exception_handlers(),
        request_class=JsonRequest,
        request_max_body_size=2000,
        openapi_config=None,
        logging_config=None,
    )
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://nowline.test") as made:
        yield made


def told(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    assert body.keys() <= {"type", "title", "status", "detail", "errors"}
    return body


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/query", {"time_range": {"start": 1}}, {"field": "name", "message": "is required"}),
        ("/query", {"name": "a", "x": 1}, {"field": "x", "message": "is not a known field"}),
        (
            "/query",
            {"name": "a", "time_range": {"start": 1, "x": 1}},
            {"field": "time_range.x", "message": "is not a known field"},
        ),
        (
            "/query",
            {"name": "a", "time_range": {}},
            {"field": "time_range.start", "message": "is required"},
        ),
        (
            "/query",
            {"name": "a", "time_range": {"start": "1"}},
            {"field": "time_range.start", "message": "Expected `int`, got `str`"},
        ),
        (
            "/query",
            {"name": "a", "time_range": {"start": 1}, "tags": {"k": ["v", 5]}},
            {"field": "tags[...][1]", "message": "Expected `str`, got `int`"},
        ),
        ("/query", [], {"message": "Expected `object`, got `array`"}),
        (
            "/rows",
            [{"start": 1}, {"start": None}],
            {"index": 1, "field": "start", "message": "Expected `int`, got `null`"},
        ),
        ("/rows", [7], {"index": 0, "message": "Expected `object`, got `int`"}),
    ],
)
async def test_what_is_wrong_is_named(
    client: httpx.AsyncClient, path: str, body: object, error: dict[str, object]
) -> None:
    answer = await client.post(path, json=body)
    problem = told(answer)
    assert problem["status"] == 400
    assert problem["errors"] == [error]
    assert str(error["message"]) in problem["detail"]
    assert str(error.get("field", "")) in problem["detail"]


@pytest.mark.parametrize(
    "body", [b"{", b"NaN", b'{"a": NaN}', b'"\xff"', b"\xff", b'{"a":1} x', b"[" * 1900]
)
async def test_what_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("/anything", content=body, headers=headers)
    assert told(answer)["status"] == 400


async def test_a_body_that_is_missing_is_asked_for(client: httpx.AsyncClient) -> None:
    problem = told(await client.post("/query"))
    assert (problem["status"], problem["detail"]) == (400, "The request needs a JSON body.")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""]
)
async def test_a_body_of_another_type_is_refused(client: httpx.AsyncClient, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = await client.post("/anything", content=b"{}", headers=headers)
    assert told(answer)["status"] == 415


@pytest.mark.parametrize(
    "kind", ["application/json", "application/JSON; charset=utf-8", "application/merge-patch+json"]
)
async def test_a_body_of_json_is_read(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post("/anything", content=b"5", headers={"content-type": kind})
    assert (answer.status_code, answer.json()) == (201, 5)


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    assert told(await client.post("/anything", json="x" * 2000))["status"] == 413


@pytest.mark.parametrize("path", ["/nothing", "/number/x", "/query/more"])
async def test_an_address_with_nothing_there(client: httpx.AsyncClient, path: str) -> None:
    assert told(await client.get(path))["status"] == 404


async def test_another_method_is_told_which_are_allowed(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/query")
    assert told(answer)["status"] == 405
    assert set(answer.headers["allow"].split(", ")) == {"POST", "OPTIONS"}


@pytest.mark.parametrize("url", ["/limited", "/limited?limit=many"])
async def test_a_bad_parameter_is_named(client: httpx.AsyncClient, url: str) -> None:
    problem = told(await client.get(url))
    assert problem["status"] == 400
    assert [error["field"] for error in problem["errors"]] == ["limit"]


async def test_the_unexpected_is_logged_and_not_told(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/broken")
    assert told(answer)["status"] == 500
    assert "secret" not in answer.text
    assert "Traceback" in caplog.text
    assert "the secret reason" in caplog.text


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_status(code: Code) -> None:
    status, headers, body = problem_bytes(NowlineError(code, "why"))
    assert 400 <= status < 600
    assert json.loads(body)["status"] == status
    assert json.loads(body)["detail"] == "why"
    assert headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in headers) is (status == 401)
    assert ("retry-after" in headers) is (status in {429, 503})


def test_every_code_has_a_status_of_its_own() -> None:
    assert len(set(problems.STATUS.values())) == len(Code)


def test_the_wait_is_told() -> None:
    _, headers, _ = problem_bytes(NowlineError(Code.LIMITED, "wait", retry_after_s=17))
    assert headers["retry-after"] == "17"


def test_the_rows_at_fault_are_told() -> None:
    errors = (FieldError("too old", index=3), FieldError("is empty", index=0, field="name"))
    _, _, body = problem_bytes(NowlineError(Code.INVALID, "2 rows", errors=errors))
    assert json.loads(body)["errors"] == [
        {"message": "too old", "index": 3},
        {"message": "is empty", "index": 0, "field": "name"},
    ]
    _, _, body = problem_bytes(invalid("interval", "is not one"))
    assert json.loads(body)["detail"] == "interval: is not one"

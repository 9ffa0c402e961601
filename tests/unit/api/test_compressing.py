"""Answers are compressed where that is allowed, and are the same otherwise."""

from __future__ import annotations

import gzip
from typing import Any, cast

import pytest
from litestar.types import ASGIApp, Receive, Scope, Send

from nowline.api.compressing import LEAST_BYTES, compress_json, takes_gzip

LONG = b'{"a": "' + b"abc " * LEAST_BYTES + b'"}'
JSON = (b"content-type", b"application/json")
Headers = list[tuple[bytes, bytes]]


async def answer(
    *bodies: bytes,
    headers: Headers | None = None,
    accepted: bytes | None = b"br, gzip",
    method: str = "GET",
    status: int = 200,
) -> tuple[Headers, list[bytes]]:
    """What a client gets of an application that answers so."""
    told = [JSON] if headers is None else headers
    sent: list[dict[str, Any]] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        length = (b"Content-Length", b"%d" % sum(map(len, bodies)))
        start = {"type": "http.response.start", "status": status, "headers": [*told, length]}
        await send(cast("Any", start))
        for at, body in enumerate(bodies, 1):
            more = at < len(bodies)
            piece = {"type": "http.response.body", "body": body, "more_body": more}
            await send(cast("Any", piece))

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asked = [] if accepted is None else [(b"accept-encoding", accepted)]
    scope = {"type": "http", "method": method, "headers": asked}
    await compress_json(cast("ASGIApp", app))(
        cast("Any", scope), cast("Any", None), cast("Any", send)
    )
    start, *rest = sent
    assert start["type"] == "http.response.start"
    return start["headers"], [message["body"] for message in rest]


@pytest.mark.parametrize("body", [LONG, LONG * 40])
async def test_a_long_answer_is_compressed(body: bytes) -> None:
    headers, (packed,) = await answer(body, headers=[JSON, (b"x", b"y")])
    assert gzip.decompress(packed) == body
    assert len(packed) < len(body) / 10
    assert headers == [
        JSON,
        (b"x", b"y"),
        (b"content-length", b"%d" % len(packed)),
        (b"content-encoding", b"gzip"),
        (b"vary", b"accept-encoding"),
    ]


ASIS: dict[str, dict[str, Any]] = {
    "by POST": {"method": "POST"},
    "for who takes nothing": {"accepted": None},
    "for who takes another": {"accepted": b"br"},
    "for who forbids it": {"accepted": b"gzip;q=0, br"},
    "of an error": {"status": 404},
    "with an entity tag": {"headers": [JSON, (b"ETag", b'"1"')]},
    "that is compressed": {"headers": [JSON, (b"Content-Encoding", b"br")]},
    "that is no JSON": {"headers": [(b"content-type", b"text/event-stream")]},
    "of problems": {"headers": [(b"content-type", b"application/problem+json")]},
}


@pytest.mark.parametrize("what", ASIS)
async def test_an_answer_stays_as_it_is(what: str) -> None:
    headers, bodies = await answer(LONG, **ASIS[what])
    assert bodies == [LONG]
    assert headers[-1] == (b"Content-Length", b"%d" % len(LONG))


async def test_what_is_short_or_comes_in_pieces_stays_as_it_is() -> None:
    for bodies in ([b"{}"], [LONG, LONG], [b"x" * (LEAST_BYTES - 1)]):
        headers, got = await answer(*bodies)
        assert got == bodies
        assert not any(name == b"content-encoding" for name, _ in headers)


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        (b"gzip", True),
        (b"GZIP;q=1.0", True),
        (b"br;q=1, gzip; q=0.5", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"gzip;q=0.001", True),
        (b"x-gzip, deflate", False),
        (b"", False),
    ],
)
def test_who_takes_gzip(accepted: bytes, taken: bool) -> None:
    assert takes_gzip(accepted) is taken

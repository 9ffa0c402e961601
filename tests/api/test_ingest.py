"""`POST /api/v1/ingest/metrics`: every status of the contract, by a real server."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import zstandard

from asking import accept, ask, counted, fields, post
from running import INGEST_KEY, Server

URL = "/api/v1/ingest/metrics"
JSON = {"content-type": "application/json"}
CHARSET = {"content-type": "Application/JSON; charset=utf-8"}
NDJSON = {"content-type": "application/x-ndjson"}
PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}
YEAR_MS = 365 * 86_400_000


def send(client: httpx.Client, body: bytes, **headers: str) -> httpx.Response:
    return client.post(URL, content=body, headers={**JSON, **headers})


def now_ms() -> int:
    return int(time.time() * 1000)


def one(shape: str) -> bytes:
    return b'{"name":"in.%s","value":1}' % shape.encode()


SHAPES = {
    "object": (JSON, b'{"metrics":[' + one("object") + b"]}"),
    "array": (JSON, b"[" + one("array") + b"]"),
    "charset": (CHARSET, b"[" + one("charset") + b"]"),
    "ndjson": (NDJSON, b"\n" + one("ndjson") + b"\r\n"),
    "gzip": ({**JSON, "content-encoding": "gzip"}, gzip.compress(b"[" + one("gzip") + b"]")),
    "zstd": ({**NDJSON, "content-encoding": "zstd"}, zstandard.compress(one("zstd"))),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_body_is_taken_in_and_seen(
    sender: httpx.Client, reader: httpx.Client, shape: str
) -> None:
    headers, body = SHAPES[shape]
    answer = sender.post(URL, content=body, headers=headers)
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"accepted": 1, "rejected": []}
    assert counted(reader, f"in.{shape}", 1) == 1


@pytest.mark.parametrize("body", [b"[]", b'{"metrics":[]}'])
def test_a_batch_without_rows_is_taken_in(sender: httpx.Client, body: bytes) -> None:
    assert send(sender, body).json() == {"accepted": 0, "rejected": []}


def test_good_rows_are_kept_and_bad_ones_named(sender: httpx.Client, reader: httpx.Client) -> None:
    far = now_ms() + 301_000
    answer = post(
        sender,
        {"name": "part", "value": 1},
        {"name": "part", "value": "1"},
        {"name": "", "value": 1},
        {"name": "part", "value": 1, "time": far},
        {"name": "part", "value": 1, "time": now_ms() - 6 * YEAR_MS},
        {"name": "part", "value": 1, "time": "noon"},
        {"name": "part", "value": 1, "tags": {str(i): "" for i in range(33)}},
        {"name": "part", "value": 1, "tags": {"k": "v" * 1025}},
        {"name": "part", "value": 1, "tags": {"k" * 129: "v"}},
        {"name": "p" * 256, "value": 1},
        {"name": "part", "value": 1, "nmae": "x"},
        {"name": "part", "value": 1, "type": "counter"},
        {"name": "part", "value": 2, "time": now_ms()},
    )
    assert answer.status_code == 202
    told = answer.json()
    assert told["accepted"] == 2
    assert [row["index"] for row in told["rejected"]] == list(range(1, 12))
    assert [row["error"].partition(":")[0] for row in told["rejected"]] == [
        "value", "name", "time", "time", "time", "tags", "tags.k", "tags", "name", "nmae", "type"
    ]  # fmt: skip
    assert counted(reader, "part", 2) == 2


def test_numbers_that_are_none_are_refused_by_row(sender: httpx.Client) -> None:
    answer = send(sender, b'[{"name":"n","value":1e999},{"name":"n","value":-1e999}]')
    assert answer.status_code == 202
    assert [row["index"] for row in answer.json()["rejected"]] == [0, 1]


def test_in_ndjson_only_the_broken_line_is_refused(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    body = b'{"name":"lines","value":1}\n{"name":"lines","value":NaN}\n{"name":"lines","value":3}'
    answer = sender.post(URL, content=body, headers=NDJSON)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert [row["index"] for row in answer.json()["rejected"]] == [1]
    assert counted(reader, "lines", 2) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'[{"name":"a","value":NaN}]',
        b'[{"name":"a","value":Infinity}]',
        b'[{"name":"a","value":1}',
        b"[" * 200_000,
        b'"text"',
        b"{}",
        b'{"metrics":5}',
        b'{"metrics":[],"more":1}',
    ],
    ids=lambda body: repr(body)[:30],
)
def test_a_body_that_cannot_be_read_is_a_400(sender: httpx.Client, body: bytes) -> None:
    answer = send(sender, body)
    assert answer.status_code == 400
    fields(answer)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_that_is_not_packed_as_it_says_is_a_400(sender: httpx.Client, encoding: str) -> None:
    packed = PACK[encoding](b"[]" + b" " * 1_000)
    headers = {"content-encoding": encoding}
    for body in (b"[]", packed[:-1], packed + b"x"):
        answer = send(sender, body, **headers)
        assert answer.status_code == 400
        fields(answer)


def test_too_much_sent_is_a_413(sender: httpx.Client) -> None:
    body = b" " * (16 << 20)
    answer = send(sender, body + b"[]")
    assert answer.status_code == 413
    fields(answer)
    assert send(sender, body[2:] + b"[]").status_code == 202


def test_too_much_sent_in_pieces_is_a_413(sender: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * (1 << 20)

    answer = sender.post(URL, content=pieces(), headers=JSON)
    assert answer.status_code == 413
    fields(answer)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_too_much_when_unpacked_is_a_413(sender: httpx.Client, encoding: str) -> None:
    answer = send(
        sender, PACK[encoding](b" " * (128 << 20) + b"[]"), **{"content-encoding": encoding}
    )
    assert answer.status_code == 413
    fields(answer)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/xml"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-encoding": "br"},
        {"content-encoding": "deflate"},
    ],
)
def test_an_unknown_type_or_encoding_is_a_415(
    sender: httpx.Client, headers: dict[str, str]
) -> None:
    answer = send(sender, b"[]", **headers)
    assert answer.status_code == 415
    fields(answer)


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer a b", "Bearer wrong", "Basic YTpi", f"Basic {INGEST_KEY}", INGEST_KEY],
)
def test_without_a_credential_it_is_a_401(server: Server, authorization: str) -> None:
    headers = {"authorization": authorization} if authorization else {}
    with server.client() as client:
        answer = send(client, b"[]", **headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    fields(answer)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Token", "TOKEN"])
def test_a_key_with_the_scope_may_by_either_scheme(server: Server, scheme: str) -> None:
    with server.client() as client:
        answer = send(client, b"[]", authorization=f"{scheme} {INGEST_KEY}")
    assert answer.status_code == 202


def test_an_access_token_may_not(reader: httpx.Client) -> None:
    answer = send(reader, b"[]")
    assert answer.status_code == 403
    fields(answer)


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        (["read"], 403),
        (["write"], 403),
        (["admin"], 403),
        (["read", "write", "admin"], 403),
        (["ingest"], 202),
        (["read", "ingest"], 202),
    ],
)
def test_a_key_may_what_its_scopes_say(
    reader: httpx.Client, server: Server, scopes: list[str], status: int
) -> None:
    made = reader.post("/api/v1/keys", json={"name": "k", "scopes": scopes}).raise_for_status()
    with server.client() as client:
        answer = send(client, b"[]", authorization=f"Bearer {made.json()['secret']}")
    assert answer.status_code == status


def test_a_refused_caller_sends_nothing_in(server: Server, reader: httpx.Client) -> None:
    with server.client() as client:
        post(client, {"name": "smuggled", "value": 1})
    post(reader, {"name": "smuggled", "value": 1})
    assert ask(reader, "smuggled") == []


def test_another_method_is_a_405(sender: httpx.Client) -> None:
    assert sender.get(URL).status_code == 405


def test_a_metric_keeps_its_first_type(sender: httpx.Client, reader: httpx.Client) -> None:
    accept(sender, {"name": "typed", "value": 1, "type": "counter"})
    answer = post(
        sender,
        {"name": "typed", "value": 1, "type": "gauge"},
        {"name": "typed", "value": 1},
        {"name": "typed", "value": 1, "type": "counter", "tags": {"k": "v"}},
    )
    assert answer.json()["accepted"] == 2
    assert [row["index"] for row in answer.json()["rejected"]] == [0]
    accept(sender, {"name": "untyped", "value": 1})
    assert post(sender, {"name": "untyped", "value": 1, "type": "counter"}).json()["accepted"] == 0
    listed = reader.get("/api/v1/metrics", params={"search": "typed"}).json()["metrics"]
    assert {m["name"]: m["type"] for m in listed} == {"typed": "counter", "untyped": "gauge"}


@pytest.mark.parametrize(
    "metadata",
    ['{"x":1e999}', '{"x":"\\ud800"}', '{"x":' + "[" * 900 + "]" * 900 + "}", "[]"],
    ids=lambda metadata: metadata[:20],
)
def test_metadata_that_cannot_be_kept_is_refused_and_harms_nobody(
    sender: httpx.Client, reader: httpx.Client, metadata: str
) -> None:
    row = '{"name":"described","value":1,"metadata":%s}'
    answer = send(sender, f"[{row % metadata}]".encode())
    assert answer.status_code == 400 or answer.json()["accepted"] == 0
    accept(sender, {"name": "described", "value": 1, "metadata": {"unit": "s", "big": 1 << 80}})
    assert counted(reader, "described", 1) >= 1
    assert reader.get("/readyz").status_code == 200


def test_odd_names_and_tags_come_back_as_they_were(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    name, value = "odd \0\n\"'/é\U0001f600", "\0\t;DROP TABLE points;--\u202e"
    accept(sender, {"name": name, "value": 1, "tags": {"k \"'": value}})
    assert counted(reader, name, 1) == 1
    assert [p["tags"] for p in ask(reader, name, group_by=["k \"'"])] == [{"k \"'": value}]


def test_a_hundred_thousand_rows_in_one_batch(sender: httpx.Client, reader: httpx.Client) -> None:
    lines = b"\n".join(b'{"name":"many","value":%d}' % i for i in range(100_000))
    answer = sender.post(URL, content=gzip.compress(lines, 1), headers={
        **NDJSON, "content-encoding": "gzip",
    })  # fmt: skip
    assert answer.json()["accepted"] == 100_000
    assert counted(reader, "many", 100_000) == 100_000
    assert json.dumps(ask(reader, "many", aggregation="max")[-1]["value"]) == "99999.0"

"""Small requests take a short way, and nobody can tell: raw sockets against a real server."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from asking import counted
from polling import eventually
from running import INGEST_KEY, Server

KEY = f"Authorization: Bearer {INGEST_KEY}"
JSON = "Content-Type: application/json"
# What is sent with this takes the long way.
LONG = "X-Forwarded-Proto: http"
METRICS = "/api/v1/ingest/metrics"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A connection, byte by byte."""

    def __init__(self, server: Server) -> None:
        where = urlsplit(server.url)
        self.socket = socket.create_connection((where.hostname, where.port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, data: bytes) -> Answer:
        self.send(data)
        return self.answer()

    def answer(self) -> Answer:
        status = int(self._file.readline().split()[1])
        lines = iter(self._file.readline, b"\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.decode("latin-1").partition(":") for line in lines)
        }
        return Answer(status, headers, self._file.read(int(headers.get("content-length", "0"))))

    def is_at_end(self) -> bool:
        return self._file.read(1) == b""

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    connected = Wire(server)
    yield connected
    connected.close()


def request(target: str, body: bytes, *headers: str, method: str = "POST") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: nowline", *headers]
    lines.append(f"Content-Length: {len(body)}")
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def metric(name: str, value: object = 1, **more: object) -> bytes:
    return json.dumps([{"name": name, "value": value, **more}]).encode()


NDJSON = b'{"name":"ex.p","value":1}\n{"name":"ex.p"}\n'
REQUESTS: dict[str, tuple[Any, ...]] = {
    "lines": ("/write?precision=ms", b"ex.parity v=1 1\n", KEY),
    "lines of now": ("/api/v2/write?org=o&bucket=b", b"ex.parity v=1\nex.parity v=2i", KEY),
    "a bad line": ("/write", b"ex.parity v=1\nno\n", KEY),
    "a bad precision": ("/write?precision=h", b"ex.parity v=1", KEY),
    "an empty body": ("/api/v1/write", b"", KEY),
    "json": (METRICS, metric("ex.parity"), KEY, JSON),
    "a bad row": (METRICS, metric("ex.parity", "x"), KEY, JSON),
    "a row that is too old": (METRICS, metric("ex.parity", time=1), KEY, JSON),
    "described": (METRICS, metric("ex.described", metadata={"unit": "s"}), KEY, JSON),
    "no json": (METRICS, b"{", KEY, JSON),
    "no body": (METRICS, b"", KEY, JSON),
    "ndjson": (METRICS, NDJSON, KEY, "Content-Type: application/x-ndjson"),
    "another kind": (METRICS, b"<a/>", KEY, "Content-Type: text/xml; charset=utf-8"),
    "another scheme": ("/write", b"ex.parity v=1", KEY.replace("Bearer", "token")),
    "no key": (METRICS, metric("ex.parity"), JSON),
    "a wrong key": ("/write", b"ex.parity v=1", "Authorization: Bearer wrong"),
    "no scheme": ("/write", b"ex.parity v=1", f"Authorization: {INGEST_KEY}"),
    "two keys": ("/write", b"ex.parity v=1", KEY, "Authorization: Bearer wrong"),
    "packed": ("/write", gzip.compress(b"ex.parity v=1"), KEY, "Content-Encoding: gzip"),
    "another spelling": ("//write/", b"ex.parity v=1", KEY),
    "nothing there": ("/writes", b"ex.parity v=1", KEY),
    "a long body": ("/write", b"ex.parity v=1\n" * 40_000, KEY),
    "a body that is too long for it": ("/write", b"ex.parity v=1\n" * 100_000, KEY),
    "many rows": ("/write", b"ex.parity v=1\n" * 1_000, KEY),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_the_short_way_answers_as_the_long_way_does(wire: Wire, what: str) -> None:
    target, body, *headers = REQUESTS[what]
    short = wire.ask(request(target, body, *headers))
    long = wire.ask(request(target, body, *headers, LONG))
    assert (short.status, short.body) == (long.status, long.body)
    assert short.headers.keys() == long.headers.keys()
    changing = {"date"}
    assert {name: short.headers[name] for name in short.headers.keys() - changing} == {
        name: long.headers[name] for name in long.headers.keys() - changing
    }


def test_a_request_may_come_byte_by_byte(wire: Wire, reader: httpx.Client) -> None:
    for byte in request(METRICS, metric("ex.bytes"), KEY, JSON):
        wire.send(bytes([byte]))
    assert wire.answer().status == 202
    assert counted(reader, "ex.bytes", 1) == 1


def test_one_that_pauses_takes_the_long_way(wire: Wire, reader: httpx.Client) -> None:
    whole = request(METRICS, metric("ex.pause"), KEY, JSON)
    wire.send(whole[:-5])
    # Bodies that are counted there have a time limit, and this one is among them now.
    page = re.compile(r"^nowline_ingest_open_bodies 1", re.MULTILINE)
    assert eventually(lambda: page.search(reader.get("/metrics").text))
    assert wire.ask(whole[-5:]).status == 202
    assert counted(reader, "ex.pause", 1) == 1


def test_many_at_once_are_answered_in_their_order(wire: Wire, reader: httpx.Client) -> None:
    some = [request("/write", b"ex.order v=%d" % n, KEY) for n in range(5)]
    some.insert(2, request("/healthz", b"", method="GET"))
    some.insert(4, request("/write", b"wrong", KEY))
    wire.send(b"".join(some))
    assert [wire.answer().status for _ in some] == [204, 204, 200, 204, 400, 204, 204]
    assert wire.ask(some[0]).status == 204
    assert counted(reader, "ex.order.v", 6) == 6


def test_each_of_many_at_once_is_told_its_own(server: Server, reader: httpx.Client) -> None:
    wires = [Wire(server) for _ in range(24)]
    bodies = [b"ex.many,n=%d value=1" % n if n % 3 else b"nonsense %d" % n for n in range(24)]
    write = "/api/v1/write?precision=ms"
    for _ in range(2):
        for wire, body in zip(wires, bodies, strict=True):
            wire.send(request(write, body, KEY))
        answers = [wire.answer() for wire in wires]
        assert [each.status for each in answers] == [204 if n % 3 else 400 for n in range(24)]
        errors = [json.loads(each.body)["errors"] for each in answers[::3]]
        assert all(len(each) == 1 and each[0]["index"] == 0 for each in errors)
    for wire in wires:
        wire.close()
    assert counted(reader, "ex.many", 32) == 32


def test_the_same_head_again_begins_another_request(wire: Wire, reader: httpx.Client) -> None:
    first, same = (request("/write", b"ex.again v=%d" % n, KEY) for n in (1, 2))
    longer = request("/write", b"ex.again v=1\r\n\r\nex.again v=2", KEY)
    other_key = request("/write", b"ex.again v=1", f"{KEY}x")
    for _ in range(3):
        assert [wire.ask(each).status for each in (first, same, longer)] == [204] * 3
        assert wire.ask(other_key).status == 401
        for piece in (first[:30], first[30:-3], first[-3:] + same + longer[:-1], longer[-1:]):
            wire.send(piece)
        assert [wire.answer().status for _ in range(3)] == [204] * 3
        wire.send(longer[:-4])
        assert wire.ask(longer[-4:]).status == 204
    assert counted(reader, "ex.again.v", 30) == 30


def test_one_who_leaves_at_once_has_sent_it_all_the_same(
    server: Server, reader: httpx.Client
) -> None:
    for _ in range(20):
        leaving = Wire(server)
        leaving.send(request("/write", b"ex.left v=1", KEY))
        leaving.close()
    assert counted(reader, "ex.left.v", 20) == 20


def test_many_who_announce_much_keep_nobody_out(server: Server, wire: Wire) -> None:
    whole = request("/write", b"#" * (1 << 20), KEY)
    slow = [Wire(server) for _ in range(40)]
    for each in slow:
        each.send(whole[: 1 << 19])
    for _ in range(3):
        assert wire.ask(request("/write", b"ex.room v=1", KEY)).status == 204
    for each in slow:
        each.send(whole[1 << 19 :])
        assert each.answer().status == 204
        each.close()


def test_one_who_leaves_before_the_end_harms_nobody(server: Server, wire: Wire) -> None:
    whole = request(METRICS, metric("ex.half"), KEY, JSON)
    for end in range(1, len(whole), 7):
        leaving = Wire(server)
        leaving.send(whole[:end])
        leaving.close()
    assert wire.ask(request("/write", b"ex.after v=1", KEY)).status == 204


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_connection_that_is_not_to_stay_is_closed(wire: Wire, version: str) -> None:
    last = request("/write", b"ex.last v=1", KEY, "Connection: close")
    answer = wire.ask(last.replace(b"HTTP/1.1", version.encode()))
    assert answer.status == 204
    assert answer.headers["connection"] == "close"
    assert wire.is_at_end()


def test_a_key_that_is_deleted_is_one_no_more(server: Server, wire: Wire) -> None:
    with server.alice() as alice:
        asked = {"name": "gone", "scopes": ["ingest"]}
        made = alice.post("/api/v1/keys", json=asked).raise_for_status().json()
        body = request("/write", b"ex.key v=1", f"Authorization: Bearer {made['secret']}")
        assert wire.ask(body).status == 204
        alice.delete(f"/api/v1/keys/{made['id']}").raise_for_status()
        assert wire.ask(body).status == 401


@pytest.mark.parametrize("scope", ["read", "write", "admin"])
def test_a_key_that_may_not_write_rows_does_not(server: Server, wire: Wire, scope: str) -> None:
    with server.alice() as alice:
        asked = {"name": "other", "scopes": [scope]}
        made = alice.post("/api/v1/keys", json=asked).raise_for_status().json()
    key = f"Authorization: Bearer {made['secret']}"
    assert wire.ask(request("/write", b"ex.key v=1", key)).status == 403


def test_small_requests_are_counted_with_the_others(wire: Wire, reader: httpx.Client) -> None:
    for _ in range(3):
        assert wire.ask(request("/api/v2/write", b"ex.seen v=1", KEY)).status == 204
    tags = {"route": "/api/v2/write", "method": "POST", "status": "204"}
    asked = {
        "metric_name": "nowline.http.requests",
        "time_range": {"last": "1d"},
        "interval": "1d",
        "aggregation": "sum",
        "filters": tags,
    }

    def seen() -> float:
        answer = reader.post("/api/v1/metrics/query", json=asked).raise_for_status()
        return sum(float(point["value"]) for point in answer.json()["data"])

    assert eventually(lambda: seen() >= 3)


def test_what_http_does_not_allow_is_refused_as_ever(wire: Wire) -> None:
    assert wire.ask(b"POST /write HTTP/1.1\r\nContent-Length: x\r\n\r\n").status == 400


ASKING = "/api/v1/metrics/query"


def asked(**more: object) -> bytes:
    span = {"start": 1_700_000_000_000, "end": 1_700_000_600_000}
    return json.dumps({"metric_name": "ex.asked", "time_range": span} | more).encode()


QUESTIONS: dict[str, tuple[Any, ...]] = {
    "nothing there": (ASKING, asked(metric_name="ex.nothing"), JSON),
    "a percentile": (ASKING, asked(aggregation="p95"), JSON),
    "by tag": (ASKING, asked(group_by=["host"]), JSON),
    "in a zone": (ASKING, asked(interval="1d", timezone="Europe/Rome"), JSON),
    "two ranges": (ASKING, asked(compare="1d", fill="null", interval="1m"), JSON),
    "a table": (ASKING, asked(), JSON, "Accept: text/csv"),
    "any form": (ASKING, asked(), JSON, "Accept: application/json, text/csv"),
    "another charset": (ASKING, asked(), "Content-Type: application/json; charset=utf-8"),
    "no kind": (ASKING, asked()),
    "another kind": (ASKING, asked(), "Content-Type: text/plain"),
    "no json": (ASKING, b"{", JSON),
    "no body": (ASKING, b"", JSON),
    "a field that is none": (ASKING, asked(more=1), JSON),
    "a bad interval": (ASKING, asked(interval="1 parsec"), JSON),
    "too much": (ASKING, asked(interval="1s", time_range={"start": 0, "end": 10**13}), JSON),
    "another spelling": (f"/{ASKING}/", asked(), JSON),
    "more than the path": (f"{ASKING}?a=b", asked(), JSON),
}


@pytest.mark.parametrize("what", QUESTIONS)
def test_questions_are_answered_as_on_the_long_way(server: Server, wire: Wire, what: str) -> None:
    with server.alice() as alice:
        token = f"Authorization: {alice.headers['authorization']}"
    target, body, *headers = QUESTIONS[what]
    # What the first one is told may be at hand for the others.
    answers = [wire.ask(request(target, body, token, *headers)) for _ in range(2)]
    answers.append(wire.ask(request(target, body, token, *headers, LONG)))
    timeless = [re.sub(rb'"took_ms":[0-9.]+', b"", each.body) for each in answers[1:]]
    assert timeless[0] == timeless[1]
    assert {each.status for each in answers} == {answers[0].status}
    for each in answers:
        each.headers.pop("date")
        each.headers.pop("content-length")
    assert answers[0].headers == answers[1].headers == answers[2].headers


@pytest.mark.parametrize(
    ("header", "status"),
    [("", 401), ("Authorization: Bearer wrong", 401), (KEY, 403)],
)
def test_who_may_not_ask_is_not_answered(wire: Wire, header: str, status: int) -> None:
    answer = wire.ask(request(ASKING, asked(), JSON, *([header] if header else [])))
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_was_just_taken_in_is_in_the_answer(server: Server, wire: Wire) -> None:
    with server.alice() as alice:
        token = f"Authorization: {alice.headers['authorization']}"
    query = {"metric_name": "ex.fresh.v", "time_range": {"last": "1h"}, "interval": "1h"}
    question = request(ASKING, json.dumps(query | {"aggregation": "sum"}).encode(), token, JSON)
    for number in range(1, 30):
        assert wire.ask(request("/write", b"ex.fresh v=1", KEY)).status == 204
        points = json.loads(wire.ask(question).body)["data"]
        assert sum(point["value"] for point in points) == number


def test_who_signs_out_asks_no_more(server: Server, wire: Wire) -> None:
    with server.alice() as alice:
        token = alice.headers["authorization"]
        question = request(ASKING, asked(), f"Authorization: {token}", JSON)
        for _ in range(2):
            assert wire.ask(question).status == 200
        alice.post("/api/auth/logout").raise_for_status()
    assert wire.ask(question).status == 401


def test_many_questions_at_once_are_answered_in_their_order(server: Server, wire: Wire) -> None:
    with server.alice() as alice:
        token = f"Authorization: {alice.headers['authorization']}"
    some = [
        request(ASKING, asked(metric_name=f"ex.q{n}", aggregation=aggregation), token, JSON)
        for n, aggregation in enumerate(["avg", "p95", "avg", "none", "sum"])
    ]
    wire.send(b"".join(some))
    assert [wire.answer().status for _ in some] == [200, 200, 200, 400, 200]

"""Clients that send much, slowly or never: memory stays bounded, and others are served."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
import pytest
import zstandard

from asking import accept, post
from polling import eventually
from running import INGEST_KEY, Server

URL = "/api/v1/ingest/metrics"
ROW = {"name": "served", "value": 1}
MEMORY = 64 << 20
ANNOUNCED = 16 << 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", NOWLINE_INGEST_MEMORY=str(MEMORY)) as running:
        yield running


@contextmanager
def good_client(server: Server) -> Iterator[httpx.Client]:
    """Somebody else, with a key of their own."""
    with server.alice() as alice, server.client() as client:
        asked = {"name": "good", "scopes": ["ingest"]}
        made = alice.post("/api/v1/keys", json=asked).raise_for_status().json()
        client.headers["authorization"] = f"Bearer {made['secret']}"
        yield client


def memory(server: Server) -> int:
    """Resident bytes of the server."""
    assert server.process is not None
    return psutil.Process(server.process.pid).memory_info().rss


def told(server: Server) -> dict[str, float]:
    """The plain samples of `/metrics`."""
    with server.alice() as reader:
        text = reader.get("/metrics").raise_for_status().text
    lines = [line.rpartition(" ") for line in text.splitlines() if line[0] != "#"]
    return {name: float(value) for name, _, value in lines}


def begin(server: Server, length: int, body: bytes) -> socket.socket:
    """A request that announces so much and sends this."""
    place = urlsplit(server.url)
    assert place.port is not None
    connection = socket.create_connection((place.hostname, place.port), timeout=60)
    connection.sendall(
        f"POST {URL} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {INGEST_KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n".encode()
    )
    connection.sendall(body)
    return connection


def status(connection: socket.socket) -> bytes:
    """The status line of the answer."""
    with connection.makefile("rb") as file:
        return file.readline().strip()


def distinct_tags(count: int) -> bytes:
    """`"0000000":"","0000001":"",…`, of which there are too many to write one by one."""
    tags = np.tile(np.frombuffer(b'"0000000":"",', np.uint8), (count, 1))
    for place in range(7):
        tags[:, 7 - place] += (np.arange(count) // 10**place % 10).astype(np.uint8)
    return tags.tobytes()[:-1]


def test_who_announces_much_and_stalls_takes_nobodys_room(server: Server) -> None:
    before = memory(server)
    with ExitStack() as stack, good_client(server) as client:
        for _ in range(300):
            stack.enter_context(begin(server, ANNOUNCED, b"["))
        assert eventually(lambda: told(server)["nowline_ingest_open_bodies"] == 300)
        assert told(server)["nowline_ingest_held_bytes"] == 300
        for _ in range(20):
            accept(client, ROW)
        assert memory(server) - before < 100 << 20


def test_who_sends_much_and_stalls_holds_half_and_others_are_served(server: Server) -> None:
    before = memory(server)
    sent = b"[" + b" " * (ANNOUNCED - 100)
    with ExitStack() as stack, good_client(server) as client:
        # Each of them is either held, and waits for its last bytes, or refused.
        connections = [stack.enter_context(begin(server, ANNOUNCED, sent)) for _ in range(12)]
        refused = 'nowline_ingest_refused_requests_total{reason="memory"}'
        assert eventually(lambda: told(server)[refused] >= 10)
        state = told(server)
        assert state["nowline_ingest_held_bytes"] <= MEMORY / 2
        assert state["nowline_ingest_open_bodies"] == 2
        for _ in range(20):
            accept(client, ROW)
        assert memory(server) - before < 300 << 20
        answers = [status(each) for each in connections[2:]]
        assert set(answers) == {b"HTTP/1.1 503 Service Unavailable"}
        for connection in connections[:2]:
            connection.sendall(b" " * 98 + b"]")
            assert status(connection) == b"HTTP/1.1 202 Accepted"
    assert told(server)["nowline_ingest_held_bytes"] == 0


def test_ten_million_tags_are_refused_in_bounded_memory(server: Server) -> None:
    many = distinct_tags(9_500_000)
    row = b'[{"name":"a","value":1,"tags":{%s}},{"name":"served","value":1}]' % many
    packed = zstandard.compress(row)
    before = memory(server)
    with server.ingest() as sender, good_client(server) as client:
        headers = {"content-type": "application/json", "content-encoding": "zstd"}
        answer = sender.post(URL, content=packed, headers=headers)
        assert answer.status_code == 202
        assert answer.json()["accepted"] == 1
        (rejected,) = answer.json()["rejected"]
        assert rejected["error"].startswith("tags: are ")
        assert memory(server) - before < 600 << 20
        accept(client, ROW)


@pytest.mark.parametrize("rows", [b"{}", b'{"name":"a","value":1}', b""])
def test_millions_of_rows_are_refused_before_they_are_read(server: Server, rows: bytes) -> None:
    count = 5_000_000
    headers = {"content-encoding": "gzip", "content-type": "application/x-ndjson"}
    bodies = [gzip.compress((rows + b"\n") * count, 1)]
    if rows:
        bodies.append(gzip.compress(b"[" + (rows + b",") * count + rows + b"]", 1))
    before = memory(server)
    with server.ingest() as sender:
        for body in bodies:
            answer = sender.post(URL, content=body, headers=headers)
            assert answer.status_code == 413
            headers["content-type"] = "application/json"
        assert post(sender, ROW).status_code == 202
    assert memory(server) - before < 300 << 20


def test_a_body_that_drips_or_never_comes_is_given_up(server: Server) -> None:
    with ExitStack() as stack, good_client(server) as client:
        stalled = [stack.enter_context(begin(server, 1000, b"[")) for _ in range(50)]
        dripping = stack.enter_context(begin(server, 1000, b"["))
        # What waits for its rest is counted once it has waited for a second.
        assert eventually(lambda: told(server)["nowline_ingest_open_bodies"] == 51)

        def drip() -> bool:
            accept(client, ROW)
            state = told(server)
            if state["nowline_ingest_open_bodies"]:
                dripping.sendall(b" ")
            return state['nowline_ingest_refused_requests_total{reason="slow"}'] == 51

        assert eventually(drip, within_s=60)
        for connection in (*stalled, dripping):
            assert status(connection) == b"HTTP/1.1 408 Request Timeout"
        assert told(server)["nowline_ingest_held_bytes"] == 0

"""SIGTERM ends a server in time, with streams open and everything stored."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from asking import Row, accept, count, counted, post
from running import Server


def test_a_stop_with_open_streams_is_quick_and_stores_everything(data_dir: Path) -> None:
    with Server(data_dir) as server:
        with ExitStack() as stack:
            reader = stack.enter_context(server.alice())
            sender = stack.enter_context(server.ingest())
            stream = reader.stream("GET", "/api/dashboard/stream?metrics=stopped&interval=1s")
            events = stack.enter_context(stream).iter_text()
            assert next(events)
            socket = stack.enter_context(connection(server, reader))
            socket.send('{"type":"subscribe","metrics":["stopped"]}')
            assert socket.recv(10)
            rows: list[Row] = [{"name": "stopped", "value": i} for i in range(5_000)]
            accept(sender, *rows)
            started = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - started < 10
            assert_ended(socket, events)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/healthz")
        # What is stored needs the log no more.
        for part in data_dir.glob("log.sqlite*"):
            part.unlink()
        server.start()
        with server.alice() as reader:
            assert count(reader, "stopped") == 5_000


@contextmanager
def connection(server: Server, reader: httpx.Client) -> Iterator[ClientConnection]:
    headers = {"authorization": reader.headers["authorization"]}
    with connect(f"ws{server.url[4:]}/ws/analytics", additional_headers=headers) as socket:
        yield socket


def assert_ended(socket: ClientConnection, events: Iterator[str]) -> None:
    """The WebSocket says that its server restarts; the event stream ends as it should."""
    with pytest.raises(ConnectionClosed) as closed:
        deque(iter(lambda: socket.recv(10), None), maxlen=0)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert all(isinstance(text, str) for text in events)


def test_what_is_answered_while_a_server_stops_is_kept(data_dir: Path) -> None:
    taken: list[int] = []

    def post_until_it_stops(server: Server) -> None:
        with server.ingest() as sender:
            while True:
                try:
                    answer = post(sender, *({"name": "served", "value": 1} for _ in range(50)))
                except httpx.TransportError:
                    return
                assert answer.status_code == 202, answer.text
                taken.append(answer.json()["accepted"])

    with Server(data_dir) as server:
        with ThreadPoolExecutor(3) as pool:
            posters = [pool.submit(post_until_it_stops, server) for _ in range(3)]
            with server.alice() as reader:
                assert counted(reader, "served", 500) >= 500
            assert server.stop() == 0
        for poster in posters:
            poster.result()
        server.start()
        with server.alice() as reader:
            kept = counted(reader, "served", sum(taken))
        # A batch whose answer did not get through may be there, whole.
        assert kept in range(sum(taken), sum(taken) + 151, 50)

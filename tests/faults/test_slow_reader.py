"""A viewer that stops reading costs the server next to nothing, and the others nothing at all."""

from __future__ import annotations

import json
import socket as sockets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import psutil
import pytest
from websockets.sync.client import ClientConnection, connect

from running import Server
from viewers import Desk, Message, Socket, desk, points, query, socket

METRIC = "slow.wide"
SERIES = 3000
ROUNDS = 25
SLOW = 30
WANTED: Message = {
    "type": "subscribe",
    "id": "w1",
    "query": query(METRIC, group_by=["n"], time_range={"last": "1m"}),
    "interval": "live",
}


@pytest.fixture
def here(server: Server) -> Iterator[Desk]:
    with desk(server) as made:
        yield made


@contextmanager
def slow_connection(server: Server, here: Desk) -> Iterator[ClientConnection]:
    """A viewer that has subscribed and whose side of the network takes next to nothing."""
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    where = urlsplit(server.url)
    raw.connect((where.hostname, where.port))
    url = server.url.replace("http:", "ws:") + "/ws/analytics"
    headers = {"authorization": here.token}
    with connect(
        url,
        sock=raw,
        additional_headers=headers,
        # Compressed, most of what is told would fit on the way.
        compression=None,
        max_size=None,
        max_queue=(1, 0),
        close_timeout=0,
    ) as connection:
        connection.send(json.dumps(WANTED))
        yield connection


def put(here: Desk, value: float) -> None:
    tags = ({"n": str(n)} for n in range(SERIES))
    here.post_all([{"name": METRIC, "value": value, "tags": each} for each in tags])


def newest(held: dict[tuple[str, str], float]) -> set[float]:
    """The values of the newest second of each series."""
    latest = dict(sorted(held))
    return {held[tags, when] for tags, when in latest.items()}


def until(viewer: Socket, value: float, held: dict[tuple[str, str], float]) -> list[Message]:
    """Take frames in until every series has this value."""
    heard = []
    while newest(held) != {value}:
        heard.append(viewer.hear())
        held |= points(heard[-1])
    return heard


def test_a_reader_that_does_not_read(server: Server, here: Desk) -> None:
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    put(here, 0)
    with socket(server, here.token) as quick, ExitStack() as stack:
        held = points(quick.watch(WANTED))
        slow, *_ = [Socket(stack.enter_context(slow_connection(server, here))) for _ in range(SLOW)]
        put(here, 1)
        until(quick, 1, held)
        before = process.memory_info().rss
        written = 0
        for value in range(2, ROUNDS):
            put(here, value)
            frames = until(quick, value, held)
            written += sum(len(json.dumps(frame["data"])) for frame in frames)
            assert not any("skipped" in frame for frame in frames)
        assert written > 4_000_000
        # What is kept for who comes back may be there, but not a queue for each of the slow.
        assert process.memory_info().rss - before < SLOW / 2 * written
        assert here.counter("nowline_live_connections") == SLOW + 1
        mine: dict[tuple[str, str], float] = {}
        told = until(slow, ROUNDS - 1, mine)
        assert told[0]["type"] == "snapshot"
        assert sum(frame.get("skipped", 0) for frame in told) > 0
        assert len(told) < ROUNDS / 2
        assert mine.items() >= points(told[-1]).items()
        assert here.counter("nowline_live_skipped_frames_total") > 0

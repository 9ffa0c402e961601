"""A whole server on a log in Redis: Redis goes, the server is killed, one and then the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asking import accept, count, counted, post
from polling import eventually
from redis_server import DURABLE, RedisServer
from running import Server


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer("", *DURABLE)
    server.start()
    yield server
    server.remove()


def test_what_was_accepted_outlives_both(data_dir: Path, redis: RedisServer) -> None:
    point = {"name": "kept", "value": 1}
    with Server(data_dir, NOWLINE_BUS_URL=redis.url) as server:
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, point)
            redis.kill()
            refused = post(sender, point)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
            assert "Redis" in refused.json()["detail"]
            not_ready = reader.get("/readyz")
            assert not_ready.status_code == 503
            assert not_ready.json()["detail"].startswith("log: Redis at 127.0.0.1:")
            # What is in memory is still told.
            assert counted(reader, "kept", 1) == 1
            redis.start()
            assert eventually(lambda: reader.get("/readyz").status_code == 200)
            accept(sender, point)
        server.kill()
        redis.kill()
        redis.start()
        server.start()
        with server.ingest() as sender, server.alice() as reader:
            assert counted(reader, "kept", 2) == 2
            accept(sender, point)
            assert counted(reader, "kept", 3) == 3
        redis.kill()
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10
        redis.start()
        server.start()
        with server.alice() as reader:
            assert (counted(reader, "kept", 3), count(reader, "kept")) == (3, 3)
        assert not (data_dir / "log.sqlite").exists()

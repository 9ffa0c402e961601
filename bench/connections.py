"""Idle WebSockets: how fast they are taken in, and what each of them costs."""

from __future__ import annotations

import argparse
import resource
import socket
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from bench.product import Product, product
from bench.report import report

_AT_ONCE = 100
_WARM_UP = 200
_SETTLE_S = 1.0
_END = b"\r\n\r\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--seconds", type=int, help="not heeded: it takes as long as it takes")
    asked = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with product() as running:
        key = running.reader_key()
        _close(_open(running.url, key, _WARM_UP))
        time.sleep(_SETTLE_S)
        report("connections", [_measure(running, key, asked.connections)])


def _measure(running: Product, key: str, count: int) -> dict[str, str | float]:
    memory, cpu = running.memory_mb(), running.cpu_s()
    started = time.perf_counter()
    connections = _open(running.url, key, count)
    seconds = time.perf_counter() - started
    used = running.cpu_s() - cpu
    time.sleep(_SETTLE_S)
    grown = running.memory_mb() - memory
    _close(connections)
    return {
        "connections": count,
        "connects_per_s": round(count / seconds),
        "cpu_us_per_connect": round(used / count * 1e6, 1),
        "kb_per_connection": round(grown * 1000 / count, 2),
    }


def _open(url: str, key: str, count: int) -> list[socket.socket]:
    """Connections on which the handshake is done; some at a time, so that none is refused."""
    where = urlsplit(url)
    request = _request(where.netloc, key)
    opened: list[socket.socket] = []
    for first in range(0, count, _AT_ONCE):
        some = [_begin(where.port or 80, request) for _ in range(min(_AT_ONCE, count - first))]
        for each in some:
            _finish(each)
        opened += some
    return opened


def _begin(port: int, request: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(request)
    return connection


def _finish(connection: socket.socket) -> None:
    answer = connection.recv(1 << 12)
    while _END not in answer:
        answer += connection.recv(1 << 12)
    assert b" 101 " in answer, answer


def _close(connections: Sequence[socket.socket]) -> None:
    for each in connections:
        each.close()


def _request(host: str, key: str) -> bytes:
    lines = (
        "GET /ws/analytics HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {key}",
    )
    return "\r\n".join(lines).encode() + _END


if __name__ == "__main__":
    main()

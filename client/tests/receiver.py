"""A small server of the standard library that keeps what it is sent and answers as it is told."""

from __future__ import annotations

import gzip
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

TAKEN = b'{"accepted":1,"rejected":[]}'


@dataclass
class Sent:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    rows: list[dict[str, Any]]


@dataclass
class Answer:
    """What to answer; with 0 as the status the connection is closed instead."""

    status: int = 202
    body: bytes = TAKEN
    headers: Mapping[str, str] = field(default_factory=dict)


class Receiver:
    """Takes rows at every door.

    Attributes:
        sent: All requests, in order.
        answers: What to answer to the next ones; 202 when there is none left.
        rule: Decides about each request instead, if set.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answers: deque[Answer] = deque()
        self.rule: Callable[[Sent], Answer] | None = None
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, sent: Sent) -> Answer:
        """Keep a request, and say what to answer."""
        with self._arrived:
            self.sent.append(sent)
            self._arrived.notify_all()
            if self.rule is not None:
                return self.rule(sent)
            return self.answers.popleft() if self.answers else Answer()

    def wait_for(self, enough: Callable[[], bool]) -> None:
        """Wait until what has arrived is enough."""
        with self._arrived:
            assert self._arrived.wait_for(enough, 60), f"only {self.sent}"

    def rows(self, door: str) -> list[dict[str, Any]]:
        """All rows that arrived at a door: metrics, events or tasks."""
        with self._arrived:
            return [
                row for each in self.sent if each.path.endswith(f"/{door}") for row in each.rows
            ]

    def metric(self, name: str) -> list[dict[str, Any]]:
        """All points of a metric."""
        return [row for row in self.rows("metrics") if row["name"] == name]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            (rows,) = json.loads(gzip.decompress(body)).values()
            answer = receiver.answer(Sent(self.path, dict(self.headers), rows))
            if answer.status == 0:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
            pass

    return Handler

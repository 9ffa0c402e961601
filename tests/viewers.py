"""Live viewers of a real server: one for each transport, and the credentials they use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
from websockets.sync.client import ClientConnection, connect

from running import Server

PATIENCE_S = 15.0
Message = dict[str, Any]


def query(metric: str, **more: object) -> Message:
    """The query of a widget that shows one metric as it is."""
    return {"metric_name": metric, "aggregation": "last", "time_range": {"last": "5m"}} | more


def subscription(metric: str, name: str = "w1", **more: object) -> Message:
    """A subscription to a metric, refreshed on every change."""
    return {"type": "subscribe", "id": name, "query": query(metric), "interval": "live"} | more


def points(message: Message) -> dict[tuple[str, str], float]:
    """What a frame says, by tags and time."""
    return {
        (json.dumps(point["tags"], sort_keys=True), point["timestamp"]): point["value"]
        for point in message["data"]
    }


class Desk:
    """An admin's client and an ingest client of one server."""

    def __init__(self, admin: httpx.Client, program: httpx.Client) -> None:
        self.admin = admin
        self.program = program
        self.token = admin.headers["authorization"]

    def post(self, metric: str, value: float, **more: object) -> None:
        """Ingest one point."""
        self.post_all([{"name": metric, "value": value} | more])

    def post_all(self, rows: list[Message]) -> None:
        """Ingest points; all must be accepted."""
        answer = self.program.post("/api/v1/ingest/metrics", json={"metrics": rows})
        assert answer.json() == {"accepted": len(rows), "rejected": []}

    def poll(self, parameters: Message, cursor: str | None = None) -> tuple[list[Message], str]:
        """Frames and the next cursor."""
        asked = parameters | ({"cursor": cursor} if cursor else {})
        answer = self.admin.get("/api/v1/live/poll", params=asked).raise_for_status().json()
        return answer["frames"], answer["cursor"]

    def counter(self, name: str) -> float:
        """One of the server's own counters."""
        text = self.admin.get("/metrics").text
        (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
        return float(line.split()[1])

    def ticket(self) -> str:
        """A ticket for a stream."""
        ticket: str = self.admin.post("/api/auth/ticket").json()["ticket"]
        return ticket


@contextmanager
def desk(server: Server) -> Iterator[Desk]:
    """Both clients of a running server."""
    with server.alice() as admin, server.ingest() as program:
        yield Desk(admin, program)


class Socket:
    """A WebSocket viewer."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, message: Message) -> None:
        """Send one message."""
        self.connection.send(json.dumps(message))

    def hear(self) -> Message:
        """The next message but heartbeats."""
        while True:
            message: Message = json.loads(self.connection.recv(PATIENCE_S))
            if message["type"] != "heartbeat":
                return message

    def expect(self, kind: str) -> Message:
        """The next message, which must be of that type."""
        message = self.hear()
        assert message["type"] == kind, message
        return message

    def watch(self, wanted: Message) -> Message:
        """Subscribe; returns the picture."""
        self.say(wanted)
        return self.expect("snapshot")


@contextmanager
def socket(
    server: Server,
    authorization: str | None = None,
    *,
    path: str = "/ws/analytics",
    origin: str | None = None,
    compression: str | None = "deflate",
) -> Iterator[Socket]:
    """A WebSocket with these `Authorization` and `Origin` headers, if any."""
    asked = {"authorization": authorization, "origin": origin}
    headers = {name: value for name, value in asked.items() if value is not None}
    url = server.url.replace("http:", "ws:") + path
    with connect(
        url, additional_headers=headers, max_size=None, compression=compression
    ) as connection:
        yield Socket(connection)


class Stream:
    """A viewer over Server-Sent Events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_id = ""
        self.retry = 0
        self._lines = response.iter_lines()

    def hear(self) -> Message:
        """The message of the next event, whose name must be its type."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                self.last_id = fields.get("id", self.last_id)
                message: Message = json.loads(fields["data"])
                assert fields["event"] == message["type"]
                return message
            elif "retry" in fields:
                self.retry = int(fields.pop("retry"))
        raise EOFError

    def expect(self, kind: str) -> Message:
        """The next message, which must be of that type."""
        message = self.hear()
        assert message["type"] == kind, message
        return message


@contextmanager
def stream(
    server: Server, parameters: Message, authorization: str | None = None, last_id: str = ""
) -> Iterator[Stream]:
    """An event stream, resumed after `last_id` if there is one."""
    headers = {} if authorization is None else {"authorization": authorization}
    if last_id:
        headers["last-event-id"] = last_id
    url = f"{server.url}/api/dashboard/stream?{urlencode(parameters)}"
    with httpx.stream("GET", url, headers=headers, timeout=PATIENCE_S) as response:
        response.raise_for_status()
        yield Stream(response)

"""People who share dashboards, and Charlie, who holds what he is given and must get no more."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from asking import accept, counted
from running import INGEST_KEY, Server

PASSWORD = "a long enough password"
DASHBOARDS = "/api/v1/dashboards"
SHARED = "/api/v1/shared"
SITE = "https://app.example.com"
YEAR_S = 366 * 86_400
PATIENCE_S = 15


class Team:
    """The people, and a metric with two tenants."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self.server = server
        self.alice = stack.enter_context(server.alice())
        self.edith, self.edith_id = self.join(stack, "edith", "editor")
        self.eve, _ = self.join(stack, "eve", "editor")
        self.bob, _ = self.join(stack, "bob", "viewer")
        self.program = stack.enter_context(server.client())
        self.program.headers["authorization"] = f"Bearer {INGEST_KEY}"
        self.metric = f"shared.{uuid.uuid4().hex}"
        for tenant, value in (("a", 1), ("b", 2)):
            tags = {"tenant": tenant, "customer": f"{tenant}-1"}
            accept(self.program, {"name": self.metric, "value": value, "tags": tags})
        self.secret = f"secret.{uuid.uuid4().hex}"
        accept(self.program, {"name": self.secret, "value": 7})
        counted(self.alice, self.metric, 2)
        counted(self.alice, self.secret, 1)

    def join(self, stack: ExitStack, name: str, role: str) -> tuple[httpx.Client, str]:
        login = {"email": f"{name}.{uuid.uuid4().hex}@example.com", "password": PASSWORD}
        made = self.alice.post("/api/v1/users", json=login | {"role": role}).raise_for_status()
        client = stack.enter_context(self.server.client())
        token = client.post("/api/auth/login", json=login).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        return client, made.json()["id"]

    def query(self, **change: object) -> dict[str, Any]:
        return {"metric_name": self.metric, "aggregation": "sum", "group_by": ["tenant"]} | change

    def board(self, owner: httpx.Client | None = None, **change: object) -> str:
        widgets = [
            chart("w1", {"query": self.query()}),
            chart("w2", {"query": self.query(group_by=[])}),
        ]
        content = {"name": "Orders", "widgets": widgets} | change
        made = (owner or self.edith).post(DASHBOARDS, json=content)
        assert made.status_code == 201, made.text
        return f"{DASHBOARDS}/{made.json()['id']}"

    def link(self, path: str, **wish: object) -> dict[str, Any]:
        made = self.edith.post(f"{path}/shares", json=wish)
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    def embed(self, path: str, **wish: object) -> dict[str, Any]:
        body = {"origins": [SITE], "expires_in": 3600} | wish
        made = self.edith.post(f"{path}/embeds", json=body)
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    @contextmanager
    def charlie(self, token: str | None = None) -> Iterator[httpx.Client]:
        with self.server.client() as client:
            if token is not None:
                client.headers["authorization"] = f"Bearer {token}"
            yield client

    @contextmanager
    def socket(self, token: str, origin: Origin | None = None) -> Iterator[ClientConnection]:
        with self.charlie(token) as charlie:
            ticket = charlie.post(f"{SHARED}/ticket").json()["ticket"]
        url = self.server.url.replace("http", "ws", 1)
        with connect(f"{url}/ws/shared?ticket={ticket}", origin=origin) as opened:
            yield opened


def chart(name: str, config: dict[str, Any]) -> dict[str, Any]:
    position = {"x": 0, "y": 0, "w": 6, "h": 4}
    return {"id": name, "type": "chart", "position": position, "config": {"chart": "line"} | config}


def hear(socket: ClientConnection) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(socket.recv(PATIENCE_S))
        if message["type"] != "heartbeat":
            return message


def closed_with(socket: ClientConnection) -> int:
    try:
        while True:
            socket.recv(PATIENCE_S)
    except ConnectionClosed as end:
        return 0 if end.rcvd is None else end.rcvd.code


def values(data: list[dict[str, Any]]) -> dict[str, float]:
    return {point["tags"].get("tenant", ""): point["value"] for point in data}

"""The proxies of the documentation in front of a server: nothing is lost or held up by them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from proxies import documented, proxy, trusting
from running import ADMIN_EMAIL, ADMIN_PASSWORD, INGEST_KEY, Server
from viewers import PATIENCE_S, Desk, Message, Socket, Stream, desk, points, subscription

KINDS = ["nginx", "haproxy", "caddyfile"]
# What a first event may take that nobody holds back; the next one comes after seconds.
AT_ONCE_S = 1.0
# What somebody writes who has read no documentation.
BARE = """
server {
    listen 443 ssl;
    ssl_certificate /etc/ssl/nowline.example.com.pem;
    ssl_certificate_key /etc/ssl/nowline.example.com.key;
    location / {
        proxy_pass http://127.0.0.1:8000;
    }
}
"""


class Through(NamedTuple):
    """A proxy, and the two clients of the server behind it, which go past the proxy."""

    host: str
    desk: Desk

    def client(self) -> httpx.Client:
        """A client of the proxy, signed in past it."""
        headers = {"authorization": self.desk.token}
        return httpx.Client(base_url=f"https://{self.host}", verify=trusting(), headers=headers)

    @contextmanager
    def socket(self, origin: str) -> Iterator[Socket]:
        """A WebSocket that a page of this origin opens."""
        headers = {"authorization": self.desk.token, "origin": origin}
        url = f"wss://{self.host}/ws/analytics"
        with connect(url, ssl=trusting(), additional_headers=headers) as connection:
            yield Socket(connection)


@pytest.fixture(scope="module", params=KINDS)
def through(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Through]:
    kind: str = request.param
    folder = tmp_path_factory.mktemp(kind)
    with (
        proxy(kind, documented(kind), server.url, folder) as host,
        desk(server) as made,
    ):
        yield Through(host, made)


def test_a_websocket_comes_through(through: Through, request: pytest.FixtureRequest) -> None:
    name = f"proxied.ws.{request.node.name}"
    with through.socket(f"https://{through.host}") as viewer:
        viewer.watch(subscription(name))
        through.desk.post(name, 1)
        assert list(points(viewer.expect("metrics_update")).values()) == [1]


def test_a_websocket_of_another_site_is_refused(through: Through) -> None:
    with pytest.raises(InvalidStatus) as refused, through.socket("https://elsewhere.example"):
        pass
    assert refused.value.response.status_code == 403


def test_events_come_at_once(through: Through, request: pytest.FixtureRequest) -> None:
    name = f"proxied.sse.{request.node.name}"
    asked = {"metrics": name, "interval": "live"}
    with through.client() as client:
        begun = time.monotonic()
        with client.stream(
            "GET", "/api/dashboard/stream", params=asked, timeout=PATIENCE_S
        ) as answer:
            viewer = Stream(answer)
            viewer.expect("snapshot")
            assert time.monotonic() - begun < AT_ONCE_S
            for value in range(3):
                posted = time.monotonic()
                through.desk.post(name, value, time=1000 * int(time.time()))
                viewer.expect("metrics_update")
                assert time.monotonic() - posted < AT_ONCE_S


def test_polls_come_through(through: Through, request: pytest.FixtureRequest) -> None:
    name = f"proxied.poll.{request.node.name}"
    assert_polls(through, name)


def test_who_asks_and_how_is_told_whatever_the_client_says(through: Through) -> None:
    lies = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http"}
    login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    with through.client() as client:
        answer = client.post("/api/auth/login", json=login, headers=lies)
    assert "; Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]
    entries = through.desk.admin.get("/api/v1/audit").json()["entries"]
    assert entries[0]["action"] == "sign_in"
    assert entries[0]["ip"] == "127.0.0.1"


def test_a_large_body_comes_through(through: Through, request: pytest.FixtureRequest) -> None:
    rows = [{"name": f"proxied.body.{request.node.name}", "value": 1, "tags": {"a": "x" * 900}}]
    sent = {"metrics": rows * 2_200}
    headers = {"authorization": f"Bearer {INGEST_KEY}"}
    with through.client() as client:
        answer = client.post("/api/v1/ingest/metrics", json=sent, headers=headers)
    assert int(answer.request.headers["content-length"]) > 2 << 20
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2_200)


def test_polling_is_what_is_left_where_a_proxy_was_told_nothing(
    server: Server, tmp_path: Path
) -> None:
    with proxy("nginx", BARE, server.url, tmp_path) as host, desk(server) as made:
        through = Through(host, made)
        with through.client() as client:
            answer = client.get("/api/dashboard/stream", params={"metrics": "a"})
        assert answer.status_code == 426
        with pytest.raises(InvalidStatus), through.socket(f"https://{host}"):
            pass
        assert_polls(through, "proxied.bare")


def assert_polls(through: Through, name: str) -> None:
    with through.client() as client:
        viewer = Desk(client, through.desk.program)
        asked = {"metrics": name, "interval": "live"}
        (picture,), cursor = viewer.poll(asked)
        assert picture["type"] == "snapshot"
        through.desk.post(name, 1)
        frames: list[Message] = []
        while not frames:
            frames, cursor = viewer.poll(asked, cursor)

"""Dashboards that are shared with people who do not sign in, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from accessibility import violations
from asking import accept
from running import Server
from visiting import sign_in, visit

WIDTHS = (1440, 820, 390)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a metric."""
    with Server(tmp_path_factory.mktemp("sharing") / "data") as running:
        send(running, 3)
        yield running


def send(server: Server, value: float) -> None:
    with server.ingest() as sender:
        for tenant in ("acme", "umbrella"):
            accept(sender, {"name": "orders", "value": value, "tags": {"tenant": tenant}})


def make(server: Server) -> str:
    """A dashboard with the orders of each tenant; returns its id."""
    query = {"metric_name": "orders", "aggregation": "last", "group_by": ["tenant"]}
    position = {"x": 0, "y": 0, "w": 4, "h": 5}
    table = {"id": "t", "type": "table", "title": "Orders", "position": position}
    feed = {"id": "f", "type": "feed", "title": "People", "position": position | {"x": 4}}
    widgets = [table | {"config": {"query": query}}, feed | {"config": {}}]
    with server.alice() as alice:
        made = alice.post("/api/v1/dashboards", json={"name": "Sales", "widgets": widgets})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])


def assert_fits(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width


def test_a_link_is_made_watched_and_revoked(browser: Browser, server: Server) -> None:
    board = make(server)
    with visit(browser) as page, visit(browser) as guest:
        sign_in(page, f"{server.url}/d/{board}?range=1h")
        page.get_by_test_id("share").click()
        dialog = page.get_by_role("dialog", name="Share")
        expect(dialog.get_by_role("figure", name="Address of what you see")).to_contain_text(
            f"/d/{board}?range=1h"
        )
        dialog.get_by_test_id("link-new").click()
        dialog.get_by_test_id("link-label").fill("Lobby")
        dialog.get_by_test_id("link-create").click()
        address = dialog.get_by_role("figure", name="The new link").locator("code").inner_text()
        assert "/s/nls_" in address
        expect(dialog.get_by_test_id("links")).to_contain_text("Lobby")
        assert violations(page) == []
        assert_fits(page)
        # On the last of them, a phone, what a button says stays in one line.
        one, other = (dialog.get_by_test_id(name) for name in ("link-new", "embed-new"))
        height = "e => e.getBoundingClientRect().height"
        assert one.evaluate(height) == other.evaluate(height)

        guest.goto(address)
        expect(guest.get_by_role("heading", name="Sales", level=1)).to_be_visible()
        orders = guest.get_by_role("article", name="Orders")
        orders.wait_for()
        expect(orders).to_contain_text("acme")
        expect(guest.get_by_role("article", name="People")).to_contain_text("not shared")
        send(server, 42)
        expect(orders).to_contain_text("42")
        assert guest.get_by_role("navigation", name="Main").count() == 0
        assert violations(guest) == []
        assert_fits(guest)

        dialog.get_by_role("button", name="Revoke “Lobby”?").click()
        dialog.get_by_role("button", name="Yes, revoke").click()
        expect(guest.get_by_test_id("ended")).to_be_visible()
        assert violations(guest) == []
        guest.reload()
        expect(guest.get_by_test_id("ended")).to_be_visible()


@pytest.mark.parametrize("transport", ["sse", "poll"])
def test_a_link_is_live_where_no_socket_gets_through(
    browser: Browser, server: Server, transport: str
) -> None:
    with server.alice() as alice:
        made = alice.post(f"/api/v1/dashboards/{make(server)}/shares", json={}).json()
    with visit(browser) as guest:
        guest.goto(f"{server.url}{made['url']}?transport={transport}")
        badge = guest.get_by_test_id("live-state")
        expect(badge).to_have_attribute("data-transport", transport)
        orders = guest.get_by_role("article", name="Orders")
        orders.wait_for()
        expect(orders).to_contain_text("acme")
        value = 51 if transport == "sse" else 52
        send(server, value)
        expect(orders).to_contain_text(str(value))


@contextmanager
def site(html: str) -> Iterator[int]:
    """Another site, with one page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = html.encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is worth telling."""

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    try:
        yield serving.server_port
    finally:
        serving.shutdown()
        thread.join()
        serving.server_close()


def test_a_frame_shows_what_is_locked_on_its_site_alone(browser: Browser, server: Server) -> None:
    board = make(server)

    def frame(page: Page) -> FrameLocator:
        return page.frame_locator("iframe")

    with server.alice() as alice, site("<!doctype html><title>App</title>") as port:
        wish = {
            "origins": [f"http://localhost:{port}"],
            "expires_in": 600,
            "filters": {"tenant": ["acme"]},
        }
        made = alice.post(f"/api/v1/dashboards/{board}/embeds", json=wish).json()
        address = f"{server.url}{made['url']}"
        embed = """(src) => {
            const frame = document.createElement('iframe');
            frame.src = src;
            frame.width = 800;
            frame.height = 500;
            document.body.append(frame);
        }"""
        with visit(browser) as page:
            page.goto(f"http://localhost:{port}/")
            page.evaluate(embed, address)
            orders = frame(page).get_by_role("article", name="Orders")
            orders.wait_for()
            expect(orders).to_contain_text("acme")
            expect(orders).not_to_contain_text("umbrella")
            expect(frame(page).get_by_test_id("filters")).to_contain_text("tenant acme")
            alice.delete(f"/api/v1/dashboards/{board}/embeds/{made['id']}").raise_for_status()
            expect(frame(page).get_by_test_id("ended")).to_be_visible()
        with visit(browser) as page:
            page.goto(f"http://127.0.0.1:{port}/")
            for refused in (address, f"{server.url}/"):
                with page.expect_console_message(lambda told: "frame-ancestors" in told.text):
                    page.evaluate(embed, refused)

"""Dashboards on a wall, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from accessibility import violations
from asking import accept
from running import Server
from visiting import PATIENCE_MS, sign_in, visit


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a metric."""
    with Server(tmp_path_factory.mktemp("wall") / "data") as running:
        with running.ingest() as sender:
            accept(sender, {"name": "orders", "value": 3})
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A screen on a wall; at the end no script may have failed."""
    with visit(browser, width=1920, height=1080) as one:
        yield one


def make(server: Server, name: str, rows: int) -> str:
    """A dashboard of so many rows; returns its id."""
    query = {"metric_name": "orders", "aggregation": "last"}
    position = {"x": 0, "y": 0, "w": 12, "h": rows}
    widget = {"id": "w", "type": "metric", "title": "Orders", "position": position}
    with server.alice() as alice:
        content = {"name": name, "widgets": [widget | {"config": {"query": query}}]}
        made = alice.post("/api/v1/dashboards", json=content)
        assert made.status_code == 201, made.text
        return str(made.json()["id"])


def test_w_fills_the_screen_and_escape_leaves_it(page: Page, server: Server) -> None:
    sign_in(page, f"{server.url}/d/{make(server, 'Sales', 4)}")
    page.get_by_role("article", name="Orders").wait_for()
    page.keyboard.press("w")
    wall = page.get_by_test_id("wall")
    wall.wait_for()
    expect(page.get_by_role("heading", name="Sales", level=1)).to_be_visible()
    expect(wall.get_by_role("article", name="Orders")).to_contain_text("3")
    expect(page.get_by_test_id("wall-board")).to_have_attribute("data-zoom", "1.50")
    assert page.get_by_role("navigation", name="Main").count() == 0
    page.wait_for_function("document.fullscreenElement !== null")
    expect(wall).to_have_class(re.compile("still"))
    page.mouse.move(300, 300)
    expect(wall).not_to_have_class(re.compile("still"))
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("navigation", name="Main").wait_for()
    assert "wall" not in page.url
    page.wait_for_function("document.fullscreenElement === null")


def test_several_take_turns_and_none_is_blank(page: Page, server: Server) -> None:
    first, second = make(server, "Sales", 4), make(server, "Stock", 4)
    sign_in(page, f"{server.url}/d/{first}")
    page.get_by_role("article", name="Orders").wait_for()
    page.get_by_test_id("dashboard-menu").click()
    page.get_by_role("menuitem", name="Wall mode").click()
    dialog = page.get_by_test_id("wall-dialog")
    dialog.get_by_label("Stock").check()
    dialog.get_by_label("Each for").select_option("10 s")
    dialog.get_by_test_id("wall-start").click()
    wall = page.get_by_test_id("wall")
    expect(wall.get_by_role("heading", level=1)).to_have_text("Sales")
    # The second is drawn behind the first.
    expect(page.get_by_test_id("wall-board")).to_have_count(2, timeout=PATIENCE_MS)
    hidden = page.locator('[data-testid="wall-board"][inert] [data-testid="widget"]')
    expect(hidden).to_contain_text("3", timeout=PATIENCE_MS)
    expect(wall.get_by_role("heading", level=1)).to_have_text("Stock", timeout=PATIENCE_MS)
    assert f"boards={first}%2C{second}" in page.url
    page.mouse.move(300, 300)
    page.get_by_test_id("wall-leave").click()
    page.get_by_role("navigation", name="Main").wait_for()


def test_a_link_hangs_on_a_wall(page: Page, server: Server) -> None:
    with server.alice() as alice:
        board = make(server, "Lobby", 60)
        made = alice.post(f"/api/v1/dashboards/{board}/shares", json={}).json()
    page.goto(f"{server.url}{made['url']}?wall")
    wall = page.get_by_test_id("wall")
    expect(wall.get_by_role("article", name="Orders")).to_contain_text("3", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("wall-board")).to_have_attribute("data-zoom", "0.80")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Lobby", level=1)).to_be_visible()
    expect(wall).to_have_count(0)

"""Stars on dashboards, in a real browser on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from accessibility import violations
from asking import accept
from polling import eventually
from running import ADMIN_EMAIL, ADMIN_PASSWORD, Server
from visiting import PATIENCE_MS, sign_in, visit


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which nobody has starred anything."""
    with Server(tmp_path_factory.mktemp("stars") / "data") as running:
        with running.ingest() as sender:
            accept(sender, {"name": "orders", "value": 3})
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with visit(browser) as one:
        yield one


@pytest.fixture
def alice(server: Server) -> Iterator[httpx.Client]:
    with server.alice() as client:
        yield client


def make(client: httpx.Client, name: str) -> str:
    position = {"x": 0, "y": 0, "w": 12, "h": 4}
    query = {"metric_name": "orders", "aggregation": "last"}
    widget = {"id": "w", "type": "metric", "title": "Orders", "position": position}
    content = {"name": name, "widgets": [widget | {"config": {"query": query}}]}
    made = client.post("/api/v1/dashboards", json=content).raise_for_status()
    return str(made.json()["id"])


def starred(client: httpx.Client) -> list[str]:
    found: list[str] = client.get("/api/v1/stars").raise_for_status().json()["stars"]
    return found


def names(page: Page, group: str) -> list[str]:
    return page.get_by_test_id(f"dashboards-{group}").get_by_role("link").all_inner_texts()


def test_a_dashboard_is_starred_where_it_is_looked_at(
    page: Page, server: Server, alice: httpx.Client
) -> None:
    board = make(alice, "Sales")
    sign_in(page, f"{server.url}/d/{board}")
    star = page.get_by_role("button", name="Star Sales")
    expect(star).to_have_attribute("aria-pressed", "false")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    # It is shown before the server has it.
    assert eventually(lambda: starred(alice) == [board])
    page.goto(f"{server.url}/d/host")
    built_in = page.get_by_role("button", name="Star Host")
    expect(built_in).to_be_enabled()
    page.keyboard.press("s")
    expect(built_in).to_have_attribute("aria-pressed", "true")
    assert eventually(lambda: starred(alice) == [board, "host"])
    page.reload()
    expect(built_in).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("s")
    expect(built_in).to_have_attribute("aria-pressed", "false")
    assert eventually(lambda: starred(alice) == [board])
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{server.url}/d/{board}")
    expect(star).to_be_visible()
    expect(star).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(page) == []


def test_what_is_starred_stands_first_in_the_list(
    page: Page, server: Server, alice: httpx.Client
) -> None:
    for name in ("Sales", "Stock", "Staff"):
        make(alice, name)
    sign_in(page, f"{server.url}/dashboards")
    expect(page.get_by_test_id("dashboards-mine")).to_contain_text("Sales")
    assert page.get_by_test_id("dashboards-starred").count() == 0
    sales = page.get_by_role("button", name="Star Sales")
    sales.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("dashboards-starred")).to_contain_text("Sales")
    # The row has moved, and the focus with it.
    expect(sales).to_be_focused()
    page.get_by_role("button", name="Star Host", exact=True).click()
    expect(page.get_by_test_id("dashboards-starred").get_by_role("link")).to_have_count(2)
    assert names(page, "starred")[0] == "Sales"
    assert names(page, "mine") == ["Staff", "Stock"]
    headings = page.get_by_role("heading", level=2).all_inner_texts()
    assert headings[0] == "Starred"
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert violations(page) == []
    sales.click()
    expect(page.get_by_test_id("dashboards-mine")).to_contain_text("Sales")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_wall_without_stars_says_how_it_gets_something(page: Page, server: Server) -> None:
    login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    assert page.context.request.post(f"{server.url}/api/auth/login", data=login).ok
    page.goto(f"{server.url}/d/host?wall&rotate=60&boards=starred")
    expect(page.get_by_role("alert")).to_contain_text("Nothing has a star yet.")
    assert violations(page) == []


def test_a_star_that_is_refused_is_taken_back(
    page: Page, server: Server, alice: httpx.Client
) -> None:
    board = make(alice, "Sales")
    sign_in(page, f"{server.url}/d/{board}")
    star = page.get_by_role("button", name="Star Sales")
    expect(star).to_be_enabled()
    alice.delete(f"/api/v1/dashboards/{board}").raise_for_status()
    star.click()
    expect(page.get_by_role("alert")).to_contain_text("The star was not changed.")
    expect(star).to_have_attribute("aria-pressed", "false")


def test_what_is_starred_takes_turns_on_a_wall(
    page: Page, server: Server, alice: httpx.Client
) -> None:
    first, second = make(alice, "Sales"), make(alice, "Stock")
    make(alice, "Staff")
    session = page.context.request
    login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    assert session.post(f"{server.url}/api/auth/login", data=login).ok
    for board in (second, first):
        alice.put(f"/api/v1/dashboards/{board}/star").raise_for_status()
    page.goto(f"{server.url}/d/{first}")
    page.get_by_role("article", name="Orders").wait_for()
    page.get_by_test_id("dashboard-menu").click()
    page.get_by_role("menuitem", name="Wall mode").click()
    dialog = page.get_by_test_id("wall-dialog")
    dialog.get_by_label("What I have starred (2)").check()
    expect(dialog.get_by_label("Staff")).to_be_disabled()
    dialog.get_by_label("Each for").select_option("10 s")
    assert violations(page) == []
    dialog.get_by_test_id("wall-start").click()
    heading = page.get_by_test_id("wall").get_by_role("heading", level=1)
    expect(heading).to_have_text("Stock")
    assert "boards=starred" in page.url
    expect(heading).to_have_text("Sales", timeout=PATIENCE_MS)
    expect(heading).to_have_text("Stock", timeout=PATIENCE_MS)

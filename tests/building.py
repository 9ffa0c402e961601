"""What tests of the builder share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from accessibility import violations
from running import ADMIN_EMAIL, ADMIN_PASSWORD, Server
from visiting import sign_in, visit

VIEWER = "victor@example.com"
PASSWORD = "a long enough password"
WIDTHS = (1440, 820, 390)


@contextmanager
def opened(
    browser: Browser, url: str, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD
) -> Iterator[Page]:
    """A page of somebody who has just signed in; at the end no script may have failed."""
    with visit(browser, accept_downloads=True) as page:
        sign_in(page, url, email, password)
        yield page


def make(server: Server, name: str, *titles: str, **more: object) -> str:
    """A dashboard of numbers of orders side by side; returns its id."""
    query = {"metric_name": "orders", "aggregation": "last"}
    widgets = [
        {
            "id": title.lower(),
            "type": "metric",
            "title": title,
            "position": {"x": 3 * at, "y": 0, "w": 3, "h": 2},
            "config": {"query": query},
        }
        for at, title in enumerate(titles)
    ]
    with server.alice() as alice:
        made = alice.post("/api/v1/dashboards", json={"name": name, "widgets": widgets, **more})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])


def kept(server: Server, dashboard_id: str) -> dict[str, Any]:
    """What the server has of a dashboard."""
    with server.alice() as alice:
        answer = alice.get(f"/api/v1/dashboards/{dashboard_id}").raise_for_status()
        return dict(answer.json())


def titles(document: dict[str, Any]) -> list[str]:
    return sorted(widget["title"] for widget in document["widgets"])


def place(widget: Locator) -> str:
    return widget.get_attribute("data-place") or ""


def saved(page: Page) -> None:
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved")


def changed_and_saved(page: Page) -> None:
    """After a change: it takes a moment until the page begins to save."""
    expect(page.get_by_test_id("undo")).to_be_enabled()
    saved(page)


def widget_named(page: Page, title: str) -> Locator:
    return page.get_by_test_id("edit-widget").filter(
        has=page.get_by_role("heading", name=title, exact=True)
    )


def dashboard_id(page: Page) -> str:
    expect(page).to_have_url(re.compile(r"/d/[0-9a-f-]{36}"))
    return page.url.partition("/d/")[2][:36]


def assert_fits(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert violations(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})


def add(page: Page, kind: str, metric: str, title: str) -> None:
    page.get_by_test_id("widget-add").click()
    page.get_by_test_id(f"kind-{kind}").click()
    page.get_by_test_id("widget-metric").fill(metric)
    page.locator('[role="listbox"] [role="option"]').first.click()
    page.get_by_test_id("widget-title").fill(title)
    page.get_by_test_id("widget-save").click()
    expect(widget_named(page, title)).to_be_visible()


def drag(page: Page, handle: Locator, dx: int, dy: int) -> None:
    # It has come to rest where it was put: this waits for that.
    handle.hover()
    box = handle.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for part in range(1, 11):
        page.mouse.move(x + dx * part / 10, y + dy * part / 10)
    page.mouse.up()


def taken(page: Page, menu: str, name: str) -> bytes:
    page.get_by_test_id("widget").first.hover()
    page.get_by_test_id(menu).first.click()
    # The first file of a server waits until the process that draws is there.
    with page.expect_download(timeout=90_000) as download:
        page.get_by_role("menuitem", name=name).click()
    return Path(download.value.path()).read_bytes()

"""Every kind of widget, drawn and kept up to date: in a real browser, on a real server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from accessibility import violations
from running import Server
from visiting import PATIENCE_MS, sign_in, visit

_MINUTE_MS = 60_000
REGIONS = {"north": 40.0, "south": 30.0, "west": 20.0}
DASHBOARDS = ("saas", "kpi", "business", "self")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("widgets") / "data") as running:
        sell(running, REGIONS)
        call(running, *[200] * 20)
        work(running)
        yield running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """The page, as an admin sees it; at the end no script may have failed."""
    expect.set_options(timeout=PATIENCE_MS)
    with visit(browser, height=1100) as opened:
        sign_in(opened, f"{server.url}/d/business")
        yield opened


def sell(server: Server, revenue: dict[str, float]) -> None:
    """Sell in each region, in each of three minutes that are over."""
    points = [
        {
            "name": name,
            "type": "counter",
            "value": value if name == "shop.revenue" else 1,
            "time": now_ms() - minutes * _MINUTE_MS,
            "tags": {"region": region},
        }
        for minutes in (2, 3, 4)
        for region, value in revenue.items()
        for name in ("shop.revenue", "shop.orders")
    ]
    ingest(server, "metrics", points)


def call(server: Server, *statuses: int, seconds_ago: int = 45) -> None:
    """Call the API, so long ago that the stretch of time that it counts for is over."""
    told = {"endpoint": "/orders", "method": "POST", "duration_ms": 120}
    at = now_ms() - seconds_ago * 1000
    events = [
        {
            "event_type": "API_CALL",
            "user_id": f"user-{place % 3}",
            "timestamp": at,
            "metadata": {**told, "status": status},
        }
        for place, status in enumerate(statuses)
    ]
    ingest(server, "events", events)


def work(server: Server) -> None:
    at = now_ms() - _MINUTE_MS
    task = {"task_id": "1", "task_type": "invoice", "queue": "mail", "status": "success"}
    ingest(server, "tasks", [{**task, "start_time": at - 840, "end_time": at}])


def ingest(server: Server, kind: str, rows: list[dict[str, Any]]) -> None:
    with server.ingest() as client:
        answer = client.post(f"/api/v1/ingest/{kind}", json={kind: rows})
        assert answer.json() == {"accepted": len(rows), "rejected": []}, answer.text


def containing(*parts: str) -> re.Pattern[str]:
    """Text that has all of these in it, in any order."""
    return re.compile("".join(f"(?=.*{re.escape(part)})" for part in parts))


def widget(page: Page, name: str) -> Locator:
    return page.locator(f'[data-widget="{name}"]')


def show(page: Page, server: Server, dashboard: str) -> None:
    page.goto(f"{server.url}/d/{dashboard}")
    expect(page.get_by_test_id("widget").first).to_be_visible()


def test_groups_over_time_and_in_all(page: Page, server: Server) -> None:
    stacked = widget(page, "revenue").get_by_role("img")
    expect(stacked).to_have_attribute("aria-label", containing("Area chart", "north 40 €"))
    bars = widget(page, "orders").get_by_role("img")
    expect(bars).to_have_attribute("aria-label", containing("Bar chart", "south 1"))
    pie = widget(page, "regions").get_by_role("img")
    expect(pie).to_have_attribute("aria-label", containing("north 44%, 120 €"))
    expect(widget(page, "regions")).to_contain_text("270 €")
    groups = widget(page, "orders-region").get_by_role("listitem")
    expect(groups).to_have_text(["north 3", "south 3", "west 3"])
    heatmap = widget(page, "rush").get_by_role("img")
    expect(heatmap).to_have_attribute("aria-label", containing("Heatmap", "west 1"))

    # What comes late, for minutes that are over, changes all of them, without a reload.
    sell(server, {"east": 90.0})
    expect(stacked).to_have_attribute("aria-label", containing("east 90 €"))
    expect(bars).to_have_attribute("aria-label", containing("east 1"))
    expect(pie).to_have_attribute("aria-label", containing("east 50%, 270 €", "north 22%"))
    expect(groups).to_have_count(4)
    expect(heatmap).to_have_attribute("aria-label", containing("east 1"))


def test_a_chart_is_a_table_too(page: Page) -> None:
    drawn = widget(page, "revenue")
    toggle = drawn.get_by_role("button", name="Revenue by region as a table")
    toggle.focus()
    page.keyboard.press("Enter")
    table = drawn.get_by_role("table")
    expect(table.get_by_role("columnheader", name="north")).to_be_visible()
    expect(table.get_by_role("row").filter(has_text="40 €").first).to_be_visible()
    toggle.click()
    expect(drawn.get_by_role("img")).to_be_visible()


def test_text_has_its_marks_and_its_links(page: Page) -> None:
    text = widget(page, "about")
    expect(text.get_by_role("listitem")).to_have_count(3)
    expect(text.locator("code")).to_have_text("nowline demo")
    expect(text.get_by_role("link", name="Explore")).to_have_attribute("href", "/explore")


def test_what_people_do_and_what_is_beyond_its_mark(page: Page, server: Server) -> None:
    show(page, server, "saas")
    users = widget(page, "active").get_by_test_id("metric-card")
    expect(users).to_have_attribute("data-value", "3")
    calls = widget(page, "calls").get_by_test_id("state")
    expect(calls).to_contain_text("of 25/s")
    errors = widget(page, "errors").get_by_test_id("state")
    expect(errors).to_have_attribute("data-tone", "")
    expect(errors).to_contain_text("0%")

    call(server, *[503] * 10, seconds_ago=20)
    expect(errors).to_have_attribute("data-tone", "bad")
    expect(errors).to_contain_text("above 5%")
    feed = widget(page, "newest").get_by_test_id("newest-event")
    expect(feed.filter(has_text="API call failed").first).to_be_visible()
    ends = widget(page, "endpoints").get_by_role("listitem")
    expect(ends.filter(has_text="/orders")).to_have_count(1)


def test_gauges_and_tables(page: Page, server: Server) -> None:
    show(page, server, "kpi")
    slow = widget(page, "slow").get_by_role("meter")
    expect(slow).to_have_attribute("aria-valuemax", "1000")
    expect(slow).to_have_attribute("aria-valuetext", re.compile("^1(19|20|21) ms$"))
    tasks = widget(page, "slowest")
    expect(tasks.get_by_role("row").filter(has_text="invoice")).to_contain_text(
        re.compile("8[34][0-9] ms")
    )
    name = tasks.get_by_role("columnheader").filter(has_text="Name")
    name.get_by_role("button").click()
    expect(name).to_have_attribute("aria-sort", "ascending")

    call(server, *[503] * 200, seconds_ago=45)
    failing = widget(page, "error-share").get_by_role("meter")
    expect(failing).to_have_attribute("aria-valuetext", containing("above 5%"))


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_keeps_anybody_out(
    page: Page, server: Server, scheme: Literal["dark", "light"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    for dashboard in DASHBOARDS:
        show(page, server, dashboard)
        expect(page.locator('[data-testid=widget]:not([data-points="0"])').first).to_be_visible()
        assert violations(page) == [], dashboard
        for width in (1440, 820, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") == width
        page.set_viewport_size({"width": 1440, "height": 1100})

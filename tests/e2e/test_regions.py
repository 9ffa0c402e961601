"""Numbers, dates and clocks as the viewer's region writes them: in a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from accessibility import violations
from running import Server
from visiting import PATIENCE_MS, sign_in, visit

_MINUTE_MS = 60_000
_CLOCK_24 = re.compile(r"^\d{2}:\d{2}(:\d{2})?$")
_CLOCK_12 = re.compile(r"^\d{1,2}:\d{2}(:\d{2})?\s[AP]M$")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with half an hour of one number and one share."""
    with Server(tmp_path_factory.mktemp("regions") / "data") as running:
        now = time.time_ns() // 1_000_000
        times = range(now - 30 * _MINUTE_MS, now, 10_000)
        values = {"shop.orders": 1234.5, "shop.full.percent": 12.5}
        rows = [{"name": n, "value": v, "time": at} for n, v in values.items() for at in times]
        with running.ingest() as client:
            answer = client.post("/api/v1/ingest/metrics", json={"metrics": rows})
            assert answer.status_code == 202, answer.text
        yield running


@pytest.fixture(scope="module")
def dashboard(server: Server) -> str:
    def widget(name: str, kind: str, metric: str, x: int) -> dict[str, object]:
        query = {"metric_name": metric, "aggregation": "max"}
        config = {"query": query, "decimals": 1, "reduce": "max", "time": "1h"}
        position = {"x": x, "y": 0, "w": 4, "h": 6}
        return {"id": name, "type": kind, "title": name, "position": position, "config": config}

    widgets = [
        widget("orders", "metric", "shop.orders", 0),
        widget("full", "metric", "shop.full.percent", 4),
        widget("history", "chart", "shop.orders", 8),
    ]
    with server.alice() as client:
        body = {"name": "Regions", "widgets": widgets}
        answer = client.post("/api/v1/dashboards", json=body)
        assert answer.status_code == 201, answer.text
        return f"/d/{answer.json()['id']}"


def value(page: Page, name: str) -> Locator:
    return page.locator(f'[data-widget="{name}"] .value')


def newest_time(page: Page) -> Locator:
    """The first cell of the table that twins the chart."""
    history = page.locator('[data-widget="history"]')
    history.get_by_role("button", name="history as a table").click()
    return history.get_by_role("rowheader").first


def test_a_german_browser_has_decimal_commas_and_24_hours(
    browser: Browser, server: Server, dashboard: str
) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    with visit(browser, locale="de-DE") as page:
        sign_in(page, f"{server.url}{dashboard}?range=1h")
        expect(value(page, "orders")).to_contain_text("1.234,5")
        expect(value(page, "full")).to_contain_text("12,5%")
        picture = page.locator('[data-widget="history"]').get_by_role("img").first
        expect(picture).to_have_attribute("aria-label", re.compile(r"1\.234,5"))
        expect(newest_time(page)).to_have_text(_CLOCK_24)
        assert violations(page) == []


def test_another_region_is_chosen_and_kept(
    browser: Browser, server: Server, dashboard: str
) -> None:
    with visit(browser, locale="en-US", width=390, height=844) as page:
        sign_in(page, f"{server.url}{dashboard}?range=1h")
        expect(value(page, "orders")).to_contain_text("1,234.5")
        expect(newest_time(page)).to_have_text(_CLOCK_12)
        page.goto(f"{server.url}/settings")
        region = page.get_by_test_id("region")
        expect(region).to_have_value(re.compile("^Browser.s: English"))
        region.fill("deutsch öster")
        region.press("Enter")
        expect(region).to_have_value("German (Austria) · Deutsch (Österreich)")
        expect(page.get_by_test_id("region-sample")).to_contain_text("12,5\u00a0%")
        assert violations(page) == []
        page.goto(f"{server.url}{dashboard}?range=1h")
        expect(value(page, "full")).to_contain_text("12,5")
        expect(newest_time(page)).to_have_text(_CLOCK_24)

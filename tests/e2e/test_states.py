"""Where there is nothing to show, or something is wrong: the page says what, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from accessibility import violations
from running import Server
from visiting import PATIENCE_MS, sign_in, visit

_NOBODY = {"metric_name": "nobody.sent"}
_REFUSED = {"metric_name": "room.temperature", "aggregation": "histogram"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("states") / "data") as running:
        with running.ingest() as client:
            row = {"name": "room.temperature", "value": 20}
            assert client.post("/api/v1/ingest/metrics", json=[row]).status_code == 202
        yield running


def widget(name: str, kind: str, at: int, **config: Any) -> dict[str, Any]:  # noqa: ANN401
    position = {"x": at % 12, "y": at // 12 * 4, "w": 4, "h": 4}
    return {"id": name, "type": kind, "title": name, "position": position, "config": config}


@pytest.fixture(scope="module")
def dashboard(server: Server) -> str:
    empty = [
        widget(f"empty-{chart}", "chart", 4 * at, query=_NOBODY, chart=chart)
        for at, chart in enumerate(("line", "pie", "gauge", "heatmap"))
    ]
    others = [
        widget("empty-number", "metric", 16, query=_NOBODY),
        widget("refused", "chart", 20, query=_REFUSED),
        widget("unknown", "chart", 24, query=_NOBODY, chart="sankey"),
        widget("feed", "feed", 28),
        widget("blank", "text", 32, text=""),
    ]
    with server.alice() as client:
        answer = client.post("/api/v1/dashboards", json={"name": "S", "widgets": empty + others})
        assert answer.status_code == 201, answer.text
        return f"/d/{answer.json()['id']}"


def shown(page: Page, name: str) -> Locator:
    return page.locator(f'[data-widget="{name}"]')


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_each_widget_says_why_it_shows_nothing(
    browser: Browser, server: Server, dashboard: str, width: int, scheme: str
) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    with visit(browser, width=width, color_scheme=scheme) as page:
        sign_in(page, server.url + dashboard)
        for name in ("line", "pie", "gauge", "heatmap", "number"):
            said = shown(page, f"empty-{name}").get_by_test_id("widget-empty")
            expect(said).to_have_text(re.compile(r"No data in this span of time\. What comes in"))
        refused = shown(page, "refused").get_by_test_id("widget-failure")
        expect(refused).to_contain_text("this metric is a gauge")
        expect(shown(page, "unknown")).to_contain_text("cannot show a widget of the kind")
        expect(shown(page, "feed")).to_contain_text("None yet.")
        expect(shown(page, "blank")).to_contain_text("Nothing is written here yet.")
        assert violations(page) == []


def test_a_dashboard_that_is_not_there_leads_to_those_that_are(
    browser: Browser, server: Server
) -> None:
    with visit(browser, width=390) as page:
        sign_in(page, f"{server.url}/d/00000000-0000-4000-8000-000000000000")
        failure = page.get_by_test_id("dashboard-failure")
        expect(failure).to_contain_text("could not be loaded for you")
        assert violations(page) == []
        failure.get_by_role("link", name="All dashboards").click()
        expect(page).to_have_url(re.compile("/dashboards$"))


def test_a_link_that_is_none_says_so(browser: Browser, server: Server) -> None:
    with visit(browser) as page:
        page.goto(f"{server.url}/s/nosuchtoken")
        expect(page.get_by_role("heading")).to_contain_text("This link does not work")
        expect(page.get_by_text("Ask whoever sent it to you")).to_be_visible()
        assert violations(page) == []


@pytest.mark.parametrize("width", [1440, 390])
def test_an_address_without_a_page_leads_to_the_dashboards(
    browser: Browser, server: Server, width: int
) -> None:
    with visit(browser, width=width) as page:
        sign_in(page, f"{server.url}/no/such/page")
        nowhere = page.get_by_test_id("nowhere")
        expect(nowhere).to_contain_text("There is nothing at this address.")
        assert violations(page) == []
        nowhere.get_by_role("link", name="All dashboards").click()
        expect(page).to_have_url(re.compile("/dashboards$"))

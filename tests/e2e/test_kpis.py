"""The page of KPIs, in a real browser on a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from asking import accept
from running import Server
from visiting import sign_in, visit

WIDTHS = (1440, 820, 390)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that 4 orders came to, 3 of them perfect."""
    with Server(tmp_path_factory.mktemp("shop") / "data") as running, running.ingest() as sender:
        for name, value in (("orders.perfect", 3), ("orders.total", 4)):
            accept(sender, {"name": name, "value": value, "type": "counter"})
        yield running


@pytest.fixture
def page(browser: Browser, shop: Server) -> Iterator[Page]:
    """The page of KPIs, as an admin sees it; at the end no script may have failed."""
    with visit(browser) as opened:
        sign_in(opened, f"{shop.url}/kpis")
        yield opened


def test_a_kpi_from_the_empty_page_to_its_end(page: Page) -> None:
    page.get_by_test_id("kpi-first").click()
    page.get_by_test_id("kpi-name").fill("Perfect orders")
    expression = page.get_by_test_id("kpi-expression")
    expression.fill("sum(orders.perfect) / (sum(orders.total) * ) 100")
    page.get_by_test_id("kpi-save").click()
    # The mark stands where the expression is wrong, and so does the cursor.
    expect(page.get_by_test_id("kpi-fault").locator("mark")).to_have_text(")")
    assert expression.evaluate("field => field.selectionStart") == 43

    expression.fill("sum(orders.perfect) / sum(orders.total) * 100")
    page.get_by_test_id("kpi-save").click()
    card = page.get_by_test_id("kpi-card")
    expect(card).to_have_attribute("data-code", "perfect-orders")
    expect(card).to_have_attribute("data-value", "75")

    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.get_by_test_id("period-minute").click()
    expect(page).to_have_url(re.compile("period=minute"))
    page.reload()
    expect(page.get_by_test_id("period-minute")).to_have_attribute("aria-pressed", "true")

    card.hover()
    page.get_by_test_id("kpi-edit").click()
    page.get_by_test_id("kpi-expression").fill("40 + 2")
    page.get_by_test_id("kpi-save").click()
    expect(card).to_have_attribute("data-value", "42")
    expect(page.get_by_test_id("kpi-change")).to_contain_text("→ no change")

    card.hover()
    page.get_by_test_id("kpi-edit").click()
    page.get_by_role("button", name="Delete Perfect orders?").click()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.get_by_test_id("no-kpis")).to_be_visible()

"""Dashboards that people build, in a real browser on a real server."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from accessibility import violations
from building import (
    add,
    assert_fits,
    changed_and_saved,
    dashboard_id,
    drag,
    kept,
    make,
    place,
    saved,
    titles,
    widget_named,
)
from running import Server


def test_builds_a_dashboard_from_nothing_with_the_mouse(page: Page, server: Server) -> None:
    expect(page.get_by_test_id("dashboards-templates")).to_contain_text("This machine")
    assert_fits(page)
    page.get_by_test_id("dashboard-new").click()
    expect(page.get_by_test_id("empty-editor")).to_be_visible()
    add(page, "metric", "carts", "Carts")
    add(page, "line", "orders", "Orders")
    orders = widget_named(page, "Orders")
    expect(page.locator('[data-testid="metric-card"][data-metric="carts"]')).to_have_attribute(
        "data-value", "7"
    )

    before = place(orders)
    column = 1384 / 12
    drag(page, orders.get_by_role("heading"), round(2 * column), 64)
    expect(orders).not_to_have_attribute("data-place", before)
    x, y, w, h = (int(part) for part in place(orders).split())
    orders.hover()
    drag(page, orders.locator(".ui-resizable-se"), round(column), 64)
    expect(orders).to_have_attribute("data-place", f"{x} {y} {w + 1} {h + 1}")
    changed_and_saved(page)
    shown = {w["title"]: w["position"] for w in kept(server, dashboard_id(page))["widgets"]}
    assert shown["Orders"] == {"x": x, "y": y, "w": w + 1, "h": h + 1}

    page.get_by_test_id("edit-menu").click()
    page.get_by_role("menuitem", name="Name, filters, sharing").click()
    page.get_by_test_id("details-name").fill("Shop")
    page.get_by_test_id("details-description").fill("What sells")
    page.get_by_test_id("details-public").check()
    assert violations(page) == []
    page.get_by_role("button", name="Close").click()
    saved(page)
    assert_fits(page)

    page.reload()
    expect(widget_named(page, "Orders")).to_have_attribute("data-place", f"{x} {y} {w + 1} {h + 1}")
    page.get_by_test_id("edit").click()
    expect(page.get_by_role("heading", name="Shop", exact=True)).to_be_visible()
    expect(page.get_by_test_id("widget")).to_have_count(2)
    assert_fits(page)


def test_builds_a_dashboard_with_the_keyboard_alone(page: Page, server: Server) -> None:
    expect(page.get_by_test_id("dashboards-templates")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Search dashboards")).to_be_focused()
    page.get_by_test_id("dashboard-new").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("empty-editor")).to_be_visible()
    page.get_by_test_id("widget-add").focus()
    page.keyboard.press("Enter")
    # From the close button over the kinds to the metric.
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type("orders")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("widget-aggregation")).to_be_visible()
    expect(page.get_by_test_id("widget-form").get_by_test_id("widget")).to_be_visible()
    assert violations(page) == []
    page.get_by_test_id("widget-title").focus()
    page.keyboard.type("Orders")
    page.keyboard.press("Enter")

    widget = widget_named(page, "Orders")
    expect(widget).to_be_focused()
    expect(widget).to_have_attribute("data-place", "0 0 6 5")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    expect(widget).to_have_attribute("data-place", "2 1 7 4")
    expect(page.get_by_test_id("announced")).to_contain_text("column 3, row 2, 7 wide, 4 high")
    # What GridStack has is what the document has.
    held = "e => ['x', 'y', 'w', 'h'].map(k => e.gridstackNode[k]).join(' ')"
    assert widget.evaluate(held) == "2 1 7 4"

    page.keyboard.press("Enter")
    page.get_by_test_id("widget-title").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("Sales")
    page.keyboard.press("Enter")
    expect(widget_named(page, "Sales")).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.get_by_test_id("edit-widget")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(widget_named(page, "Sales")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(widget_named(page, "Orders")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(widget_named(page, "Orders")).to_have_attribute("data-place", "2 1 6 5")
    for _ in range(3):
        page.keyboard.press("Control+Shift+z")
    expect(page.get_by_test_id("edit-widget")).to_have_count(0)
    page.keyboard.press("Control+z")
    changed_and_saved(page)
    page.keyboard.press("e")
    expect(page.get_by_test_id("edit")).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(page.get_by_test_id("widget")).to_have_count(1)
    assert titles(kept(server, dashboard_id(page))) == ["Sales"]


def test_a_template_is_copied_to_be_changed(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/d/host")
    page.get_by_test_id("copy-template").click()
    expect(page.get_by_test_id("edit-widget").first).to_be_visible()
    made = dashboard_id(page)
    with server.alice() as alice:
        template = alice.get("/api/v1/templates/host").json()
    assert titles(kept(server, made)) == titles(template)
    page.keyboard.press("g")
    page.keyboard.press("d")
    row = page.get_by_test_id("dashboards-mine").get_by_test_id("dashboard-row")
    mine = row.filter(has_text="This machine")
    mine.get_by_test_id("row-menu").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("menuitem", name="Yes, delete").click()
    expect(mine).to_have_count(0)


def test_a_dashboard_is_narrowed_by_its_filters(page: Page, server: Server) -> None:
    made = make(server, "Narrow", "Orders")
    page.goto(f"{server.url}/d/{made}?edit=1")
    page.get_by_test_id("edit-menu").click()
    page.get_by_role("menuitem", name="Name, filters, sharing").click()
    page.get_by_test_id("filter-tag").fill("reg")
    page.keyboard.press("Enter")
    page.get_by_test_id("filter-value").click()
    page.get_by_role("option", name="us").click()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_test_id("filters")).to_contain_text("region us")
    card = page.locator('[data-testid="metric-card"][data-metric="orders"]')
    expect(card).to_have_attribute("data-value", "4")
    saved(page)
    assert kept(server, made)["filters"] == {"region": ["us"]}

"""Layouts for tablets and phones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, Page, expect

from accessibility import violations
from building import (
    assert_fits,
    changed_and_saved,
    drag,
    kept,
    make,
    opened,
    widget_named,
)
from polling import eventually
from running import Server


def test_a_phone_is_arranged_at_a_desk(browser: Browser, page: Page, server: Server) -> None:
    made = make(server, "Layouts", "A", "B", "C")
    wide = [widget["position"] for widget in kept(server, made)["widgets"]]
    page.goto(f"{server.url}/d/{made}?edit=1")
    expect(page.get_by_test_id("layout-wide")).to_have_attribute("aria-pressed", "true")
    page.get_by_test_id("layout-small").focus()
    page.keyboard.press("Enter")
    a = widget_named(page, "A")
    expect(a).to_have_attribute("data-place", "0 0 1 2")
    expect(page.get_by_test_id("follows-wide")).to_be_visible()
    a.focus()
    page.keyboard.press("ArrowDown")
    expect(a).to_have_attribute("data-place", "0 4 1 2")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_test_id("announced")).to_contain_text("column 1, row 5, 2 wide, 2 high")
    changed_and_saved(page)
    # The pointer too: to the right of B stands what is dropped there.
    drag(page, widget_named(page, "B").get_by_role("heading"), -187, 0)
    expect(widget_named(page, "B")).to_have_attribute("data-place", "0 0 1 2")
    assert_fits(page)
    document = kept_once(server, made, lambda it: order_on(it, "small") == ["B", "C", "A"])
    assert [widget["position"] for widget in document["widgets"]] == wide
    with opened(browser, f"{server.url}/d/{made}") as phone:
        phone.set_viewport_size({"width": 390, "height": 844})
        expect(phone.get_by_test_id("grid")).to_have_attribute("data-layout", "small")
        assert eventually(lambda: seen_order(phone) == ["B", "C", "A"])
        phone.set_viewport_size({"width": 1440, "height": 900})
        expect(phone.get_by_test_id("grid")).to_have_attribute("data-layout", "wide")
        assert eventually(lambda: seen_order(phone) == ["A", "B", "C"])

    page.get_by_test_id("follow-wide").click()
    expect(a).to_have_attribute("data-place", "0 0 1 2")
    page.keyboard.press("Control+z")
    expect(a).not_to_have_attribute("data-place", "0 0 1 2")
    page.keyboard.press("Control+Shift+z")
    expect(page.get_by_test_id("follows-wide")).to_be_visible()
    kept_once(server, made, lambda it: all("layouts" not in each for each in it["widgets"]))


def kept_once(server: Server, made: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is kept once it is so: a change is saved a moment after it is made."""
    document = eventually(lambda: next(filter(is_so, [kept(server, made)]), None))
    assert document is not None, kept(server, made)
    return document


def order_on(document: dict[str, Any], layout: str) -> list[str]:
    """The titles from top to bottom, and there from left to right."""
    widgets = document["widgets"]
    places = {each["title"]: each["layouts"][layout] for each in widgets if "layouts" in each}
    return sorted(places, key=lambda title: (places[title]["y"], places[title]["x"]))


def seen_order(page: Page) -> list[str]:
    """The titles as they are seen, from top to bottom, and there from left to right."""
    found = page.get_by_test_id("widget").evaluate_all(
        """all => all.map((each) => {
            const { x, y } = each.getBoundingClientRect();
            return [y, x, each.ariaLabel];
        })"""
    )
    return [title for _, _, title in sorted(found)]


def test_the_widgets_of_a_phone_are_arranged_there(page: Page, server: Server) -> None:
    made = make(server, "Phone", "A", "B")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server.url}/d/{made}?edit=1")
    expect(page.get_by_test_id("layout-small")).to_have_attribute("aria-pressed", "true")
    widget_named(page, "A").get_by_test_id("widget-menu").click()
    page.get_by_role("menuitem", name="Move after").click()
    changed_and_saved(page)
    document = kept(server, made)
    assert order_on(document, "small") == ["B", "A"]
    assert [widget["position"]["x"] for widget in document["widgets"]] == [0, 3]
    # What is wider than the phone has a scroll bar of its own.
    page.get_by_test_id("layout-wide").click()
    expect(widget_named(page, "B")).to_have_attribute("data-place", "3 0 3 2")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert violations(page) == []

"""Changes of a dashboard: by two at once, while nobody answers, and back again."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from accessibility import violations
from building import (
    PASSWORD,
    VIEWER,
    add,
    changed_and_saved,
    dashboard_id,
    kept,
    make,
    opened,
    saved,
    titles,
    widget_named,
)
from running import ADMIN_EMAIL, Server


def test_two_browsers_change_one_dashboard_and_nothing_is_lost(
    browser: Browser, page: Page, server: Server
) -> None:
    made = make(server, "Both", "A", "B")
    address = f"{server.url}/d/{made}?edit=1"
    with opened(browser, address) as other:
        page.goto(address)
        for one in (page, other):
            expect(widget_named(one, "A")).to_be_visible()
        add(page, "metric", "carts", "Mine")
        changed_and_saved(page)
        add(other, "metric", "carts", "Theirs")
        expect(other.get_by_test_id("joined")).to_be_visible()
        saved(other)
        assert titles(kept(server, made)) == ["A", "B", "Mine", "Theirs"]

        # The same widget: one of the two has to be chosen.
        retitle(page, "A", "A of mine")
        expect(page.get_by_test_id("joined")).to_be_visible()
        saved(page)
        retitle(other, "A", "A of theirs")
        conflict = other.get_by_test_id("conflict")
        expect(conflict).to_contain_text("A of theirs")
        assert violations(other) == []
        assert titles(kept(server, made))[0] == "A of mine"
        conflict.get_by_role("button", name="Keep mine").click()
        saved(other)
        assert titles(kept(server, made)) == ["A of theirs", "B", "Mine", "Theirs"]
        other.keyboard.press("Control+z")
        # One's own steps are taken back, not those of others.
        expect(widget_named(other, "Mine")).to_be_visible()


def retitle(page: Page, title: str, other: str) -> None:
    widget_named(page, title).focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("widget-title").fill(other)
    page.get_by_test_id("widget-save").click()


def test_keeps_changes_while_the_server_is_away(browser: Browser, tmp_path: Path) -> None:
    with Server(tmp_path / "data") as running:
        made = make(running, "Away", "A")
        with opened(browser, f"{running.url}/d/{made}?edit=1") as page:
            widget = widget_named(page, "A")
            expect(widget).to_be_visible()
            assert running.stop() == 0
            widget.focus()
            page.keyboard.press("ArrowRight")
            expect(page.get_by_test_id("not-saved")).to_contain_text("leave this page open")
            assert warns(page)
            # Another page of ours may be looked at meanwhile: the change waits.
            page.get_by_role("link", name="Explore").click()
            assert warns(page)
            page.go_back()
            expect(widget).to_have_attribute("data-place", "1 0 3 2")
            running.start()
            page.get_by_role("button", name="Try now").click()
            saved(page)
            assert kept(running, made)["widgets"][0]["position"]["x"] == 1
            assert not warns(page)


def warns(page: Page) -> bool:
    """Whether the browser would ask before it leaves the page."""
    event = "new Event('beforeunload', { cancelable: true })"
    return bool(page.evaluate(f"() => !dispatchEvent({event})"))


def test_keeps_what_was_built_on_a_dashboard_that_somebody_deletes(
    page: Page, server: Server
) -> None:
    made = make(server, "Gone", "A")
    page.goto(f"{server.url}/d/{made}?edit=1")
    expect(widget_named(page, "A")).to_be_visible()
    with server.alice() as alice:
        assert alice.delete(f"/api/v1/dashboards/{made}").status_code == 204
    add(page, "metric", "carts", "Mine")
    page.get_by_role("button", name="Keep as a new one").click()
    expect(page).not_to_have_url(re.compile(made))
    expect(widget_named(page, "Mine")).to_be_visible()
    assert titles(kept(server, dashboard_id(page))) == ["A", "Mine"]
    assert not warns(page)


def test_a_viewer_sees_but_does_not_change(browser: Browser, server: Server) -> None:
    shared = make(server, "For all", "A", is_public=True)
    hidden = make(server, "For me", "A")
    with opened(browser, f"{server.url}/dashboards", VIEWER, PASSWORD) as viewer:
        expect(viewer.get_by_test_id("dashboards-shared")).to_contain_text("For all")
        expect(viewer.get_by_text("For me")).to_have_count(0)
        expect(viewer.get_by_test_id("dashboard-new")).to_have_count(0)
        viewer.goto(f"{server.url}/d/{shared}?edit=1")
        expect(viewer.get_by_test_id("widget")).to_have_count(1)
        viewer.keyboard.press("e")
        expect(viewer.get_by_test_id("edit")).to_have_count(0)
        expect(viewer.get_by_test_id("edit-widget")).to_have_count(0)
        viewer.goto(f"{server.url}/d/{hidden}")
        expect(viewer.get_by_test_id("dashboard-failure")).to_contain_text("could not be loaded")


def test_versions_tell_what_changed_and_come_back(page: Page, server: Server) -> None:
    made = make(server, "Old", "A", "B")
    content = kept(server, made)
    content["widgets"][0]["config"]["query"]["aggregation"] = "max"
    with server.alice() as alice:
        alice.put(f"/api/v1/dashboards/{made}", json=content).raise_for_status()
    page.goto(f"{server.url}/d/{made}?edit=1")
    widget_named(page, "B").focus()
    page.keyboard.press("Delete")
    changed_and_saved(page)
    page.get_by_test_id("edit-menu").click()
    page.get_by_role("menuitem", name="Versions").click()
    versions = page.get_by_test_id("versions").get_by_role("listitem")
    expect(versions.first).to_contain_text("Removed “B”")
    expect(versions.first).to_contain_text(ADMIN_EMAIL)
    expect(versions.nth(1)).to_contain_text("Changed “A”")
    versions.nth(1).get_by_text("Show each change").click()
    expect(versions.nth(1)).to_contain_text("query.aggregation: last → max")
    assert violations(page) == []
    page.get_by_role("button", name="Restore version 1").click()
    expect(widget_named(page, "B")).to_be_visible()
    saved(page)
    assert titles(kept(server, made)) == ["A", "B"]

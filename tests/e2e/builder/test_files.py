"""Widgets and dashboards as files, out and in."""

from __future__ import annotations

import re

from playwright.sync_api import FilePayload, Page, expect

from building import dashboard_id, make, taken, widget_named
from running import Server


def test_says_what_is_wrong_with_a_file(page: Page) -> None:
    file: FilePayload = {"name": "x.yaml", "mimeType": "", "buffer": b"name: [unfinished"}
    page.get_by_test_id("import-file").set_input_files(file)
    expect(page.get_by_role("alert")).to_contain_text(re.compile("YAML|line", re.IGNORECASE))


def test_widgets_and_dashboards_can_be_taken_out_and_in(page: Page, server: Server) -> None:
    made = make(server, "Out", "Orders")
    page.goto(f"{server.url}/d/{made}")
    expect(page.get_by_test_id("metric-card")).to_have_attribute("data-value", re.compile(r"\d"))
    assert taken(page, "widget-menu", "Data as CSV").startswith(b"timestamp,value")
    assert b'"data": [' in taken(page, "widget-menu", "Data as JSON")
    assert taken(page, "widget-menu", "Picture as PNG").startswith(b"\x89PNG")
    assert taken(page, "dashboard-menu", "Export as PDF").startswith(b"%PDF")
    assert taken(page, "dashboard-menu", "Export as PNG").startswith(b"\x89PNG")
    exported = taken(page, "dashboard-menu", "Export as YAML")
    assert b"name: Out" in exported
    page.goto(f"{server.url}/dashboards")
    file: FilePayload = {"name": "out.yaml", "mimeType": "application/yaml", "buffer": exported}
    page.get_by_test_id("import-file").set_input_files(file)
    expect(widget_named(page, "Orders")).to_be_visible()
    assert dashboard_id(page) != made

    page.goto(f"{server.url}/d/{made}")
    page.get_by_test_id("widget").hover()
    page.get_by_test_id("widget-menu").click()
    page.get_by_role("menuitem", name="View alone").click()
    expect(page).to_have_url(re.compile("widget=orders"))
    page.get_by_test_id("leave-widget").click()
    expect(page).not_to_have_url(re.compile("widget=orders"))

"""Dashboards that people build, in a real browser on a real server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from accessibility import violations
from asking import accept
from polling import eventually
from running import ADMIN_EMAIL, ADMIN_PASSWORD, Server
from visiting import sign_in, visit

_VIEWER = "victor@example.com"
_PASSWORD = "a long enough password"
WIDTHS = (1440, 820, 390)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that orders of two regions came to, with a viewer."""
    with Server(tmp_path_factory.mktemp("builder") / "data") as running:
        with running.ingest() as sender:
            for region, value in (("eu", 3), ("us", 4)):
                accept(sender, {"name": "orders", "value": value, "tags": {"region": region}})
            accept(sender, {"name": "carts", "value": 7})
        with running.alice() as alice:
            user = {"email": _VIEWER, "password": _PASSWORD, "role": "viewer"}
            assert alice.post("/api/v1/users", json=user).status_code == 201
        yield running


@contextmanager
def opened(
    browser: Browser, url: str, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD
) -> Iterator[Page]:
    """A page of somebody who has just signed in; at the end no script may have failed."""
    with visit(browser, accept_downloads=True) as page:
        sign_in(page, url, email, password)
        yield page


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with opened(browser, f"{server.url}/dashboards") as one:
        yield one


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


def test_says_what_is_wrong_with_a_file(page: Page) -> None:
    file: FilePayload = {"name": "x.yaml", "mimeType": "", "buffer": b"name: [unfinished"}
    page.get_by_test_id("import-file").set_input_files(file)
    expect(page.get_by_role("alert")).to_contain_text(re.compile("YAML|line", re.IGNORECASE))


def test_a_viewer_sees_but_does_not_change(browser: Browser, server: Server) -> None:
    shared = make(server, "For all", "A", is_public=True)
    hidden = make(server, "For me", "A")
    with opened(browser, f"{server.url}/dashboards", _VIEWER, _PASSWORD) as viewer:
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


def taken(page: Page, menu: str, name: str) -> bytes:
    page.get_by_test_id("widget").first.hover()
    page.get_by_test_id(menu).first.click()
    # The first file of a server waits until the process that draws is there.
    with page.expect_download(timeout=90_000) as download:
        page.get_by_role("menuitem", name=name).click()
    return Path(download.value.path()).read_bytes()


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

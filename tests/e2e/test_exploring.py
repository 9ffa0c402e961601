"""Looking closer, and the way back: in a real browser, on a real server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from accessibility import violations
from running import Server
from visiting import PATIENCE_MS, sign_in, visit

_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_REGIONS = {"eu": 30.0, "us": 20.0, "asia": 10.0}
_SHOPS = ("one", "two")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with three hours of sales, by region and shop, and of a temperature."""
    with Server(tmp_path_factory.mktemp("exploring") / "data") as running:
        end = now_ms()
        fill(running, end - 180 * _MINUTE_MS, end)
        yield running


def fill(server: Server, start: int, end: int) -> None:
    for at in range(start, end, 10 * _MINUTE_MS):
        times = range(at, min(at + 10 * _MINUTE_MS, end), 10 * _SECOND_MS)
        ingest(server, [row for each in times for row in rows_at(each)])


def rows_at(at: int) -> Iterator[dict[str, Any]]:
    minute = at // _MINUTE_MS % 60
    yield {"name": "room.temperature", "value": 20 + minute / 10, "time": at}
    for region, value in _REGIONS.items():
        for shop in _SHOPS:
            tags = {"region": region, "shop": f"{region}-{shop}"}
            yield {"name": "shop.sales", "value": value, "time": at, "tags": tags}


def ingest(server: Server, rows: list[dict[str, Any]]) -> None:
    with server.ingest() as client:
        answer = client.post("/api/v1/ingest/metrics", json={"metrics": rows})
        assert answer.status_code == 202, answer.text


def chart(name: str, title: str, query: dict[str, Any], x: int, **config: object) -> dict[str, Any]:
    position = {"x": x, "y": 0, "w": 6, "h": 6}
    shown = {"query": {"aggregation": "avg", **query}, **config}
    return {"id": name, "type": "chart", "title": title, "position": position, "config": shown}


@pytest.fixture(scope="module")
def dashboard(server: Server) -> str:
    """Where a dashboard is shown that has a chart of each metric."""
    sales = {"metric_name": "shop.sales", "group_by": ["region"]}
    widgets = [
        chart("sales", "Sales", sales, 0),
        chart("room", "Room", {"metric_name": "room.temperature"}, 6, chart="area"),
    ]
    with server.alice() as client:
        body = {"name": "Exploring", "widgets": widgets}
        return f"/d/{client.post('/api/v1/dashboards', json=body).json()['id']}"


@pytest.fixture
def page(browser: Browser, server: Server, dashboard: str) -> Iterator[Page]:
    """The dashboard, over the last hour; at the end no script may have failed."""
    expect.set_options(timeout=PATIENCE_MS)
    with visit(browser, timezone_id="Asia/Tokyo", locale="en-GB") as opened:
        sign_in(opened, f"{server.url}{dashboard}?range=1h")
        shows(widget(opened, "sales"))
        shows(widget(opened, "room"))
        yield opened


def widget(page: Page, name: str) -> Locator:
    return page.locator(f'[data-widget="{name}"]')


def shows(shown: Locator) -> None:
    """It has the data of what is looked at."""
    expect(shown).to_have_attribute("data-waiting", "false")
    expect(shown).not_to_have_attribute("data-points", "0")


def drag(page: Page, shown: Locator, start: float, end: float) -> None:
    """Drag over a chart, from one share of its width to another."""
    box = shown.locator(".u-over").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], y)
    page.mouse.move(box["x"] + end * box["width"], y)
    page.mouse.up()


def window(page: Page) -> tuple[float, float]:
    """What the address says of it, in minutes before now."""
    page.wait_for_url(re.compile("from="))
    told = page.evaluate(
        "() => ['from', 'to'].map((name) => Date.parse(new URL(location).searchParams.get(name)))"
    )
    start, end = [(now_ms() - at) / _MINUTE_MS for at in told]
    return start, end


def state(page: Page) -> Locator:
    return page.get_by_test_id("live-state")


def test_dragging_zooms_all_charts_and_leads_back(page: Page) -> None:
    live_points = int(widget(page, "room").get_attribute("data-points") or 0)
    drag(page, widget(page, "sales"), 0.25, 0.5)
    start, end = window(page)
    assert start == pytest.approx(45, abs=2)
    assert end == pytest.approx(30, abs=2)
    expect(state(page)).to_have_attribute("data-state", "paused")
    for name in ("sales", "room"):
        shows(widget(page, name))
    # A quarter of an hour, in whole buckets.
    assert int(widget(page, "room").get_attribute("data-points") or 0) < live_points / 2
    expect(page.get_by_test_id("time-label")).to_have_text(re.compile(r"\d\d:\d\d\D+\d\d:\d\d"))

    page.go_back()
    expect(page).not_to_have_url(re.compile("from="))
    expect(state(page)).to_have_attribute("data-state", "live")
    page.go_forward()
    expect(state(page)).to_have_attribute("data-state", "paused")
    page.reload()
    shows(widget(page, "room"))
    assert window(page)[0] == pytest.approx(start, abs=1)
    page.keyboard.press("Escape")
    expect(state(page)).to_have_attribute("data-state", "live")


def test_every_drag_has_a_key(page: Page) -> None:
    drag(page, widget(page, "room"), 0.5, 0.75)
    start, end = window(page)
    page.keyboard.press("-")
    page.wait_for_function("() => document.querySelector('[data-waiting=true]') === null")
    assert window(page)[0] == pytest.approx(start + (start - end) / 2, abs=1)
    page.get_by_role("application", name=re.compile("^Room")).focus()
    before, address = window(page), page.url
    page.keyboard.press("Shift+ArrowLeft")
    expect(page).not_to_have_url(address)
    moved = window(page)
    assert moved[0] > before[0] + 1
    assert moved[0] - moved[1] == pytest.approx(before[0] - before[1], abs=0.2)
    page.get_by_test_id("back-to-live").click()
    expect(state(page)).to_have_attribute("data-state", "live")


def test_all_charts_point_at_one_moment(page: Page) -> None:
    box = widget(page, "sales").locator(".u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tooltip = page.get_by_test_id("tooltip")
    expect(tooltip.get_by_role("row", include_hidden=True)).to_have_text(
        [re.compile("^ *eu *30"), re.compile("^ *us *20"), re.compile("^ *asia *10")]
    )
    place = "(e) => new DOMMatrix(getComputedStyle(e).transform).e / e.parentElement.clientWidth"
    shares = [
        widget(page, name).locator(".u-cursor-x").evaluate(place) for name in ("sales", "room")
    ]
    assert shares == [pytest.approx(0.5, abs=0.02)] * 2

    page.mouse.move(5, 5)
    page.get_by_role("application", name=re.compile("^Room")).focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    said = widget(page, "room").get_by_test_id("chart-cursor")
    expect(said).to_have_text(re.compile(r"^\d\d:\d\d:\d\d: Room 2\d"))
    assert violations(page) == []


def names(shown: Locator) -> Locator:
    """What is on in a widget's legend."""
    return shown.get_by_role("listitem").get_by_role("button", pressed=True)


def test_a_legend_is_remembered_and_changes_nothing(page: Page, server: Server) -> None:
    sales = widget(page, "sales")
    expect(names(sales)).to_have_text(["asia", "eu", "us"])
    sales.get_by_role("button", name="eu", exact=True).click()
    expect(names(sales)).to_have_text(["eu"])
    asia = sales.get_by_role("button", name="asia", exact=True)
    asia.click(modifiers=["ControlOrMeta"])
    expect(names(sales)).to_have_text(["asia", "eu"])
    asia.focus()
    page.keyboard.press("Space")
    expect(names(sales)).to_have_text(["eu"])
    page.reload()
    expect(names(sales)).to_have_text(["eu"])
    sales.get_by_role("button", name="eu", exact=True).press("Enter")
    expect(names(sales)).to_have_text(["asia", "eu", "us"])
    with server.alice() as client:
        told = client.get("/api/v1/dashboards").json()["dashboards"]
    assert [one["version"] for one in told if one["name"] == "Exploring"] == [1]


def test_goes_into_a_group_and_back(page: Page) -> None:
    drag(page, widget(page, "sales"), 0.2, 0.8)
    told = window(page)
    page.get_by_role("application", name=re.compile("^Sales")).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    opened = page.get_by_role("dialog", name=re.compile("^Values at"))
    expect(opened.get_by_role("button")).to_have_text(["eu", "us", "asia"])
    assert violations(page) == []
    opened.get_by_role("button", name="eu").click()

    expect(page).to_have_url(re.compile(r"/explore\?.*by=shop&where\.region=eu"))
    assert window(page)[0] == pytest.approx(told[0], abs=1)
    facts = page.get_by_test_id("series-facts")
    expect(facts.get_by_role("row")).to_have_count(3)
    facts.get_by_role("button", name="eu-one").click()
    expect(page.get_by_test_id("crumb")).to_have_text([re.compile("region eu"), re.compile("one")])
    expect(facts.get_by_role("row").last).to_contain_text("30")
    assert violations(page) == []
    page.get_by_test_id("crumb").first.get_by_role("button").first.click()
    expect(page.get_by_test_id("crumb")).to_have_count(1)
    expect(facts.get_by_role("row")).to_have_count(3)
    page.get_by_role("button", name="shop.sales", exact=True).click()
    expect(facts.get_by_role("row").nth(1)).to_contain_text("eu")
    expect(page.get_by_test_id("crumb")).to_have_count(0)


def test_a_widget_opens_in_explore(page: Page) -> None:
    sales = widget(page, "sales")
    sales.hover()
    sales.get_by_test_id("widget-menu").click()
    page.get_by_role("menuitem", name="Open in Explore").click()
    expect(page).to_have_url(re.compile(r"metric=shop\.sales&aggregation=avg&by=region&range=1h"))
    expect(page.get_by_role("article", name="shop.sales")).to_be_visible()


def test_any_window_in_any_zone(page: Page) -> None:
    page.get_by_test_id("time").click()
    start, until = page.get_by_test_id("time-from"), page.get_by_test_id("time-to")
    expect(page.get_by_role("button", name="Last 5 minutes")).to_be_focused()
    early = start.input_value()
    start.fill(until.input_value())
    page.get_by_test_id("time-apply").click()
    expect(page.get_by_role("alert")).to_contain_text("at least 10 seconds")
    start.fill(early)
    page.keyboard.press("Enter")
    label = page.get_by_test_id("time-label")
    expect(label).to_contain_text(early[11:])
    told = window(page)

    page.get_by_test_id("time").click()
    page.get_by_test_id("time-zone").fill("utc")
    page.get_by_test_id("time-zone").press("Enter")
    expect(page).to_have_url(re.compile("tz=UTC"))
    hour = (int(early[11:13]) - 9) % 24
    expect(label).to_contain_text(f"{hour:02}{early[13:]}")
    assert violations(page) == []
    page.reload()
    expect(label).to_contain_text(f"{hour:02}{early[13:]}")
    assert window(page)[0] == pytest.approx(told[0], abs=1)


def test_compares_with_an_earlier_time(page: Page) -> None:
    page.get_by_test_id("time").click()
    page.get_by_test_id("compare").select_option("previous")
    page.keyboard.press("Escape")
    sales = widget(page, "sales")
    expect(sales.get_by_role("listitem").filter(has_text="eu")).to_contain_text("+0.0%")
    sales.get_by_role("button", name="Sales as a table").click()
    head = sales.get_by_role("columnheader", name="eu, the span before")
    expect(head).to_be_visible()
    page.reload()
    expect(sales.get_by_role("listitem").filter(has_text="eu")).to_contain_text("+0.0%")
    assert violations(page) == []


def test_a_pause_holds_all_and_catches_up(page: Page, server: Server) -> None:
    room = widget(page, "room")
    page.keyboard.press("Space")
    expect(state(page)).to_have_attribute("data-state", "paused")
    before = room.get_attribute("data-newest")
    at = now_ms() - _SECOND_MS
    ingest(server, [{"name": "room.temperature", "value": 21, "time": at}])
    page.get_by_test_id("pause").click()
    expect(state(page)).to_have_attribute("data-state", "live")
    expect(room).not_to_have_attribute("data-newest", before or "")


def test_filters_for_who_looks_and_for_all(page: Page, server: Server, dashboard: str) -> None:
    asked = dashboard.rpartition("/")[2]
    page.get_by_test_id("filter-add").click()
    page.get_by_role("dialog", name="Add a filter").get_by_role("button", name="region").click()
    page.get_by_test_id("filter-open").click()
    values = page.get_by_role("dialog", name="Filter by region")
    values.get_by_role("searchbox").fill("u")
    values.get_by_role("checkbox", name="eu").check()
    values.get_by_role("checkbox", name="us").check()
    expect(names(widget(page, "sales"))).to_have_text(["eu", "us"])
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("filter-chip")).to_contain_text("eu or us")
    assert violations(page) == []
    # The temperature has no region, and stays.
    shows(widget(page, "room"))
    expect(page).to_have_url(re.compile("f.region=eu&f.region=us"))
    page.reload()
    expect(names(widget(page, "sales"))).to_have_text(["eu", "us"])

    def kept() -> object:
        with server.alice() as client:
            return client.get(f"/api/v1/dashboards/{asked}").json().get("filters")

    assert not kept()
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        page.get_by_test_id("filter-save").click()
    assert kept() == {"region": ["eu", "us"]}
    expect(page).not_to_have_url(re.compile("f.region"))
    page.get_by_role("button", name="Remove the filter by region").click()
    expect(names(widget(page, "sales"))).to_have_text(["asia", "eu", "us"])
    page.get_by_test_id("filter-reset").click()
    expect(names(widget(page, "sales"))).to_have_text(["eu", "us"])
    with server.alice() as client:
        told = client.get(f"/api/v1/dashboards/{asked}").json()
        fields = ("name", "widgets")
        client.put(f"/api/v1/dashboards/{asked}", json={name: told[name] for name in fields})


def test_a_widget_keeps_a_span_and_a_comparison_of_its_own(
    page: Page, server: Server, dashboard: str
) -> None:
    page.goto(f"{server.url}{dashboard}?edit=1&configure=room&range=1h")
    page.get_by_test_id("widget-range").select_option("6h")
    page.get_by_test_id("widget-refresh").select_option("5s")
    page.get_by_test_id("widget-compare").select_option("previous")
    page.get_by_test_id("widget-save").click()
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved")
    page.keyboard.press("e")
    room = widget(page, "room")
    expect(room.get_by_test_id("own-range")).to_have_text("last 6h")
    expect(room.get_by_role("img")).to_have_attribute("aria-label", re.compile("of 6 h"))
    drag(page, widget(page, "sales"), 0.25, 0.5)
    expect(room.get_by_role("img")).to_have_attribute("aria-label", re.compile("of 1[45] min"))
    with server.alice() as client:
        told = client.get(f"/api/v1{dashboard.replace('/d/', '/dashboards/')}").json()
    config = next(one["config"] for one in told["widgets"] if one["id"] == "room")
    own = {name: config[name] for name in ("time_range", "refresh_interval", "compare")}
    assert own == {"time_range": {"last": "6h"}, "refresh_interval": "5s", "compare": "previous"}

"""What people do, as the page shows it: in a real browser, on a real server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from running import Server
from visiting import sign_in, visit

WIDTHS = (1440, 820, 390)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("activity") / "data") as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """The page of activity, as an admin sees it; at the end no script may have failed."""
    with visit(browser) as opened:
        sign_in(opened, f"{server.url}/activity")
        yield opened


def send(server: Server, *events: dict[str, Any]) -> None:
    with server.ingest() as client:
        answer = client.post("/api/v1/ingest/events", json={"events": events})
        assert answer.json() == {"accepted": len(events), "rejected": []}, answer.text


def by_itself(page: Page) -> None:
    """From the next load on, the page's WebSockets are seen: what a shared worker opens is not."""
    page.add_init_script("delete window.SharedWorker")


def fits(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.set_viewport_size({"width": 1440, "height": 900})


def test_events_from_the_empty_page_to_the_last_one_of_the_past(page: Page, server: Server) -> None:
    expect(page.get_by_test_id("first-rows")).to_contain_text("/api/v1/ingest/events")
    fits(page)

    # The page comes alive by itself.
    call = {"endpoint": "/orders", "method": "POST", "duration_ms": 18.4}
    send(
        server,
        {"event_type": "USER_LOGIN", "user_id": "ada", "organization_id": "acme"},
        {"event_type": "API_CALL", "user_id": "ada", "metadata": {**call, "status": 201}},
        {"event_type": "API_CALL", "user_id": "bob", "metadata": {**call, "status": 503}},
    )
    newest = page.get_by_test_id("newest-event")
    expect(newest).to_have_count(3)
    expect(newest.filter(has_text="POST /orders · 201 · 18.4 ms")).to_have_count(1)
    expect(newest.filter(has_text="API call failed")).to_contain_text("bob")
    users = page.locator('[data-card="active_users"]')
    expect(users).to_have_attribute("data-value", "2")
    errors = page.locator('[data-card="error_rate_percent"]')
    expect(errors).to_have_attribute("data-value", "50")
    expect(errors).to_contain_text("above 5%")
    expect(page.get_by_test_id("widget").filter(has_text="What people do")).to_be_visible()
    fits(page)

    # What is under the pointer stays where it is.
    first = newest.first.get_attribute("data-id")
    newest.first.hover()
    send(server, {"event_type": "USER_LOGOUT", "user_id": "ada", "event_id": "out-1"})
    expect(page.get_by_test_id("newest-events")).to_contain_text("1 more")
    assert newest.first.get_attribute("data-id") == first
    page.get_by_test_id("activity-tab-people").hover()
    expect(newest.first).to_have_attribute("data-id", "out-1")

    # The dashboards of calls and of tasks, the latter still without any.
    page.get_by_test_id("activity-tab-api").click()
    slowest = page.get_by_test_id("widget").filter(has_text="Slowest endpoints")
    expect(slowest).to_contain_text("/orders")
    page.get_by_test_id("activity-tab-tasks").click()
    expect(page.get_by_test_id("first-rows")).to_contain_text("/api/v1/ingest/tasks")


def test_looking_back_filters_and_pages(page: Page, server: Server) -> None:
    now = int(time.time() * 1000)
    many = [
        {
            "event_type": "COUPON_REDEEMED",
            "user_id": f"customer-{number % 2}",
            "session_id": f"s-{number}",
            "timestamp": now - 60_000 - number,
            "event_id": f"coupon-{number}",
        }
        for number in range(120)
    ]
    send(server, *many)
    page.goto(f"{server.url}/activity/events")
    past = page.get_by_test_id("past-event")

    page.get_by_test_id("filter-user_id").fill("customer-1")
    page.get_by_test_id("filter-user_id").press("Enter")
    expect(page).to_have_url(re.compile("user_id=customer-1"))
    expect(past).to_have_count(50)
    page.get_by_test_id("older-events").click()
    expect(past).to_have_count(60)
    expect(page.get_by_test_id("older-events")).to_be_hidden()
    assert {row.get_attribute("data-user") for row in past.all()} == {"customer-1"}
    fits(page)

    # From one event to all of its session, and back by the browser.
    past.first.click()
    past.first.get_by_role("link", name="s-1", exact=True).click()
    expect(past).to_have_count(1)
    expect(page.get_by_test_id("filter-session_id")).to_have_value("s-1")
    page.go_back()
    expect(past).to_have_count(50)

    page.get_by_test_id("filter-event_type").fill("NEVER_SEEN")
    page.get_by_test_id("filter-apply").click()
    expect(page.get_by_test_id("no-events")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(past.first).to_be_visible()


def test_an_event_is_shown_within_a_second_of_its_post(page: Page, server: Server) -> None:
    send(server, {"event_type": "USER_LOGIN", "user_id": "before"})
    newest = page.get_by_test_id("newest-event")
    expect(newest.filter(has_text="before").first).to_be_visible()
    by_itself(page)
    with page.expect_websocket(lambda opened: "/ws/activity" in opened.url) as caught:
        page.reload()
    caught.value.wait_for_event("framereceived")
    expect(newest.first).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for number in range(3):
        send(server, {"event_type": "USER_LOGIN", "user_id": f"at-once-{number}"})
        expect(newest.filter(has_text=f"at-once-{number}")).to_be_visible(timeout=1_000)
    assert not [url for url in asked if "/activity/recent" in url or "/activity/stats" in url]


def test_the_page_polls_where_no_websocket_gets_through(page: Page, server: Server) -> None:
    by_itself(page)
    page.route_web_socket(re.compile("/ws/"), lambda route: route.close(code=1011))
    page.reload()
    send(server, {"event_type": "USER_LOGIN", "user_id": "polled"})
    expect(page.get_by_test_id("newest-event").filter(has_text="polled")).to_be_visible()


def test_the_page_stays_when_the_server_fails(page: Page, server: Server) -> None:
    by_itself(page)
    page.route_web_socket(re.compile("/ws/activity"), lambda route: route.close(code=1011))
    page.reload()
    send(server, {"event_type": "USER_LOGIN", "user_id": "eve"})
    login = page.get_by_test_id("newest-event").filter(has_text="eve")
    expect(login.first).to_be_visible()
    page.route("**/api/v1/activity/stats*", lambda route: route.abort())
    expect(page.get_by_text("Showing the last values.")).to_be_visible()
    expect(login.first).to_be_visible()
    page.unroute("**/api/v1/activity/stats*")
    expect(page.get_by_text("Showing the last values.")).to_be_hidden()

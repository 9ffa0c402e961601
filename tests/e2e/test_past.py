"""A span of the past, as a link opens it: in a real browser on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from accessibility import violations
from asking import MINUTE_MS, whole_minute
from running import Server
from visiting import sign_in, visit

PHONES = (360, 390)


@pytest.fixture(scope="module")
def end() -> int:
    return whole_minute(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, end: int) -> Iterator[Server]:
    """A server on which somebody did something in the span, and after it."""
    with Server(tmp_path_factory.mktemp("past") / "data") as running:
        events = [
            {"event_type": "USER_LOGIN", "user_id": "ada", "timestamp": end - MINUTE_MS},
            {"event_type": "USER_LOGOUT", "user_id": "grace", "timestamp": end + MINUTE_MS},
        ]
        with running.ingest() as client:
            answer = client.post("/api/v1/ingest/events", json={"events": events})
            assert answer.json() == {"accepted": 2, "rejected": []}
        yield running


def address(server: Server, board: str, end: int) -> str:
    first, last = (datetime.fromtimestamp(at / 1000, UTC) for at in (end - 10 * MINUTE_MS, end))
    return f"{server.url}/d/{board}?from={first:%FT%TZ}&to={last:%FT%TZ}"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with visit(browser) as one:
        yield one


def test_a_feed_tells_what_had_happened_until_then(page: Page, server: Server, end: int) -> None:
    sign_in(page, address(server, "saas", end))
    feed = page.locator('[data-widget="newest"]').get_by_test_id("newest-event")
    expect(feed).to_have_count(1)
    expect(feed).to_contain_text("ada")
    # Not how long ago it was from now, but when.
    when = datetime.fromtimestamp((end - MINUTE_MS) / 1000, UTC)
    expect(feed.locator("time")).to_contain_text(f"{when:%M:00}")
    page.get_by_test_id("back-to-live").click()
    expect(feed.filter(has_text="grace")).to_have_count(1)
    expect(feed.first.locator("time")).to_contain_text("min")


def test_people_are_those_of_the_span(page: Page, server: Server, end: int) -> None:
    sign_in(page, address(server, "user-activity", end))
    newest = page.get_by_test_id("newest-events").get_by_test_id("newest-event")
    expect(newest).to_have_count(1)
    expect(newest).to_contain_text("ada")
    # Counters of now have no place in the past.
    assert page.get_by_text("Error rate", exact=True).count() == 0
    page.get_by_test_id("back-to-live").click()
    expect(page.get_by_text("Error rate", exact=True)).to_be_visible()
    expect(newest.filter(has_text="grace")).to_have_count(1)


@pytest.mark.parametrize("width", PHONES)
def test_all_of_the_bar_is_within_reach_of_a_phone(
    page: Page, server: Server, end: int, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    sign_in(page, address(server, "saas", end))
    expect(page.get_by_test_id("live-state")).to_have_attribute("data-state", "paused")
    reach = "e => e.getBoundingClientRect().right"
    buttons = page.get_by_role("banner").get_by_role("button")
    assert max(button.evaluate(reach) for button in buttons.all()) <= width
    assert violations(page) == []
    page.get_by_test_id("pause").click()
    expect(page.get_by_test_id("live-state")).to_have_attribute("data-state", "live")

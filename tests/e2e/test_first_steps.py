"""The way to a first metric of one's own, in a real browser on a real server without data."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from accessibility import violations
from asking import accept
from running import ADMIN_EMAIL, ADMIN_PASSWORD, Server
from visiting import sign_in, visit

_EDITOR = "erin@example.com"
_PASSWORD = "a long enough password"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A new installation, with an editor besides its administrator."""
    with Server(tmp_path_factory.mktemp("new") / "data", NOWLINE_HOST_METRICS="on") as running:
        with running.alice() as alice:
            user = {"email": _EDITOR, "password": _PASSWORD, "role": "editor"}
            assert alice.post("/api/v1/users", json=user).status_code == 201
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a new visitor; at the end no script may have failed."""
    with visit(browser) as opened:
        yield opened


def run(command: str, body: dict[str, object]) -> None:
    """Send to where the command sends, with its headers, but another body."""
    words = shlex.split(command.replace("\\\n", " "))
    headers = [words[at + 1] for at, word in enumerate(words) if word == "-H"]
    assert json.loads(words[words.index("-d") + 1])["metrics"]
    sent = httpx.post(words[1], headers=dict(line.split(": ") for line in headers), json=body)
    assert sent.status_code == 202, sent.text


def test_three_steps_lead_from_nothing_to_a_chart(page: Page, server: Server) -> None:
    sign_in(page, server.url, ADMIN_EMAIL, ADMIN_PASSWORD)
    invitation = page.get_by_test_id("first-steps-invitation")
    invitation.get_by_role("link", name="First steps").click()
    guide = page.get_by_test_id("first-steps")
    expect(guide.get_by_test_id("first-steps-chart")).to_be_disabled()
    guide.get_by_test_id("create-ingest-key").click()
    command = guide.get_by_label("Command that sends a metric").locator("code")
    expect(command).to_contain_text("Bearer nl_")
    assert violations(page) == []

    run(command.inner_text(), {"metrics": [{"name": "my.metric", "value": 42}]})
    expect(guide.get_by_test_id("first-steps-seen")).to_have_text(
        re.compile(r"Got it:\s+my\.metric\s+=\s+42")
    )
    assert violations(page) == []

    guide.get_by_test_id("first-steps-chart").click()
    page.wait_for_url(re.compile(r"/d/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", name="my.metric", level=1)).to_be_visible()
    number = page.locator('[data-testid="widget"][data-widget="metric"]')
    expect(number).to_contain_text("42")
    expect(page.locator('[data-testid="widget"][data-widget="area"]')).to_have_attribute(
        "data-newest", re.compile(r"^\d{13}$")
    )
    with server.alice() as alice:
        (made,) = alice.get("/api/v1/dashboards").json()["dashboards"]
    assert (made["name"], made["is_public"]) == ("my.metric", False)


def test_hidden_it_stays_hidden_until_it_is_asked_for(page: Page, server: Server) -> None:
    sign_in(page, f"{server.url}/dashboards", ADMIN_EMAIL, ADMIN_PASSWORD)
    guide = page.get_by_test_id("first-steps")
    guide.get_by_test_id("first-steps-hide").click()
    expect(guide).to_have_count(0)
    page.reload()
    page.get_by_test_id("dashboards-templates").wait_for()
    expect(page.get_by_test_id("live-state")).to_have_attribute("data-state", "live")
    expect(guide).to_have_count(0)

    with server.ingest() as sender:
        accept(sender, {"name": "coffee.cups", "value": 3})
    page.goto(server.url)
    page.locator('[data-testid="metric-card"][data-metric="coffee.cups"]').wait_for()
    page.get_by_test_id("user-menu").click()
    page.get_by_test_id("first-steps-open").click()
    # What was there before is not what is waited for, nor what is proposed.
    expect(guide.get_by_test_id("first-steps-seen")).to_contain_text("Waiting")
    expect(guide.get_by_label("Command that sends a metric")).to_contain_text("coffee.cups.2")


def test_who_may_not_make_keys_is_not_led_to_them(page: Page, server: Server) -> None:
    sign_in(page, server.url, _EDITOR, _PASSWORD)
    # It would stand above this, and be there as soon as it is known that nothing was sent.
    page.get_by_test_id("first-rows").wait_for()
    expect(page.get_by_test_id("first-steps-invitation")).to_have_count(0)
    page.get_by_test_id("user-menu").click()
    expect(page.get_by_test_id("sign-out")).to_be_visible()
    expect(page.get_by_test_id("first-steps-open")).to_have_count(0)

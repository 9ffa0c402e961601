"""What a new user does, in a real browser on a real server."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from failing_server import FailingServer
from running import ADMIN_EMAIL, ADMIN_PASSWORD, Server

_PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that measures the machine it runs on."""
    folder = tmp_path_factory.mktemp("host") / "data"
    with Server(folder, NOWLINE_HOST_METRICS="on") as running:
        yield running


@contextmanager
def opened(
    browser: Browser, url: str, *, width: int = 1440, scheme: str = "light"
) -> Iterator[Page]:
    """A page of a new visitor; at the end it must have complained of nothing."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.extend(_complaint(message)))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    yield page
    context.close()
    assert complaints == []


def _complaint(message: ConsoleMessage) -> list[str]:
    """An error in the console, unless it is a request that failed: those have designed answers."""
    is_network = message.text.startswith("Failed to load resource") or "WebSocket" in message.text
    return [message.text] if message.type == "error" and not is_network else []


def sign_in(page: Page) -> None:
    page.get_by_test_id("signin-email").fill(ADMIN_EMAIL)
    page.get_by_test_id("signin-password").fill(ADMIN_PASSWORD)
    page.get_by_test_id("signin-submit").click()
    wait_until_live(page)


def wait_until_live(page: Page, transport: str = "ws") -> None:
    state = page.get_by_test_id("live-state")
    expect(state).to_have_attribute("data-state", "live", timeout=_PATIENCE_MS)
    expect(state).to_have_attribute("data-transport", transport, timeout=_PATIENCE_MS)


def newest(page: Page, widget: str) -> int:
    """The time of the newest point that a widget shows, epoch milliseconds."""
    shown = page.locator(f'[data-testid="widget"][data-widget="{widget}"]')
    return int(shown.get_attribute("data-newest") or 0)


def wait_for_newer(page: Page, widget: str, than: int) -> None:
    selector = f'[data-testid="widget"][data-widget="{widget}"]'
    page.wait_for_function(
        "([selector, than]) => Number(document.querySelector(selector)?.dataset.newest) > than",
        arg=[selector, than],
    )


def post(server: Server, name: str, value: float) -> None:
    with server.ingest() as client:
        body = {"metrics": [{"name": name, "value": value}]}
        answer = client.post("/api/v1/ingest/metrics", json=body)
        assert answer.status_code == 202, answer.text


def test_shows_the_host_live_after_signing_in(browser: Browser, host: Server) -> None:
    with opened(browser, host.url) as page:
        sign_in(page)
        before = newest(page, "cpu-now")
        wait_for_newer(page, "cpu-now", before)
        wait_for_newer(page, "cpu", before)
        # From the arrival of an event to its pixels, of the whole page and of each widget.
        expect(page.get_by_test_id("live-state")).to_contain_text(re.compile(r"\d ms"))
        card = page.locator('[data-testid="widget"][data-widget="cpu"]')
        expect(card).to_have_attribute("data-latency", re.compile(r"^\d+$"))


def test_shows_a_posted_metric_without_a_reload(browser: Browser, host: Server) -> None:
    with opened(browser, host.url) as page:
        sign_in(page)
        page.evaluate("() => { window.unreloaded = true }")
        post(host, "orders.posted", 42)
        card = page.locator('[data-testid="metric-card"][data-metric="orders.posted"]')
        expect(card).to_have_attribute("data-value", "42", timeout=_PATIENCE_MS)
        post(host, "orders.posted", 43)
        expect(card).not_to_have_attribute("data-value", "42", timeout=_PATIENCE_MS)
        assert page.evaluate("() => window.unreloaded")


def test_recovers_without_a_gap_when_the_server_restarts(browser: Browser, tmp_path: Path) -> None:
    with (
        Server(tmp_path / "data", NOWLINE_HOST_METRICS="on") as server,
        opened(browser, server.url) as page,
    ):
        sign_in(page)
        wait_for_newer(page, "cpu", newest(page, "cpu"))
        assert server.stop() == 0
        state = page.get_by_test_id("live-state")
        expect(state).to_have_attribute("data-state", "reconnecting", timeout=_PATIENCE_MS)
        assert_offers_to_try_again(page)
        server.start()
        stopped_at = int(time.time() * 1000)
        wait_until_live(page)
        wait_for_newer(page, "cpu", stopped_at)
        assert_shows_all(page, server, "cpu", "host.cpu.percent")


def assert_offers_to_try_again(page: Page) -> None:
    """After some tries, and beside all else at the top of a phone's page."""
    page.set_viewport_size({"width": 390, "height": 900})
    expect(page.get_by_role("button", name="Try again")).to_be_visible(timeout=_PATIENCE_MS)
    user = page.get_by_test_id("user-menu").bounding_box()
    assert user
    assert user["x"] + user["width"] <= 390
    page.set_viewport_size({"width": 1440, "height": 900})


def test_says_that_it_shows_what_is_stored_until_the_server_is_repaired(
    browser: Browser, tmp_path: Path
) -> None:
    with (
        FailingServer(tmp_path / "data", NOWLINE_HOST_METRICS="on") as server,
        opened(browser, server.url) as page,
    ):
        sign_in(page)
        card = page.locator('[data-testid="widget"][data-widget="cpu"]')
        state = page.get_by_test_id("live-state")
        with server.trouble("raise"):
            expect(card).to_have_attribute("data-degraded", "true", timeout=_PATIENCE_MS)
            expect(state).to_have_attribute("data-state", "degraded")
            expect(state).to_contain_text("every 5 s")
            wait_for_newer(page, "cpu", newest(page, "cpu"))
        expect(card).to_have_attribute("data-degraded", "false", timeout=_PATIENCE_MS)
        wait_until_live(page)


def assert_shows_all(page: Page, server: Server, widget: str, metric: str) -> None:
    """The widget holds as many points as the server does, which goes on counting meanwhile."""
    shown = page.locator(f'[data-testid="widget"][data-widget="{widget}"]')
    query = {"metric_name": metric, "time_range": {"last": "5m"}, "interval": "1s"}
    counts = set()
    with server.alice() as client:
        for _ in range(20):
            points = int(shown.get_attribute("data-points") or 0)
            answer = client.post("/api/v1/metrics/query", json=query).json()
            counts.add((points, answer["meta"]["points"]))
            if points == answer["meta"]["points"]:
                return
            page.wait_for_function(
                "([e, n]) => Number(e.dataset.points) !== n", arg=[shown.element_handle(), points]
            )
    raise AssertionError(f"points shown and stored: {sorted(counts)}")


@pytest.mark.parametrize("transport", ["sse", "poll"])
def test_falls_back_to_other_transports(browser: Browser, host: Server, transport: str) -> None:
    with opened(browser, f"{host.url}/?transport={transport}") as page:
        page.get_by_test_id("signin-email").fill(ADMIN_EMAIL)
        page.get_by_test_id("signin-password").fill(ADMIN_PASSWORD)
        page.get_by_test_id("signin-submit").click()
        shown = page.get_by_test_id("live-state")
        expect(shown).to_have_attribute("data-transport", transport, timeout=_PATIENCE_MS)
        wait_for_newer(page, "cpu", newest(page, "cpu"))


def test_refuses_a_wrong_password_in_plain_words(browser: Browser, host: Server) -> None:
    with opened(browser, host.url) as page:
        page.get_by_test_id("signin-email").fill(ADMIN_EMAIL)
        page.get_by_test_id("signin-password").fill("not the password")
        page.get_by_test_id("signin-submit").click()
        expect(page.get_by_role("alert")).to_contain_text("do not belong together")


def test_sets_up_the_first_admin_by_the_printed_link(browser: Browser, tmp_path: Path) -> None:
    nobody = {"NOWLINE_ADMIN_EMAIL": "", "NOWLINE_ADMIN_PASSWORD": ""}
    with Server(tmp_path / "data", NOWLINE_HOST_METRICS="on", **nobody) as server:
        assert server.process is not None
        assert server.process.stdout is not None
        link = server.process.stdout.readline().split()[-1]
        with opened(browser, link) as page:
            page.get_by_test_id("setup-email").fill("first@example.com")
            page.get_by_test_id("setup-password").fill("a long enough password")
            page.get_by_test_id("setup-submit").click()
            wait_until_live(page)
            assert "token" not in page.url
        with opened(browser, link) as page:
            page.get_by_test_id("setup-email").fill("second@example.com")
            page.get_by_test_id("setup-password").fill("a long enough password")
            page.get_by_test_id("setup-submit").click()
            expect(page.get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820, 390])
def test_never_scrolls_sideways(browser: Browser, host: Server, width: int, scheme: str) -> None:
    with opened(browser, host.url, width=width, scheme=scheme) as page:
        sign_in(page)
        for path in ("/", "/explore", "/settings", "/d/shop", "/activity", "/activity/events"):
            page.goto(f"{host.url}{path}")
            wait_until_live(page)
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_gives_a_key_and_a_command_that_runs_as_it_is(browser: Browser, tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server, opened(browser, server.url) as page:
        sign_in(page)
        page.get_by_test_id("create-ingest-key").click()
        command = page.get_by_label("Command that sends a metric").locator("code")
        expect(command).to_contain_text("Bearer nl_")
        subprocess.run(["sh", "-c", command.inner_text()], check=True, capture_output=True)
        card = page.locator('[data-testid="metric-card"][data-metric="coffee.cups"]')
        expect(card).to_have_attribute("data-value", "3", timeout=_PATIENCE_MS)


def test_explore_keeps_its_question_over_a_reload_and_goes_back(
    browser: Browser, host: Server
) -> None:
    with opened(browser, host.url) as page:
        sign_in(page)
        page.goto(f"{host.url}/explore?metric=host.load&by=period&range=1h")
        wait_until_live(page)
        hour = page.get_by_role("button", name="1h")
        expect(hour).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="host.memory.percent").click()
        expect(page).to_have_url(re.compile(r"metric=host\.memory\.percent"))
        page.go_back()
        expect(page).to_have_url(re.compile(r"metric=host\.load"))
        page.reload()
        wait_until_live(page)
        expect(hour).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_role("article", name="host.load")).to_be_visible()


def test_tabs_opened_and_reloaded_together_stay_signed_in(browser: Browser, host: Server) -> None:
    with opened(browser, host.url) as page:
        sign_in(page)
        tabs = [page.context.new_page() for _ in range(3)]
        for _ in range(3):
            for tab in tabs:
                tab.goto(host.url, wait_until="commit")
        for tab in [*tabs, page]:
            wait_until_live(tab)


def test_signing_out_in_one_tab_signs_the_others_out(browser: Browser, host: Server) -> None:
    with opened(browser, host.url) as page:
        sign_in(page)
        other = page.context.new_page()
        other.goto(host.url)
        wait_until_live(other)
        other.get_by_test_id("user-menu").click()
        other.get_by_test_id("sign-out").click()
        expect(page.get_by_test_id("signin-email")).to_be_visible(timeout=_PATIENCE_MS)


def test_falls_back_when_websockets_are_blocked_and_climbs_back(
    browser: Browser, host: Server
) -> None:
    with opened(browser, host.url) as page:
        # What a shared worker opens cannot be routed; its tab would have done the same.
        page.add_init_script("delete window.SharedWorker")
        page.reload()
        blocked = True
        page.route_web_socket(
            re.compile("/ws/"), lambda ws: ws.close() if blocked else ws.connect_to_server()
        )
        page.get_by_test_id("signin-email").fill(ADMIN_EMAIL)
        page.get_by_test_id("signin-password").fill(ADMIN_PASSWORD)
        page.get_by_test_id("signin-submit").click()
        wait_until_live(page, "sse")
        wait_for_newer(page, "cpu", newest(page, "cpu"))
        blocked = False
        wait_until_live(page, "ws")
        wait_for_newer(page, "cpu", newest(page, "cpu"))

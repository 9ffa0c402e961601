"""Several tabs of one browser, on a real server: they share one live connection."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from running import ADMIN_EMAIL, ADMIN_PASSWORD, Server

_PATIENCE_MS = 30_000
_NO_SHARED_WORKER = "delete window.SharedWorker"
_HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that measures the machine it runs on."""
    folder = tmp_path_factory.mktemp("tabs") / "data"
    with Server(folder, NOWLINE_HOST_METRICS="on") as running:
        yield running


@contextmanager
def visitor(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """Somebody who has signed in before; no script of their pages may fail."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(_PATIENCE_MS)
    login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    assert context.request.post(f"{server.url}/api/auth/login", data=login).ok
    failures: list[str] = []
    context.on("weberror", lambda error: failures.append(str(error.error)))
    yield context
    context.close()
    assert failures == []


def open_tab(context: BrowserContext, server: Server) -> Page:
    tab = context.new_page()
    tab.goto(server.url)
    wait_until_live(tab)
    return tab


def wait_until_live(tab: Page) -> None:
    state = tab.get_by_test_id("live-state")
    expect(state).to_have_attribute("data-state", "live", timeout=_PATIENCE_MS)


def wait_for_newer(tab: Page) -> None:
    """Two new points: one may have been on its way."""
    for _ in range(2):
        card = tab.locator('[data-testid="widget"][data-widget="cpu"]')
        before = card.get_attribute("data-newest") or ""
        expect(card).not_to_have_attribute("data-newest", before, timeout=_PATIENCE_MS)


def wait_for_connections(server: Server, count: int) -> None:
    """Until the server has as many live connections."""
    gauge = re.compile(r"^nowline_live_connections (\d+)", re.MULTILINE)
    deadline = time.monotonic() + _PATIENCE_MS / 1000
    found = -1
    with server.alice() as client:
        while found != count and time.monotonic() < deadline:
            match = gauge.search(client.get("/metrics").text)
            assert match
            found = int(match[1])
    assert found == count


def test_tabs_share_one_connection_that_outlives_the_first(browser: Browser, host: Server) -> None:
    with visitor(browser, host) as context:
        first = open_tab(context, host)
        second = open_tab(context, host)
        wait_for_newer(first)
        wait_for_newer(second)
        wait_for_connections(host, 1)
        for tab in (first, second):
            expect(tab.get_by_test_id("live-state")).to_contain_text(re.compile(r"\d ms"))
            card = tab.locator('[data-testid="widget"][data-widget="cpu"]')
            expect(card).to_have_attribute("data-latency", re.compile(r"^\d+$"))
        first.close()
        wait_for_newer(second)
        wait_until_live(second)
        wait_for_connections(host, 1)
    wait_for_connections(host, 0)


def test_two_visitors_do_not_share(browser: Browser, host: Server) -> None:
    with visitor(browser, host) as one, visitor(browser, host) as other:
        tabs = [open_tab(one, host), open_tab(other, host)]
        wait_for_connections(host, 2)
        for tab in tabs:
            wait_for_newer(tab)


def test_each_tab_has_its_own_connection_without_shared_workers(
    browser: Browser, host: Server
) -> None:
    with visitor(browser, host) as context:
        context.add_init_script(_NO_SHARED_WORKER)
        tabs = [open_tab(context, host) for _ in range(2)]
        wait_for_connections(host, 2)
        for tab in tabs:
            wait_for_newer(tab)


def test_a_tab_goes_on_when_the_shared_connection_crashes(browser: Browser, host: Server) -> None:
    with visitor(browser, host) as context:
        tab = context.new_page()
        # Only the tab's clock is moved: what it shares with others has a clock of its own.
        tab.clock.install()
        tab.goto(host.url)
        wait_until_live(tab)
        end_shared_workers(browser)
        wait_for_connections(host, 0)
        for _ in range(4):
            tab.clock.run_for(15_000)
        wait_for_newer(tab)
        wait_for_connections(host, 1)


def show(tab: Page, server: Server, path: str) -> None:
    tab.goto(server.url + path)
    wait_until_live(tab)


def log_in(server: Server, user: str) -> None:
    event = {"event_type": "USER_LOGIN", "user_id": user}
    with server.ingest() as sender:
        sender.post("/api/v1/ingest/events", json={"events": [event]}).raise_for_status()


def test_tabs_share_the_stream_of_what_people_do(browser: Browser, host: Server) -> None:
    with visitor(browser, host) as context:
        tabs = [context.new_page() for _ in range(2)]
        for tab in tabs:
            show(tab, host, "/activity")
        # That of metrics, and that of what people do.
        wait_for_connections(host, 2)
        for user in ("ada", "bob"):
            log_in(host, user)
            for tab in tabs:
                told = tab.get_by_test_id("newest-event").filter(has_text=user)
                expect(told).to_be_visible(timeout=_PATIENCE_MS)
        tabs[0].close()
        log_in(host, "eve")
        told = tabs[1].get_by_test_id("newest-event").filter(has_text="eve")
        expect(told).to_be_visible(timeout=_PATIENCE_MS)
        wait_for_connections(host, 2)
        show(tabs[1], host, "/d/host")
        wait_for_connections(host, 1)
    wait_for_connections(host, 0)


def test_tabs_share_the_streams_of_kpis(browser: Browser, host: Server) -> None:
    codes = ["answer", "question"]
    with host.alice() as alice:
        for code in codes:
            made = {"code": code, "name": code.title(), "expression": "40 + 2"}
            alice.post("/api/v1/kpis", json=made).raise_for_status()
    with visitor(browser, host) as context:
        tabs = [context.new_page() for _ in range(2)]
        for tab in tabs:
            show(tab, host, "/kpis")
            expect(tab.get_by_test_id("kpi-card")).to_have_count(2)
        wait_for_connections(host, 3)
        tabs[1].evaluate(_HIDE, True)
        wait_for_connections(host, 3)
        tabs[0].evaluate(_HIDE, True)
        # Nobody looks: streams are let go of at once, the connection of metrics later.
        wait_for_connections(host, 1)
        tabs[1].evaluate(_HIDE, False)
        wait_for_connections(host, 3)
    wait_for_connections(host, 0)


def end_shared_workers(browser: Browser) -> None:
    session = browser.new_browser_cdp_session()
    targets = session.send("Target.getTargets")["targetInfos"]
    workers = [target for target in targets if target["type"] == "shared_worker"]
    assert workers
    for worker in workers:
        session.send("Target.closeTarget", {"targetId": worker["targetId"]})
    session.detach()


def test_hidden_tabs_let_go_and_catch_up_when_they_are_shown(
    browser: Browser, host: Server
) -> None:
    with visitor(browser, host) as context:
        tabs = []
        for _ in range(2):
            tab = context.new_page()
            tab.clock.install()
            tab.goto(host.url)
            wait_until_live(tab)
            tabs.append(tab)
        for tab in tabs:
            tab.evaluate(_HIDE, True)
            tab.clock.run_for(31_000)
        wait_for_connections(host, 0)
        tabs[1].evaluate(_HIDE, False)
        wait_for_connections(host, 1)
        wait_for_newer(tabs[1])
        wait_until_live(tabs[1])

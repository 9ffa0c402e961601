"""Headless Chromium, and what a page in it costs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from bench.product import ADMIN, Product
from bench.report import Row

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.longTasks.push(task.duration);
}).observe({ type: 'longtask' });
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def chromium_path() -> str:
    """Where the installed Chromium is."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("Chromium is missing: install Debian's package `chromium`")
    return path


def signed_in(browser: Browser, server: Product) -> BrowserContext:
    """A browser's context with the refresh cookie of the admin, on a desk's screen."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    sign_in(context, server)
    return context


def sign_in(context: BrowserContext, server: Product) -> None:
    """Give a context the refresh cookie of the admin."""
    answer = context.request.post(f"{server.url}/api/auth/login", data=ADMIN)
    assert answer.ok, answer.text()


def throttle(page: Page, factor: int) -> None:
    """Make the page's processor so many times slower."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": factor})


@dataclass(frozen=True, slots=True)
class Busy:
    """What a page did over some seconds.

    Attributes:
        main_thread_percent: The share of the time that its main thread was at work.
        long_tasks: Pieces of work of over 50 ms (W3C Long Tasks).
        longest_ms: The longest of them, or 0.
        heap_mb: What its script held at the end, garbage included.
    """

    main_thread_percent: float
    long_tasks: int
    longest_ms: int
    heap_mb: float

    def row(self) -> Row:
        """It as part of a report."""
        return {
            "main_thread_%": self.main_thread_percent,
            "long_tasks": self.long_tasks,
            "longest_ms": self.longest_ms,
            "heap_mb": self.heap_mb,
        }


def watch_long_tasks(page: Page) -> None:
    """Note long tasks from the next navigation on."""
    page.add_init_script(_LONG_TASKS)


def busy(page: Page, seconds: float) -> Busy:
    """Watch a page that has been told to note its long tasks."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.evaluate("window.longTasks.length = 0")
    before, since = _metrics(session), time.perf_counter()
    page.wait_for_timeout(seconds * 1000)
    spent = time.perf_counter() - since
    after = _metrics(session)
    tasks: list[float] = page.evaluate("window.longTasks")
    return Busy(
        main_thread_percent=round(
            (after["TaskDuration"] - before["TaskDuration"]) / spent * 100, 1
        ),
        long_tasks=len(tasks),
        longest_ms=round(max(tasks, default=0)),
        heap_mb=round(after["JSHeapUsedSize"] / 1e6, 1),
    )


def _metrics(session: CDPSession) -> dict[str, float]:
    told = session.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: float(metric["value"]) for metric in told}

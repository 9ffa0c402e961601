"""Netdata's page beside ours: live charts of a host, https://github.com/netdata/netdata."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, BrowserContext, Page

from bench.browser import busy, throttle, watch_long_tasks
from bench.free_port import free_port
from bench.report import Row

_START_S = 20
# It draws a chart once there is a history to show.
_HISTORY_S = 60
# Its gauges have figures as soon as the first data are drawn.
_WATCH = """
const found = () => [...document.querySelectorAll('.easyPieChartLabel, .gaugeChartLabel')]
    .some((label) => /[0-9]/.test(label.textContent));
const look = () => {
    if (found()) console.info('first data', performance.now());
    else requestAnimationFrame(look);
};
look();
"""
_LOADED = """performance.getEntriesByType('resource')
    .filter(({ name }) => /[.]js([?]|$)/.test(name))
    .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)"""
_SETTINGS = """
[directories]
  cache = {folder}/cache
  lib = {folder}/lib
  log = {folder}/log
[web]
  bind to = 127.0.0.1
  default port = {port}
  web files owner = root
  web files group = root
"""


def installed() -> bool:
    """Whether there is Netdata on this machine (Debian's package `netdata`)."""
    return shutil.which("netdata") is not None


@contextmanager
def netdata() -> Iterator[str]:
    """A server of a minute's age, for as long as it is measured; its address."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cache", "lib", "log"):
            (Path(folder) / name).mkdir()
        port = free_port()
        settings = Path(folder) / "netdata.conf"
        settings.write_text(_SETTINGS.format(folder=folder, port=port))
        running = subprocess.Popen(
            ["netdata", "-D", "-c", str(settings), "-u", "root"], stderr=subprocess.DEVNULL
        )
        try:
            _wait(f"http://127.0.0.1:{port}/api/v1/info")
            time.sleep(_HISTORY_S)
            yield f"http://127.0.0.1:{port}/"
        finally:
            running.terminate()
            running.wait(20)


def _wait(address: str) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            httpx.get(address).raise_for_status()
        except httpx.HTTPError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def measured(browser: Browser, runs: int, slower: int, seconds: int) -> Row:
    """From navigation to the first figures, what was loaded, and what its page costs while live."""
    with netdata() as address:
        fast = [_first_data_ms(browser, address, 1) for _ in range(runs)]
        slow = [_first_data_ms(browser, address, slower) for _ in range(runs)]
        return {
            "first_data_ms": round(statistics.median(fast)),
            f"first_data_{slower}x_slower_ms": round(statistics.median(slow)),
            **_left_open(browser, address, seconds),
        }


def _first_data_ms(browser: Browser, address: str, slower: int) -> float:
    context = _alone(browser, address)
    page = context.new_page()
    throttle(page, slower)
    milliseconds = _opened(page, address)
    context.close()
    return milliseconds


def _left_open(browser: Browser, address: str, seconds: int) -> Row:
    context = _alone(browser, address)
    page = context.new_page()
    watch_long_tasks(page)
    _opened(page, address)
    page.wait_for_timeout(3_000)
    loaded: float = page.evaluate(_LOADED)
    told = busy(page, seconds)
    context.close()
    return {"script_kb": round(loaded / 1000, 1), **told.row()}


def _alone(browser: Browser, address: str) -> BrowserContext:
    """A context that reaches this server only: its page asks others on the internet as well."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.route(lambda url: not url.startswith(address), lambda route: route.abort())
    return context


def _opened(page: Page, address: str) -> float:
    page.add_init_script(_WATCH)
    with page.expect_console_message(lambda told: told.text.startswith("first data")) as told:
        page.goto(address, wait_until="commit")
    return float(told.value.text.rpartition(" ")[2])

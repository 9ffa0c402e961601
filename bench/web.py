"""What the page costs a browser: first visit, drawing, zooming, a minute of updates, Lighthouse."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator

from playwright.sync_api import Browser, Page

from bench import lighthouse, netdata
from bench.browser import Busy, busy, chromium, signed_in, throttle, watch_long_tasks
from bench.drawing import POINTS, RAW_POINTS, drawing, zooming
from bench.page_worlds import charts, make_dashboard, moving, numbers
from bench.product import Product, product
from bench.report import Row, report

_THROTTLE = 4
_HUNDRED = 100
# Runs before the page's own scripts; times count from the start of the navigation.
_WATCH = """
const found = () => [...document.querySelectorAll('[data-testid=widget]')]
    .some((widget) => Number(widget.dataset.points) > 0);
const look = () => {
    if (found()) console.info('first data', performance.now());
    else requestAnimationFrame(look);
};
look();
"""


def main() -> None:
    """Measure all of it, in one Chromium after the other."""
    asked = _asked()
    runs, seconds = (2, 5) if asked.quick else (5, asked.seconds)
    rows: list[Row] = []
    with product(host_metrics=True) as server:
        for form in _FORMS:
            told = _lighthouse(server, form, 1 if asked.quick else 3)
            rows.append({"what": f"Lighthouse, {form}", **told})
        with chromium() as browser:
            rows.append({"what": "first visit", **first_visit(browser, server, runs)})
            rows.append({"what": f"{POINTS:,} points", **drawing(browser, server, runs)})
            what = f"{RAW_POINTS:,} raw points, zoomed"
            rows.append({"what": what, **zooming(browser, server, runs)})
            rows += [{"what": what, **told} for what, told in updates(browser, server, seconds)]
    rows += _beside(runs, seconds)
    report("web", rows)


def _beside(runs: int, seconds: int) -> list[Row]:
    """Netdata's page, where Debian's package is installed."""
    if not netdata.installed():
        return []
    with chromium() as browser:
        return [{"what": "Netdata", **netdata.measured(browser, runs, _THROTTLE, seconds)}]


_FORMS = ("desktop", "mobile")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.web", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long updates are watched")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    return parser.parse_args()


def _lighthouse(server: Product, form: str, runs: int) -> Row:
    lighthouse.install()
    return lighthouse.scores(server, "/", form=form, runs=runs)


def first_visit(browser: Browser, server: Product, runs: int) -> Row:
    """From navigation to the first widget with points, signed in by the refresh cookie."""
    fast = [_timed(browser, server, _opened(server.url, 1)) for _ in range(runs)]
    slow = [_timed(browser, server, _opened(server.url, _THROTTLE)) for _ in range(runs)]
    times = {
        "first_data_ms": round(statistics.median(fast)),
        f"first_data_{_THROTTLE}x_slower_ms": round(statistics.median(slow)),
    }
    return {**times, **loaded_kb(browser, server)}


def updates(browser: Browser, server: Product, seconds: int) -> Iterator[tuple[str, Row]]:
    """What the main thread does while each widget gets a point a second."""
    worlds = {
        "20 charts of 5 series": charts(),
        f"{_HUNDRED} numbers": numbers(_HUNDRED),
    }
    yield "the host's dashboard", watched(browser, server, "/", seconds).row()
    with moving(server, _HUNDRED):
        for what, widgets in worlds.items():
            path = f"/d/{make_dashboard(server, what, widgets)}"
            yield f"{what}, a point a second", watched(browser, server, path, seconds).row()


def watched(browser: Browser, server: Product, path: str, seconds: int) -> Busy:
    """A page left open."""
    context = signed_in(browser, server)
    page = context.new_page()
    watch_long_tasks(page)
    page.goto(server.url + path)
    page.wait_for_function(_FIRST_POINTS)
    page.wait_for_timeout(3_000)
    told = busy(page, seconds)
    context.close()
    return told


_FIRST_POINTS = "() => Number(document.querySelector('[data-testid=widget]')?.dataset.points) > 0"


def _timed(browser: Browser, server: Product, look: Callable[[Page], float]) -> float:
    context = signed_in(browser, server)
    milliseconds = look(context.new_page())
    context.close()
    return milliseconds


def _opened(url: str, slower: int) -> Callable[[Page], float]:
    def look(page: Page) -> float:
        page.add_init_script(_WATCH)
        throttle(page, slower)
        # To ask the page itself would take its time: it is throttled as well.
        with page.expect_console_message(lambda told: told.text.startswith("first data")) as told:
            page.goto(url, wait_until="commit")
        return float(told.value.text.rpartition(" ")[2])

    return look


def loaded_kb(browser: Browser, server: Product) -> dict[str, float]:
    """Compressed bytes that the browser has asked for by the time that the first data show."""
    context = signed_in(browser, server)
    page = context.new_page()
    _opened(server.url, 1)(page)
    loaded: list[tuple[str, int]] = page.evaluate(_LOADED)
    context.close()
    sums = {kind: sum(size for name, size in loaded if name.endswith(kind)) for kind in _KINDS}
    return {name: round(sums[kind] / 1000, 1) for kind, name in _KINDS.items()}


_KINDS = {".js": "script_kb", ".css": "style_kb"}
_LOADED = """performance.getEntriesByType('resource')
    .map(({ name, encodedBodySize }) => [name, encodedBodySize])"""


if __name__ == "__main__":
    main()

"""How long a chart takes to show what has come: 1,000 points, and windows of 100,000."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime

from playwright.sync_api import Browser, Page

from bench.browser import signed_in, watch_long_tasks
from bench.page_worlds import chart_of_all, chart_of_members, make_dashboard, write_history
from bench.product import Product
from bench.report import Row, percentiles

POINTS = 1_000
# Two lines of 540 points each, one a second.
_HISTORY_S, _LAST, _MEMBERS = 600, "9m", 2
RAW_POINTS = 100_000
# Each drag looks at this part of what was shown before.
_FROM, _TO = 0.2, 0.8
_ZOOMS_IN = 6
# Without the worker that tabs share, answers come to the page's own socket, and can be timed.
# The lines of a chart are the only paths that are stroked by themselves. They can be seen when the
# frame after the one that they were stroked in begins.
_WATCH = """
delete window.SharedWorker;
window.shown = [];
let began = 0, came = false, points = 0;
const NativeSocket = window.WebSocket;
window.WebSocket = class extends NativeSocket {
    constructor(...given) {
        super(...given);
        this.addEventListener('message', ({ data }) => {
            if (data.length < 10_000) return;
            const count = JSON.parse(data).data?.length ?? 0;
            if (count < POINTS) return;
            [began, came, points] = [performance.now(), true, count];
        });
    }
};
addEventListener('pointerup', ({ timeStamp }) => ([began, came] = [timeStamp, false]), true);
const json = Response.prototype.json;
Response.prototype.json = async function () {
    const body = await json.apply(this);
    if (this.url.endsWith('/metrics/query')) [came, points] = [true, body.data.length];
    return body;
};
const { prototype } = CanvasRenderingContext2D;
const { stroke } = prototype;
prototype.stroke = function (...given) {
    stroke.apply(this, given);
    if (!given.length || !began || !came) return;
    const since = began;
    began = 0;
    requestAnimationFrame(() => window.shown.push([performance.now() - since, points]));
};
"""


def drawing(browser: Browser, server: Product, runs: int) -> Row:
    """From an answer's arrival in a page that has drawn no chart yet until its line is seen."""
    write_history(server, "web.drawn", _HISTORY_S, _MEMBERS)
    path = f"/d/{make_dashboard(server, 'Drawing', chart_of_members('web.drawn', _LAST))}"
    taken = [_first_drawn(browser, server, path) for _ in range(runs)]
    milliseconds = [ms for ms, _ in taken]
    return {
        "points": taken[0][1],
        "drawn_ms": round(statistics.median(milliseconds)),
        "slowest_ms": round(max(milliseconds)),
    }


def _first_drawn(browser: Browser, server: Product, path: str) -> tuple[float, int]:
    context = signed_in(browser, server)
    page = context.new_page()
    page.add_init_script(_WATCH.replace("POINTS", str(POINTS)))
    page.goto(server.url + path)
    ms, points = _shown(page, 1)[0]
    context.close()
    return ms, points


def zooming(browser: Browser, server: Product, rounds: int) -> Row:
    """From the end of a drag over 100,000 raw points until the answer's line is seen."""
    now = time.time() // 1 - 60
    write_history(server, "web.zoomed", RAW_POINTS + 60, members=1)
    path = f"/d/{make_dashboard(server, 'Zooming', chart_of_all('web.zoomed'))}"
    window = f"?from={_iso(now - RAW_POINTS)}&to={_iso(now)}"
    taken: list[tuple[float, int]] = []
    tasks: list[float] = []
    for _ in range(rounds):
        context = signed_in(browser, server)
        page = context.new_page()
        page.add_init_script(_WATCH.replace("POINTS", str(POINTS)))
        watch_long_tasks(page)
        page.goto(server.url + path + window)
        taken += _zoomed_in(page)
        tasks += page.evaluate("window.longTasks")
        context.close()
    times = percentiles([ms for ms, _ in taken])
    return {
        "zooms": len(taken),
        **{name: times[name] for name in ("p50_ms", "p95_ms")},
        "points_sent": f"{min(n for _, n in taken)} - {max(n for _, n in taken)}",
        "long_tasks": len(tasks),
        "longest_ms": round(max(tasks, default=0)),
    }


def _zoomed_in(page: Page) -> list[tuple[float, int]]:
    """One drag after the other, each as soon as the last has been answered."""
    page.wait_for_selector("[data-testid=widget][data-waiting=false] .u-over")
    page.wait_for_load_state("networkidle")
    page.evaluate("window.longTasks.length = 0")
    for number in range(_ZOOMS_IN):
        _drag(page)
        _shown(page, number + 1)
    return _shown(page, _ZOOMS_IN)


def _drag(page: Page) -> None:
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + _FROM * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + _TO * box["width"], y, steps=8)
    page.mouse.up()


def _shown(page: Page, count: int) -> list[tuple[float, int]]:
    page.wait_for_function("(count) => window.shown.length >= count", arg=count)
    told: list[tuple[float, int]] = page.evaluate("window.shown")
    return told


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")

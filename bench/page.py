"""How much script the page loads, and how soon it shows live data, in headless Chromium."""

from __future__ import annotations

import re
import shutil
import statistics

import httpx
from playwright.sync_api import Browser, sync_playwright

from bench.product import ADMIN, Product, product
from bench.report import report, seconds_asked

_ASSET = re.compile(r"/assets/[\w.-]+\.(?:js|css)")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
# Runs before the page's own scripts; time counts from the start of the navigation.
_WATCH = """
const found = () => [...document.querySelectorAll('[data-testid=widget]')]
    .some((widget) => Number(widget.dataset.points) > 0);
const look = () => {
    if (found()) window.firstData = performance.now();
    else requestAnimationFrame(look);
};
look();
"""


def main() -> None:
    """Measure a first visit after signing in, several times."""
    runs = 2 if seconds_asked(60) <= 5 else 5
    with product(host_metrics=True) as server, sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        taken = [first_data_ms(browser, server) for _ in range(runs)]
        sizes = compressed_kb(server)
        browser.close()
    row = {"runs": runs, "first_data_ms": round(statistics.median(taken)), "slowest_ms": max(taken)}
    report("page", [{**row, **sizes}])


def first_data_ms(browser: Browser, server: Product) -> int:
    """From navigation to the first widget with points, signed in by the refresh cookie."""
    context = browser.new_context()
    context.request.post(f"{server.url}/api/auth/login", data=ADMIN)
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(server.url)
    page.wait_for_function("() => window.firstData > 0")
    milliseconds = round(page.evaluate("window.firstData"))
    context.close()
    return int(milliseconds)


def compressed_kb(server: Product) -> dict[str, float]:
    """Bytes on the wire of what the first visit loads, its worker included, by kind."""
    sizes: dict[str, float] = {"script_kb": 0.0, "style_kb": 0.0}
    with httpx.Client(base_url=server.url) as client:
        names = set(_ASSET.findall(client.get("/").text))
        scripts = [client.get(name).text for name in names if name.endswith(".js")]
        names.update(name for script in scripts for name in _ASSET.findall(script))
        for name in names:
            kind = "script_kb" if name.endswith(".js") else "style_kb"
            sizes[kind] += wire_kb(client, name)
    return {kind: round(size, 1) for kind, size in sizes.items()}


def wire_kb(client: httpx.Client, name: str) -> float:
    with client.stream("GET", name, headers={"accept-encoding": "br"}) as answer:
        return int(answer.headers["content-length"]) / 1000


if __name__ == "__main__":
    main()

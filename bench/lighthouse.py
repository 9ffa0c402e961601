"""What Lighthouse thinks of the page, signed in: https://developer.chrome.com/docs/lighthouse."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bench.browser import FLAGS, chromium_path, sign_in
from bench.free_port import free_port
from bench.product import Product

_FOLDER = Path(__file__).parent / "node_lighthouse"
_PROGRAM = _FOLDER / "node_modules" / ".bin" / "lighthouse"
_CATEGORIES = ("performance", "accessibility", "best-practices")
_TIMES = {
    "first_paint_ms": "first-contentful-paint",
    "largest_paint_ms": "largest-contentful-paint",
    "blocked_ms": "total-blocking-time",
}


def install() -> None:
    """Put Lighthouse where it is looked for, unless it is there."""
    if not _PROGRAM.exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=_FOLDER, check=True)


def scores(server: Product, path: str, *, form: str, runs: int) -> dict[str, float]:
    """Points of 100 by category, and the times that performance is made of: the middle one of runs.

    Args:
        server: Who serves the page.
        path: Which page.
        form: `desktop`, or `mobile`: a phone on slow 4G with a processor four times slower.
        runs: How many; an odd number.
    """
    flags = ["--preset=desktop"] if form == "desktop" else []
    told = sorted((_audited(server, path, flags) for _ in range(runs)), key=_points)[runs // 2]
    points = {name.replace("-", "_"): told["categories"][name]["score"] for name in _CATEGORIES}
    audits = told["audits"]
    return {
        **{name: round(score * 100) for name, score in points.items()},
        **{name: round(audits[audit]["numericValue"]) for name, audit in _TIMES.items()},
        "layout_shift": round(audits["cumulative-layout-shift"]["numericValue"], 3),
    }


def _points(told: dict[str, Any]) -> float:
    return float(told["categories"]["performance"]["score"])


def _audited(server: Product, path: str, more: list[str]) -> dict[str, Any]:
    """Lighthouse's report, made in a tab of a browser that is signed in."""
    port = free_port()
    flags = [*FLAGS, f"--remote-debugging-port={port}"]
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium_path(), args=flags
        )
        sign_in(context, server)
        told: dict[str, Any] = json.loads(_run(server.url + path, port, more))
        context.close()
    return told


def _run(url: str, port: int, more: list[str]) -> str:
    """Lighthouse itself; it keeps the cookies that it finds."""
    only = f"--only-categories={','.join(_CATEGORIES)}"
    always = [only, f"--port={port}", "--disable-storage-reset", "--output=json", "--quiet"]
    asked = [str(_PROGRAM), url, *always, *more]
    return subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True).stdout

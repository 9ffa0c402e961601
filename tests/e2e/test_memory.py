"""What a page that is left open takes, in a real browser on a real server."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, CDPSession, expect

from running import ADMIN_EMAIL, ADMIN_PASSWORD, Server

METRICS = 20
WARM_UP = 60
ROUNDS = 240
_MOST_GROWTH_MB = 2
_SHOWS = "([card, value]) => document.querySelector(card).dataset.value === value"


def test_memory_stays_while_updates_come(browser: Browser, tmp_path: Path) -> None:
    """Four minutes of updates every second, ten times as fast: each is shown before the next."""
    with Server(tmp_path / "data") as server, server.ingest() as sender:

        def post(value: int) -> None:
            metrics = [{"name": f"memory.m{i:02}", "value": value} for i in range(METRICS)]
            answer = sender.post("/api/v1/ingest/metrics", json={"metrics": metrics})
            assert answer.status_code == 202, answer.text

        post(0)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        assert context.request.post(f"{server.url}/api/auth/login", data=login).ok
        page = context.new_page()
        page.goto(server.url)
        cards = page.get_by_test_id("metric-card")
        expect(cards).to_have_count(METRICS, timeout=30_000)
        newest = f'[data-metric="memory.m{METRICS - 1:02}"]'
        session = context.new_cdp_session(page)
        heaps: list[float] = []
        for value in range(1, WARM_UP + ROUNDS + 1):
            post(value)
            page.wait_for_function(_SHOWS, arg=[newest, str(value)])
            if value in (WARM_UP, WARM_UP + ROUNDS):
                heaps.append(heap_mb(session))
        context.close()
    before, after = heaps
    assert after - before < _MOST_GROWTH_MB


def heap_mb(session: CDPSession) -> float:
    """What the page's script holds once all garbage is gone, buffers included."""
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6

"""How many calls took how long, as colours: in a real browser on a real server."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from accessibility import violations
from running import Server
from visiting import PATIENCE_MS, sign_in, visit

_MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an hour of calls, some of them slow, and a few that take a minute."""
    with Server(tmp_path_factory.mktemp("heatmap") / "data") as running:
        now, rng = time.time_ns() // 1_000_000, random.Random(8)
        rows = [
            {
                "name": "shop.call_ms",
                "type": "distribution",
                "value": rng.lognormvariate(3, 0.5)
                if rng.random() < 0.8
                else rng.uniform(400, 900),
                "time": now - rng.randrange(60 * _MINUTE_MS),
            }
            for _ in range(6000)
        ]
        with running.ingest() as client:
            answer = client.post("/api/v1/ingest/metrics", json={"metrics": rows})
            assert answer.status_code == 202, answer.text
        yield running


@pytest.fixture(scope="module")
def dashboard(server: Server) -> str:
    query = {"metric_name": "shop.call_ms", "aggregation": "histogram"}
    heatmap = {
        "id": "sizes",
        "type": "chart",
        "title": "Call times",
        "position": {"x": 0, "y": 0, "w": 8, "h": 6},
        "config": {"query": query, "chart": "heatmap", "unit": "ms"},
    }
    with server.alice() as client:
        body = {"name": "Heat", "widgets": [heatmap]}
        answer = client.post("/api/v1/dashboards", json=body)
        assert answer.status_code == 201, answer.text
        return f"/d/{answer.json()['id']}"


@pytest.fixture
def page(browser: Browser, server: Server, dashboard: str) -> Iterator[Page]:
    expect.set_options(timeout=PATIENCE_MS)
    with visit(browser, locale="en-GB") as opened:
        sign_in(opened, f"{server.url}{dashboard}?range=1h")
        expect(sizes(opened)).not_to_have_attribute("data-points", "0")
        yield opened


def sizes(page: Page) -> Locator:
    return page.locator('[data-widget="sizes"]')


def test_each_cell_is_told_by_its_size_and_share(page: Page) -> None:
    picture = sizes(page).get_by_role("img")
    expect(picture).to_have_attribute(
        "aria-label", re.compile(r"[\d,]+ observations from \S+ ms to .*, most of them")
    )
    box = picture.bounding_box()
    assert box
    # Most calls are usual ones: low on the picture.
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.55)
    told = page.get_by_test_id("tooltip")
    expect(told).to_contain_text(re.compile(r"\d\d:\d\d"))
    expect(told).to_contain_text(re.compile(r"[\d.]+( ms)?.[\d.]+ m?s"))
    expect(told).to_contain_text(re.compile(r"\d+ of \d+, [\d.]+%"))
    assert violations(page) == []


def test_keys_go_from_cell_to_cell(page: Page) -> None:
    heatmap = sizes(page).get_by_role("application")
    heatmap.focus()
    page.keyboard.press("ArrowLeft")
    said = page.get_by_test_id("heatmap-cursor")
    expect(said).to_contain_text(re.compile(r"^\d\d:\d\d.*: \S+ ms \d+ of \d+, [\d.]+%"))
    expect(page.get_by_test_id("tooltip")).to_be_visible()
    first = said.text_content() or ""
    page.keyboard.press("ArrowUp")
    expect(said).not_to_have_text(first)
    page.keyboard.press("ArrowDown")
    expect(said).to_have_text(first)
    page.keyboard.press("Home")
    expect(said).not_to_have_text(first)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("tooltip")).to_have_count(0)


def test_it_is_a_table_too(page: Page) -> None:
    sizes(page).get_by_role("button", name="Call times as a table").click()
    heads = sizes(page).get_by_role("columnheader")
    expect(heads.nth(1)).to_have_text(re.compile(r"^731 ms.1.02 s$"))
    expect(sizes(page).get_by_role("rowheader").first).to_have_text(re.compile(r"^\d\d:\d\d"))
    assert violations(page) == []


def test_new_calls_are_counted_live(page: Page, server: Server) -> None:
    row = {"name": "shop.call_ms", "type": "distribution", "value": 0.004}
    with server.ingest() as client:
        assert client.post("/api/v1/ingest/metrics", json=[row]).status_code == 202
    # Its size is a new one; how many cells there are changes with the clock as well.
    smallest = re.compile(r"observations from 0.0\.01 ms to")
    expect(sizes(page).get_by_role("img")).to_have_attribute("aria-label", smallest)


def test_explore_shows_it_of_a_distribution(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/explore?metric=shop.call_ms&range=1h")
    page.get_by_role("combobox", name="Aggregation").select_option("histogram")
    expect(page.get_by_role("application", name=re.compile("shop.call_ms"))).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)

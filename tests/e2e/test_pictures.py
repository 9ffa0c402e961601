"""How the page looks: each kind of widget and each built-in dashboard, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from pictured_world import HOUR_MS, fill, noon
from pictures import change
from running import ADMIN_EMAIL, ADMIN_PASSWORD, Server
from visiting import visit

WIDTHS = (1440, 390)
THEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
TEMPLATES = (
    "host",
    "saas",
    "kpi",
    "tasks",
    "api-health",
    "user-activity",
    "business",
    "self",
    "shop",
)
_TRIES = 40
_SETTLED = """() => {
    const all = [...document.querySelectorAll('[data-testid="widget"]')];
    const isDrawn = (widget) => widget.dataset.waiting !== 'true' && widget.children.length > 1;
    return all.length > 0 && all.every(isDrawn) && !document.querySelector('.skeleton');
}"""
_NOTE = """## Orders
What is **waiting** is counted each minute, see [Explore](/explore).

- north and south are packed *by hand*
- `orders.waiting` may come to 60
"""


def query(metric: str, aggregation: str = "avg", **more: object) -> dict[str, Any]:
    return {"query": {"metric_name": metric, "aggregation": aggregation, **more}}


def by_region(**more: object) -> dict[str, Any]:
    return query("shop.revenue", "sum", group_by=["region"], interval="1m") | more


WIDGETS: dict[str, dict[str, Any]] = {
    "line": query("shop.api.duration_ms", group_by=["endpoint"], interval="30s"),
    "area": query("orders.waiting", interval="30s")
    | {"chart": "area", "thresholds": [{"value": 45, "label": "many", "tone": "warning"}]},
    "stacked": by_region(chart="area", stack=True),
    "bar": by_region(chart="bar", stack=True),
    "groups": by_region(chart="bar", by="group", reduce="sum"),
    "pie": by_region(chart="pie", reduce="sum"),
    "heatmap": query("api.duration", "histogram", interval="1m") | {"chart": "heatmap"},
    "gauge": query("orders.waiting", "last")
    | {"chart": "gauge", "min": 0, "max": 60, "thresholds": [{"value": 30, "tone": "bad"}]},
    "metric": query("orders.waiting", interval="30s") | {"over": "5m", "good": "down"},
    "table": query("shop.revenue", "sum", group_by=["region"]) | {"reduce": "sum"},
    "feed": {},
    "text": {"text": _NOTE},
}
_TYPES = {"metric": "metric", "table": "table", "feed": "feed", "text": "text"}


@pytest.fixture(scope="module")
def end() -> int:
    return noon()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, end: int) -> Iterator[Server]:
    """A server with an hour of everything."""
    with Server(tmp_path_factory.mktemp("pictures") / "data") as running:
        fill(running, end)
        yield running


@pytest.fixture(scope="module")
def gallery(server: Server) -> str:
    """A dashboard with each kind of widget, three in a row."""
    widgets = [
        {
            "id": name,
            "type": _TYPES.get(name, "chart"),
            "title": name.capitalize(),
            "position": {"x": 4 * (at % 3), "y": 5 * (at // 3), "w": 4, "h": 5},
            "config": config,
        }
        for at, (name, config) in enumerate(WIDGETS.items())
    ]
    with server.alice() as alice:
        made = alice.post("/api/v1/dashboards", json={"name": "Gallery", "widgets": widgets})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])


@contextmanager
def looking_at(
    browser: Browser, server: Server, board: str, end: int, width: int, height: int
) -> Iterator[Page]:
    """The hour up to `end` on a dashboard: nothing moves any more, and it is always the same."""
    with visit(
        browser, width=width, height=height, locale="en-GB", timezone_id="UTC", color_scheme="dark"
    ) as page:
        login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        assert page.context.request.post(f"{server.url}/api/auth/login", data=login).ok
        # Somewhat later: what is shown is long complete.
        page.clock.set_fixed_time(moment(end + HOUR_MS))
        span = f"from={moment(end - HOUR_MS):%FT%TZ}&to={moment(end):%FT%TZ}"
        page.goto(f"{server.url}/d/{board}?{span}")
        page.wait_for_function(_SETTLED)
        yield page


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def settled(page: Page) -> Image.Image:
    """A picture of what is seen, once it is the same twice."""
    last = page.screenshot(animations="disabled")
    for _ in range(_TRIES):
        page.wait_for_function(_SETTLED)
        before, last = last, page.screenshot(animations="disabled")
        if last == before:
            return Image.open(io.BytesIO(last))
    raise AssertionError("the page does not come to rest")


def box_of(page: Page, widget: str) -> tuple[int, int, int, int]:
    """Where a widget is: left, top, right, bottom."""
    box = page.locator(f'[data-widget="{widget}"]').bounding_box()
    assert box, widget
    left, top = round(box["x"]), round(box["y"])
    return left, top, left + round(box["width"]), top + round(box["height"])


@pytest.mark.parametrize("width", WIDTHS)
def test_each_kind_of_widget_looks_as_before(
    painter: Browser, server: Server, gallery: str, end: int, width: int
) -> None:
    height = 1500 if width == max(WIDTHS) else 4500
    with looking_at(painter, server, gallery, end, width, height) as page:
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            seen = settled(page)
            found = [
                change(f"{name}-{theme}-{width}", seen.crop(box_of(page, name))) for name in WIDGETS
            ]
            assert list(filter(None, found)) == []


@pytest.mark.parametrize("size", [(1440, 640), (390, 800)], ids=str)
@pytest.mark.parametrize("template", TEMPLATES)
def test_each_built_in_dashboard_looks_as_before(
    painter: Browser, server: Server, end: int, template: str, size: tuple[int, int]
) -> None:
    with looking_at(painter, server, template, end, *size) as page:
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            assert change(f"{template}-{theme}-{size[0]}", settled(page)) is None

"""What axe finds on a page that keeps people out."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from playwright.sync_api import Page

_AXE = Path(__file__).parents[1] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => {
    const { violations } = await axe.run(document);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
}"""


@cache
def _script() -> str:
    assert _AXE.exists(), "axe is missing: run npm ci --prefix web"
    return _AXE.read_text()


def violations(page: Page) -> list[str]:
    """The rules that the page breaks, each with the elements that do."""
    page.evaluate(_script())
    found: list[str] = page.evaluate(_RUN)
    return found

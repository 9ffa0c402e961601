"""How people come to the page: with a browser of their own, and signed in by its form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

from running import ADMIN_EMAIL, ADMIN_PASSWORD

PATIENCE_MS = 30_000


@contextmanager
def visit(
    browser: Browser,
    *,
    width: int = 1440,
    height: int = 900,
    **settings: Any,  # noqa: ANN401 - what a browser's context takes
) -> Iterator[Page]:
    """A page of a new visitor; at the end no script may have failed."""
    context = browser.new_context(viewport={"width": width, "height": height}, **settings)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    context.close()
    assert failures == []


def sign_in(page: Page, url: str, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD) -> None:
    """Open an address and sign in there; returns once the page is there."""
    page.goto(url)
    page.get_by_test_id("signin-email").fill(email)
    page.get_by_test_id("signin-password").fill(password)
    page.get_by_test_id("signin-submit").click()
    # To leave sooner would be to leave before the answer.
    page.get_by_role("navigation", name="Main").wait_for()

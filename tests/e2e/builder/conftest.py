"""A server with orders of two regions, and who builds there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from asking import accept
from building import PASSWORD, VIEWER, opened
from running import Server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that orders of two regions came to, with a viewer."""
    with Server(tmp_path_factory.mktemp("builder") / "data") as running:
        with running.ingest() as sender:
            for region, value in (("eu", 3), ("us", 4)):
                accept(sender, {"name": "orders", "value": value, "tags": {"region": region}})
            accept(sender, {"name": "carts", "value": 7})
        with running.alice() as alice:
            user = {"email": VIEWER, "password": PASSWORD, "role": "viewer"}
            assert alice.post("/api/v1/users", json=user).status_code == 201
        yield running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with opened(browser, f"{server.url}/dashboards") as one:
        yield one

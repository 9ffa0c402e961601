"""What an address without anything is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest
from litestar import Litestar
from litestar.exceptions import NotFoundException
from litestar.testing import TestClient

from nowline.api.page import Page, unknown_address

LOOKING = {"accept": "text/html"}


@pytest.mark.parametrize(
    ("is_built", "media_type"), [(True, "text/html"), (False, "application/problem+json")]
)
def test_a_page_that_was_never_built_cannot_be_shown(
    tmp_path: Path, is_built: bool, media_type: str
) -> None:
    if is_built:
        (tmp_path / "index.html").write_text("<!doctype html>")
    app = Litestar(
        exception_handlers={NotFoundException: unknown_address(Page(tmp_path))}, openapi_config=None
    )
    with TestClient(app) as client:
        answer = client.get("/nowhere", headers=LOOKING)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith(media_type)

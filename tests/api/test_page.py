"""The page's files, as browsers ask for them."""

from __future__ import annotations

import re

import httpx
import pytest

from running import Server


@pytest.fixture(scope="module")
def assets(server: Server) -> list[str]:
    """What the document loads."""
    with server.client() as client:
        return re.findall(r'"(/assets/[^"]+)"', client.get("/").text)


def media_type(answer: httpx.Response) -> str:
    return answer.headers["content-type"]


@pytest.mark.parametrize(
    "path", ["/", "/setup", "/d/host", "/activity", "/activity/events", "/explore", "/settings"]
)
def test_every_address_of_the_page_has_the_document(server: Server, path: str) -> None:
    with server.client() as client:
        answer = client.get(path)
    assert answer.status_code == 200
    assert media_type(answer) == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]* src=)|<style| style=", answer.text)


def test_assets_are_kept_for_good_and_come_compressed(server: Server, assets: list[str]) -> None:
    assert assets
    with server.client() as client:
        for path in assets:
            plain = client.get(path, headers={"accept-encoding": "identity"})
            packed = client.get(path, headers={"accept-encoding": "gzip, deflate"})
            assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert "content-encoding" not in plain.headers
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.headers["vary"] == "accept-encoding"
            assert packed.content == plain.content
            assert media_type(packed).count("charset") <= 1


@pytest.mark.parametrize(
    "path", ["/assets/nothing.js", "/assets/..%2f..%2fpage.py", "/favicon.ico", "/api/nothing"]
)
def test_nothing_else_is_served(server: Server, path: str) -> None:
    with server.client() as client:
        answer = client.get(path)
    assert answer.status_code == 404
    assert media_type(answer) == "application/problem+json"

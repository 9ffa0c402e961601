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


LOOKING = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/no/such/page", "/dashboards/host", "/favicon"])
def test_who_looks_where_there_is_nothing_is_shown_the_page(server: Server, path: str) -> None:
    with server.client() as client:
        answer = client.get(path, headers=LOOKING)
        assert client.head(path, headers=LOOKING).status_code == 404
    assert answer.status_code == 404
    assert media_type(answer) == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert 'id="app"' in answer.text


def test_the_api_and_other_methods_tell_by_a_problem_even_browsers(server: Server) -> None:
    with server.client() as client:
        answers = [
            client.get("/api/v1/nothing", headers=LOOKING),
            client.post("/no/such/page", headers=LOOKING),
        ]
    assert [(each.status_code, media_type(each)) for each in answers] == [
        (404, "application/problem+json")
    ] * 2

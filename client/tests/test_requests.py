from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline_client.requests import NO_ROUTE, Visit, normalised


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/", "/"),
        ("/orders", "/orders"),
        ("/orders/4711", "/orders/{id}"),
        ("/orders/4711/lines/7/", "/orders/{id}/lines/{id}/"),
        ("/users/2b1f7a60-93aa-4d8e-a7a4-0c1d2b3e4f50", "/users/{id}"),
        ("/files/5f3a9c0e1b2d", "/files/{id}"),
        ("/api/v1/health", "/api/v1/health"),
        ("/oauth2/callback", "/oauth2/callback"),
        ("/long-words-without-numbers", "/long-words-without-numbers"),
        ("/2026-11-22", "/{id}"),
    ],
)
def test_identifiers_in_paths_are_replaced(path: str, endpoint: str) -> None:
    assert normalised(path) == endpoint


@given(st.text())
def test_any_path_has_an_endpoint_of_a_bounded_length(path: str) -> None:
    assert len(normalised("/" + path)) <= 800


def test_what_is_not_found_has_one_endpoint_whatever_was_asked_for() -> None:
    visit = Visit("GET", "/wp-login.php")
    visit.status = 404
    assert visit.endpoint() == NO_ROUTE

"""What a file is called (RFC 6266)."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.api.disposition import disposition


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("Shop", 'attachment; filename="Shop.pdf"'),
        ('a/b \\ c: "d"\r\nX: y', 'attachment; filename="a-b-c-d-X-y.pdf"'),
        ("..", 'attachment; filename="dashboard.pdf"'),
        ("日本", "attachment; filename=\"dashboard.pdf\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.pdf"),
        ("Été", "attachment; filename=\"Ete.pdf\"; filename*=UTF-8''%C3%89t%C3%A9.pdf"),
    ],
)
def test_a_name_becomes_one_that_every_system_takes(name: str, header: str) -> None:
    assert disposition(name, "pdf") == header


@given(st.text())
def test_no_name_breaks_the_header(name: str) -> None:
    header = disposition(name, "pdf")
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    full = unquote(header.rpartition("''")[2])
    assert not set(full) & set("/\\:*?<>|") or "''" not in header

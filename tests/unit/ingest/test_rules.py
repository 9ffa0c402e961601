"""The limits on names and tags are exact, count bytes, and name the field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.ingest.rules import label_fault

texts = st.text(st.characters(codec="utf-8"), max_size=2_000)


def fault(name: str = "a", tags: dict[str, str] | None = None) -> str | None:
    return label_fault(name, tags or {})


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("a" * 255, {}),
        ("é" * 127, {}),
        ("a", {str(i): "" for i in range(32)}),
        ("a", {"k" * 128: "v" * 1024}),
        ("a", {"é" * 64: "é" * 512}),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_up_to_its_limit_everything_is_good(name: str, tags: dict[str, str]) -> None:
    assert fault(name, tags) is None


@pytest.mark.parametrize(
    ("name", "tags", "field"),
    [
        ("", {}, "name"),
        (" \t", {}, "name"),
        ("a" * 256, {}, "name"),
        ("é" * 128, {}, "name"),
        ("a", {str(i): "" for i in range(33)}, "tags"),
        ("a", {"": "v"}, "tags"),
        ("a", {"k" * 129: "v"}, "tags"),
        ("a", {"é" * 65: "v"}, "tags"),
        ("a", {"k": "v" * 1025}, "tags.k"),
        ("a", {"k": "é" * 513}, "tags.k"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_past_its_limit_nothing_is(name: str, tags: dict[str, str], field: str) -> None:
    found = fault(name, tags)
    assert found is not None
    assert found.startswith(f"{field}: ")


@given(texts, st.dictionaries(texts, texts, max_size=3))
def test_any_label_is_good_or_at_fault(name: str, tags: dict[str, str]) -> None:
    found = fault(name, tags)
    assert found is None or len(found) < 400

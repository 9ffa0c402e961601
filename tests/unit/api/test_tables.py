from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.api.tables import harmless, to_csv
from nowline.model.points import Points


def points(tags: list[dict[str, str]], values: list[float]) -> Points:
    count = len(values)
    bucket = 1_790_000_000_000 // 1000 * 1000 + np.arange(count) * 1000
    return Points(tags, np.arange(count) % len(tags), bucket, np.array(values))


def rows(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode(), newline="")))


def test_names_the_columns_and_keeps_negative_numbers() -> None:
    found = rows(to_csv(points([{"shop": "rome"}], [-1.5, float("nan")]), ["shop"]))
    assert found[0] == ["timestamp", "value", "shop"]
    assert [row[1:] for row in found[1:]] == [["-1.5", "rome"], ["", "rome"]]
    assert found[1][0].endswith("Z")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_tag_comes_back_as_it_was_or_behind_a_quote(value: str) -> None:
    [_, row] = rows(to_csv(points([{"tag": value}], [1.0]), ["tag"]))
    assert row[2] in {value, f"'{value}"}


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\x00"])
def test_a_formula_is_quoted(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "rome", "a=b", " =1", "é"])
def test_other_texts_stay(cell: str) -> None:
    assert harmless(cell) == cell

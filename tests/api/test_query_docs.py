"""What the page about queries shows can be asked as it stands, and every field is explained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx

from nowline.model.query import Aggregation, Fill, Query

PAGE = (Path(__file__).parents[2] / "docs/queries.md").read_text(encoding="utf-8")


def test_the_example_is_a_query(reader: httpx.Client) -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert set(json.loads(example)) == set(Query.__struct_fields__)
    answer = reader.post(
        "/api/v1/metrics/query", content=example, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 200
    shown = re.search(r'"meta": (\{.*?\})\}', PAGE)
    assert shown is not None
    assert set(json.loads(shown[1])) == set(answer.json()["meta"])
    assert set(answer.json()) == {"data", "meta", "compare"}


def test_every_choice_is_named() -> None:
    for choice in (*Aggregation, *Fill):
        assert f"`{choice.value}`" in PAGE

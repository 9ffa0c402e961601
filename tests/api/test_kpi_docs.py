"""What the page about KPIs shows is so."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import httpx
import pytest

from asking import accept, counted
from nowline.errors import NowlineError
from nowline.query.expression import parse

PAGE = (Path(__file__).parents[2] / "docs" / "kpis.md").read_text(encoding="utf-8")
HOUR_MS = 3_600_000


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def expressions() -> list[str]:
    return [line for block in blocks("text") for line in block.splitlines()]


def faults() -> list[tuple[str, str]]:
    return re.findall(r"^\| `(.*?)` \| (column .*?) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_is_understood(expression: str) -> None:
    parse(expression)


@pytest.mark.parametrize(("expression", "message"), faults())
def test_a_fault_is_told_in_these_words(expression: str, message: str) -> None:
    with pytest.raises(NowlineError) as caught:
        parse(expression)
    assert caught.value.errors[0].message == message


def test_the_page_has_examples_of_both() -> None:
    assert len(expressions()) >= 8
    assert len(faults()) >= 4


def test_the_definition_is_read_as_shown(sender: httpx.Client, reader: httpx.Client) -> None:
    definition, shown = map(json.loads, blocks("json"))
    hour = int(time.time() * 1000) // HOUR_MS * HOUR_MS
    rows = {"perfect": (24, 8), "total": (25, 10)}
    for name, (now, before) in rows.items():
        row = {"name": f"orders.{name}", "type": "counter"}
        accept(
            sender, row | {"value": now, "time": hour}, row | {"value": before, "time": hour - 1}
        )
        assert counted(reader, f"orders.{name}", 2) == 2

    created = reader.post("/api/v1/kpis", json=definition)
    assert (created.status_code, created.json()) == (201, definition)
    found = reader.get(f"/kpi/{definition['code']}", params={"period": "hour"}).json()
    reader.delete(f"/api/v1/kpis/{definition['code']}").raise_for_status()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown["timestamp"])
    assert found | {"timestamp": shown["timestamp"]} == shown

"""What the page about collecting says is so."""

from __future__ import annotations

import re
from pathlib import Path

from nowline.collect import postgres_metrics, redis
from nowline.collect.metrics import Metric
from nowline.config import effective, load

PAGE = (Path(__file__).parents[2] / "docs" / "collect.md").read_text(encoding="utf-8")


def documented(prefix: str) -> set[str]:
    """The metrics of the tables; `.name` goes on from the one before it."""
    names: set[str] = set()
    for row in re.findall(rf"^\| (`{prefix}\..*?) \|", PAGE, re.MULTILINE):
        base = ""
        for name in re.findall(r"`([^`]+)`", row):
            full = f"{base}{name}" if name.startswith(".") else name
            base = full.rpartition(".")[0]
            names.add(full)
    return names


def defined(module: object) -> set[str]:
    found = [value for value in vars(module).values() if isinstance(value, Metric)]
    for values in vars(module).values():
        if isinstance(values, dict):
            found += [value for value in values.values() if isinstance(value, Metric)]
    return {metric.name for metric in found}


def test_the_examples_are_read_and_every_key_is_documented(tmp_path: Path) -> None:
    examples = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    file = tmp_path / "nowline.toml"
    file.write_text("".join(examples))
    settings = load({}, file=file)
    assert len(settings.collect.targets) == 4
    shown = {row.variable.rpartition(".")[2] for row in effective(settings)}
    rows = "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)) + "`statements` `streams`"
    keys = set(re.findall(r"`([a-z_]+)`", rows))
    assert {key for key in shown if key.islower()} - {"password"} <= keys


def test_every_metric_is_documented() -> None:
    assert documented("postgres") == defined(postgres_metrics)
    assert documented("redis") == defined(redis)

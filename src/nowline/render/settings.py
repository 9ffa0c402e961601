"""What a widget's `config` says of its look (web/src/panels/config.ts). Pure.

All of it is optional, and none of it certain to be well-formed: what cannot be understood is as if
it were not there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nowline.model.dashboard import Widget, WidgetType
from nowline.model.query import MINUTE_MS, SECOND_MS, duration_ms
from nowline.model.sheet import Labelled
from nowline.render.units import UNITS, per_second, unit_of

CHARTS = ("line", "area", "bar", "pie", "heatmap", "gauge")
TONES = ("good", "info", "warning", "bad")
_SHARE_QUERIES = 2
_MOST_DECIMALS = 6
# What a card covers if nothing else is said.
_CARD_OVER_MS = MINUTE_MS


@dataclass(frozen=True, slots=True)
class Threshold:
    """A mark on the scale, and what it means to be on the far side of it.

    Attributes:
        value: In the unit of the values, or a factor of the limit or of the baseline.
        of: `value`, `limit` or `baseline`.
        above: Whether the far side is above.
        label: What it is called.
        tone: One of `TONES`.
    """

    value: float
    of: str
    above: bool
    label: str
    tone: str


@dataclass(frozen=True, slots=True)
class Settings:
    """How a widget shows what it asks. docs/widgets.md says what each field means."""

    subtitle: str
    unit: str
    decimals: int | None
    chart: str
    is_known: bool
    stack: bool
    by_group: bool
    donut: bool
    per_ms: int | None
    rolling_ms: int | None
    share: bool
    zero_fill: bool
    low: float | None
    high: float | None
    limit: float | None
    thresholds: tuple[Threshold, ...]
    reduce: str
    over_ms: int | None
    good: str | None
    text: str


def settings_of(widget: Widget, queries: Sequence[Labelled]) -> Settings:
    """What a widget's `config` says."""
    raw = widget.config
    chart = raw.get("chart", "line")
    return Settings(
        subtitle=_text(raw.get("subtitle")),
        unit=_unit(raw, queries),
        decimals=_decimals(raw.get("decimals")),
        chart=chart if chart in CHARTS else "line",
        is_known=chart in CHARTS,
        stack=raw.get("stack") is True,
        by_group=raw.get("by") == "group",
        donut=raw.get("donut") is True,
        per_ms=_per_ms(raw),
        rolling_ms=duration_ms(_text(raw.get("rolling"))),
        share=raw.get("share") is True and len(queries) == _SHARE_QUERIES,
        zero_fill=raw.get("zero_fill") is True,
        low=_number(raw.get("min")),
        high=_number(raw.get("max")),
        limit=_number(raw.get("limit")),
        thresholds=_thresholds(raw.get("thresholds")),
        reduce=_one_of(("sum", "avg"), raw.get("reduce")) or "last",
        over_ms=_over_ms(raw, widget.type),
        good=_one_of(("up", "down"), raw.get("good")),
        text=_text(raw.get("text")),
    )


def _over_ms(raw: dict[str, Any], kind: WidgetType) -> int | None:
    said = duration_ms(_text(raw.get("over")))
    return said or (_CARD_OVER_MS if kind is WidgetType.METRIC else None)


def _unit(raw: dict[str, Any], queries: Sequence[Labelled]) -> str:
    if said := _one_of(UNITS, raw.get("unit")):
        return said
    if raw.get("share"):
        return "percent"
    if raw.get("per_minute"):
        return "/min"
    unit = unit_of(queries[0].query.metric_name if queries else "")
    return per_second(unit) if raw.get("per_second") else unit


def _per_ms(raw: dict[str, Any]) -> int | None:
    if raw.get("per_minute"):
        return MINUTE_MS
    return SECOND_MS if raw.get("per_second") else None


def _thresholds(raw: object) -> tuple[Threshold, ...]:
    listed = raw if isinstance(raw, list) else []
    found = (_threshold(each) for each in listed if isinstance(each, dict))
    return tuple(each for each in found if each is not None)


def _threshold(raw: dict[str, Any]) -> Threshold | None:
    value = _number(raw.get("value"))
    if value is None:
        return None
    return Threshold(
        value,
        _one_of(("limit", "baseline"), raw.get("of")) or "value",
        raw.get("when") != "below",
        _text(raw.get("label")),
        _one_of(TONES, raw.get("tone")) or "warning",
    )


def _decimals(raw: object) -> int | None:
    number = _number(raw)
    return None if number is None else round(max(0, min(_MOST_DECIMALS, number)))


def _number(raw: object) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    try:
        number = float(raw)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(raw: object) -> str:
    return raw if isinstance(raw, str) else ""


def _one_of(choices: tuple[str, ...], raw: object) -> str | None:
    return raw if isinstance(raw, str) and raw in choices else None

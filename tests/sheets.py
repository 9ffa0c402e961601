"""Sheets for tests of files: widgets with their answers, made up by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from nowline.model.dashboard import Position, Widget, WidgetType
from nowline.model.event import Event
from nowline.model.points import Points
from nowline.model.sheet import Drawn, Look, Rows, Sheet, Shown

NOW = 1_790_000_000_000
SPAN = 3_600_000
BUCKET = 10_000


def widget(kind: str, config: dict[str, Any], **change: object) -> Widget:
    """A widget; what is asked matters less here than what was answered."""
    given: dict[str, Any] = {"title": "Requests", "position": Position(0, 0, 6, 4)} | change
    usual = {"query": {"metric_name": "requests"}} if kind in {"chart", "metric", "table"} else {}
    return Widget(
        id=str(given.pop("id", "w")), type=WidgetType(kind), config=usual | config, **given
    )


def rows(
    series: Mapping[str, Sequence[float]], *, bucket_ms: int = BUCKET, span_ms: int = SPAN
) -> Rows:
    """An answer: by the value of the tag `host`, the values of the last buckets."""
    tags = [{"host": name} if name else {} for name in series]
    lengths = [len(values) for values in series.values()]
    group = np.repeat(np.arange(len(tags)), lengths).astype(np.int64)
    end = NOW // bucket_ms * bucket_ms
    buckets = [end - bucket_ms * np.arange(length, 0, -1) for length in lengths]
    bucket = np.concatenate([np.empty(0, np.int64), *buckets]).astype(np.int64)
    flat = [value for values in series.values() for value in values]
    points = Points(tags, group, bucket, np.array(flat, np.float64))
    return Rows.of(points, bucket_ms, NOW - span_ms, NOW)


def waves(count: int, length: int = 360) -> dict[str, list[float]]:
    """That many series that go up and down."""
    time = np.linspace(0, 6, length)
    return {f"host-{at}": (50 + 40 * np.sin(time + at)).tolist() for at in range(count)}


def events(count: int) -> list[Event]:
    """Calls and logins, the newest first."""
    metadata = msgspec.json.encode({"method": "GET", "endpoint": "/orders", "status": 500}).decode()
    return [
        Event("API_CALL", NOW - 1000 * at, f"e{at}", f"user-{at}", "acme", None, metadata, 500)
        if at % 2
        else Event("USER_LOGIN", NOW - 1000 * at, f"e{at}", f"user-{at}", "acme")
        for at in range(count)
    ]


def sheet(*shown: Shown, kind: str = "pdf", look: Look | None = None, **change: object) -> Sheet:
    """A sheet of the last hour."""
    given: dict[str, Any] = {
        "name": "Shop",
        "description": None,
        "filters": {},
        "shown": list(shown),
        "start": NOW - SPAN,
        "end": NOW,
        "made_at": NOW,
        "timezone": "Europe/Berlin",
        "look": look or Look(Drawn(kind)),
    }
    return Sheet(**given | change)

"""What a dashboard showed at one moment: all that a file of it is drawn from."""

from __future__ import annotations

from enum import Enum
from typing import Any, Self

import msgspec
import numpy as np

from nowline.errors import invalid
from nowline.model.dashboard import Widget, over_own_span
from nowline.model.event import Event
from nowline.model.points import Points
from nowline.model.query import Query

LEAST_WIDTH, MOST_WIDTH, USUAL_WIDTH = 640, 3840, 1440
LEAST_SCALE, MOST_SCALE, USUAL_SCALE = 1.0, 4.0, 2.0


class Theme(Enum):
    """The colours of the page."""

    LIGHT = "light"
    DARK = "dark"


class Drawn(Enum):
    """What a sheet is drawn as."""

    PDF = "pdf"
    PNG = "png"


class Labelled(msgspec.Struct, frozen=True):
    """One query of a widget, and what its series is called where it has no tags."""

    query: Query
    label: str


class Rows(msgspec.Struct, frozen=True):
    """The answer to one query: points as columns of bytes, int64 and float64 of this machine.

    Attributes:
        bucket_ms: How wide its buckets are.
        start: From when on, epoch milliseconds.
        end: Up to when.
    """

    tags: list[dict[str, str]]
    group: bytes
    bucket: bytes
    value: bytes
    bucket_ms: int
    start: int
    end: int

    @classmethod
    def of(cls, points: Points, bucket_ms: int, start: int, end: int) -> Self:
        """The rows of an answer."""
        columns = points.group.tobytes(), points.bucket.tobytes(), points.value.tobytes()
        return cls(points.tags, *columns, bucket_ms, start, end)

    def points(self) -> Points:
        """The points of the answer."""
        return Points(
            self.tags,
            np.frombuffer(self.group, np.int64),
            np.frombuffer(self.bucket, np.int64),
            np.frombuffer(self.value, np.float64),
        )


class Shown(msgspec.Struct, frozen=True):
    """A widget and what it shows.

    Attributes:
        widget: The widget.
        answers: For each of its queries the rows.
        events: What a feed shows, the newest first.
        problem: Why it cannot be shown.
    """

    widget: Widget
    answers: list[Rows] = []
    events: list[Event] = []
    problem: str | None = None


class Look(msgspec.Struct, frozen=True):
    """What the file is to look like.

    Attributes:
        kind: PDF or PNG.
        theme: Light or dark.
        width: Of a PNG, how many pixels of the page wide it is.
        scale: Of a PNG, how many pixels one of the page is.
    """

    kind: Drawn
    theme: Theme = Theme.LIGHT
    width: int = USUAL_WIDTH
    scale: float = USUAL_SCALE

    def check(self) -> None:
        """Refuse what would be no picture, or one too large.

        Raises:
            NowlineError: INVALID with the field at fault.
        """
        if not LEAST_WIDTH <= self.width <= MOST_WIDTH:
            raise invalid("width", f"must be from {LEAST_WIDTH} to {MOST_WIDTH}")
        if not LEAST_SCALE <= self.scale <= MOST_SCALE:
            raise invalid("scale", f"must be from {LEAST_SCALE:g} to {MOST_SCALE:g}")


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard and all that it showed. Times are epoch milliseconds.

    Attributes:
        name: What it is called.
        description: What it is for.
        filters: By tag, the values that its queries were narrowed to.
        shown: Its widgets.
        start: The range of those that have none of their own, from here on.
        end: Up to here.
        made_at: When it was asked.
        timezone: IANA name of the zone whose clock it is told by.
        look: What the file is to look like.
    """

    name: str
    description: str | None
    filters: dict[str, list[str]]
    shown: list[Shown]
    start: int
    end: int
    made_at: int
    timezone: str
    look: Look


def queries_of(widget: Widget) -> list[Labelled]:
    """What a widget asks: `config.queries` with their labels, or `config.query`.

    Raises:
        msgspec.ValidationError: One of them is no query.
    """
    title = widget.title or ""
    listed = widget.config.get("queries")
    if listed is None:
        raw = widget.config.get("query")
        return [] if raw is None else [_labelled(widget, raw, title)]
    entries = msgspec.convert(listed, list[dict[str, Any]])
    return [_labelled(widget, each.get("query"), _label(each) or title) for each in entries]


def _labelled(widget: Widget, raw: object, label: str) -> Labelled:
    return Labelled(over_own_span(widget, msgspec.convert(raw, Query)), label)


def _label(entry: dict[str, Any]) -> str:
    label = entry.get("label")
    return label if isinstance(label, str) else ""

"""What every kind of widget is drawn with, and the words that several of them say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from nowline.render.canvas import Canvas
from nowline.render.drawing import Drawing, Mark, crossed
from nowline.render.geometry import Box
from nowline.render.lettering import Face, Weight
from nowline.render.settings import Settings
from nowline.render.theme import Colours
from nowline.render.units import text_of

SMALL: Final = Face(12)
STRONG: Final = Face(12, Weight.MEDIUM)
TINY: Final = Face(11)
SHAPES: Final = {"good": "●", "info": "●", "warning": "▲", "bad": "■"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One widget's drawing, and what it is drawn on."""

    canvas: Canvas
    colours: Colours
    settings: Settings
    drawing: Drawing
    zone: ZoneInfo

    def text_of(self, value: float | None) -> str:
        """A value as this widget writes it."""
        return text_of(value, self.settings.unit, self.settings.decimals)


def note(canvas: Canvas, box: Box, text: str, colour: str) -> None:
    """A few words in the middle of a box."""
    lines = SMALL.wrap(text, box.w - 16, max(1, int(box.h // 17)))
    y = box.y + box.h / 2 - 8.5 * len(lines) + 12.5
    for line in lines:
        canvas.text(box.x + box.w / 2, y, line, SMALL, colour, "center")
        y += 17


def state(panel: Panel, x: float, y: float, width: float, value: float | None) -> None:
    """Which share of the limit a value is, and beyond which threshold: in a shape and in words."""
    right = x + width
    for text, colour in _state_words(panel, value):
        shown = SMALL.fit(text, right - x)
        panel.canvas.text(x, y, shown, SMALL, colour)
        x += SMALL.width(shown) + 8


def _state_words(panel: Panel, value: float | None) -> list[tuple[str, str]]:
    settings, colours = panel.settings, panel.colours
    words = []
    if value is not None and settings.limit:
        share = text_of(100 * value / settings.limit, "percent", 0)
        words.append((f"{share} of {text_of(settings.limit, settings.unit)}", colours.muted))
    if (mark := crossed(panel.drawing.marks, value)) is not None:
        words.append((said(mark), colours.tone(mark.tone)))
    return words


def said(mark: Mark) -> str:
    """A threshold that was crossed, in a shape and in words."""
    return f"{SHAPES[mark.tone]} {mark.words}"


def more(panel: Panel, box: Box, hidden: int, words: str = "more") -> None:
    """How much there is that is not shown, on the last line of a box."""
    text = f"… {hidden:,} {words}"
    panel.canvas.text(box.x, box.bottom - 4, text, SMALL, panel.colours.muted)


def largest(texts: Sequence[str], face: Face) -> float:
    """How wide the widest of several texts is."""
    return max((face.width(text) for text in texts), default=0.0)

"""How wide texts are, how they are cut and how they are broken into lines.

The letters are Roboto's, which come along, so that a file looks the same wherever it is drawn; what
Roboto has no letters for comes from DejaVu Sans and then from what the machine has.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib import resources
from pathlib import Path

from matplotlib.font_manager import FontEntry, FontProperties, fontManager
from matplotlib.textpath import text_to_path

_MEASURED_AT = 100.0
_CUT = "…"
# No line is so wide that it shows more; what is longer is cut before it is measured.
_MOST_CHARACTERS = 2000
# For scripts that neither has; one that is not installed is passed over.
_ELSEWHERE = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Noto Sans JP",
    "Noto Sans Thai",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Microsoft YaHei",
    "PingFang SC",
)


class Weight(Enum):
    """How strong letters are; code has letters of one width."""

    REGULAR = "Roboto-Regular.ttf"
    MEDIUM = "Roboto-Medium.ttf"
    CODE = "DejaVu Sans Mono"


@dataclass(frozen=True, slots=True)
class Face:
    """What a text is written in; `size` is in pixels of the page."""

    size: float
    weight: Weight = Weight.REGULAR

    def width(self, text: str) -> float:
        """How wide a text is, to a pixel or so: letters that move closer together are not."""
        return sum(_advance(char, self.weight) for char in text) * self.size / _MEASURED_AT

    def fit(self, text: str, width: float) -> str:
        """The text on one line, cut to a width."""
        text = plain(text)
        widths = [_advance(char, self.weight) * self.size / _MEASURED_AT for char in text]
        if sum(widths) <= width:
            return text
        room = width - self.width(_CUT)
        for count, own in enumerate(widths):
            room -= own
            if room < 0:
                return text[:count].rstrip() + _CUT if count else ""
        return text

    def wrap(self, text: str, width: float, most: int) -> list[str]:
        """The text in lines of a width, at most so many; what is left out ends in an ellipsis."""
        lines = self._lines(plain(text), width)
        found = [line for line, _ in zip(lines, range(most + 1), strict=False)]
        if len(found) <= most:
            return found
        return [*found[: most - 1], self.fit(f"{found[most - 1]} {found[most]}", width)]

    def _lines(self, text: str, width: float) -> Iterator[str]:
        line = ""
        for word in text.split():
            longer = f"{line} {word}" if line else word
            if self.width(longer) <= width:
                line = longer
                continue
            if line:
                yield line
            line = word
            while self.width(line) > width:
                head = self._head(line, width)
                yield head
                line = line[len(head) :]
        if line:
            yield line

    def _head(self, word: str, width: float) -> str:
        """As much of a word as fits, at least one letter."""
        room = width
        for count, char in enumerate(word):
            room -= _advance(char, self.weight) * self.size / _MEASURED_AT
            if room < 0:
                return word[: max(1, count)]
        return word


def plain(text: str) -> str:
    """A text as it can be drawn on one line: without what breaks it, or cannot be seen."""
    return "".join(
        " " if category in _BREAKS else char
        for char, category in ((char, _category(char)) for char in text[:_MOST_CHARACTERS])
        if category != _UNSEEN
    )


def simple(text: str) -> str:
    """The same without what takes more to draw than one shape for each letter, left to right."""
    return "".join(char if _is_simple(char) else _UNKNOWN for char in plain(text))


_BREAKS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_UNSEEN = "Cf"
_UNKNOWN = "\u25a1"
_JOINED = frozenset({"Mn", "Mc", "Me", "Cn", "Co"})
_LEFTWARDS = frozenset({"R", "AL", "AN"})
_SIMPLE = (range(0x0590), range(0x1E00, 0x2C00), range(0x3000, 0xA000))


def _category(char: str) -> str:
    # Variation selectors choose among shapes of the letter before.
    return _UNSEEN if "\ufe00" <= char <= "\ufe0f" else unicodedata.category(char)


def _is_simple(char: str) -> bool:
    if unicodedata.category(char) in _JOINED or unicodedata.bidirectional(char) in _LEFTWARDS:
        return False
    return any(ord(char) in block for block in _SIMPLE)


@lru_cache(maxsize=3)
def properties(weight: Weight) -> FontProperties:
    """The font of a weight, with those that follow where it has no letter."""
    if weight is Weight.CODE:
        return FontProperties(family=[weight.value, *_elsewhere()])
    name = f"Nowline {weight.name.title()}"
    path = resources.files("nowline.render") / "fonts" / weight.value
    with resources.as_file(path) as file:
        fontManager.ttflist.append(FontEntry(fname=str(Path(file)), name=name))
    return FontProperties(family=[name, "DejaVu Sans", *_elsewhere()])


@lru_cache(maxsize=1)
def _elsewhere() -> list[str]:
    known = {entry.name for entry in fontManager.ttflist}
    return [name for name in _ELSEWHERE if name in known]


@lru_cache(maxsize=8192)
def _advance(char: str, weight: Weight) -> float:
    """How far a letter of 100 pixels moves the next one."""
    if char == " ":
        return _advance("x x", weight) - _advance("xx", weight)
    sized = properties(weight).copy()
    sized.set_size(_MEASURED_AT)
    width, _, _ = text_to_path.get_text_width_height_descent(char, sized, ismath=False)
    return float(width)

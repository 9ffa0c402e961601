"""Whether the comparison of pictures finds what matters, and nothing else."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

import pictures
from pictures import change, difference, shrunk

SIZE = (468, 312)
# As fine as a second way to smooth edges needs.
_FINE = 4
BLUE, ORANGE, GREEN = "#58b4f5", "#f0a132", "#2cc298"


class Card:
    """A widget with two lines, a legend and a scale, drawn by hand.

    Args:
        lines: The colours of the lines.
        legend: How far the legend is from the left, px; None for none.
        moved: How far letters stand from their place, px.
        smooth: How edges are smoothed.
    """

    def __init__(
        self,
        lines: tuple[str, ...] = (BLUE, ORANGE),
        legend: int | None = 12,
        moved: float = 0,
        smooth: Image.Resampling = Image.Resampling.BOX,
    ) -> None:
        self._picture = Image.new("RGB", (SIZE[0] * _FINE, SIZE[1] * _FINE), "#12151c")
        self._draw = ImageDraw.Draw(self._picture)
        self._font = ImageFont.load_default(12 * _FINE)
        self._moved = moved
        self._frame()
        for at, colour in enumerate(lines):
            self._line(at, colour)
        if legend is not None:
            for at in range(2):
                self._write(legend + 90 * at, 34, "/checkout 12 ms")
        self.drawn = self._picture.resize(SIZE, smooth)

    def _frame(self) -> None:
        self._write(12, 10, "Response times")
        for at in range(5):
            self._write(12, 60 + 50 * at, f"{100 - 25 * at} ms")
            y = (66 + 50 * at) * _FINE
            self._draw.line([(60 * _FINE, y), (450 * _FINE, y)], "#1c1f26", _FINE)

    def _write(self, x: float, y: float, text: str) -> None:
        place = ((x + self._moved) * _FINE, y * _FINE)
        self._draw.text(place, text, "#a9b1c0", font=self._font)

    def _line(self, place: int, colour: str) -> None:
        points = [
            (x * _FINE, (140 + 60 * place + 30 * math.sin(x / 40)) * _FINE) for x in range(60, 450)
        ]
        self._draw.line(points, colour, round(1.5 * _FINE), joint="curve")


def is_seen(card: Card, usual: Card | None = None) -> bool:
    return difference(shrunk(card.drawn), shrunk((usual or Card()).drawn)).is_seen


@pytest.mark.parametrize(
    "card",
    [
        pytest.param(Card(lines=(BLUE,)), id="a line is missing"),
        pytest.param(Card(lines=(BLUE, GREEN)), id="a line has another colour"),
        pytest.param(Card(lines=(ORANGE, BLUE)), id="the colours are swapped"),
        pytest.param(Card(lines=(), legend=None), id="the card is empty"),
        pytest.param(Card(legend=None), id="there is no legend"),
        pytest.param(Card(legend=200), id="the legend stands elsewhere"),
    ],
)
def test_what_matters_is_seen(card: Card) -> None:
    assert is_seen(card)


@pytest.mark.parametrize(
    "card",
    [
        pytest.param(Card(), id="nothing"),
        pytest.param(Card(moved=1), id="letters moved by a pixel"),
        pytest.param(Card(smooth=Image.Resampling.LANCZOS), id="sharper edges"),
        pytest.param(Card(smooth=Image.Resampling.BICUBIC, moved=-0.5), id="softer edges"),
    ],
)
def test_what_another_browser_does_is_not(card: Card) -> None:
    assert not is_seen(card)


def test_a_legend_over_a_line_is_seen() -> None:
    apart, over = Card(), Card()
    over._write(200, 150, "/checkout 12 ms  /orders 40 ms  /login 9 ms")
    over.drawn = over._picture.resize(SIZE, Image.Resampling.BOX)
    assert is_seen(over, apart)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of its own for pictures that are stored and seen."""
    monkeypatch.setattr(pictures, "STORED", tmp_path / "stored")
    monkeypatch.setattr(pictures, "SEEN", tmp_path / "seen")
    monkeypatch.delenv(pictures.RENEW, raising=False)
    return tmp_path


def test_pictures_are_stored_when_asked_and_differences_left(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not stored" in (change("card", Card().drawn) or "")
    monkeypatch.setenv(pictures.RENEW, "1")
    assert change("card", Card().drawn) is None
    monkeypatch.delenv(pictures.RENEW)
    assert change("card", Card().drawn) is None
    told = change("card", Card(lines=(BLUE,)).drawn) or ""
    assert "card looks different" in told
    left = {file.name for file in (folders / "seen").iterdir()}
    assert left == {"card.png", "card-difference.png"}
    assert str(folders / "seen" / "card-difference.png") in told
    assert "another size" in (change("card", Card().drawn.crop((0, 0, 90, 90))) or "")

"""Pictures of the page, and whether what is seen now looks like what was seen before.

Two pictures are compared by the mean colours of blocks of 18 pixels, so that another Chromium,
which smooths edges and letters a little differently, draws the same picture. Hue and lightness
are judged apart: what is drawn in colour is the data, and letters are grey.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STORED = Path(__file__).parent / "e2e" / "pictures"
# Where one can look at what a failed comparison saw.
SEEN = Path(__file__).parents[1] / "build" / "pictures"
RENEW = "RENEW_PICTURES"

# Pictures are stored at a third of their size, and blocks are so many of those pixels.
_SCALE = 3
_BLOCK = 6
# So far a block may have moved, in the same pixels: letters do, from version to version.
_SHIFT = 1
# By how much the means of a block may differ, of 255, in hue and in lightness.
_HUE = 4.0
_LIGHTNESS = 8.0
# So many blocks may differ by more: a line goes through twenty, a legend stands in ten.
_MOST_BY_HUE = 6
_MOST_BY_LIGHTNESS = 8
# In the palette that a picture is stored in, so many may be off by three quarters of that.
_MOST_OFF = 2
_COLOURS = 256
_ROUNDS = 2

Pixels = NDArray[np.float64]
Marks = NDArray[np.bool_]


class Difference(NamedTuple):
    """The blocks in which two pictures of the same size differ, by row and column."""

    hue: Marks
    lightness: Marks

    @property
    def is_seen(self) -> bool:
        """Whether the pictures do not look alike."""
        by_hue, by_lightness = self.hue.sum(), self.lightness.sum()
        return bool(by_hue > _MOST_BY_HUE or by_lightness > _MOST_BY_LIGHTNESS)

    def __str__(self) -> str:
        return (
            f"{self.hue.sum()} of {self.hue.size} blocks differ in hue "
            f"(at most {_MOST_BY_HUE}), {self.lightness.sum()} in lightness "
            f"(at most {_MOST_BY_LIGHTNESS})"
        )


def change(name: str, picture: Image.Image) -> str | None:
    """How a picture differs from the stored one of that name; None if they look alike.

    With `RENEW_PICTURES` in the environment it is stored instead.
    """
    seen = shrunk(picture)
    path = STORED / f"{name}.png"
    if os.environ.get(RENEW):
        store(path, seen)
        leave(name, picture)
        return None
    if not path.exists():
        return f"{name} is not stored: set {RENEW}=1 to store it, and look at it"
    stored = Image.open(path).convert("RGB")
    if seen.size != stored.size:
        return f"{name} has another size: {seen.size} instead of {stored.size}"
    found = difference(seen, stored)
    if not found.is_seen:
        return None
    leave(name, picture)
    where = leave(f"{name}-difference", _beside(seen, stored, found))
    return f"{name} looks different: {found}. Look at {where}"


def store(path: Path, seen: Image.Image) -> None:
    """Store a picture in a palette of its own, a third of the size, if that is near enough."""
    path.parent.mkdir(exist_ok=True)
    few = seen.quantize(_COLOURS, kmeans=_ROUNDS, dither=Image.Dither.NONE)
    off = np.abs(_means(_pixels(few.convert("RGB"))) - _means(_pixels(seen))).max(axis=-1)
    is_near = (off > 3 / 4 * _HUE).sum() <= _MOST_OFF
    (few if is_near else seen).save(path, optimize=True)


def shrunk(picture: Image.Image) -> Image.Image:
    """A picture at the size at which it is stored and compared."""
    width, height = (side // _SCALE for side in picture.size)
    even = picture.convert("RGB").crop((0, 0, width * _SCALE, height * _SCALE))
    return even.reduce(_SCALE)


def difference(seen: Image.Image, stored: Image.Image) -> Difference:
    """Where two pictures of one size differ, however the blocks are moved a little."""
    before = _means(_pixels(stored))
    moved = [
        np.abs(_means(_shifted(_pixels(seen), dx, dy)) - before)
        for dx in range(-_SHIFT, _SHIFT + 1)
        for dy in range(-_SHIFT, _SHIFT + 1)
    ]
    least = np.min(moved, axis=0)
    return Difference(least[..., 1:].max(axis=-1) > _HUE, least[..., 0] > _LIGHTNESS)


def _pixels(picture: Image.Image) -> Pixels:
    """Of each pixel its lightness, how red or green it is, and how yellow or blue."""
    red, green, blue = np.moveaxis(np.asarray(picture, np.float64), -1, 0)
    return np.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue], axis=-1)


def _shifted(pixels: Pixels, dx: int, dy: int) -> Pixels:
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)), mode="edge")
    top, left = _SHIFT + dy, _SHIFT + dx
    return padded[top : top + height, left : left + width]


def _means(pixels: Pixels) -> Pixels:
    """The means of the blocks; those at the right and at the bottom may be cut off."""
    height, width = pixels.shape[:2]
    edges = ((0, -height % _BLOCK), (0, -width % _BLOCK), (0, 0))
    padded = np.pad(pixels, edges, mode="edge")
    rows, columns = padded.shape[0] // _BLOCK, padded.shape[1] // _BLOCK
    means: Pixels = padded.reshape(rows, _BLOCK, columns, _BLOCK, 3).mean(axis=(1, 3))
    return means


def leave(name: str, picture: Image.Image) -> Path:
    """Leave a picture where one can look at it."""
    SEEN.mkdir(parents=True, exist_ok=True)
    path = SEEN / f"{name}.png"
    picture.save(path)
    return path


def _beside(seen: Image.Image, stored: Image.Image, found: Difference) -> Image.Image:
    """What was stored, what is seen, and that with the blocks marked: hue red, lightness green."""
    marks = np.stack([found.hue, found.lightness, np.zeros_like(found.hue)], axis=-1)
    large = marks.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)[: seen.height, : seen.width]
    faint = np.asarray(seen) // 3
    marked = Image.fromarray(np.where(large, 255, faint).astype(np.uint8))
    beside = Image.new("RGB", (3 * seen.width + 16, seen.height))
    for at, picture in enumerate((stored, seen, marked)):
        beside.paste(picture, (at * (seen.width + 8), 0))
    return beside

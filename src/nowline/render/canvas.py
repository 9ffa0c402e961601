"""A surface in pixels of the page. With `lettering`, all that knows the drawing library."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, Literal

import numpy as np
from matplotlib import RcParams, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfPages
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Transform
from numpy.typing import ArrayLike

from nowline.model.partials import Floats
from nowline.render.geometry import Box
from nowline.render.lettering import Face, plain, properties, simple

Align = Literal["left", "center", "right"]
_POINTS_AN_INCH: Final = 72.0
# TrueType: what is drawn in a PDF can be searched and copied.
# Letters stand where they are measured to stand, not where a coarse screen would have them.
_SETTINGS: Final = RcParams({"pdf.fonttype": 42, "text.hinting": "none"})
# Greater coordinates than the library can draw; what is so far out is not seen anyway.
_FAR = 1e6


class Canvas:
    """One page.

    Args:
        width: In pixels of the page.
        height: The same.
        background: What it is filled with.
        points: How many points (1/72 inch) a pixel is.
        is_simple: Whether letters that take more than a shape each are left out.
    """

    def __init__(
        self,
        width: float,
        height: float,
        background: str,
        points: float = 1.0,
        *,
        is_simple: bool = False,
    ) -> None:
        self.is_simple = is_simple
        self.width = width
        self.height = height
        self._points = points
        inches = points / _POINTS_AN_INCH
        self._figure = Figure((width * inches, height * inches), facecolor=background)
        flipped = Affine2D().scale(inches, -inches).translate(0, height * inches)
        self._place: Transform = flipped + self._figure.dpi_scale_trans
        self._clip: Box | None = None
        self._order = 0

    def box(
        self, box: Box, fill: str | None, *, edge: str | None = None, radius: float = 0
    ) -> None:
        """A rectangle, with round corners."""
        if box.w > 0 and box.h > 0:
            self._add(_rounded(box, min(radius, box.w / 2, box.h / 2)), fill, edge, 1.0)

    def boxes(self, boxes: Sequence[Box], fill: str, alpha: float = 1) -> None:
        """Many rectangles of one colour."""
        if boxes:
            parts = [_rounded(box, 0) for box in boxes]
            self._add(Path.make_compound_path(*parts), fill, None, 0, alpha)

    def line(
        self, x: ArrayLike, y: ArrayLike, colour: str, width: float, *, dashed: bool = False
    ) -> None:
        """A line through points."""
        patch = self._add(Path(_vertices(x, y)), None, colour, width)
        patch.set_capstyle("butt" if dashed else "round")
        if dashed:
            patch.set_linestyle((0, (3, 3)))

    def area(self, x: ArrayLike, top: ArrayLike, base: ArrayLike, fill: str, alpha: float) -> None:
        """What lies between two lines over the same `x`."""
        upper, lower = _vertices(x, top), _vertices(x, base)
        corners = np.concatenate((upper, lower[::-1], upper[:1]))
        self._add(Path(corners, closed=True), fill, None, 0, alpha)

    def dot(self, x: float, y: float, radius: float, fill: str) -> None:
        """A filled circle."""
        self._add(Path.circle((x, y), radius), fill, None, 0)

    def ring(
        self,
        centre: tuple[float, float],
        inner: float,
        outer: float,
        turns: tuple[float, float],
        fill: str,
        edge: str | None = None,
    ) -> None:
        """A piece of a ring, or of a pie where `inner` is 0; turns go clockwise from the top."""
        if turns[1] > turns[0] and outer > 0:
            self._add(_ring(centre, inner, outer, turns), fill, edge, 1.0)

    def text(
        self, x: float, y: float, text: str, face: Face, colour: str, align: Align = "left"
    ) -> None:
        """One line of text on the base line `y`; nothing in it has a meaning of its own."""
        if not (shown := (simple if self.is_simple else plain)(text)).strip():
            return
        artist = Text(
            x,
            y,
            shown,
            color=colour,
            horizontalalignment=align,
            verticalalignment="baseline",
            fontproperties=properties(face.weight),
            fontsize=face.size * self._points,
            parse_math=False,
            transform=self._place,
        )
        self._own(artist)

    @contextmanager
    def clipped(self, box: Box) -> Iterator[None]:
        """Nothing is drawn outside of a box meanwhile."""
        outer, self._clip = self._clip, box
        try:
            yield
        finally:
            self._clip = outer

    def png(self, scale: float, about: Mapping[str, str]) -> bytes:
        """The page as PNG, each of its pixels `scale` wide."""
        FigureCanvasAgg(self._figure)
        file = io.BytesIO()
        dots = _POINTS_AN_INCH * scale / self._points
        self._figure.savefig(file, format="png", dpi=dots, metadata=dict(about))
        return file.getvalue()

    def save_page(self, pages: PdfPages) -> None:
        """Add the page to a PDF."""
        FigureCanvasPdf(self._figure)
        pages.savefig(self._figure)  # type: ignore[no-untyped-call]

    def _add(
        self, path: Path, fill: str | None, edge: str | None, width: float, alpha: float = 1
    ) -> PathPatch:
        patch = PathPatch(
            path,
            facecolor=fill or "none",
            edgecolor=edge or "none",
            linewidth=width * self._points,
            joinstyle="round",
            alpha=alpha,
            transform=self._place,
        )
        self._own(patch)
        return patch

    def _own(self, artist: PathPatch | Text) -> None:
        self._order += 1
        artist.set_zorder(self._order)
        self._figure.add_artist(artist, clip=False)
        if self._clip is not None:
            artist.set_clip_path(_rounded(self._clip, 0), self._place)
            artist.set_clip_on(True)


def pdf(canvases: Sequence[Canvas], title: str, made_at: int) -> bytes:
    """Pages as PDF.

    Args:
        canvases: The pages.
        title: What readers call the file.
        made_at: When it was made, epoch milliseconds.
    """
    file = io.BytesIO()
    about = {
        "Title": plain(title),
        "Creator": "Nowline",
        "CreationDate": datetime.fromtimestamp(made_at / 1000, UTC),
    }
    with PdfPages(file, metadata=about) as pages:
        for canvas in canvases:
            canvas.save_page(pages)
    return file.getvalue()


@contextmanager
def drawing() -> Iterator[None]:
    """Within this, texts are measured and pages drawn and saved."""
    with rc_context(_SETTINGS), warnings.catch_warnings():
        # A letter that no font here has is drawn as a box with the name of its script.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def _vertices(x: ArrayLike, y: ArrayLike) -> Floats:
    return np.clip(np.column_stack((x, y)).astype(np.float64), -_FAR, _FAR)


def _rounded(box: Box, radius: float) -> Path:
    x, y, right, bottom = box.x, box.y, box.right, box.bottom
    if radius <= 0:
        corners = [(x, y), (right, y), (right, bottom), (x, bottom), (x, y)]
        return Path(corners, closed=True)
    r = radius
    return Path(
        [
            *((x + r, y), (right - r, y), (right, y), (right, y + r)),
            *((right, bottom - r), (right, bottom), (right - r, bottom)),
            *((x + r, bottom), (x, bottom), (x, bottom - r)),
            *((x, y + r), (x, y), (x + r, y), (x + r, y)),
        ],
        [
            *(Path.MOVETO, Path.LINETO, Path.CURVE3, Path.CURVE3),
            *(Path.LINETO, Path.CURVE3, Path.CURVE3),
            *(Path.LINETO, Path.CURVE3, Path.CURVE3),
            *(Path.LINETO, Path.CURVE3, Path.CURVE3, Path.CLOSEPOLY),
        ],
    )


def _ring(
    centre: tuple[float, float], inner: float, outer: float, turns: tuple[float, float]
) -> Path:
    steps = max(2, int((turns[1] - turns[0]) * 180) + 2)
    angle = 2 * np.pi * np.linspace(*turns, steps)
    around = np.column_stack((np.sin(angle), -np.cos(angle)))
    inside = around[::-1] * inner if inner else np.zeros((1, 2))
    corners = np.concatenate((around * outer, inside, around[:1] * outer)) + centre
    return Path(corners, closed=True)

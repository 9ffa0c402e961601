"""Notes: headings, lists, tables and code (web/src/panels/text)."""

from __future__ import annotations

from typing import Final

from nowline.render.geometry import Box
from nowline.render.lettering import Face, Weight
from nowline.render.markdown import Block, Span, blocks_of
from nowline.render.panel import SMALL, Panel

_BODY: Final = Face(13)
_BODY_STRONG: Final = Face(13, Weight.MEDIUM)
_HEADING: Final = Face(14, Weight.MEDIUM)
_CODE: Final = Face(11.5, Weight.CODE)
_LINE: Final = 19
_INDENT: Final = 18
_GAP: Final = 6
_CELL: Final = 16
_GLUED: Final = 6


def draw(panel: Panel, box: Box) -> None:
    """A note, as much of it as there is room for."""
    y, before = box.y, None
    for block in blocks_of(panel.settings.text):
        y += _GAP if before is not None and _is_apart(before, block) else 0
        if y + _LINE > box.bottom + 2:
            panel.canvas.text(box.right, box.bottom - 2, "…", SMALL, panel.colours.muted, "right")
            return
        y = _draw_block(panel, Box(box.x, y, box.w, box.bottom - y), block)
        before = block


def _is_apart(before: Block, block: Block) -> bool:
    return not (before.kind == block.kind and (block.bullet or block.kind in {"code", "row"}))


def _draw_block(panel: Panel, box: Box, block: Block) -> float:
    """Draws a block; returns where it ends."""
    if block.kind == "rule":
        _rule(panel, box, box.y + _GAP)
        return box.y + 2 * _GAP
    if block.kind == "row":
        return _row(panel, box, block)
    left = block.indent * _INDENT
    if block.bullet:
        x = box.x + left - 6
        panel.canvas.text(x, box.y + 14, block.bullet, _BODY, panel.colours.muted, "right")
    if block.kind == "code":
        panel.canvas.box(Box(box.x + left, box.y, box.w - left, _LINE), panel.colours.hover)
        text = _CODE.fit(block.spans[0].text, box.w - left - 16)
        panel.canvas.text(box.x + left + 8, box.y + 13, text, _CODE, panel.colours.text)
        return box.y + _LINE
    return _flow(panel, box.inset(left, 0, 0, 0), block)


def _flow(panel: Panel, box: Box, block: Block) -> float:
    """Words from left to right, in as many lines as it takes."""
    is_heading = block.kind == "heading"
    x, y = box.x, box.y
    for span in block.spans:
        face = _HEADING if is_heading else _face(span)
        colour = _colour(panel, span, is_strong=is_heading or span.strong)
        space = face.width(" ")
        for at, word in enumerate(span.text.split(" ")):
            x += space if at and x > box.x else 0
            shown = face.fit(word, box.w)
            # What is written without a space before it hardly stands out at the edge.
            edge = box.right + (0 if at else _GLUED)
            if x + face.width(shown) > edge and x > box.x:
                x, y = box.x, y + _LINE
            if y + _LINE > box.bottom + 2:
                return y
            panel.canvas.text(x, y + 14, shown, face, colour)
            x += face.width(shown)
    return y + _LINE


def _row(panel: Panel, box: Box, block: Block) -> float:
    width = box.w / max(1, len(block.cells))
    for at, cell in enumerate(block.cells):
        text = "".join(span.text for span in cell)
        face = _BODY_STRONG if any(span.strong for span in cell) else _BODY
        shown = face.fit(text, width - _CELL)
        colour = _colour(panel, cell[0], is_strong=cell[0].strong) if cell else ""
        panel.canvas.text(box.x + at * width, box.y + 14, shown, face, colour)
    _rule(panel, box, box.y + _LINE + 1)
    return box.y + _LINE + 3


def _rule(panel: Panel, box: Box, y: float) -> None:
    panel.canvas.line([box.x, box.right], [y, y], panel.colours.hairline, 1)


def _face(span: Span) -> Face:
    if span.code:
        return _CODE
    return _BODY_STRONG if span.strong else _BODY


def _colour(panel: Panel, span: Span, *, is_strong: bool) -> str:
    if span.link:
        return panel.colours.accent
    return panel.colours.text if is_strong else panel.colours.muted
